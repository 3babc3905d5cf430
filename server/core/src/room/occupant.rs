//! Somebody with a seat, and what the tile shows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tessera_mosaic::Slot;

use super::{Stamp, Ticket};
use crate::names::{ClientId, DisplayName, Session};
use crate::piece::Piece;

/// Somebody with a seat.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) ticket: Ticket,
    pub(super) slot: Slot,
    pub(super) id: ClientId,
    pub(super) name: DisplayName,
    pub(super) session: Session,
    /// Whose slot it was, if it was given to the id alone.
    pub(super) former: Option<Former>,
    /// Whether a token says that the id is theirs, and nobody else's.
    pub(super) is_named: bool,
    pub(super) is_host: bool,
    pub(super) video_off: bool,
    /// The last good frame.
    pub(super) frame: Option<Frame>,
    /// Its piece, of the format that is shown now.
    pub(super) shown: Option<Arc<Piece>>,
    /// Its piece for the grid that comes next.
    pub(super) coming: Option<Coming>,
    pub(super) heard: Instant,
    /// The highest number of a push that arrived; later ones below it are superseded.
    pub(super) newest_push: u64,
    pub(super) refusals_in_a_row: u32,
}

impl Occupant {
    /// Whether nothing was heard for so long.
    pub(super) fn is_silent(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) >= time
    }
}

/// The session of a slot that was kept, and whose id came without it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Former {
    pub(super) session: Session,
    /// Until then its bearer gets the seat.
    pub(super) until: Instant,
}

impl Former {
    /// Whether this session is it, in time.
    pub(super) fn is_proved_by(&self, session: &Session, now: Instant) -> bool {
        self.until > now && session.proves(&self.session)
    }

    /// Whether somebody else may still come with it.
    pub(super) fn is_for_another_than(&self, session: &Session, now: Instant) -> bool {
        self.until > now && !session.proves(&self.session)
    }
}

/// A frame as it was received. Another grid needs other tiles, which are made of these.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) jpeg: Bytes,
    /// Another for each frame in the room.
    pub(super) number: u64,
    pub(super) stamp: Stamp,
    /// It makes no tile of another format: the slot is black until the next one comes.
    pub(super) is_lost: bool,
}

/// A tile for the grid that comes next.
#[derive(Debug, Clone)]
pub(super) enum Coming {
    Made(Arc<Piece>),
    /// The grid does not wait for it: the slot will be black until it is made, if ever.
    Late,
}
