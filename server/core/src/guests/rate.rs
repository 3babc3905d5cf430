//! So many a minute, of each address.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Source;

/// From so many addresses on it is looked which of them can be forgotten: a few dozen kilobytes.
const MANY: usize = 1024;

/// A rate for each address. As many as come in a minute may come at once; an address that has not come for so long that
/// its whole minute is free again is forgotten.
#[derive(Debug)]
pub(crate) struct Rate<C: Clock = MonotonicClock> {
    limiter: RateLimiter<Source, HashMapStateStore<Source>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    /// How many addresses it takes to look which can be forgotten: twice as many as could not when it was looked last,
    /// so that looking costs each address a constant.
    look_at: AtomicUsize,
}

impl Rate {
    /// `per_minute` of each address; 0 counts as 1.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self::by(MonotonicClock, per_minute)
    }
}

impl<C: Clock + Clone> Rate<C> {
    fn by(clock: C, per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Self { limiter, clock, look_at: AtomicUsize::new(MANY) }
    }

    /// Counts one of `source`.
    ///
    /// # Errors
    ///
    /// When it is one too many, which is not counted: how long it would have to wait.
    pub(crate) fn check(&self, source: Source) -> Result<(), Duration> {
        let checked = self.limiter.check_key(&source);
        self.forget();
        checked.map_err(|until| until.wait_time_from(self.clock.now()))
    }

    fn forget(&self) {
        if self.limiter.len() >= self.look_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            self.look_at.store(MANY.max(2 * self.limiter.len()), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn source(address: impl Into<IpAddr>) -> Source {
        Source::of(address.into())
    }

    #[test]
    fn each_address_has_its_own_minute_and_waits_as_long_as_it_is_told() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::by(clock.clone(), 3);
        let (one, other) = (source([203, 0, 113, 9]), source([203, 0, 113, 10]));
        for _ in 0..3 {
            assert_eq!(rate.check(one), Ok(()));
        }
        assert_eq!(rate.check(one), Err(Duration::from_secs(20)));
        assert_eq!(rate.check(other), Ok(()));
        clock.advance(Duration::from_secs(20));
        assert_eq!(rate.check(one), Ok(()));
        assert!(rate.check(one).is_err());
    }

    #[test]
    fn who_has_not_come_for_long_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::by(clock.clone(), 60);
        for n in 0..100_000_u32 {
            rate.check(source((n + (10 << 24)).to_be_bytes())).unwrap();
            clock.advance(Duration::from_millis(10));
        }
        // One of 60 a minute is free again after a second.
        assert!(rate.limiter.len() <= MANY, "{}", rate.limiter.len());
    }
}
