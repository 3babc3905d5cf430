//! What guests use of the workers, to be fair to all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After so long, half of what was used is forgotten.
pub(crate) const HALF_LIFE: Duration = Duration::from_secs(1);

/// The time of workers that somebody has used of late.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    time: Duration,
    /// When that was so much.
    at: Option<Instant>,
    /// Workers that are at work now.
    workers: usize,
}

impl Used {
    fn of_late(&self, now: Instant) -> Duration {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.time.mul_f64((-passed.div_duration_f64(HALF_LIFE)).exp2())
    }
}

impl Usage {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_late(&self, now: Instant) -> Duration {
        self.lock().of_late(now)
    }

    fn add(&self, time: Duration, now: Instant) {
        let mut used = self.lock();
        (used.time, used.at) = (used.of_late(now) + time, Some(now));
    }
}

/// On whom work is charged: a seat, and the address that it is from. Who is from there waits longer than who is from
/// elsewhere, and gains nothing by another seat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    address: Arc<Usage>,
    seat: Arc<Usage>,
}

impl Account {
    /// That of a new seat.
    pub(crate) fn new(address: Arc<Usage>) -> Self {
        Self { address, seat: Arc::default() }
    }

    /// What was used by the seat and by the address, in which it is once more: of two seats there, the one that used less
    /// has less.
    pub(crate) fn of_late(&self, now: Instant) -> Duration {
        self.address.of_late(now) + self.seat.of_late(now)
    }

    /// Whether the address has fewer than `workers` at work, and has used no more than `time` of late.
    pub(crate) fn is_modest(&self, workers: usize, time: Duration, now: Instant) -> bool {
        let address = self.address.lock();
        address.workers < workers && address.of_late(now) <= time
    }

    /// Notes that a worker begins.
    pub(crate) fn begin(&self) {
        self.address.lock().workers += 1;
    }

    /// Notes that one has ended that was at work for `time`.
    pub(crate) fn end(&self, time: Duration, now: Instant) {
        self.address.lock().workers -= 1;
        self.address.add(time, now);
        self.seat.add(time, now);
    }
}

#[cfg(test)]
impl Account {
    /// A seat at an address where others have used so much.
    pub(crate) fn with(time: Duration) -> Self {
        let account = Self::default();
        account.address.add(time, Instant::now());
        account
    }

    /// Another seat at the same address, which has used so much itself.
    pub(crate) fn neighbour(&self, time: Duration) -> Self {
        let account = Self::new(Arc::clone(&self.address));
        account.seat.add(time, Instant::now());
        account
    }

    /// Workers that are at work for the address.
    pub(crate) fn workers(&self) -> usize {
        self.address.lock().workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_forgotten_by_halves() {
        let (usage, begin) = (Usage::default(), Instant::now());
        let ms = Duration::from_millis;
        usage.add(ms(800), begin);
        assert_eq!(usage.of_late(begin + HALF_LIFE), ms(400));
        usage.add(ms(100), begin + 2 * HALF_LIFE);
        assert_eq!(usage.of_late(begin + 3 * HALF_LIFE), ms(150));
    }
}
