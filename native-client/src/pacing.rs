//! When a frame is due. Time is an argument here.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

/// How fast frames are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// At the source's own frame rate.
    Source,
    /// As fast as the server answers.
    Max,
    /// One frame each so often.
    Every(Duration),
}

/// Not one of the paces there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the pace is \"source\", \"max\" or frames a second, above 0 to {MAX_FPS}")]
pub struct PaceError;

/// The fastest number that makes sense: a frame a millisecond.
const MAX_FPS: u32 = 1000;

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        match text.trim() {
            "source" => Ok(Self::Source),
            "max" => Ok(Self::Max),
            number => {
                let fps: f64 = number.parse().map_err(|_| PaceError)?;
                // Slower than one a day is a mistake, and would overflow somewhere.
                let sensible = (1.0 / 86_400.0..=f64::from(MAX_FPS)).contains(&fps);
                if sensible { Ok(Self::Every(Duration::from_secs_f64(1.0 / fps))) } else { Err(PaceError) }
            }
        }
    }
}

/// The times at which frames are due.
///
/// Each is counted from one origin, so nothing drifts. A frame that comes a little late goes at once and
/// the next is on time again. One that comes later than a whole period moves the origin: after a break
/// frames follow each other at their pace, not in a burst.
#[derive(Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    /// A source's frame period: the lateness that is made up for.
    period: Duration,
    origin: Option<Instant>,
    /// Frames so far.
    count: u32,
}

impl Schedule {
    /// A schedule for a source of `frame_rate` frames a second.
    pub(crate) fn new(pace: Pace, frame_rate: f64) -> Self {
        let period = match pace {
            Pace::Every(period) => period,
            Pace::Source | Pace::Max => period_of(frame_rate),
        };
        Self { pace, period, origin: None, count: 0 }
    }

    /// When the next frame is due, which is here now and stands at `at` in its source.
    pub(crate) fn next(&mut self, at: Duration, now: Instant) -> Instant {
        let offset = match self.pace {
            Pace::Max => return now,
            Pace::Source => at,
            Pace::Every(period) => period.saturating_mul(self.count),
        };
        self.count = self.count.saturating_add(1);
        let origin = *self.origin.get_or_insert_with(|| now.checked_sub(offset).unwrap_or(now));
        let due = origin + offset;
        let late = now.saturating_duration_since(due);
        if late > self.period {
            self.origin = Some(origin + late);
            return now;
        }
        due
    }
}

/// The time that one frame is shown; a rate that cannot be counts as 25 frames a second.
pub(crate) fn period_of(frame_rate: f64) -> Duration {
    let rate = if frame_rate.is_finite() && frame_rate > 0.0 { frame_rate } else { 25.0 };
    Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_pace_is_source_max_or_a_number() {
        assert_eq!("source".parse(), Ok(Pace::Source));
        assert_eq!("max".parse(), Ok(Pace::Max));
        assert_eq!("12.5".parse(), Ok(Pace::Every(ms(80))));
        for text in ["", "0", "-1", "nan", "inf", "1001", "fast", "1e-9"] {
            assert_eq!(text.parse::<Pace>(), Err(PaceError), "{text}");
        }
    }

    #[test]
    fn frames_on_time_never_drift() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Source, 30.0);
        for n in 0..10_000_u32 {
            let at = Duration::from_secs(1) * n / 30;
            // Each frame is there a little after the one before was due: the timer's grain.
            let now = start + at.saturating_sub(ms(30));
            assert_eq!(schedule.next(at, now), start + at, "frame {n}");
        }
    }

    #[test]
    fn a_frame_a_little_late_goes_at_once_and_the_next_is_on_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Source, 10.0);
        schedule.next(ms(0), start);
        assert!(schedule.next(ms(100), start + ms(150)) <= start + ms(150));
        assert_eq!(schedule.next(ms(200), start + ms(160)), start + ms(200));
    }

    #[test]
    fn after_a_break_frames_keep_their_pace_and_do_not_burst() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Source, 10.0);
        schedule.next(ms(0), start);
        let back = start + ms(5000);
        assert_eq!(schedule.next(ms(100), back), back);
        assert_eq!(schedule.next(ms(200), back), back + ms(100));
        assert_eq!(schedule.next(ms(300), back), back + ms(200));
    }

    #[test]
    fn a_number_a_second_ignores_the_times_of_the_source() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Pace::Every(ms(20)), 1.0);
        let dues: Vec<_> = (0..4).map(|n| schedule.next(ms(1000) * n, start) - start).collect();
        assert_eq!(dues, [ms(0), ms(20), ms(40), ms(60)]);
    }

    #[test]
    fn as_fast_as_it_goes_is_always_now() {
        let now = Instant::now();
        let mut schedule = Schedule::new(Pace::Max, 30.0);
        assert_eq!(schedule.next(ms(9000), now), now);
    }
}
