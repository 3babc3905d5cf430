//! One call: who sits where and what each tile shows. Pure: time is an argument, there is no IO.

mod growth;
mod joining;
mod occupant;
mod seating;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tessera_mosaic::{Canvas, Grid, Layout, Slot, TileFormat};
use thiserror::Error;

use crate::limits::Limits;
use crate::names::{ClientId, DisplayName, Session};
use crate::piece::Piece;
use growth::Growth;
use joining::Barred;
pub(crate) use joining::{Departure, Join, JoinError, NoSuchSeat, Standing};
use occupant::{Coming, Frame, Occupant};
use seating::Seating;

/// How long a slot is kept for somebody whose connection broke.
pub(crate) const KEPT: Duration = Duration::from_secs(30);
/// So many of those who left are remembered for the log.
const DEPARTED: usize = 16;

/// What a room allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Seats that may be taken at a time.
    pub(crate) seats: usize,
    /// How long somebody may say nothing before the tile is marked stale.
    pub(crate) stale_after: Duration,
    /// And before the hold is to be ended.
    pub(crate) silent_after: Duration,
    /// So many refused frames in a row end the stream that holds the seat.
    pub(crate) max_refusals: u32,
}

impl From<&Limits> for Rules {
    fn from(limits: &Limits) -> Self {
        Self {
            seats: limits.rooms.max_seats as usize,
            stale_after: limits.calls.stale_after,
            silent_after: limits.calls.silent_after,
            max_refusals: limits.frames.max_refusals,
        }
    }
}

/// One hold of a seat: from a join to its end. Never used twice, so that a stream which lost its seat to
/// another cannot touch it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    rules: Rules,
    seating: Seating,
    growth: Growth,
    /// Up to here, `clientK` gets slot K - 1.
    smallest: Grid,
    /// When the first seat was taken of a room in which nobody was.
    opened: Option<Instant>,
    occupants: Vec<Occupant>,
    departed: VecDeque<ClientId>,
    /// Whose seat a host ended: they stay out.
    barred: VecDeque<Barred>,
    is_locked: bool,
    /// Rises with every change that a mosaic shows; the same number is the same picture.
    sequence: u64,
    /// Rises with every change of who is where, under which name, with the camera on or off.
    layout_version: u64,
    /// Rises when a stale tile is stale no more.
    revivals: u64,
    /// Rises when somebody comes or goes, and when another grid comes next, may soon or is shown: whenever tiles may
    /// be missing, or [`Room::next_plan`] is another. A frame alone never raises it.
    plans: u64,
    last_ticket: u64,
    last_frame: u64,
}

/// Where a room stands: equal is the same to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// The mosaic's number.
    pub(crate) sequence: u64,
    revivals: u64,
}

/// A tile that is to be made, of a frame that is there.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    pub(crate) ticket: Ticket,
    pub(crate) jpeg: Bytes,
    pub(crate) format: TileFormat,
    /// Whether the grid that comes next waits for it.
    pub(crate) is_awaited: bool,
    number: u64,
}

/// Why there is no tile for another grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmade {
    /// It takes too long. It is missing until it is made.
    Late,
    /// It cannot be made.
    Impossible,
}

/// What the sender said of a frame, given back unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    pub(crate) captured_at_us: u64,
}

/// Why a push has no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum PushError {
    #[error("there is no seat for this client_id: open WatchMosaic or StreamFrames with it first")]
    NoSeat,
    #[error("the session is not this seat's: send the one that Seat.session gave")]
    WrongSession,
}

/// The hold has ended: another took the seat over, or it was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// Everything that a mosaic of this moment needs.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) layout: Layout,
    pub(crate) layout_version: u64,
    /// The taken places, by slot. A slot that comes with the next grid is not among them yet.
    pub(crate) places: Vec<Place>,
    /// By slot number; none is black. All have the layout's format.
    pub(crate) pieces: Vec<Option<Arc<Piece>>>,
    /// Nobody comes in but hosts and those who come back.
    pub(crate) is_locked: bool,
}

/// One participant's place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) id: ClientId,
    pub(crate) name: DisplayName,
    pub(crate) video_off: bool,
    /// Of the frame that is shown; `None` is black.
    pub(crate) shown: Option<Stamp>,
}

/// Who is here and who was, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attendance {
    pub(crate) connected: Vec<ClientId>,
    /// The latest ones, the last to leave at the end.
    pub(crate) left: Vec<ClientId>,
}

impl Room {
    /// An empty room. Its grid is never smaller than the canvas's own.
    pub(crate) fn new(canvas: Canvas, rules: Rules) -> Self {
        Self {
            rules,
            seating: Seating::new(),
            growth: Growth::new(canvas),
            smallest: canvas.smallest(),
            opened: None,
            occupants: Vec::new(),
            departed: VecDeque::new(),
            barred: VecDeque::new(),
            is_locked: false,
            sequence: 1,
            layout_version: 1,
            revivals: 0,
            plans: 0,
            last_ticket: 0,
            last_frame: 0,
        }
    }

    /// Notes that the holder of `ticket` said something.
    pub(crate) fn heard(&mut self, ticket: Ticket, now: Instant) -> Result<(), Gone> {
        let stale_after = self.rules.stale_after;
        let occupant = self.occupant(ticket)?;
        let was_stale = occupant.is_silent(stale_after, now);
        occupant.heard = now;
        self.revivals += u64::from(was_stale);
        Ok(())
    }

    /// Shows a new frame: `pieces` are what was made of `jpeg`. A camera that was off is on again.
    ///
    /// Gives the layout whose piece is missing: then nothing has changed, and the call is to be made again with
    /// it. While a switch is in work, one is needed for the grid that is shown and one for the grid that comes.
    pub(crate) fn show(
        &mut self,
        ticket: Ticket,
        jpeg: &Bytes,
        stamp: Stamp,
        pieces: &[Arc<Piece>],
        now: Instant,
    ) -> Result<Option<Layout>, Gone> {
        self.occupant(ticket)?;
        let of = |layout: Layout| pieces.iter().find(|piece| piece.format() == layout.format).cloned();
        let (shown, next) = (self.growth.shown(), self.growth.next());
        let Some(piece) = of(shown) else { return Ok(Some(shown)) };
        let coming = match next.map(|next| of(next).ok_or(next)) {
            Some(Err(missing)) => return Ok(Some(missing)),
            Some(Ok(piece)) => Some(Coming::Made(piece)),
            None => None,
        };
        self.heard(ticket, now)?;
        self.last_frame += 1;
        let frame = Frame { jpeg: jpeg.clone(), number: self.last_frame, stamp, is_lost: false };
        let occupant = self.occupant(ticket)?;
        (occupant.frame, occupant.shown, occupant.coming) = (Some(frame), Some(piece), coming);
        occupant.refusals_in_a_row = 0;
        let layout_changed = std::mem::take(&mut occupant.video_off);
        self.sequence += 1;
        self.layout_version += u64::from(layout_changed);
        self.switch_if_ready();
        Ok(None)
    }

    /// The last good frame of a seat, and what was made of it.
    pub(crate) fn last_frame(&self, ticket: Ticket) -> Option<(Bytes, Vec<Arc<Piece>>)> {
        let occupant = self.occupants.iter().find(|o| o.ticket == ticket)?;
        let frame = occupant.frame.as_ref()?;
        let coming = occupant.coming.iter().filter_map(|coming| match coming {
            Coming::Made(piece) => Some(piece),
            Coming::Late => None,
        });
        Some((frame.jpeg.clone(), occupant.shown.iter().chain(coming).cloned().collect()))
    }

    /// What is shown now.
    pub(crate) fn layout(&self) -> Layout {
        self.growth.shown()
    }

    /// Looks whether another grid is to come, as time passes.
    pub(crate) fn plan(&mut self, now: Instant) {
        let needed = self.seating.grid().unwrap_or(self.smallest);
        let due = self.growth.due();
        if self.growth.aim(needed, now) {
            self.plans += 1;
            for occupant in &mut self.occupants {
                occupant.coming = None;
            }
        }
        self.plans += u64::from(self.growth.due() != due);
        self.switch_if_ready();
    }

    /// Another number whenever there may be something to do for the grid.
    pub(crate) fn plans(&self) -> u64 {
        self.plans
    }

    /// When to [`Room::plan`] again, if nobody comes or goes until then.
    pub(crate) fn next_plan(&self) -> Option<Instant> {
        self.growth.due()
    }

    /// The tiles that the next grid lacks; if none is to come, those that the grid which is shown did not wait for.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let next = self.growth.next();
        let lacks = |occupant: &&Occupant| match next {
            Some(_) => occupant.coming.is_none(),
            None => occupant.shown.is_none(),
        };
        let format = next.unwrap_or(self.growth.shown()).format;
        let missing = |occupant: &Occupant| {
            let frame = occupant.frame.as_ref().filter(|frame| next.is_some() || !frame.is_lost)?;
            let (ticket, jpeg, number) = (occupant.ticket, frame.jpeg.clone(), frame.number);
            Some(Missing { ticket, jpeg, format, is_awaited: next.is_some(), number })
        };
        self.occupants.iter().filter(lacks).filter_map(missing).collect()
    }

    /// Takes a tile that was missing, or why there is none. What is not wanted any more is dropped.
    pub(crate) fn remade(&mut self, missing: &Missing, made: Result<Arc<Piece>, Unmade>) {
        let is_of = |layout: Layout| layout.format == missing.format;
        let (is_next, is_shown) = (self.growth.next().is_some_and(is_of), is_of(self.growth.shown()));
        // By the frame: the seat may have been taken over meanwhile, with its picture.
        let of_frame = |o: &&mut Occupant| o.frame.as_ref().is_some_and(|f| f.number == missing.number);
        let Some(occupant) = self.occupants.iter_mut().find(of_frame) else { return };
        if let (Err(Unmade::Impossible), Some(frame)) = (&made, &mut occupant.frame) {
            frame.is_lost = true;
        }
        if is_next {
            occupant.coming = Some(made.map_or(Coming::Late, Coming::Made));
            self.switch_if_ready();
        } else if let Ok(piece) = made
            && is_shown
            && occupant.shown.is_none()
        {
            occupant.shown = Some(piece);
            self.sequence += 1;
        }
    }

    /// Shows the next grid once nothing lacks: all tiles at once.
    fn switch_if_ready(&mut self) {
        let is_ready = |occupant: &Occupant| occupant.frame.is_none() || occupant.coming.is_some();
        if self.growth.next().is_none() || !self.occupants.iter().all(is_ready) {
            return;
        }
        self.growth.switch();
        for occupant in &mut self.occupants {
            occupant.shown = match occupant.coming.take() {
                Some(Coming::Made(piece)) => Some(piece),
                Some(Coming::Late) | None => None,
            };
        }
        self.layout_version += 1;
        self.sequence += 1;
        self.plans += 1;
    }

    /// Turns the camera off or on. Off makes the tile black and forgets the picture; on without a picture
    /// leaves it black until one comes.
    pub(crate) fn set_video_off(&mut self, ticket: Ticket, off: bool, now: Instant) -> Result<(), Gone> {
        self.heard(ticket, now)?;
        let occupant = self.occupant(ticket)?;
        if occupant.video_off != off {
            occupant.video_off = off;
            (occupant.frame, occupant.shown, occupant.coming) = (None, None, None);
            self.sequence += 1;
            self.layout_version += 1;
            self.switch_if_ready();
        }
        Ok(())
    }

    /// Counts a refused frame; the tile stays as it is. Gives whether it is one in a row too many.
    pub(crate) fn refuse(&mut self, ticket: Ticket, now: Instant) -> Result<bool, Gone> {
        self.heard(ticket, now)?;
        let most = self.rules.max_refusals;
        let occupant = self.occupant(ticket)?;
        occupant.refusals_in_a_row += 1;
        Ok(occupant.refusals_in_a_row >= most)
    }

    /// The seat that a push may use: the session proves it, the id alone never does.
    pub(crate) fn seat_of_push(
        &self,
        id: Option<&ClientId>,
        session: Option<&Session>,
    ) -> Result<Ticket, PushError> {
        let position = match id {
            Some(id) => self.occupants.iter().position(|o| o.id == *id),
            None => session.and_then(|session| self.position_by_session(session)),
        };
        let occupant = position.map(|position| &self.occupants[position]).ok_or(PushError::NoSeat)?;
        match session {
            Some(session) if session.proves(&occupant.session) => Ok(occupant.ticket),
            _ => Err(PushError::WrongSession),
        }
    }

    /// Notes the number of a push that arrived. `false` when a newer one arrived before; a push without a
    /// number (0) is always the newest.
    pub(crate) fn push_arrived(&mut self, ticket: Ticket, number: u64) -> Result<bool, Gone> {
        let occupant = self.occupant(ticket)?;
        let is_newest = number == 0 || number > occupant.newest_push;
        occupant.newest_push = occupant.newest_push.max(number);
        Ok(is_newest)
    }

    /// Whether no newer push than `number` has arrived.
    pub(crate) fn is_newest_push(&mut self, ticket: Ticket, number: u64) -> Result<bool, Gone> {
        Ok(number == 0 || number == self.occupant(ticket)?.newest_push)
    }

    /// Where the room stands.
    pub(crate) fn change(&self) -> Change {
        Change { sequence: self.sequence, revivals: self.revivals }
    }

    /// Everything that a mosaic of this moment needs.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let place = |o: &Occupant| Place {
            slot: o.slot,
            id: o.id.clone(),
            name: o.name.clone(),
            video_off: o.video_off,
            shown: o.shown.as_ref().and(o.frame.as_ref()).map(|frame| frame.stamp),
        };
        let layout = self.growth.shown();
        let is_shown = |o: &&Occupant| o.slot.index() < layout.grid.slot_count();
        let mut places: Vec<_> = self.occupants.iter().filter(is_shown).map(place).collect();
        places.sort_unstable_by_key(|place| place.slot);
        let mut pieces = vec![None; layout.grid.slot_count()];
        for occupant in self.occupants.iter().filter(is_shown) {
            pieces[occupant.slot.index()] = occupant.shown.clone();
        }
        Snapshot {
            sequence: self.sequence,
            layout,
            layout_version: self.layout_version,
            places,
            pieces,
            is_locked: self.is_locked,
        }
    }

    /// The slots whose holders have said nothing for a while, in order.
    pub(crate) fn stale(&self, now: Instant) -> Vec<Slot> {
        let is_stale = |o: &&Occupant| o.is_silent(self.rules.stale_after, now);
        let mut slots: Vec<_> = self.occupants.iter().filter(is_stale).map(|o| o.slot).collect();
        slots.sort_unstable();
        slots
    }

    /// When the next slot turns stale, if nobody says anything until then.
    pub(crate) fn next_stale(&self, now: Instant) -> Option<Instant> {
        self.occupants.iter().map(|o| o.heard + self.rules.stale_after).filter(|&at| at > now).min()
    }

    /// When the hold is to be ended, if its holder says nothing until then.
    pub(crate) fn silent_at(&self, ticket: Ticket) -> Result<Instant, Gone> {
        let occupant = self.occupants.iter().find(|o| o.ticket == ticket).ok_or(Gone)?;
        Ok(occupant.heard + self.rules.silent_after)
    }

    /// What the room allows.
    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    /// Who is here and who was.
    pub(crate) fn attendance(&self) -> Attendance {
        let mut present: Vec<_> = self.occupants.iter().map(|o| (o.slot, o.id.clone())).collect();
        present.sort_unstable_by_key(|(slot, _)| *slot);
        Attendance {
            connected: present.into_iter().map(|(_, id)| id).collect(),
            left: self.departed.iter().cloned().collect(),
        }
    }

    /// The id of the holder.
    pub(crate) fn id(&mut self, ticket: Ticket) -> Result<ClientId, Gone> {
        self.occupant(ticket).map(|o| o.id.clone())
    }

    fn occupant(&mut self, ticket: Ticket) -> Result<&mut Occupant, Gone> {
        self.occupants.iter_mut().find(|o| o.ticket == ticket).ok_or(Gone)
    }

    /// Where somebody sits whose seat this session proves, or would if nobody had come by the id alone.
    fn position_of_bearer(&self, session: &Session, now: Instant) -> Option<usize> {
        let is_former = |o: &Occupant| o.former.is_some_and(|former| former.is_proved_by(session, now));
        self.position_by_session(session).or_else(|| self.occupants.iter().position(is_former))
    }

    fn position_by_session(&self, session: &Session) -> Option<usize> {
        self.occupants.iter().position(|o| o.session.proves(session))
    }

    fn next_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }
}

#[cfg(test)]
mod tests;
