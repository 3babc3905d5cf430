//! How often and how well frames are sent, so that they never wait in line on the way.
//!
//! A long way is no reason to send less, a growing line on it is: what counts is how far the round trip has
//! risen above its own minimum of the last ten seconds, as soon as frames overlap on the way. First the frame rate goes down, then the quality; they
//! come back in the opposite order.

use std::time::Duration;

/// Frame rates from the best to the least, in frames a second.
const RATES: [f64; 6] = [30.0, 24.0, 18.0, 12.0, 8.0, 5.0];
/// What is left of the tile's JPEG quality at each step.
const QUALITIES: [f64; 4] = [1.0, 0.85, 0.7, 0.55];
/// The round trip's minimum is that of so long a time: a way that became longer for good is not congestion. (As long as
/// BBR's, draft-ietf-ccwg-bbr section 2.13.)
const MEMORY: Duration = Duration::from_secs(10);
/// Rising by less than this, or by less than half of the minimum, is what a busy processor does.
const TOLERANCE: Duration = Duration::from_millis(60);
/// So long must the line have been there, and what was sent before must have come out of it, before the next
/// step down.
const DOWN_AFTER: Duration = Duration::from_millis(800);
/// So long must the way have been free before the next step up.
const UP_AFTER: Duration = Duration::from_secs(3);

/// What the way can bear now.
#[derive(Debug, Default)]
pub struct Pace {
    /// Round trips' minima, rising, by the time they were measured; the first is the minimum of all.
    minima: Vec<(Duration, Duration)>,
    smooth: Option<Duration>,
    /// 0 is the best; the rates come first, the qualities behind them.
    step: usize,
    /// Since when the round trip has been as it is: risen, or free.
    risen_since: Option<Duration>,
    free_since: Option<Duration>,
}

impl Pace {
    /// Notes that a frame's round trip was measured, at the time `now`.
    pub fn answered(&mut self, round_trip: Duration, now: Duration) {
        self.minima.retain(|&(at, least)| now.saturating_sub(at) < MEMORY && least < round_trip);
        self.minima.push((now, round_trip));
        let smooth = self.smooth.map_or(round_trip, |old| (old * 3 + round_trip) / 4);
        self.smooth = Some(smooth);

        let least = self.least().unwrap_or(round_trip);
        let tolerance = TOLERANCE.max(least / 2);
        // A frame that is there before the next one leaves has waited for none: it is only large.
        if smooth > least + tolerance && smooth > self.interval() {
            self.free_since = None;
            if now.saturating_sub(*self.risen_since.get_or_insert(now)) >= DOWN_AFTER {
                self.step = (self.step + 1).min(RATES.len() + QUALITIES.len() - 2);
                self.risen_since = Some(now);
            }
        } else {
            self.risen_since = None;
            if now.saturating_sub(*self.free_since.get_or_insert(now)) >= UP_AFTER {
                self.step = self.step.saturating_sub(1);
                self.free_since = Some(now);
            }
        }
    }

    /// Forgets what was measured: the connection is another.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The least time between two frames.
    pub fn interval(&self) -> Duration {
        Duration::from_micros((1e6 / self.rate()) as u64)
    }

    /// Frames a second, 5 to 30.
    pub fn rate(&self) -> f64 {
        RATES[self.step.min(RATES.len() - 1)]
    }

    /// The JPEG quality to send at, of the tile's own, 1 to 100.
    pub fn quality(&self, of_tile: u32) -> u32 {
        let step = self.step.saturating_sub(RATES.len() - 1).min(QUALITIES.len() - 1);
        (f64::from(of_tile) * QUALITIES[step]).round().clamp(1.0, 100.0) as u32
    }

    /// Frames on their way at once that this rate needs: one more than leave within a round trip of a free way.
    pub fn window(&self, most: usize) -> usize {
        let in_a_trip = self.least().map_or(0.0, |least| (least.as_secs_f64() * self.rate()).ceil());
        (in_a_trip as usize + 1).clamp(1, most.max(1))
    }

    /// The round trip of late, smoothed.
    pub fn round_trip(&self) -> Option<Duration> {
        self.smooth
    }

    fn least(&self) -> Option<Duration> {
        self.minima.first().map(|&(_, least)| least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Answers at 20 a second over `span`, each with the round trip of its time.
    fn run(pace: &mut Pace, from: u64, span: u64, round_trip: impl Fn(u64) -> u64) {
        for now in (from..from + span).step_by(50) {
            pace.answered(ms(round_trip(now)), ms(now));
        }
    }

    #[test]
    fn a_long_way_is_no_reason_to_send_less() {
        let mut pace = Pace::default();
        run(&mut pace, 0, 60_000, |now| 300 + now % 40);
        assert_eq!((pace.rate(), pace.quality(85)), (30.0, 85));
    }

    #[test]
    fn a_growing_line_lowers_the_rate_first_and_the_quality_next_and_both_come_back() {
        let mut pace = Pace::default();
        run(&mut pace, 0, 1_000, |_| 40);
        let growing = |now: u64| 400 + (now - 1_000) / 10;
        run(&mut pace, 1_000, 2_500, growing);
        assert!(pace.rate() < 30.0);
        assert_eq!(pace.quality(85), 85);
        run(&mut pace, 3_500, 20_000, growing);
        assert_eq!((pace.rate(), pace.quality(100)), (5.0, 55));
        run(&mut pace, 23_500, 60_000, |_| 40);
        assert_eq!((pace.rate(), pace.quality(85)), (30.0, 85));
    }

    #[test]
    fn a_large_frame_that_waits_for_none_is_no_line() {
        let mut pace = Pace::default();
        // Small frames take 20 ms, large ones 110; at 8 a second none meets another.
        let (mut now, mut rates) = (0, Vec::new());
        for n in 0..600 {
            let interval = pace.interval().as_millis() as u64;
            now += interval;
            let alone = if n % 3 == 0 { 20 } else { 110 };
            let line = if interval < 110 { 110 } else { 0 };
            pace.answered(ms(alone + line), ms(now));
            rates.push(pace.rate());
        }
        assert!(rates[100..].iter().all(|&rate| rate >= 8.0), "{:?}", &rates[100..140]);
        assert_eq!(pace.quality(85), 85);
    }

    #[test]
    fn one_late_answer_changes_nothing() {
        let mut pace = Pace::default();
        run(&mut pace, 0, 10_000, |now| if now == 5_000 { 900 } else { 20 });
        assert_eq!(pace.rate(), 30.0);
    }

    #[test]
    fn a_way_that_became_longer_for_good_is_the_new_minimum() {
        let mut pace = Pace::default();
        run(&mut pace, 0, 5_000, |_| 20);
        run(&mut pace, 5_000, 100_000, |_| 200);
        assert_eq!(pace.rate(), 30.0);
    }

    #[test]
    fn as_many_are_on_their_way_as_the_round_trip_needs_and_no_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.window(4), 1);
        pace.answered(ms(8), ms(0));
        assert_eq!(pace.window(4), 2);
        pace.reset();
        pace.answered(ms(95), ms(0));
        assert_eq!((pace.window(4), pace.window(2)), (4, 2));
    }
}
