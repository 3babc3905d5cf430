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
    Kept { id: ClientId, session: Session, until: Instant },
}

/// What a newcomer brings and would like, the strongest wish first.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) id: &'a ClientId,
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
        let own = self.kept_by(|_, session| claim.session.is_some_and(|brought| brought.proves(session)));
        let own = own.or_else(|| self.kept_by(|id, _| id == claim.id));
        let kept = own.and_then(|index| match &self.places[index] {
            Place::Kept { session, until, .. } => Some(Former { session: *session, until: *until }),
            Place::Free | Place::Taken => None,
        });
        let is_free = |index: &usize| matches!(self.places.get(*index), Some(Place::Free));
        let index = own
            .or_else(|| claim.wishes.into_iter().flatten().find(is_free))
            .or_else(|| (0..self.places.len()).find(is_free))
            .or_else(|| self.places.iter().position(|place| matches!(place, Place::Kept { .. })))?;
        self.places[index] = Place::Taken;
        // A kept session is given on only to whoever brought it: the id alone proves nothing.
        let is_proved = |kept: &Former| claim.session.is_some_and(|brought| brought.proves(&kept.session));
        let (session, former) = match kept {
            Some(kept) if is_proved(&kept) => (Some(kept.session), None),
            kept => (None, kept),
        };
        Slot::new(index, Grid::LARGEST).map(|slot| Taken { slot, session, former })
    }

    /// Whether a slot is kept for whoever has this session.
    pub(super) fn is_kept_for(&self, session: &Session, now: Instant) -> bool {
        self.places.iter().any(|place| match place {
            Place::Kept { session: kept, until, .. } => *until > now && session.proves(kept),
            Place::Free | Place::Taken => false,
        })
    }

    /// Whether a slot is kept for anybody.
    pub(super) fn keeps_any(&self, now: Instant) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Kept { until, .. } if *until > now))
    }

    /// Whether there is such a slot, taken by nobody and kept for nobody.
    pub(super) fn is_free(&self, slot: usize, now: Instant) -> bool {
        match self.places.get(slot) {
            Some(Place::Free) => true,
            Some(Place::Kept { until, .. }) => *until <= now,
            Some(Place::Taken) | None => false,
        }
    }

    /// Gives a slot back, to be kept for its holder until then, or not at all.
    pub(super) fn give_back(&mut self, slot: Slot, id: &ClientId, session: Session, until: Option<Instant>) {
        let kept = |until| Place::Kept { id: id.clone(), session, until };
        self.places[slot.index()] = until.map_or(Place::Free, kept);
    }

    /// The slot that is kept for somebody like this.
    fn kept_by(&self, is_it: impl Fn(&ClientId, &Session) -> bool) -> Option<usize> {
        self.places.iter().position(|place| match place {
            Place::Kept { id, session, .. } => is_it(id, session),
            Place::Free | Place::Taken => false,
        })
    }

    fn forget_old(&mut self, now: Instant) {
        for place in &mut self.places {
            if matches!(place, Place::Kept { until, .. } if *until <= now) {
                *place = Place::Free;
            }
        }
    }
}
