//! How often an address, or one of its connections, asks for something that is hardly anything.
//!
//! A request of twenty bytes costs as much of a processor as one with a frame, and an address has place for thousands of
//! them at a time, in front of everybody else's. So it has a rate, above which its connections are read a little at a
//! time, and those that have asked for more than their share not at all for a while. What carries something has earned its
//! turn: a request is free for each KiB that the address sends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that are worth a request.
const WORTH: u64 = 1024;

/// How a connection is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As it comes.
    Free,
    /// A little at a time: others of its address have asked for too much, and this one may try to as well.
    Sparing,
    /// Not before then: it has asked for more than its share.
    Quiet(Instant),
}

/// How often something may be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Between two requests.
    pub(super) interval: Duration,
    /// As many as in this time may come at once: what they take of a processor is what others wait for.
    pub(super) saved: Duration,
    /// More than would take so long is forgotten.
    pub(super) owed: Duration,
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
    /// Counts so many.
    pub(super) fn ask(&self, count: u64, rhythm: Rhythm, now: Instant) {
        let (now, cost) = (self.nanos(now), count.saturating_mul(nanos(rhythm.interval)));
        let last = now.saturating_add(nanos(rhythm.saved.saturating_add(rhythm.owed)));
        self.change(|due| due.max(now).saturating_add(cost).min(last));
    }

    /// Counts bytes that came.
    pub(super) fn earn(&self, bytes: u64, rhythm: Rhythm) {
        self.change(|due| due.saturating_sub(bytes.saturating_mul(nanos(rhythm.interval)) / WORTH));
    }

    /// Until when nothing more is to be asked, if it was too much.
    pub(super) fn quiet_until(&self, rhythm: Rhythm, now: Instant) -> Option<Instant> {
        let until = self.due.load(Ordering::Acquire).saturating_sub(nanos(rhythm.saved));
        (until > self.nanos(now)).then(|| self.begun + Duration::from_nanos(until))
    }

    /// How much it asked for, beside others.
    pub(super) fn debt(&self, now: Instant) -> u64 {
        self.due.load(Ordering::Acquire).saturating_sub(self.nanos(now))
    }

    /// Whether nothing is lost if it is forgotten.
    pub(super) fn is_nothing(&self, now: Instant) -> bool {
        self.debt(now) == 0
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
    const RHYTHM: Rhythm =
        Rhythm { interval: INTERVAL, saved: INTERVAL.saturating_mul(250), owed: Duration::from_secs(5) };

    #[test]
    fn as_many_as_are_saved_may_come_at_once_and_then_one_in_each_interval() {
        let requests = Requests::default();
        let begun = requests.begun;
        requests.ask(250, RHYTHM, begun);
        assert_eq!(requests.quiet_until(RHYTHM, begun), None);
        requests.ask(3, RHYTHM, begun);
        assert_eq!(requests.quiet_until(RHYTHM, begun), Some(begun + 3 * INTERVAL));
        assert_eq!(requests.quiet_until(RHYTHM, begun + 3 * INTERVAL), None);
        let later = begun + Duration::from_secs(9);
        assert!(requests.is_nothing(later) && !requests.is_nothing(begun));
        requests.ask(251, RHYTHM, later);
        assert_eq!(
            requests.quiet_until(RHYTHM, later),
            Some(later + INTERVAL),
            "silence saves so many, and no more"
        );
    }

    #[test]
    fn what_carries_something_is_free() {
        let requests = Requests::default();
        for _ in 0..100_000 {
            requests.earn(1024, RHYTHM);
            requests.ask(1, RHYTHM, requests.begun);
        }
        assert_eq!(requests.quiet_until(RHYTHM, requests.begun), None);
        requests.ask(u64::MAX, RHYTHM, requests.begun);
        assert_eq!(requests.quiet_until(RHYTHM, requests.begun), Some(requests.begun + RHYTHM.owed));
    }
}
