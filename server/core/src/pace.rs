//! How often somebody may push: so many frames a second, more of them at once for a moment, and not for long.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::limits::CallLimits;

/// Whoever has kept to the limit for so long is forgiven.
const FORGIVEN: Duration = Duration::from_secs(1);

/// The runtime's clock: tests can turn it.
#[derive(Debug, Clone, Copy, Default)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// What is to become of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is looked at.
    Taken,
    /// It is one too many: a newer one will come.
    Skipped,
    /// They have been too many for too long.
    Refused,
}

/// The pushes of one seat.
#[derive(Debug)]
pub(crate) struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Instant>>,
    patience: Duration,
    excess: Option<Excess>,
}

/// Pushes that were too many.
#[derive(Debug, Clone, Copy)]
struct Excess {
    first: Instant,
    last: Instant,
}

impl Pace {
    pub(crate) fn new(limits: &CallLimits) -> Self {
        // The flag's range begins with 1.
        let a_second = NonZeroU32::new(limits.pushes_per_second).unwrap_or(NonZeroU32::MIN);
        let limiter = RateLimiter::direct_with_clock(Quota::per_second(a_second), RuntimeClock);
        Self { limiter, patience: limits.push_patience, excess: None }
    }

    /// Judges a push of this moment.
    pub(crate) fn judge(&mut self) -> Verdict {
        if self.limiter.check().is_ok() {
            return Verdict::Taken;
        }
        let now = RuntimeClock.now();
        let before = self.excess.filter(|excess| now - excess.last < FORGIVEN);
        let excess = Excess { first: before.map_or(now, |excess| excess.first), last: now };
        self.excess = Some(excess);
        if now - excess.first < self.patience { Verdict::Skipped } else { Verdict::Refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    async fn verdicts(pace: &mut Pace, interval: Duration, time: Duration) -> Vec<Verdict> {
        let end = tokio::time::Instant::now() + time;
        let mut verdicts = Vec::new();
        while tokio::time::Instant::now() < end {
            verdicts.push(pace.judge());
            tokio::time::advance(interval).await;
        }
        verdicts
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_to_the_limit_is_always_looked_at_and_a_burst_is_borne() {
        let mut pace = Pace::new(&Limits::default().calls);
        let burst = verdicts(&mut pace, Duration::from_micros(1), Duration::from_micros(60)).await;
        assert!(burst.iter().all(|&verdict| verdict == Verdict::Taken), "{burst:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        let steady = verdicts(&mut pace, Duration::from_micros(16_700), Duration::from_secs(60)).await;
        assert!(steady.iter().all(|&verdict| verdict == Verdict::Taken));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_a_second_are_skipped_down_to_the_limit_and_refused_after_five_seconds() {
        let mut pace = Pace::new(&Limits::default().calls);
        let first = verdicts(&mut pace, Duration::from_millis(1), Duration::from_secs(5)).await;
        let taken = first.iter().filter(|&&verdict| verdict == Verdict::Taken).count();
        assert!((300..=361).contains(&taken), "{taken}");
        assert!(!first.contains(&Verdict::Refused));
        let later = verdicts(&mut pace, Duration::from_millis(1), Duration::from_secs(2)).await;
        assert!(later.contains(&Verdict::Refused) && later.contains(&Verdict::Taken));
        tokio::time::advance(Duration::from_secs(2)).await;
        let forgiven = verdicts(&mut pace, Duration::from_millis(1), Duration::from_secs(1)).await;
        assert!(!forgiven.contains(&Verdict::Refused));
    }
}
