//! When one bystander last saw something new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The longest that somebody had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How long.
    pub length: Duration,
    /// Who.
    pub whose: &'static str,
}

/// One bystander's. Clones are the same.
#[derive(Debug, Clone)]
pub struct Pulse {
    name: &'static str,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug)]
struct State {
    last: Instant,
    /// Of the last mosaic.
    sequence: u64,
    largest: Duration,
    ended: Option<String>,
}

impl Pulse {
    pub(super) fn new(name: &'static str) -> Self {
        let state = State { last: Instant::now(), sequence: 0, largest: Duration::ZERO, ended: None };
        Self { name, state: Arc::new(watch::Sender::new(state)) }
    }

    /// A mosaic came. One that is as old as the last is no news; one that is older should not be.
    pub(super) fn beat(&self, sequence: u64) {
        self.state.send_modify(|state| {
            if sequence < state.sequence {
                state.ended = Some(format!("number {sequence} came after {}", state.sequence));
            } else if sequence > state.sequence {
                state.sequence = sequence;
                state.note(Instant::now());
            }
        });
    }

    /// The stream ended. A server that was started anew counts anew.
    pub(super) fn end(&self, why: &str) {
        self.state.send_modify(|state| {
            state.ended = Some(why.to_owned());
            state.sequence = 0;
        });
    }

    pub(super) fn begin(&self) {
        self.state.send_modify(|state| {
            state.last = Instant::now();
            state.largest = Duration::ZERO;
            state.ended = None;
        });
    }

    pub(super) async fn next(&self) {
        let now = Instant::now();
        // The sender is here, so it does not end.
        self.state.subscribe().wait_for(|state| state.sequence > 0 && state.last > now).await.ok();
    }

    pub(super) fn largest_gap(&self) -> Gap {
        let state = self.state.borrow();
        Gap { length: state.largest.max(state.last.elapsed()), whose: self.name }
    }

    /// Forgets it then; what lasts goes on.
    pub(super) fn take_largest_gap(&self) -> Gap {
        let gap = self.largest_gap();
        self.state.send_modify(|state| state.largest = Duration::ZERO);
        gap
    }

    pub(super) fn ended(&self) -> Option<String> {
        self.state.borrow().ended.as_ref().map(|why| format!("{}: {why}", self.name))
    }
}

impl State {
    fn note(&mut self, now: Instant) {
        self.largest = self.largest.max(now - self.last);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_lasts_counts_and_an_old_mosaic_is_no_news() {
        let pulse = Pulse::new("somebody");
        pulse.beat(2);
        let last = pulse.state.borrow().last;
        pulse.beat(2);
        assert_eq!(pulse.state.borrow().last, last);
        assert!(pulse.largest_gap().length >= last.elapsed().mul_f32(0.5));
        assert_eq!(pulse.ended(), None);
        pulse.beat(1);
        assert_eq!(pulse.ended().unwrap(), "somebody: number 1 came after 2");
        pulse.begin();
        assert_eq!(pulse.ended(), None);
    }
}
