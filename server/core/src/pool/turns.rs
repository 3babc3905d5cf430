//! Whose turn it is to have a frame worked on: theirs who have used the least of late.
//!
//! Without that, somebody with forty seats and frames that take as long as the limits allow would have everybody else
//! wait for them in turn.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::usage::{Account, HALF_LIFE};

/// Whoever has used more than so much of late leaves the last free worker to others.
const MUCH: Duration = Duration::from_millis(250);

/// Gives workers in turn. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How many may be at work for those who use much. There is one more for the others.
    workers: usize,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    waiting: BTreeMap<Rank, Waiting>,
    /// All who came.
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    account: Account,
    granted: oneshot::Sender<Turn>,
}

/// The least is the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// What was used, as a power of two and in millionths of a half-life: as it is forgotten as fast for all, the time
    /// that goes by changes no order.
    used: i64,
    number: u64,
}

impl State {
    fn enter(&mut self, used: i64, waiting: Waiting) -> Rank {
        self.count += 1;
        let rank = Rank { used, number: self.count };
        self.waiting.insert(rank, waiting);
        rank
    }
}

impl Turns {
    pub(super) fn new(workers: usize) -> Self {
        Self(Arc::new(Inner { workers: workers.max(1), began: Instant::now(), state: Mutex::default() }))
    }

    /// Waits for a turn. Whoever stops waiting is forgotten.
    pub(super) async fn next(&self, account: &Account) -> Turn {
        let (granted, turn) = oneshot::channel();
        let now = Instant::now();
        let passed = now.duration_since(self.0.began).div_duration_f64(HALF_LIFE);
        // Of nothing it is the least number that there is.
        let used = ((account.of_late(now).as_secs_f64().log2() + passed) * 1e6) as i64;
        let rank = self.lock().enter(used, Waiting { account: account.clone(), granted });
        let _place = Place { turns: self, rank };
        self.grant(now);
        turn.await.expect("whoever waits is granted a turn at last")
    }

    /// Gives turns to as many of those who wait as may have one.
    fn grant(&self, now: Instant) {
        while let Some(next) = self.pop(now) {
            let turn = Turn { turns: self.clone(), account: next.account, begun: now };
            // Who has just stopped waiting gives it back by that: a turn is over when it is dropped.
            drop(next.granted.send(turn));
        }
    }

    /// The next one, at work from now on, if there may be one.
    fn pop(&self, now: Instant) -> Option<Waiting> {
        let mut state = self.lock();
        let workers = self.0.workers;
        let rank = match state.at_work.cmp(&workers) {
            Ordering::Less => *state.waiting.keys().next()?,
            Ordering::Equal => {
                let is_modest = |waiting: &Waiting| waiting.account.is_modest(workers, MUCH, now);
                *state.waiting.iter().find(|(_, waiting)| is_modest(waiting))?.0
            }
            Ordering::Greater => return None,
        };
        let next = state.waiting.remove(&rank)?;
        next.account.begin();
        state.at_work += 1;
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait, given up when this is dropped.
struct Place<'a> {
    turns: &'a Turns,
    rank: Rank,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.lock().waiting.remove(&self.rank);
    }
}

/// A worker, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    account: Account,
    begun: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = Instant::now();
        self.account.end(now.saturating_duration_since(self.begun), now);
        self.turns.lock().at_work -= 1;
        self.turns.grant(now);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[tokio::test]
    async fn who_has_used_the_least_is_the_next_and_of_equals_who_came_first() {
        let turns = Turns::new(1);
        let first = turns.next(&Account::with(ms(900))).await;
        let order = Mutex::new(Vec::new());
        let wait = async |name: &'static str, account: Account| {
            let _turn = turns.next(&account).await;
            order.lock().unwrap().push(name);
        };
        let office = Account::with(ms(400));
        let neighbour = office.neighbour(ms(300));
        let all = async {
            tokio::join!(
                wait("greedy", Account::with(ms(5000))),
                wait("neighbour", neighbour),
                wait("office", office),
                wait("fair", Account::with(ms(300))),
            );
        };
        tokio::join!(all, async { drop(first) });
        assert_eq!(*order.lock().unwrap(), ["fair", "office", "neighbour", "greedy"]);
        // Who has used nothing so far comes before all, in turn.
        let begun = turns.next(&Account::with(ms(900))).await;
        order.lock().unwrap().clear();
        let all = async {
            tokio::join!(
                wait("greedy", Account::with(ms(5000))),
                wait("one", Account::default()),
                wait("two", Account::default())
            );
        };
        tokio::join!(all, async { drop(begun) });
        assert_eq!(*order.lock().unwrap(), ["one", "two", "greedy"]);
    }

    #[tokio::test]
    async fn the_last_worker_is_for_those_who_have_not_used_much() {
        let turns = Turns::new(2);
        let greedy = Account::with(ms(5000));
        let held = [turns.next(&greedy).await, turns.next(&greedy).await];
        assert!(turns.next(&greedy).now_or_never().is_none(), "two of three are all for the greedy");
        let fair = Account::with(ms(100));
        let third = turns.next(&fair).now_or_never().expect("one is left for others");
        assert!(turns.next(&fair).now_or_never().is_none(), "there are three");
        drop(third);
        drop(held);
        // Who has used nothing yet has not more than the greedy either.
        let new = Account::default();
        let _held = [turns.next(&new).await, turns.next(&new).await];
        assert!(turns.next(&new).now_or_never().is_none());
        assert!(turns.next(&fair).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_is_forgotten_and_takes_nothing_along() {
        let turns = Turns::new(1);
        let greedy = Account::with(ms(5000));
        let held = turns.next(&greedy).await;
        for _ in 0..100 {
            assert!(turns.next(&greedy).now_or_never().is_none());
        }
        assert_eq!(turns.lock().waiting.len(), 0);
        // Granted, and never taken.
        let mut waiting = Box::pin(turns.next(&greedy));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        drop(waiting);
        assert!(turns.next(&greedy).now_or_never().is_some());
        assert_eq!((turns.lock().at_work, greedy.workers()), (0, 0));
    }
}
