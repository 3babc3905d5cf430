//! One call: who sits where and what each tile shows. Pure: time is an argument, there is no IO.

mod seating;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tessera_mosaic::{Grid, Slot, Tile};
use thiserror::Error;

use crate::names::{ClientId, DisplayName, Session};
use seating::{Seating, Taken};

/// How long a slot is kept for somebody whose connection broke.
pub(crate) const KEPT: Duration = Duration::from_secs(30);
/// How long somebody may say nothing before the tile is marked stale.
pub(crate) const STALE: Duration = Duration::from_secs(3);
/// So many refused frames in a row end the stream that holds the seat.
pub(crate) const MAX_REFUSALS: u32 = 20;
/// So many of those who left are remembered for the log.
const DEPARTED: usize = 16;

/// One hold of a seat: from a join to its end. Never used twice, so that a stream which lost its seat to
/// another cannot touch it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    seating: Seating,
    occupants: Vec<Occupant>,
    departed: VecDeque<ClientId>,
    /// Rises with every change that a mosaic shows; the same number is the same picture.
    sequence: u64,
    /// Rises with every change of who is where, under which name, with the camera on or off.
    layout_version: u64,
    /// Rises when a stale tile is stale no more.
    revivals: u64,
    last_ticket: u64,
}

/// Where a room stands: equal is the same to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// The mosaic's number.
    pub(crate) sequence: u64,
    revivals: u64,
}

/// Somebody with a seat.
#[derive(Debug)]
struct Occupant {
    ticket: Ticket,
    slot: Slot,
    id: ClientId,
    name: DisplayName,
    session: Session,
    video_off: bool,
    shown: Option<Shown>,
    heard: Instant,
    /// The highest number of a push that arrived; later ones below it are superseded.
    newest_push: u64,
    refusals_in_a_row: u32,
}

/// What a tile shows.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) tile: Arc<Tile>,
    pub(crate) stamp: Stamp,
}

/// What the sender said of a frame, given back unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sequence: u64,
    pub(crate) captured_at_us: u64,
}

/// Somebody who wants a seat.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) id: ClientId,
    pub(crate) name: DisplayName,
    /// What the joiner brings along, if anything.
    pub(crate) session: Option<Session>,
    /// The slot that the joiner would like.
    pub(crate) preferred: Option<usize>,
}

/// A seat that was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined {
    pub(crate) ticket: Ticket,
    pub(crate) slot: Slot,
    pub(crate) session: Session,
    /// The hold that ended by this one taking the seat over.
    pub(crate) replaced: Option<Ticket>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum JoinError {
    #[error("somebody with this client_id is in the room: choose another, or bring the session of that seat")]
    IdTaken,
    #[error(
        "the room is full: it has {0} seats; try again when somebody has left, or watch without a client_id"
    )]
    Full(usize),
}

/// Why a push has no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum PushError {
    #[error("there is no seat for this client_id: open WatchMosaic or StreamFrames with it first")]
    NoSeat,
    #[error("the session is not this seat's: send the one that Seat.session gave")]
    WrongSession,
}

/// How a hold ended, which decides whether its slot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The client said goodbye: a half-close or a CANCEL.
    Goodbye,
    /// Anything else: the slot number is kept for a while.
    Broken,
}

/// The hold has ended: another took the seat over, or it was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// Everything that a mosaic of this moment needs.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) layout_version: u64,
    /// The taken places, by slot.
    pub(crate) places: Vec<Place>,
}

/// One participant's place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) id: ClientId,
    pub(crate) name: DisplayName,
    pub(crate) video_off: bool,
    pub(crate) shown: Option<Shown>,
}

/// Who is here and who was, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attendance {
    pub(crate) connected: Vec<ClientId>,
    /// The latest ones, the last to leave at the end.
    pub(crate) left: Vec<ClientId>,
}

impl Room {
    pub(crate) fn new(grid: Grid) -> Self {
        Self {
            seating: Seating::new(grid),
            occupants: Vec::new(),
            departed: VecDeque::new(),
            sequence: 1,
            layout_version: 1,
            revivals: 0,
            last_ticket: 0,
        }
    }

    /// Gives a seat: the one that the session proves, or a free one.
    ///
    /// `fresh` is the session of a new seat; a seat that is taken over keeps its own, so that whoever lost
    /// the answer can prove it again.
    pub(crate) fn join(&mut self, join: Join, fresh: Session, now: Instant) -> Result<Joined, JoinError> {
        let proved = join.session.and_then(|session| self.position_by_session(&session));
        let same_id = self.occupants.iter().position(|o| o.id == join.id);
        if same_id.is_some() && same_id != proved {
            return Err(JoinError::IdTaken);
        }
        let joined = match proved {
            Some(position) => self.take_over(position, join, now),
            None => self.sit_down(join, fresh, now)?,
        };
        self.layout_version += 1;
        self.sequence += 1;
        Ok(joined)
    }

    fn take_over(&mut self, position: usize, join: Join, now: Instant) -> Joined {
        let ticket = self.next_ticket();
        let occupant = &mut self.occupants[position];
        let replaced = std::mem::replace(&mut occupant.ticket, ticket);
        let old_id = std::mem::replace(&mut occupant.id, join.id);
        // A client that starts anew counts its frames anew.
        (occupant.name, occupant.heard) = (join.name, now);
        (occupant.newest_push, occupant.refusals_in_a_row) = (0, 0);
        let is_renamed = old_id != occupant.id;
        let joined =
            Joined { ticket, slot: occupant.slot, session: occupant.session, replaced: Some(replaced) };
        if is_renamed {
            let new_id = occupant.id.clone();
            self.departed.retain(|id| *id != new_id);
            self.note_departed(old_id);
        }
        joined
    }

    fn sit_down(&mut self, join: Join, fresh: Session, now: Instant) -> Result<Joined, JoinError> {
        let wish = join.id.wished_slot().filter(|&slot| slot < self.seating.grid().slot_count());
        let claim = seating::Claim { id: &join.id, session: join.session, wishes: [join.preferred, wish] };
        let Taken { slot, session } =
            self.seating.take(&claim, now).ok_or(JoinError::Full(self.seating.grid().slot_count()))?;
        let (ticket, session) = (self.next_ticket(), session.unwrap_or(fresh));
        self.departed.retain(|id| *id != join.id);
        self.occupants.push(Occupant {
            ticket,
            slot,
            id: join.id,
            name: join.name,
            session,
            video_off: false,
            shown: None,
            heard: now,
            newest_push: 0,
            refusals_in_a_row: 0,
        });
        Ok(Joined { ticket, slot, session, replaced: None })
    }

    /// Ends a hold; `false` if it had ended before.
    pub(crate) fn leave(&mut self, ticket: Ticket, departure: Departure, now: Instant) -> bool {
        let Some(position) = self.occupants.iter().position(|o| o.ticket == ticket) else { return false };
        let occupant = self.occupants.swap_remove(position);
        let until = (departure == Departure::Broken).then(|| now + KEPT);
        self.seating.give_back(occupant.slot, &occupant.id, occupant.session, until);
        self.note_departed(occupant.id);
        self.layout_version += 1;
        self.sequence += 1;
        true
    }

    fn note_departed(&mut self, id: ClientId) {
        self.departed.push_back(id);
        if self.departed.len() > DEPARTED {
            self.departed.pop_front();
        }
    }

    /// Notes that the holder of `ticket` said something.
    pub(crate) fn heard(&mut self, ticket: Ticket, now: Instant) -> Result<(), Gone> {
        let occupant = self.occupant(ticket)?;
        let was_stale = occupant.is_stale(now);
        occupant.heard = now;
        self.revivals += u64::from(was_stale);
        Ok(())
    }

    /// Shows a new tile. A camera that was off is on again.
    pub(crate) fn show(&mut self, ticket: Ticket, shown: Shown, now: Instant) -> Result<(), Gone> {
        self.heard(ticket, now)?;
        let occupant = self.occupant(ticket)?;
        occupant.shown = Some(shown);
        occupant.refusals_in_a_row = 0;
        let layout_changed = std::mem::take(&mut occupant.video_off);
        self.sequence += 1;
        self.layout_version += u64::from(layout_changed);
        Ok(())
    }

    /// Turns the camera off or on. Off makes the tile black and forgets the picture; on without a picture
    /// leaves it black until one comes.
    pub(crate) fn set_video_off(&mut self, ticket: Ticket, off: bool, now: Instant) -> Result<(), Gone> {
        self.heard(ticket, now)?;
        let occupant = self.occupant(ticket)?;
        if occupant.video_off != off {
            occupant.video_off = off;
            occupant.shown = None;
            self.sequence += 1;
            self.layout_version += 1;
        }
        Ok(())
    }

    /// Counts a refused frame. Gives the number of refusals in a row; the tile stays as it is.
    pub(crate) fn refuse(&mut self, ticket: Ticket, now: Instant) -> Result<u32, Gone> {
        self.heard(ticket, now)?;
        let occupant = self.occupant(ticket)?;
        occupant.refusals_in_a_row += 1;
        Ok(occupant.refusals_in_a_row)
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
            shown: o.shown.clone(),
        };
        let mut places: Vec<_> = self.occupants.iter().map(place).collect();
        places.sort_unstable_by_key(|place| place.slot);
        Snapshot { sequence: self.sequence, layout_version: self.layout_version, places }
    }

    /// The slots whose holders have said nothing for [`STALE`], in order.
    pub(crate) fn stale(&self, now: Instant) -> Vec<Slot> {
        let mut slots: Vec<_> = self.occupants.iter().filter(|o| o.is_stale(now)).map(|o| o.slot).collect();
        slots.sort_unstable();
        slots
    }

    /// When the next slot turns stale, if nobody says anything until then.
    pub(crate) fn next_stale(&self, now: Instant) -> Option<Instant> {
        self.occupants.iter().map(|o| o.heard + STALE).filter(|&at| at > now).min()
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

    fn position_by_session(&self, session: &Session) -> Option<usize> {
        self.occupants.iter().position(|o| o.session.proves(session))
    }

    fn next_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }
}

impl Occupant {
    fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) >= STALE
    }
}

#[cfg(test)]
mod tests;
