//! Frames on their way up: a few at once, the newest next, none twice.

use std::time::Duration;

/// How long a push may be without an answer before it is given up.
pub const PUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// What is being sent, and the one that is next. `P` is what is sent, `T` its task, which ends on Drop.
#[derive(Debug)]
pub struct Outbox<P, T> {
    next: Option<P>,
    /// A few at most.
    in_flight: Vec<Sent<T>>,
    last_number: u64,
    skipped: u64,
}

#[derive(Debug)]
struct Sent<T> {
    number: u64,
    at: Duration,
    _task: T,
}

impl<P, T> Default for Outbox<P, T> {
    fn default() -> Self {
        Self { next: None, in_flight: Vec::new(), last_number: 0, skipped: 0 }
    }
}

impl<P, T> Outbox<P, T> {
    /// Puts in what is to go next; what was to go and has not is skipped.
    pub fn put(&mut self, push: P) {
        self.skipped += u64::from(self.next.replace(push).is_some());
    }

    /// Counts a frame that was not even made, because the line was full, or that a newer one overtook.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Takes out the next one with its number, if fewer than `window` are on their way.
    pub fn take(&mut self, window: usize) -> Option<(u64, P)> {
        let push = self.next.take_if(|_| self.in_flight.len() < window)?;
        self.last_number += 1;
        Some((self.last_number, push))
    }

    /// Keeps the task of the push `number`, which went at `now`.
    pub fn sent(&mut self, number: u64, task: T, now: Duration) {
        self.in_flight.push(Sent { number, at: now, _task: task });
    }

    /// Notes that a push was answered, and gives its round trip.
    pub fn answered(&mut self, number: u64, now: Duration) -> Option<Duration> {
        let position = self.in_flight.iter().position(|sent| sent.number == number)?;
        Some(now.saturating_sub(self.in_flight.swap_remove(position).at))
    }

    /// Gives up what has had no answer for [`PUSH_TIMEOUT`].
    pub fn expire(&mut self, now: Duration) {
        self.in_flight.retain(|sent| now.saturating_sub(sent.at) < PUSH_TIMEOUT);
    }

    /// Whether `window` are on their way and one waits behind them.
    pub fn is_full(&self, window: usize) -> bool {
        self.next.is_some() && self.in_flight.len() >= window
    }

    /// Frames that were not sent because newer ones were there, or the line was full.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Drops everything; numbers go on.
    pub fn clear(&mut self) {
        self.next = None;
        self.in_flight.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn the_newest_goes_next_and_those_before_it_are_skipped() {
        let mut outbox = Outbox::<_, ()>::default();
        for push in ["a", "b", "c"] {
            outbox.put(push);
        }
        assert_eq!(outbox.take(1), Some((1, "c")));
        assert_eq!((outbox.take(1), outbox.skipped()), (None, 2));
    }

    #[test]
    fn no_more_than_the_window_are_on_their_way() {
        let mut outbox = Outbox::default();
        for number in 1..=2 {
            outbox.put("a");
            assert_eq!(outbox.take(2), Some((number, "a")));
            outbox.sent(number, (), NOW);
        }
        outbox.put("b");
        assert!(outbox.take(2).is_none() && outbox.is_full(2));
        assert_eq!(outbox.answered(1, NOW + Duration::from_millis(30)), Some(Duration::from_millis(30)));
        assert_eq!(outbox.answered(1, NOW), None);
        assert_eq!(outbox.take(2), Some((3, "b")));
    }

    #[test]
    fn a_push_without_an_answer_is_dropped_with_its_task() {
        let task = std::rc::Rc::new(());
        let mut outbox = Outbox::default();
        outbox.put("a");
        let (number, _) = outbox.take(1).unwrap();
        outbox.sent(number, std::rc::Rc::clone(&task), NOW);
        outbox.expire(NOW + PUSH_TIMEOUT - Duration::from_millis(1));
        assert_eq!(std::rc::Rc::strong_count(&task), 2);
        outbox.expire(NOW + PUSH_TIMEOUT);
        assert_eq!(std::rc::Rc::strong_count(&task), 1);
    }
}
