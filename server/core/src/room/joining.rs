//! Who comes in, who goes, and who stays out.

use std::time::Instant;

use tessera_mosaic::{Grid, Slot};
use thiserror::Error;

use super::occupant::{Former, Occupant};
use super::seating::{Claim, Kept, Taken};
use super::{DEPARTED, KEPT, Room, Ticket};
use crate::guests::TooManyPlaces;
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
    /// Whether a token says that the id is the joiner's, and nobody else's.
    pub(crate) is_named: bool,
    /// Whether the joiner is a host of the room.
    pub(crate) is_host: bool,
}

#[cfg(test)]
impl Join {
    /// A guest who brings nothing but an id.
    pub(crate) fn of(id: &str) -> Self {
        let id = ClientId::new(id).unwrap();
        let name = DisplayName::from(&id);
        Self { name, id, session: None, preferred: None, is_named: false, is_host: false }
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
    #[error(transparent)]
    TooManyPlaces(#[from] TooManyPlaces),
}

/// Nobody in the room has this id, and no slot is kept for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSuchSeat;

/// Whose seat a host ended.
#[derive(Debug)]
pub(super) struct Barred {
    id: ClientId,
    /// Whether a token named them. If not, the id may be another's.
    was_named: bool,
}

/// Whether a joiner was here before, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// This hold is taken over: the session is its own, or a token says that its id is the joiner's.
    Seated(Ticket),
    /// The session is that of a slot that is kept.
    Kept,
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
    /// Gives a seat: the one that the session or the token proves, or a free one.
    ///
    /// `fresh` is the session of a new seat; a seat that is taken over keeps its own, so that whoever lost
    /// the answer can prove it again.
    pub(crate) fn join(&mut self, join: Join, fresh: Session, now: Instant) -> Result<Joined, JoinError> {
        let own = self.own_seat(&join, now);
        let same_id = self.occupants.iter().position(|o| o.id == join.id);
        if same_id.is_some() && same_id != own || self.takes_an_id_away(&join, own, now) {
            return Err(JoinError::IdTaken);
        }
        self.admit(&join, now)?;
        let joined = match own {
            Some(position) => self.take_over(position, join, fresh, now),
            None => self.sit_down(join, fresh, now)?,
        };
        self.changed(now);
        Ok(joined)
    }

    /// Where somebody sits whose seat the joiner takes over: by the session, or as the only one whom a token gives that id.
    fn own_seat(&self, join: &Join, now: Instant) -> Option<usize> {
        let is_usurped = |o: &Occupant| join.is_named && !o.is_named && o.id == join.id;
        let usurped = self.occupants.iter().position(is_usurped);
        usurped.or_else(|| join.session.and_then(|session| self.position_of_bearer(&session, now)))
    }

    /// Whether somebody who has a seat, or a slot that is kept, gives up its id for one that is kept for another, or leaves with
    /// a seat that is: then whoever that is could not come back.
    fn takes_an_id_away(&self, join: &Join, seat: Option<usize>, now: Instant) -> bool {
        let Some(session) = &join.session else { return false };
        let (id, former) = match (seat, self.seating.kept_for(session, now)) {
            (Some(position), _) => (&self.occupants[position].id, self.occupants[position].former),
            (None, Some(kept)) => (&kept.id, kept.former),
            (None, None) => return false,
        };
        let is_along = former.is_some_and(|former| former.is_for_another_than(session, now));
        let is_others = || self.seating.is_kept_for_another(&join.id, session, join.is_named, now);
        *id != join.id && (is_along || is_others())
    }

    /// Whether the joiner may come in, if there is a seat.
    pub(crate) fn admit(&self, join: &Join, now: Instant) -> Result<(), JoinError> {
        if join.is_host {
            return Ok(());
        }
        if self.is_barred(&join.id, join.is_named) {
            return Err(JoinError::Barred);
        }
        if self.is_locked && !join.session.is_some_and(|session| self.comes_back(&session, now)) {
            return Err(JoinError::Locked);
        }
        Ok(())
    }

    /// Whether a host ended the seat of whoever has this id. One whom a token names is not kept out for somebody whom none
    /// did.
    pub(crate) fn is_barred(&self, id: &ClientId, is_named: bool) -> bool {
        self.barred.iter().any(|barred| barred.id == *id && (barred.was_named || !is_named))
    }

    /// Whether the session is that of a seat or of a slot that is kept.
    fn comes_back(&self, session: &Session, now: Instant) -> bool {
        self.position_of_bearer(session, now).is_some() || self.seating.kept_for(session, now).is_some()
    }

    /// Whether the joiner was here before, as far as can be told.
    pub(crate) fn standing(&self, join: &Join, now: Instant) -> Standing {
        if let Some(position) = self.own_seat(join, now) {
            return Standing::Seated(self.occupants[position].ticket);
        }
        if join.session.is_some_and(|session| self.seating.kept_for(&session, now).is_some()) {
            return Standing::Kept;
        }
        self.wish(join.preferred, now).map_or(Standing::New, |_| Standing::Wished)
    }

    /// The slot that a joiner would like, if it can be had: one that is free and that the grid has, or would have for one
    /// seat more. In a new room any that is free: after a restart everybody finds the old place, and nobody knows yet how
    /// many will come. Later nobody makes all tiles small by wishing for the last slot.
    fn wish(&self, preferred: Option<usize>, now: Instant) -> Option<usize> {
        let slot = preferred.filter(|&slot| self.seating.is_free(slot, now))?;
        let is_recent = |opened| now.saturating_duration_since(opened) < KEPT;
        let is_new = self.is_nobodys(now) || self.opened.is_some_and(is_recent);
        let one_more = Slot::new(self.occupants.len(), Grid::LARGEST).map_or(Grid::LARGEST, Grid::with_slot);
        let grid = one_more.max(self.smallest).max(self.seating.grid().unwrap_or(one_more));
        (is_new || slot < grid.slot_count()).then_some(slot)
    }

    fn take_over(&mut self, position: usize, join: Join, fresh: Session, now: Instant) -> Joined {
        let ticket = self.next_ticket();
        let occupant = &mut self.occupants[position];
        let is_holder = join.session.is_some_and(|session| session.proves(&occupant.session));
        if !is_holder {
            // Whoever sat down by the id alone leaves nothing behind.
            let is_brought = |former: &Former| join.session.is_some_and(|it| former.is_proved_by(&it, now));
            occupant.session =
                occupant.former.take().filter(is_brought).map_or(fresh, |former| former.session);
            (occupant.frame, occupant.shown, occupant.coming) = (None, None, None);
            occupant.video_off = false;
        }
        let replaced = std::mem::replace(&mut occupant.ticket, ticket);
        let old_id = std::mem::replace(&mut occupant.id, join.id);
        // A client that starts anew counts its frames anew.
        (occupant.name, occupant.heard) = (join.name, now);
        // Whom a token named once stays it under that id: an end by a host is for that one.
        let was_named = occupant.is_named && is_holder && old_id == occupant.id;
        (occupant.is_named, occupant.is_host) = (join.is_named || was_named, join.is_host);
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
        if self.is_nobodys(now) {
            self.opened = Some(now);
        }
        let wishes = [self.wish(join.preferred, now), wish];
        let claim = Claim { id: &join.id, is_named: join.is_named, session: join.session, wishes };
        let Taken { slot, session, former } = self.seating.take(&claim, now).ok_or(full)?;
        let (ticket, session) = (self.next_ticket(), session.unwrap_or(fresh));
        self.departed.retain(|id| *id != join.id);
        self.occupants.push(Occupant {
            ticket,
            slot,
            id: join.id,
            name: join.name,
            session,
            former,
            is_named: join.is_named,
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
        let (id, session) = (occupant.id.clone(), occupant.session);
        let former = occupant.former.filter(|former| former.until > now);
        let kept = Kept { id, is_named: occupant.is_named, session, until: now + KEPT, former };
        let kept = (departure == Departure::Broken).then_some(kept);
        self.seating.give_back(occupant.slot, kept);
        self.note_departed(occupant.id);
        self.changed(now);
        true
    }

    /// Keeps whoever has this id out from now on, also one whose slot is kept; gives the hold that is to end by that, if
    /// there is one.
    pub(crate) fn bar(&mut self, id: &ClientId, now: Instant) -> Result<Option<Ticket>, NoSuchSeat> {
        let (ticket, was_named) = match self.occupants.iter_mut().find(|occupant| occupant.id == *id) {
            Some(occupant) => {
                // Nor does anybody come back to the seat by a session.
                occupant.former = None;
                (Some(occupant.ticket), occupant.is_named)
            }
            None => (None, self.seating.give_up(id, now).ok_or(NoSuchSeat)?.is_named),
        };
        if self.barred.len() == BARRED {
            self.barred.pop_front();
        }
        self.barred.push_back(Barred { id: id.clone(), was_named });
        // Spectators look whether they may stay.
        self.changed(now);
        Ok(ticket)
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

    /// Whether nobody has a seat, and nobody's slot is kept.
    fn is_nobodys(&self, now: Instant) -> bool {
        self.occupants.is_empty() && !self.seating.keeps_any(now)
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
