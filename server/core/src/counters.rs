//! What the server holds at this moment, for whoever watches over it.

use std::sync::Arc;

use tokio::sync::watch;

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Open connections.
    pub connections: usize,
    /// Calls whose response has not ended.
    pub streams: usize,
    /// Rooms, those included that are empty and kept for a while.
    pub rooms: usize,
    /// Seats that are taken.
    pub seats: usize,
    /// Spectators.
    pub viewers: usize,
    /// Bytes of messages that have not come as a whole, or wait for their turn.
    pub bytes: usize,
}

/// Counts what is held. Clones count together.
#[derive(Debug, Clone)]
pub struct Counters(Arc<watch::Sender<Held>>);

impl Default for Counters {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Held::default())))
    }
}

impl Counters {
    /// What is held now.
    pub fn held(&self) -> Held {
        *self.0.borrow()
    }

    /// Waits until what is held is as `expected` says, and gives it.
    pub async fn wait_for(&self, expected: impl FnMut(&Held) -> bool) -> Held {
        let seen = self.0.subscribe().wait_for(expected).await.map(|held| *held);
        // The sender is here, so it is not gone.
        seen.unwrap_or_else(|_| self.held())
    }

    /// Counts `amount` more of `what`, until the share is dropped.
    pub(crate) fn add(&self, what: fn(&mut Held) -> &mut usize, amount: usize) -> Share {
        let mut share = Share { counters: self.clone(), what, amount: 0 };
        share.grow(amount);
        share
    }
}

/// A part of what is held; ends with this value.
#[derive(Debug)]
pub(crate) struct Share {
    counters: Counters,
    what: fn(&mut Held) -> &mut usize,
    amount: usize,
}

impl Share {
    /// Counts more.
    pub(crate) fn grow(&mut self, amount: usize) {
        self.set(self.amount + amount);
    }

    /// Counts so much from now on.
    pub(crate) fn set(&mut self, amount: usize) {
        let before = std::mem::replace(&mut self.amount, amount);
        self.counters.0.send_modify(|held| {
            let held = (self.what)(held);
            *held = *held - before + amount;
        });
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.counters.0.send_modify(|held| *(self.what)(held) -= self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_counts_until_it_is_dropped() {
        let counters = Counters::default();
        let one = counters.add(|held| &mut held.seats, 1);
        let mut bytes = counters.add(|held| &mut held.bytes, 10);
        bytes.grow(10);
        bytes.set(15);
        assert_eq!(counters.held(), Held { seats: 1, bytes: 15, ..Held::default() });
        let waiting = tokio::spawn({
            let counters = counters.clone();
            async move { counters.wait_for(|held| *held == Held::default()).await }
        });
        drop((one, bytes));
        assert_eq!(waiting.await.unwrap(), Held::default());
    }
}
