//! Finds a room by its name: makes it for the first who comes, and lets it go when it has been empty for a while.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tessera_mosaic::{Canvas, Fit, Grid, Layout, TileSpec};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info, info_span};

use crate::counters::{Counters, Share};
use crate::fanout::{Fanout, Wrap};
use crate::guests::{Counted, InTooManyRooms, Source, TooManyPlaces, Visit};
use crate::limits::Limits;
use crate::names::RoomId;
use crate::pool::Pool;
use crate::regrid::regrid;
use crate::room::{KEPT, Room, Rules};
use crate::seat::Seats;

/// A room with everything that a stream needs of it.
#[derive(Debug)]
pub(crate) struct OpenRoom {
    pub(crate) seats: Arc<Seats>,
    pub(crate) fanout: Fanout,
    /// How a frame of another shape fills its tile.
    pub(crate) fit: Fit,
    /// One for each spectator who may come.
    spectators: Arc<Semaphore>,
    max_spectators: usize,
    counters: Counters,
    /// Makes tiles anew for another grid; ends with the room.
    _regrid: AbortOnDropHandle<()>,
    _counted: Share,
}

/// There are as many spectators as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum TooManySpectators {
    /// In the room.
    #[error("{0} people watch this room, which is the most that may: try again when somebody has left")]
    InRoom(usize),
    /// Of the address.
    #[error(transparent)]
    OfAddress(#[from] TooManyPlaces),
}

/// A spectator's place, as long as this lives.
#[derive(Debug)]
pub(crate) struct Spectator {
    _permit: OwnedSemaphorePermit,
    _of_address: Counted,
    _of_all: Share,
}

impl OpenRoom {
    /// Lets a spectator in.
    pub(crate) fn spectate(&self, visit: &Visit) -> Result<Spectator, TooManySpectators> {
        let permit = Arc::clone(&self.spectators).try_acquire_owned();
        let permit = permit.map_err(|_| TooManySpectators::InRoom(self.max_spectators))?;
        let (of_address, of_all) = (visit.take_place()?, self.counters.add(|held| &mut held.viewers, 1));
        Ok(Spectator { _permit: permit, _of_address: of_address, _of_all: of_all })
    }
}

/// What all rooms are made with.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) grid: Grid,
    pub(crate) tile: TileSpec,
    pub(crate) pool: Arc<Pool>,
    /// Makes messages of mosaics.
    pub(crate) wrap: Wrap,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
}

impl Plan {
    fn open(&self, id: &RoomId) -> OpenRoom {
        let Self { grid, tile, pool, wrap, limits, counters } = self;
        let canvas = Canvas::new(Layout { grid: *grid, format: tile.format });
        let room = Room::new(canvas, Rules::from(limits));
        let seats = Seats::new(id.clone(), room, limits.calls.clone(), counters.clone());
        let regrid = regrid(Arc::clone(&seats), Arc::clone(pool), tile.fit);
        let regrid = tokio::spawn(regrid.instrument(info_span!("regrid", room = %id)));
        let max_spectators = limits.rooms.max_viewers as usize;
        OpenRoom {
            fanout: Fanout::new(Arc::clone(&seats), Arc::clone(pool), *wrap, limits.calls.max_mosaic_bytes),
            seats,
            fit: tile.fit,
            spectators: Arc::new(Semaphore::new(max_spectators)),
            max_spectators,
            counters: counters.clone(),
            _regrid: AbortOnDropHandle::new(regrid),
            _counted: counters.add(|held| &mut held.rooms, 1),
        }
    }
}

/// The rooms.
#[derive(Debug)]
pub(crate) struct Lobby {
    plan: Plan,
    rooms: Mutex<HashMap<RoomId, Tenancy>>,
}

/// A room and who is in it.
#[derive(Debug)]
struct Tenancy {
    room: Arc<OpenRoom>,
    visitors: HashMap<Source, Visitors>,
    /// Ends the room when it has been empty for a while; nobody is in it while there is one.
    closing: Option<Closing>,
}

/// Those from one address, for which the room counts once.
#[derive(Debug)]
struct Visitors {
    count: usize,
    counted: Counted,
}

#[derive(Debug)]
struct Closing {
    at: Instant,
    /// Who left last: the room still counts for them.
    last: (Source, Counted),
    _task: AbortOnDropHandle<()>,
}

impl Tenancy {
    /// Whether the room counts for this address.
    fn counts_for(&self, source: Source) -> bool {
        self.visitors.contains_key(&source) || self.was_left_by(source)
    }

    /// Whether the room stands empty, and somebody from there left last.
    fn was_left_by(&self, source: Source) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.last.0 == source)
    }

    /// Lets somebody from there in, for whom the room is counted.
    fn admit(&mut self, source: Source, counted: Counted) {
        self.visitors.entry(source).or_insert(Visitors { count: 0, counted }).count += 1;
        self.closing = None;
    }

    /// Lets somebody from there go. Gives what counts the room for them if nobody is in it any more.
    fn dismiss(&mut self, source: Source) -> Option<Counted> {
        let visitors = self.visitors.get_mut(&source)?;
        visitors.count -= 1;
        if visitors.count > 0 {
            return None;
        }
        let counted = self.visitors.remove(&source)?.counted;
        self.visitors.is_empty().then_some(counted)
    }
}

/// There are as many rooms as may be, and somebody is in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum TooManyRooms {
    /// On the server.
    #[error("all {0} rooms of this server are in use: try again later, or join one of them")]
    InAll(usize),
    /// Of the address.
    #[error(transparent)]
    OfAddress(#[from] InTooManyRooms),
    /// Of the address, in a short time.
    #[error("too many new rooms from this address: try again in a minute, or join one that is there")]
    TooFast,
}

impl Lobby {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, rooms: Mutex::default() })
    }

    /// Comes into the room `id`, which is made if there is none. Must be called on the runtime, which its tasks run on.
    pub(crate) fn enter(self: &Arc<Self>, id: &RoomId, visit: &Visit) -> Result<Stay, TooManyRooms> {
        let (mut rooms, source) = (self.lock(), visit.source());
        let counted = match rooms.get(id) {
            Some(tenancy) if tenancy.counts_for(source) => visit.stay_in_room(),
            _ => count(&mut rooms, visit)?,
        };
        if !rooms.contains_key(id) {
            if rooms.len() >= self.plan.limits.rooms.max_rooms as usize {
                close_an_empty_one(&mut rooms, |_| true).ok_or(TooManyRooms::InAll(rooms.len()))?;
            }
            visit.open_room().map_err(|_| TooManyRooms::TooFast)?;
            let room = Arc::new(self.plan.open(id));
            rooms.insert(id.clone(), Tenancy { room, visitors: HashMap::new(), closing: None });
            info!(room = %id, "a room is opened");
        }
        let tenancy = rooms.get_mut(id).expect("it is made if it was not there");
        tenancy.admit(source, counted);
        let room = Arc::clone(&tenancy.room);
        Ok(Stay { lobby: Arc::downgrade(self), id: id.clone(), source, room })
    }

    /// The room `id`, if there is one.
    pub(crate) fn find(&self, id: &RoomId) -> Option<Arc<OpenRoom>> {
        self.lock().get(id).map(|tenancy| Arc::clone(&tenancy.room))
    }

    /// Somebody from there has left the room `id`.
    fn left(self: &Arc<Self>, id: &RoomId, source: Source) {
        let mut rooms = self.lock();
        let Some(tenancy) = rooms.get_mut(id) else { return };
        let Some(last) = tenancy.dismiss(source) else { return };
        // As long as anybody's slot may be kept in it.
        let at = Instant::now() + KEPT;
        let (lobby, id) = (Arc::downgrade(self), id.clone());
        let task = tokio::spawn(async move {
            sleep_until(at).await;
            if let Some(lobby) = lobby.upgrade() {
                lobby.close(&id);
            }
        });
        let last = (source, last);
        tenancy.closing = Some(Closing { at, last, _task: AbortOnDropHandle::new(task) });
    }

    /// Ends the room `id`, if nobody is in it.
    fn close(&self, id: &RoomId) {
        let mut rooms = self.lock();
        if rooms.get(id).is_some_and(|tenancy| tenancy.visitors.is_empty()) {
            rooms.remove(id);
            info!(room = %id, "a room that stood empty is closed");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Tenancy>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more room for the address of a visit. If that has as many as it may, one that it left goes before its time,
/// unless somebody would miss it.
fn count(rooms: &mut HashMap<RoomId, Tenancy>, visit: &Visit) -> Result<Counted, InTooManyRooms> {
    visit.enter_room().or_else(|error| {
        let is_its_own = |tenancy: &Tenancy| {
            tenancy.was_left_by(visit.source()) && !tenancy.room.seats.is_to_be_found_again()
        };
        close_an_empty_one(rooms, is_its_own).ok_or(error)?;
        visit.enter_room()
    })
}

/// Ends one of these rooms before its time, if one of them stands empty: first those that nobody can come back to, and of
/// these the one that has stood empty longest.
fn close_an_empty_one(rooms: &mut HashMap<RoomId, Tenancy>, is_one: impl Fn(&Tenancy) -> bool) -> Option<()> {
    let empty = rooms.iter().filter(|(_, tenancy)| is_one(tenancy)).filter_map(|(id, tenancy)| {
        Some((id, (tenancy.room.seats.is_to_be_found_again(), tenancy.closing.as_ref()?.at)))
    });
    let least = empty.min_by_key(|(_, worth)| *worth).map(|(id, _)| id.clone())?;
    rooms.remove(&least);
    Some(())
}

/// Somebody's stay in a room, which lasts as long as this lives.
#[derive(Debug)]
pub(crate) struct Stay {
    lobby: Weak<Lobby>,
    id: RoomId,
    source: Source,
    room: Arc<OpenRoom>,
}

impl Stay {
    /// Which room it is.
    pub(crate) fn id(&self) -> &RoomId {
        &self.id
    }
}

impl Deref for Stay {
    type Target = OpenRoom;

    fn deref(&self) -> &OpenRoom {
        &self.room
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        // A seat may be dropped as the runtime ends, when nothing can be spawned any more: then all rooms end.
        if let (Some(lobby), Ok(_)) = (self.lobby.upgrade(), tokio::runtime::Handle::try_current()) {
            lobby.left(&self.id, self.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tessera_mosaic::{Quality, TileFormat, TileSize};

    use super::*;
    use crate::guests::Guests;
    use crate::service::envelope;

    /// A lobby, and those who come to it: each address may open two rooms and have three places.
    struct Scene {
        lobby: Arc<Lobby>,
        guests: Guests,
    }

    impl Scene {
        fn new(max_rooms: u32) -> Self {
            let format =
                TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
            let mut limits = Limits::default();
            (limits.rooms.max_rooms, limits.rooms.max_viewers) = (max_rooms, 2);
            (limits.rooms.max_rooms_per_ip, limits.rooms.max_places_per_ip) = (2, 3);
            let guests = Guests::new(&limits, Counters::default());
            let lobby = Lobby::new(Plan {
                grid: Grid::new(2).unwrap(),
                tile: TileSpec { format, fit: Fit::Contain },
                pool: Arc::new(Pool::new(&limits.frames)),
                wrap: envelope,
                limits,
                counters: Counters::default(),
            });
            Self { lobby, guests }
        }

        /// Somebody from the `n`th address of an untrusted network (RFC 5737).
        fn visitor(&self, n: u8) -> Visit {
            self.guests.connect([203, 0, 113, n].into(), false).unwrap()
        }

        /// Somebody from there enters the room of that name.
        fn enter(&self, n: u8, name: &str) -> Result<Stay, TooManyRooms> {
            self.lobby.enter(&id(name), &self.visitor(n))
        }

        fn find(&self, name: &str) -> Option<Arc<OpenRoom>> {
            self.lobby.find(&id(name))
        }

        fn rooms(&self) -> usize {
            self.lobby.plan.counters.held().rooms
        }
    }

    fn id(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_is_made_for_the_first_and_goes_when_it_has_been_empty_for_as_long_as_slots_are_kept() {
        let scene = Scene::new(10);
        assert!(scene.find("a").is_none());
        let first = scene.enter(1, "a").unwrap();
        let second = scene.enter(2, "a").unwrap();
        assert!(Arc::ptr_eq(&first.room, &second.room));
        drop(first);
        tokio::time::sleep(KEPT * 2).await;
        assert!(scene.find("a").is_some(), "somebody is in it");
        drop(second);
        tokio::time::sleep(KEPT - Duration::from_millis(1)).await;
        drop(scene.enter(1, "a").unwrap());
        tokio::time::sleep(KEPT - Duration::from_millis(1)).await;
        assert!(scene.find("a").is_some(), "the time begins anew");
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(scene.find("a").is_none());
        assert_eq!(scene.rooms(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_are_bounded_and_one_that_stands_empty_makes_place() {
        let scene = Scene::new(2);
        let _a = scene.enter(1, "a").unwrap();
        drop(scene.enter(2, "b").unwrap());
        let _c = scene.enter(3, "c").unwrap();
        assert!(scene.find("b").is_none());
        assert_eq!(scene.enter(4, "d").unwrap_err(), TooManyRooms::InAll(2));
        assert!(scene.enter(4, "a").is_ok(), "whoever joins a room that is there needs no new one");
        assert_eq!(scene.rooms(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_somebody_would_miss_makes_place_last() {
        let scene = Scene::new(2);
        scene.enter(1, "locked").unwrap().seats.set_locked(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(scene.enter(2, "flood 1").unwrap());
        drop(scene.enter(2, "flood 2").unwrap());
        assert!(scene.find("locked").is_some_and(|room| room.seats.is_locked()));
        assert!(scene.find("flood 1").is_none());
        let _a = scene.enter(3, "a").unwrap();
        let _b = scene.enter(4, "b").unwrap();
        assert!(scene.find("locked").is_none(), "better than to let nobody in");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_in_so_many_rooms_however_many_of_it_are_in_each() {
        let scene = Scene::new(10);
        let [a, _again, b] = ["a", "a", "b"].map(|name| scene.enter(1, name).unwrap());
        let _other = scene.enter(2, "of another").unwrap();
        for third in ["c", "of another"] {
            let too_many = scene.enter(1, third).unwrap_err();
            assert!(too_many.to_string().contains("is in 2 rooms"), "{too_many}");
        }
        let _pinned = scene.enter(2, "b").unwrap();
        drop(b);
        let _c = scene.enter(1, "c").expect("somebody else is in b, for whom it counts now");
        drop(a);
        assert!(scene.enter(1, "d").is_err(), "one is in a still");
        assert!(scene.enter(2, "d").is_err() && scene.enter(3, "d").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_an_address_left_makes_place_for_its_next_unless_it_would_be_missed() {
        let scene = Scene::new(10);
        drop(scene.enter(2, "of another").unwrap());
        for name in ["a", "b", "c"] {
            drop(scene.enter(1, name).unwrap());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(scene.find("a").is_none() && scene.find("b").is_some() && scene.find("c").is_some());
        for name in ["b", "c"] {
            scene.enter(1, name).expect("it counts already").seats.set_locked(true);
        }
        assert!(scene.enter(1, "d").is_err());
        assert!(scene.find("of another").is_some());
        tokio::time::sleep(KEPT * 2).await;
        assert!(scene.enter(1, "d").is_ok());
    }

    #[tokio::test]
    async fn spectators_are_bounded_and_leave_their_place_to_others() {
        let scene = Scene::new(2);
        let (room, other) = (scene.enter(1, "a").unwrap(), scene.enter(1, "b").unwrap());
        let [one, two] = [1, 2].map(|n| scene.visitor(n));
        let first = room.spectate(&one).unwrap();
        let _second = room.spectate(&one).unwrap();
        assert_eq!(room.spectate(&two).unwrap_err(), TooManySpectators::InRoom(2));
        let _third = other.spectate(&one).unwrap();
        let too_many = other.spectate(&one).unwrap_err();
        assert!(too_many.to_string().contains("has 3 seats and spectators"), "{too_many}");
        assert!(other.spectate(&two).is_ok());
        drop(first);
        assert!(other.spectate(&one).is_ok() && room.spectate(&two).is_ok());
    }
}
