//! Whose turn it is to have a frame worked on: theirs who have used the least of late.
//!
//! Without that, somebody with forty seats and frames that take as long as the limits allow would have everybody else
//! wait for them in turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::usage::Account;

/// Gives workers in turn. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How many may be at work for one address. There is one more for the others.
    workers: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    /// Those who wait, by the number that each got on coming.
    waiting: BTreeMap<u64, Waiting>,
    /// All who came.
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Of a mosaic, which waits for everybody, there is none.
    account: Option<Account>,
    granted: oneshot::Sender<Turn>,
}

impl Turns {
    pub(super) fn new(workers: usize) -> Self {
        Self(Arc::new(Inner { workers: workers.max(1), state: Mutex::default() }))
    }

    /// Waits for a turn; without an account, before everybody who has one. Whoever stops waiting is forgotten.
    pub(super) async fn next(&self, account: Option<&Account>) -> Turn {
        let (granted, turn) = oneshot::channel();
        let number = self.lock().enter(Waiting { account: account.cloned(), granted });
        let _place = Place { turns: self, number };
        self.grant(Instant::now());
        turn.await.expect("whoever waits is granted a turn at last")
    }

    /// Gives turns to as many of those who wait as may have one.
    fn grant(&self, now: Instant) {
        loop {
            // A statement of its own: what is granted to nobody takes the lock as it is dropped.
            let next = self.lock().pop(self.0.workers, now);
            let Some(next) = next else { return };
            let turn = Turn { turns: self.clone(), account: next.account, begun: now };
            // Who has just stopped waiting gives it back by that: a turn is over when it is dropped.
            drop(next.granted.send(turn));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, waiting: Waiting) -> u64 {
        self.count += 1;
        self.waiting.insert(self.count, waiting);
        self.count
    }

    /// The next one, at work from now on, if there may be one.
    ///
    /// All are looked at, as what they use changes while they wait: there are as many as seats at most, and mostly none.
    fn pop(&mut self, workers: usize, now: Instant) -> Option<Waiting> {
        if self.at_work > workers {
            return None;
        }
        let may = |account: &Account| account.workers() < workers;
        let used = |(&number, waiting): (&u64, &Waiting)| match &waiting.account {
            Some(account) => may(account).then(|| (Some(account.of_late(now)), number)),
            None => Some((None, number)),
        };
        let (_, number) = self.waiting.iter().filter_map(used).min()?;
        let next = self.waiting.remove(&number)?;
        if let Some(account) = &next.account {
            account.begin(now);
        }
        self.at_work += 1;
        Some(next)
    }
}

/// A place among those who wait, given up when this is dropped.
struct Place<'a> {
    turns: &'a Turns,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.lock().waiting.remove(&self.number);
    }
}

/// A worker, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    account: Option<Account>,
    begun: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(account) = &self.account {
            account.end(self.begun, now);
        }
        self.turns.lock().at_work -= 1;
        self.turns.grant(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// Lets them come in this order while both workers are at work, and gives the order in which one serves them then.
    async fn served(turns: &Turns, guests: Vec<(&'static str, Option<Account>)>) -> Vec<&'static str> {
        let [_one, other] =
            [ms(1), ms(2)].map(|used| turns.next(Some(&Account::with(used))).now_or_never().unwrap());
        let order = Mutex::new(Vec::new());
        let wait = async |(name, account): (&'static str, Option<Account>)| {
            let _turn = turns.next(account.as_ref()).await;
            order.lock().unwrap().push(name);
        };
        let all = futures_util::future::join_all(guests.into_iter().map(wait));
        tokio::join!(all, async { drop(other) });
        order.into_inner().unwrap()
    }

    #[tokio::test]
    async fn who_uses_the_least_is_the_next_and_of_equals_who_came_first_and_a_mosaic_before_all() {
        let turns = Turns::new(1);
        let office = Account::with(ms(400));
        let guests = vec![
            ("greedy", Some(Account::with(ms(5000)))),
            ("neighbour", Some(office.neighbour(ms(300)))),
            ("office", Some(office)),
            ("fair", Some(Account::with(ms(300)))),
            ("mosaic", None),
        ];
        assert_eq!(served(&turns, guests).await, ["mosaic", "fair", "office", "neighbour", "greedy"]);
        let guests = vec![("one", Some(Account::default())), ("two", Some(Account::default()))];
        assert_eq!(served(&turns, guests).await, ["one", "two"]);
    }

    #[tokio::test]
    async fn what_is_used_while_one_waits_counts_too() {
        let turns = Turns::new(1);
        let greedy = Account::default();
        let fair = Account::with(ms(50));
        let [_first, second] =
            [ms(1), ms(2)].map(|used| turns.next(Some(&Account::with(used))).now_or_never().unwrap());
        let mut greedy_waits = Box::pin(turns.next(Some(&greedy)));
        assert!(greedy_waits.as_mut().now_or_never().is_none());
        let mut fair_waits = Box::pin(turns.next(Some(&fair)));
        assert!(fair_waits.as_mut().now_or_never().is_none());
        greedy.charge(ms(100));
        drop(second);
        assert!(greedy_waits.as_mut().now_or_never().is_none());
        assert!(fair_waits.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_address_never_has_the_last_worker() {
        let turns = Turns::new(2);
        let greedy = Account::default();
        let held = [turns.next(Some(&greedy)).await, turns.next(Some(&greedy)).await];
        assert!(turns.next(Some(&greedy)).now_or_never().is_none(), "two of three are all for one");
        assert!(turns.next(Some(&greedy.neighbour(ms(0)))).now_or_never().is_none(), "and for its neighbour");
        let fair = Account::with(ms(9000));
        let third = turns.next(Some(&fair)).now_or_never().expect("one is left for others");
        assert!(turns.next(Some(&Account::default())).now_or_never().is_none(), "there are three");
        drop(third);
        assert!(turns.next(Some(&Account::default())).now_or_never().is_some());
        drop(held);
        assert!(turns.next(Some(&greedy)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_is_forgotten_and_takes_nothing_along() {
        let turns = Turns::new(1);
        let greedy = Account::with(ms(5000));
        let held = turns.next(Some(&greedy)).await;
        for _ in 0..100 {
            assert!(turns.next(Some(&greedy)).now_or_never().is_none());
        }
        assert_eq!(turns.lock().waiting.len(), 0);
        // Granted, and never taken.
        let mut waiting = Box::pin(turns.next(Some(&greedy)));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        drop(waiting);
        assert!(turns.next(Some(&greedy)).now_or_never().is_some());
        assert_eq!((turns.lock().at_work, greedy.workers()), (0, 0));
    }

    #[test]
    fn a_turn_is_not_lost_with_somebody_who_stops_waiting_as_it_is_granted() {
        let (done, result) = std::sync::mpsc::channel();
        // On a thread of its own, for what is wrong with it may be that it never ends.
        std::thread::spawn(move || {
            let turns = Turns::new(1);
            for _ in 0..3 {
                let (granted, gone) = oneshot::channel();
                drop(gone);
                turns.lock().enter(Waiting { account: None, granted });
            }
            turns.grant(Instant::now());
            let state = turns.lock();
            done.send((state.at_work, state.waiting.len())).unwrap();
        });
        assert_eq!(result.recv_timeout(Duration::from_secs(10)), Ok((0, 0)));
    }
}
