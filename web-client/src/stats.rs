//! What the panel shows: rates, times and bytes of the last seconds.

use std::time::Duration;

/// Rates are those of so long a time.
const WINDOW: Duration = Duration::from_secs(3);
/// Percentiles are those of so long a time.
const MEMORY: Duration = Duration::from_secs(10);

/// Counts events and bytes over the last seconds.
#[derive(Debug, Default)]
pub struct Meter {
    events: Vec<(Duration, usize)>,
}

impl Meter {
    /// Notes an event of `bytes`.
    pub fn note(&mut self, bytes: usize, now: Duration) {
        self.events.push((now, bytes));
        self.forget(now);
    }

    /// Events and bytes a second.
    pub fn rates(&mut self, now: Duration) -> (f64, f64) {
        self.forget(now);
        // A page that was opened a second ago has had a second.
        let span = now.min(WINDOW).as_secs_f64().max(0.001);
        let bytes: usize = self.events.iter().map(|(_, bytes)| bytes).sum();
        (self.events.len() as f64 / span, bytes as f64 / span)
    }

    fn forget(&mut self, now: Duration) {
        self.events.retain(|&(at, _)| now.saturating_sub(at) < WINDOW);
    }
}

/// Values of the last seconds of something that is measured now and then.
#[derive(Debug, Default)]
pub struct Values {
    /// Each with the time when it was measured, the oldest first.
    values: Vec<(Duration, Duration)>,
}

impl Values {
    /// Notes a value.
    pub fn note(&mut self, value: Duration, now: Duration) {
        self.values.retain(|&(at, _)| now.saturating_sub(at) < MEMORY);
        self.values.push((now, value));
    }

    /// The value that `share` of the values, 0 to 1, do not exceed.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        // So few values are counted as quickly as sorted, and the page's program is smaller without a sort.
        let rank = (share * self.values.len() as f64).ceil().max(1.0) as usize;
        let values = || self.values.iter().map(|&(_, value)| value);
        let up_to = |value| values().filter(|&other| other <= value).count();
        values().filter(|&value| up_to(value) >= rank).min()
    }
}

/// Everything that is counted in a call.
#[derive(Debug, Default)]
pub struct Stats {
    /// Frames that the server took.
    pub up: Meter,
    /// Mosaics that came.
    pub down: Meter,
    /// From a push to its answer.
    pub round_trips: Values,
    /// From the capture of a frame to its own tile on the canvas.
    pub latencies: Values,
    /// Mosaics that came and were not shown, because newer ones were there.
    pub not_shown: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn rates_are_those_of_the_last_three_seconds() {
        let mut meter = Meter::default();
        for n in 0..300 {
            meter.note(1_000, ms(n * 40));
        }
        let (events, bytes) = meter.rates(ms(300 * 40));
        assert!((events - 25.0).abs() < 0.5, "{events}");
        assert!((bytes - 25_000.0).abs() < 500.0, "{bytes}");
        assert_eq!(meter.rates(ms(60_000)).0, 0.0);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values = Values::default();
        assert_eq!(values.percentile(0.5), None);
        for n in 1..=100 {
            values.note(ms(n), ms(n));
        }
        assert_eq!(values.percentile(0.5), Some(ms(50)));
        assert_eq!(values.percentile(0.95), Some(ms(95)));
        assert_eq!((values.percentile(0.0), values.percentile(1.0)), (Some(ms(1)), Some(ms(100))));
    }

    #[test]
    fn only_the_values_of_the_last_ten_seconds_count() {
        let mut values = Values::default();
        for n in 1..=1_000 {
            values.note(ms(n), ms(n * 100));
        }
        assert_eq!(values.percentile(0.0), Some(ms(901)));
    }
}
