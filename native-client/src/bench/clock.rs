//! The one clock of this process, and the phases of a measurement.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Microseconds since the bench began, never 0: the wire has that for "unknown".
///
/// Times of the Unix epoch, as other programs send them, are far in this clock's future and so not taken for
/// ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// How long ago `captured_at_us` was, if this clock gave it.
    pub(super) fn since(self, captured_at_us: u64) -> Option<Duration> {
        let age = self.now_us().checked_sub(captured_at_us)?;
        (captured_at_us > 0).then(|| Duration::from_micros(age))
    }
}

/// Where a measurement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Some have not come yet: those who have say that they live, and no more.
    Gathering,
    /// All are in and send; nothing counts yet.
    WarmUp,
    /// Everything counts.
    Measuring,
    /// Whoever runs comes to an end.
    Over,
}

/// The phase, as those who run see it.
#[derive(Debug, Clone)]
pub(super) struct Phases(watch::Receiver<Phase>);

impl Phases {
    pub(super) fn new() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Gathering);
        (sender, Self(receiver))
    }

    pub(super) fn counts(&self) -> bool {
        *self.0.borrow() == Phase::Measuring
    }

    /// Waits until all are in.
    pub(super) async fn begun(&mut self) {
        drop(self.0.wait_for(|phase| *phase > Phase::Gathering).await);
    }

    /// Waits for the end, which is also there when nobody measures any more.
    pub(super) async fn over(&mut self) {
        drop(self.0.wait_for(|phase| *phase == Phase::Over).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_programs_times_are_not_taken_for_ours() {
        let clock = Clock::start();
        assert!(clock.since(clock.now_us()).is_some());
        assert_eq!(clock.since(0), None);
        // The Unix epoch's microseconds.
        assert_eq!(clock.since(1_700_000_000_000_000), None);
    }
}
