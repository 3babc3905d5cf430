//! What guests use of the workers, to be fair to all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After so long, half of what was used is forgotten.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// So little is nothing.
const NOTHING: Duration = Duration::from_millis(1);

/// The time of workers that somebody uses and has used of late.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    time: Duration,
    /// When that was so much.
    at: Option<Instant>,
    /// Since when each worker has been at work that is now.
    begun: Vec<Instant>,
}

impl Used {
    /// What is left of the time that is over.
    fn left(&self, now: Instant) -> Duration {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.time.mul_f64((-passed.div_duration_f64(HALF_LIFE)).exp2())
    }

    fn of_late(&self, now: Instant) -> Duration {
        let running = self.begun.iter().map(|begun| now.saturating_duration_since(*begun));
        self.left(now) + running.sum::<Duration>()
    }

    fn add(&mut self, time: Duration, now: Instant) {
        (self.time, self.at) = (self.left(now) + time, Some(now));
    }
}

impl Usage {
    fn of_late(&self, now: Instant) -> Duration {
        self.lock().of_late(now)
    }

    /// Whether nothing is known of somebody who has this: nothing is lost if it is forgotten.
    pub(crate) fn is_nothing(&self, now: Instant) -> bool {
        let used = self.lock();
        used.begun.is_empty() && used.of_late(now) < NOTHING
    }

    fn begin(&self, now: Instant) {
        self.lock().begun.push(now);
    }

    fn end(&self, begun: Instant, now: Instant) {
        let mut used = self.lock();
        if let Some(position) = used.begun.iter().position(|of| *of == begun) {
            used.begun.swap_remove(position);
        }
        used.add(now.saturating_duration_since(begun), now);
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// What is used by the seat and by the address, in which it is once more: of two seats there, the one that uses less
    /// has less.
    pub(crate) fn of_late(&self, now: Instant) -> Duration {
        self.address.of_late(now) + self.seat.of_late(now)
    }

    /// Workers that are at work for the address.
    pub(crate) fn workers(&self) -> usize {
        self.address.lock().begun.len()
    }

    /// Notes that a worker begins.
    pub(crate) fn begin(&self, now: Instant) {
        self.address.begin(now);
        self.seat.begin(now);
    }

    /// Notes that one has ended that had begun then.
    pub(crate) fn end(&self, begun: Instant, now: Instant) {
        self.address.end(begun, now);
        self.seat.end(begun, now);
    }
}

#[cfg(test)]
impl Account {
    /// A seat at an address where others have used so much.
    pub(crate) fn with(time: Duration) -> Self {
        let account = Self::default();
        account.address.lock().add(time, Instant::now());
        account
    }

    /// Another seat at the same address, which has used so much itself.
    pub(crate) fn neighbour(&self, time: Duration) -> Self {
        let account = Self::new(Arc::clone(&self.address));
        account.charge(time);
        account
    }

    /// Charges the seat.
    pub(crate) fn charge(&self, time: Duration) {
        self.seat.lock().add(time, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_forgotten_by_halves_and_what_is_used_counts_at_once() {
        let (usage, begin) = (Usage::default(), Instant::now());
        let ms = Duration::from_millis;
        usage.lock().add(ms(800), begin);
        assert_eq!(usage.of_late(begin + HALF_LIFE), ms(400));
        usage.begin(begin + HALF_LIFE);
        assert_eq!(usage.of_late(begin + 2 * HALF_LIFE), ms(200) + HALF_LIFE);
        usage.end(begin + HALF_LIFE, begin + 2 * HALF_LIFE);
        assert_eq!(usage.of_late(begin + 3 * HALF_LIFE), (ms(200) + HALF_LIFE) / 2);
    }

    #[test]
    fn it_is_nothing_once_all_has_ended_and_been_forgotten() {
        let (usage, begin) = (Usage::default(), Instant::now());
        assert!(usage.is_nothing(begin));
        usage.begin(begin);
        assert!(!usage.is_nothing(begin));
        usage.end(begin, begin + Duration::from_millis(500));
        assert!(!usage.is_nothing(begin + 8 * HALF_LIFE));
        assert!(usage.is_nothing(begin + 11 * HALF_LIFE));
    }
}
