//! Who comes in, who goes, and who stays out.

use std::time::Instant;

use tessera_mosaic::Slot;
use thiserror::Error;

use super::occupant::Occupant;
use super::seating::{Claim, Taken};
use super::{DEPARTED, KEPT, Room, Ticket};
use crate::names::{ClientId, DisplayName, Session};

/// So many of those whose seat a host ended are remembered.
const BARRED: usize = 1000;

/// Somebody who wants a seat.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) id: ClientId,
    pub(crate) name: DisplayName,
    /// What the joiner brings along, if anything.
    pub(crate) session: Option<Session>,
    /// The slot that the joiner would like.
    pub(crate) preferred: Option<usize>,
    /// Whether the joiner is a host of the room.
    pub(crate) is_host: bool,
}

#[cfg(test)]
impl Join {
    /// A guest who brings nothing but an id.
    pub(crate) fn of(id: &str) -> Self {
        let id = ClientId::new(id).unwrap();
        Self { name: DisplayName::from(&id), id, session: None, preferred: None, is_host: false }
    }
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
        "the room is full: all of its {0} seats are taken; try again when somebody has left, or watch without a \
         client_id"
    )]
    Full(usize),
    #[error("the room is locked: ask its host to unlock it")]
    Locked,
    #[error("a host of the room ended the seat of this client_id")]
    Barred,
    #[error("too many joins from this address: try again in a minute")]
    TooMany,
}

/// Whether a joiner was here before, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The session says so.
    Proved,
    /// A slot is wished for and free, as after a restart of the server.
    Wished,
    /// Nothing does.
    New,
}

/// How a hold ended, which decides whether its slot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The client said goodbye, by a half-close or a CANCEL; or a host did it.
    Goodbye,
    /// Anything else: the slot number is kept for a while.
    Broken,
}

impl Room {
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
        self.admit(&join, now)?;
        let joined = match proved {
            Some(position) => self.take_over(position, join, now),
            None => self.sit_down(join, fresh, now)?,
        };
        self.changed(now);
        Ok(joined)
    }

    /// Whether the joiner may come in, if there is a seat.
    fn admit(&self, join: &Join, now: Instant) -> Result<(), JoinError> {
        if join.is_host {
            return Ok(());
        }
        if self.barred.contains(&join.id) {
            return Err(JoinError::Barred);
        }
        if self.is_locked && !self.is_proved(join, now) {
            return Err(JoinError::Locked);
        }
        Ok(())
    }

    /// Whether the joiner's session is that of a seat or of a slot that is kept.
    fn is_proved(&self, join: &Join, now: Instant) -> bool {
        join.session.is_some_and(|session| {
            self.position_by_session(&session).is_some() || self.seating.is_kept_for(&session, now)
        })
    }

    /// Whether the joiner was here before, as far as can be told.
    pub(crate) fn standing(&self, join: &Join, now: Instant) -> Standing {
        if self.is_proved(join, now) {
            Standing::Proved
        } else if join.preferred.is_some_and(|slot| self.seating.is_free(slot, now)) {
            Standing::Wished
        } else {
            Standing::New
        }
    }

    fn take_over(&mut self, position: usize, join: Join, now: Instant) -> Joined {
        let ticket = self.next_ticket();
        let occupant = &mut self.occupants[position];
        let replaced = std::mem::replace(&mut occupant.ticket, ticket);
        let old_id = std::mem::replace(&mut occupant.id, join.id);
        // A client that starts anew counts its frames anew.
        (occupant.name, occupant.heard, occupant.is_host) = (join.name, now, join.is_host);
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
        let full = JoinError::Full(self.rules.seats);
        if self.occupants.len() >= self.rules.seats {
            return Err(full);
        }
        let wish = join.id.wished_slot().filter(|&slot| slot < self.smallest.slot_count());
        let claim = Claim { id: &join.id, session: join.session, wishes: [join.preferred, wish] };
        let Taken { slot, session } = self.seating.take(&claim, now).ok_or(full)?;
        let (ticket, session) = (self.next_ticket(), session.unwrap_or(fresh));
        self.departed.retain(|id| *id != join.id);
        self.occupants.push(Occupant {
            ticket,
            slot,
            id: join.id,
            name: join.name,
            session,
            is_host: join.is_host,
            video_off: false,
            frame: None,
            shown: None,
            coming: None,
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
        self.changed(now);
        true
    }

    /// Keeps whoever has this id out from now on; gives the hold that is to end by that, if there is one.
    pub(crate) fn bar(&mut self, id: &ClientId) -> Option<Ticket> {
        let ticket = self.occupants.iter().find(|occupant| occupant.id == *id)?.ticket;
        if self.barred.len() == BARRED {
            self.barred.pop_front();
        }
        self.barred.push_back(id.clone());
        Some(ticket)
    }

    /// Lets nobody in any more but hosts and those who come back, or everybody again.
    pub(crate) fn set_locked(&mut self, locked: bool, now: Instant) {
        if std::mem::replace(&mut self.is_locked, locked) != locked {
            self.changed(now);
        }
    }

    /// Whether nobody comes in but hosts and those who come back.
    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Whether something would be missed if the room were made anew.
    pub(crate) fn is_to_be_found_again(&self, now: Instant) -> bool {
        self.is_locked || !self.barred.is_empty() || self.seating.keeps_any(now)
    }

    /// There is something new to see, to know, and perhaps to do.
    fn changed(&mut self, now: Instant) {
        self.layout_version += 1;
        self.sequence += 1;
        self.plans += 1;
        self.plan(now);
    }

    fn note_departed(&mut self, id: ClientId) {
        self.departed.push_back(id);
        if self.departed.len() > DEPARTED {
            self.departed.pop_front();
        }
    }
}
