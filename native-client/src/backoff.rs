//! How long to wait before the next try.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The shortest wait.
pub(crate) const SHORTEST: Duration = Duration::from_millis(250);
/// The longest wait.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double from 0.25 s to 5 s, each with jitter: when a server comes back, its clients
/// do not all come at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        let waits = ExponentialBuilder::new()
            .with_min_delay(SHORTEST)
            // The jitter adds up to as much again.
            .with_max_delay(LONGEST / 2)
            .with_jitter()
            .without_max_times();
        Self(waits.build())
    }

    /// The next wait.
    pub(crate) fn next_wait(&mut self) -> Duration {
        // There is no end to the waits; if there were, the longest would go on.
        self.0.next().unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_a_quarter_second_and_five_seconds() {
        let mut backoff = Backoff::new();
        for _ in 0..1000 {
            let wait = backoff.next_wait();
            assert!((SHORTEST..=LONGEST).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn waits_grow_and_differ_between_clients() {
        let mut backoff = Backoff::new();
        assert!(backoff.next_wait() <= SHORTEST * 2);
        assert!(backoff.nth(8) >= LONGEST / 2);
        let firsts: Vec<_> = (0..8).map(|_| Backoff::new().next_wait()).collect();
        assert!(firsts.iter().any(|wait| *wait != firsts[0]), "{firsts:?}");
    }

    impl Backoff {
        fn nth(&mut self, n: usize) -> Duration {
            (0..=n).map(|_| self.next_wait()).last().unwrap()
        }
    }
}
