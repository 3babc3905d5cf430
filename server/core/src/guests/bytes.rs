//! Bytes that an address has here: of messages that it sends, of mosaics on their way to it, and of its frames that are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::bytes::Bytes;

use super::{Guests, Has, Inner, Visit};
use crate::counters::Share;

/// Why no more bytes may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    /// By all.
    #[error("the server holds as many bytes of messages as it may (--max-held-bytes): try again in a moment")]
    InAll,
    /// By this address.
    #[error(
        "your address has as many bytes of messages here as it may (--max-held-bytes-per-ip): send fewer or smaller \
         ones at a time"
    )]
    ForAddress,
}

/// Why a frame cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    /// For anybody's.
    #[error("the server keeps as many bytes of frames as it may (--max-held-bytes): send smaller ones")]
    InAll,
    /// For this address's.
    #[error(
        "the server keeps as many bytes of your address's frames as it may (--max-held-bytes-per-ip): send smaller ones"
    )]
    ForAddress,
}

/// Bytes that are held for a guest, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    visit: Arc<Visit>,
    bytes: usize,
    share: Share,
}

impl Holding {
    pub(super) fn none(visit: Arc<Visit>, share: Share) -> Self {
        Self { visit, bytes: 0, share }
    }

    /// Holds `bytes` from now on, or as many as before if that is too much.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), TooMuch> {
        if bytes > self.bytes {
            self.grow(bytes - self.bytes)?;
        } else {
            self.shrink(self.bytes - bytes);
        }
        self.bytes = bytes;
        self.share.set(bytes);
        Ok(())
    }

    fn grow(&self, more: usize) -> Result<(), TooMuch> {
        let Inner { caps, bytes, .. } = &*self.visit.guests.0;
        let of_address = &self.visit.has.bytes;
        if !reserve(of_address, more, self.visit.most_bytes()) {
            return Err(TooMuch::ForAddress);
        }
        if !reserve(bytes, more, caps.bytes) {
            of_address.fetch_sub(more, Ordering::AcqRel);
            return Err(TooMuch::InAll);
        }
        Ok(())
    }

    fn shrink(&self, less: usize) {
        self.visit.has.bytes.fetch_sub(less, Ordering::AcqRel);
        self.visit.guests.0.bytes.fetch_sub(less, Ordering::AcqRel);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// Keeps frames of one address, which are counted for it as long as they are anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    guests: Guests,
    has: Arc<Has>,
    /// Bytes that the address may have.
    most: usize,
}

impl Keeper {
    pub(super) fn of(visit: &Visit) -> Self {
        Self { guests: visit.guests.clone(), has: Arc::clone(&visit.has), most: visit.most_bytes() }
    }

    /// A copy of a frame, without the message that it came in, all of which it would keep otherwise.
    ///
    /// It is to come in place of one of so many bytes, which goes then: who shows no more than before always may.
    pub(crate) fn keep(&self, frame: &[u8], in_place_of: usize) -> Result<Bytes, NoRoom> {
        let Inner { caps, kept, .. } = &*self.guests.0;
        if !reserve(&self.has.kept, frame.len(), self.most.saturating_add(in_place_of)) {
            return Err(NoRoom::ForAddress);
        }
        if !reserve(kept, frame.len(), caps.bytes.saturating_add(in_place_of)) {
            self.has.kept.fetch_sub(frame.len(), Ordering::AcqRel);
            return Err(NoRoom::InAll);
        }
        Ok(Bytes::from_owner(Kept { keeper: self.clone(), frame: frame.into() }))
    }
}

/// The bytes of a frame that is kept.
#[derive(Debug)]
struct Kept {
    keeper: Keeper,
    frame: Box<[u8]>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let bytes = self.frame.len();
        self.keeper.has.kept.fetch_sub(bytes, Ordering::AcqRel);
        self.keeper.guests.0.kept.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Bytes of a message that a guest is sent, given back when this is dropped.
///
/// Many guests are sent the same bytes, which are counted for each: an address that takes what it is sent has little of
/// that at a time, and one that does not would have the server keep a mosaic of its own for each of its streams.
#[derive(Debug)]
pub(crate) struct Sending {
    visit: Arc<Visit>,
    bytes: usize,
}

impl Sending {
    pub(super) fn none(visit: Arc<Visit>) -> Self {
        Self { visit, bytes: 0 }
    }

    /// Whether the address may be sent one more message.
    pub(crate) fn has_room(&self) -> bool {
        self.visit.has.sent.load(Ordering::Acquire) < self.visit.most_bytes()
    }

    /// The guest is sent `bytes` now, and nothing else.
    pub(crate) fn set(&mut self, bytes: usize) {
        let sent = &self.visit.has.sent;
        sent.fetch_add(bytes, Ordering::AcqRel);
        sent.fetch_sub(std::mem::replace(&mut self.bytes, bytes), Ordering::AcqRel);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Adds `more` if that makes no more than `most`.
pub(super) fn reserve(held: &AtomicUsize, more: usize, most: usize) -> bool {
    let sum = |held: usize| held.checked_add(more).filter(|sum| *sum <= most);
    held.fetch_update(Ordering::AcqRel, Ordering::Acquire, sum).is_ok()
}
