//! Which slot a newcomer gets.

use std::time::Instant;

use tessera_mosaic::{Grid, Slot};

use super::occupant::Former;
use crate::names::{ClientId, Session};

/// The slots of a room: taken, free, or kept for somebody whose connection broke.
#[derive(Debug)]
pub(super) struct Seating {
    /// One for each slot of the largest grid.
    places: Vec<Place>,
}

#[derive(Debug, Clone)]
enum Place {
    Free,
    Taken,
    Kept(Kept),
}

/// For whom a slot is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) id: ClientId,
    /// Whether a token said that the id is theirs.
    pub(super) is_named: bool,
    pub(super) session: Session,
    pub(super) until: Instant,
    /// Whose it was before them, who came by the id alone.
    pub(super) former: Option<Former>,
}

impl Kept {
    /// Whether this session proves somebody for whom it is kept.
    fn is_for(&self, session: &Session, now: Instant) -> bool {
        self.until > now
            && (session.proves(&self.session)
                || self.former.is_some_and(|former| former.is_proved_by(session, now)))
    }

    /// The session that a newcomer goes on with who gets the slot, if he proves it, and the one that may still come for it.
    fn given_to(self, claim: &Claim<'_>, now: Instant) -> (Option<Session>, Option<Former>) {
        let former = self.former.filter(|former| former.until > now);
        match (claim.session, former) {
            (Some(brought), Some(former)) if former.is_proved_by(&brought, now) => {
                (Some(former.session), None)
            }
            (Some(brought), former) if brought.proves(&self.session) => (Some(self.session), former),
            // It was for somebody whom no token names, and who comes for nothing.
            _ if claim.is_named && !self.is_named => (None, None),
            // Of the id alone: whoever can prove more comes first.
            (_, former) => {
                let last = Former { session: self.session, until: self.until };
                (None, Some(former.unwrap_or(last)))
            }
        }
    }
}

/// What a newcomer brings and would like, the strongest wish first.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) id: &'a ClientId,
    /// Whether a token says that the id is the newcomer's.
    pub(super) is_named: bool,
    pub(super) session: Option<Session>,
    pub(super) wishes: [Option<usize>; 2],
}

/// A slot that was given.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) slot: Slot,
    /// The session that it was kept for, if the newcomer brought it.
    pub(super) session: Option<Session>,
    /// The session that it was kept for, if the newcomer has the id and nothing to prove it by.
    pub(super) former: Option<Former>,
}

impl Seating {
    pub(super) fn new() -> Self {
        Self { places: vec![Place::Free; Grid::LARGEST.slot_count()] }
    }

    /// The smallest grid that has every slot which is taken, if one is. A kept slot is only a number: it needs no
    /// room in the picture until its holder is back.
    pub(super) fn grid(&self) -> Option<Grid> {
        let highest = self.places.iter().rposition(|place| matches!(place, Place::Taken))?;
        Slot::new(highest, Grid::LARGEST).map(Grid::with_slot)
    }

    /// Takes the slot that is kept for the newcomer (whose session proves more than the id), else a wish that is
    /// free, else the lowest free one, which may need a larger grid, else the lowest that is kept for another:
    /// nobody is refused while a slot is not taken.
    pub(super) fn take(&mut self, claim: &Claim<'_>, now: Instant) -> Option<Taken> {
        self.forget_old(now);
        let own = self.kept_by(|kept| claim.session.is_some_and(|brought| kept.is_for(&brought, now)));
        let own = own.or_else(|| self.kept_by(|kept| kept.id == *claim.id));
        let is_free = |index: &usize| matches!(self.places.get(*index), Some(Place::Free));
        let index = own
            .or_else(|| claim.wishes.into_iter().flatten().find(is_free))
            .or_else(|| (0..self.places.len()).find(is_free))
            .or_else(|| self.places.iter().position(|place| matches!(place, Place::Kept(_))))?;
        let (session, former) = match std::mem::replace(&mut self.places[index], Place::Taken) {
            Place::Kept(kept) if own.is_some() => kept.given_to(claim, now),
            Place::Kept(_) | Place::Free | Place::Taken => (None, None),
        };
        Slot::new(index, Grid::LARGEST).map(|slot| Taken { slot, session, former })
    }

    /// The slot that is kept for whoever has this session.
    pub(super) fn kept_for(&self, session: &Session, now: Instant) -> Option<&Kept> {
        self.all_kept().find(|kept| kept.is_for(session, now))
    }

    /// Whether a slot is kept for somebody with this id, who is another than whoever has this session, and has as much right
    /// to it.
    pub(super) fn is_kept_for_another(
        &self,
        id: &ClientId,
        session: &Session,
        is_named: bool,
        now: Instant,
    ) -> bool {
        let is_anothers =
            |kept: &Kept| kept.id == *id && !kept.is_for(session, now) && (kept.is_named || !is_named);
        self.all_kept().any(|kept| kept.until > now && is_anothers(kept))
    }

    /// Whether a slot is kept for anybody.
    pub(super) fn keeps_any(&self, now: Instant) -> bool {
        self.all_kept().any(|kept| kept.until > now)
    }

    /// Whether there is such a slot, taken by nobody and kept for nobody.
    pub(super) fn is_free(&self, slot: usize, now: Instant) -> bool {
        match self.places.get(slot) {
            Some(Place::Free) => true,
            Some(Place::Kept(kept)) => kept.until <= now,
            Some(Place::Taken) | None => false,
        }
    }

    /// Keeps no slot any more for whoever has this id; gives for whom it was kept.
    pub(super) fn give_up(&mut self, id: &ClientId, now: Instant) -> Option<Kept> {
        let index = self.kept_by(|kept| kept.id == *id && kept.until > now)?;
        match std::mem::replace(&mut self.places[index], Place::Free) {
            Place::Kept(kept) => Some(kept),
            Place::Free | Place::Taken => None,
        }
    }

    /// Gives a slot back, to be kept for somebody or not at all.
    pub(super) fn give_back(&mut self, slot: Slot, kept: Option<Kept>) {
        self.places[slot.index()] = kept.map_or(Place::Free, Place::Kept);
    }

    /// The slot that is kept for somebody like this.
    fn kept_by(&self, is_it: impl Fn(&Kept) -> bool) -> Option<usize> {
        self.places.iter().position(|place| matches!(place, Place::Kept(kept) if is_it(kept)))
    }

    fn all_kept(&self) -> impl Iterator<Item = &Kept> {
        self.places.iter().filter_map(|place| match place {
            Place::Kept(kept) => Some(kept),
            Place::Free | Place::Taken => None,
        })
    }

    fn forget_old(&mut self, now: Instant) {
        for place in &mut self.places {
            if matches!(place, Place::Kept(kept) if kept.until <= now) {
                *place = Place::Free;
            }
        }
    }
}
