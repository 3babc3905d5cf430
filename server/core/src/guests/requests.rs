//! How often an address, or one of its connections, asks for something that is hardly anything.
//!
//! A request of twenty bytes costs as much of a processor as one with a frame, and an address has place for thousands of
//! them at a time, in front of everybody else's. So it has a rate, above which its connections are read a little at a time, and
//! those that have asked for more than their share not at all for a while. What carries something has earned its turn: a request is free for each KiB that is
//! sent in either direction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// As many as in this time may come at once: what they take of a processor is what others wait for.
const SAVED: Duration = Duration::from_millis(250);
/// Bytes that are worth a request.
const WORTH: u64 = 1024;

/// How a connection is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As it comes.
    Free,
    /// A little at a time: others of its address have asked for too much, and this one may try to as well.
    Sparing,
    /// Not before then.
    Quiet(Instant),
}

/// The requests of an address or a connection, by the generic cell rate algorithm (ITU-T I.371 Annex A).
#[derive(Debug)]
pub(crate) struct Requests {
    begun: Instant,
    /// Nanoseconds from `begun` to when all that was asked would have been asked at the rate.
    due: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { begun: Instant::now(), due: AtomicU64::new(0) }
    }
}

impl Requests {
    /// Counts so many, of which there may be one in each `interval`.
    pub(super) fn ask(&self, count: u64, interval: Duration, now: Instant) {
        let (now, cost) = (self.nanos(now), count.saturating_mul(nanos(interval)));
        self.change(|due| due.max(now).saturating_add(cost));
    }

    /// Counts bytes that were sent.
    pub(super) fn earn(&self, bytes: u64, interval: Duration) {
        self.change(|due| due.saturating_sub(bytes.saturating_mul(nanos(interval)) / WORTH));
    }

    /// Until when nothing more is to be asked, if it was too much.
    pub(super) fn quiet_until(&self, now: Instant) -> Option<Instant> {
        let until = self.due.load(Ordering::Acquire).saturating_sub(nanos(SAVED));
        (until > self.nanos(now)).then(|| self.begun + Duration::from_nanos(until))
    }

    /// Whether nothing is lost if it is forgotten.
    pub(super) fn is_nothing(&self, now: Instant) -> bool {
        self.due.load(Ordering::Acquire) <= self.nanos(now)
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        // It always gives a value.
        let _ = self.due.fetch_update(Ordering::AcqRel, Ordering::Acquire, |due| Some(change(due)));
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.begun))
    }
}

/// Enough for 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(1);

    #[test]
    fn as_many_as_in_a_quarter_of_a_second_may_come_at_once_and_then_one_in_each_interval() {
        let requests = Requests::default();
        let begun = requests.begun;
        requests.ask(250, INTERVAL, begun);
        assert_eq!(requests.quiet_until(begun), None);
        requests.ask(3, INTERVAL, begun);
        assert_eq!(requests.quiet_until(begun), Some(begun + 3 * INTERVAL));
        assert_eq!(requests.quiet_until(begun + 3 * INTERVAL), None);
        let later = begun + Duration::from_secs(9);
        assert!(requests.is_nothing(later) && !requests.is_nothing(begun));
        requests.ask(251, INTERVAL, later);
        assert_eq!(requests.quiet_until(later), Some(later + INTERVAL), "silence saves so many, and no more");
    }

    #[test]
    fn what_carries_something_is_free() {
        let requests = Requests::default();
        for _ in 0..100_000 {
            requests.earn(1024, INTERVAL);
            requests.ask(1, INTERVAL, requests.begun);
        }
        assert_eq!(requests.quiet_until(requests.begun), None);
        requests.ask(u64::MAX, INTERVAL, requests.begun);
        assert!(requests.quiet_until(requests.begun).is_some());
    }
}
