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
#[error("{0} people watch this room, which is the most that may: try again when somebody has left")]
pub(crate) struct TooManySpectators(usize);

/// A spectator's place, as long as this lives.
#[derive(Debug)]
pub(crate) struct Spectator {
    _permit: OwnedSemaphorePermit,
    _counted: Share,
}

impl OpenRoom {
    /// Lets a spectator in.
    pub(crate) fn spectate(&self) -> Result<Spectator, TooManySpectators> {
        let permit = Arc::clone(&self.spectators).try_acquire_owned();
        let permit = permit.map_err(|_| TooManySpectators(self.max_spectators))?;
        Ok(Spectator { _permit: permit, _counted: self.counters.add(|held| &mut held.viewers, 1) })
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

/// A room and how many are in it.
#[derive(Debug)]
struct Tenancy {
    room: Arc<OpenRoom>,
    visitors: usize,
    /// Ends the room when it has been empty for a while; nobody is in it while there is one.
    closing: Option<Closing>,
}

#[derive(Debug)]
struct Closing {
    at: Instant,
    _task: AbortOnDropHandle<()>,
}

/// There are as many rooms as may be, and somebody is in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("all {0} rooms of this server are in use: try again later, or join one of them")]
pub(crate) struct TooManyRooms(usize);

impl Lobby {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, rooms: Mutex::default() })
    }

    /// Comes into the room `id`, which is made if there is none. Must be called on the runtime, which its tasks run on.
    pub(crate) fn enter(self: &Arc<Self>, id: &RoomId) -> Result<Stay, TooManyRooms> {
        let mut rooms = self.lock();
        if !rooms.contains_key(id) {
            make_place(&mut rooms, self.plan.limits.rooms.max_rooms as usize)?;
            info!(room = %id, "a room is opened");
        }
        let tenancy = rooms.entry(id.clone()).or_insert_with(|| Tenancy {
            room: Arc::new(self.plan.open(id)),
            visitors: 0,
            closing: None,
        });
        tenancy.visitors += 1;
        tenancy.closing = None;
        Ok(Stay { lobby: Arc::downgrade(self), id: id.clone(), room: Arc::clone(&tenancy.room) })
    }

    /// The room `id`, if there is one.
    pub(crate) fn find(&self, id: &RoomId) -> Option<Arc<OpenRoom>> {
        self.lock().get(id).map(|tenancy| Arc::clone(&tenancy.room))
    }

    /// Somebody has left the room `id`.
    fn left(self: &Arc<Self>, id: &RoomId) {
        let mut rooms = self.lock();
        let Some(tenancy) = rooms.get_mut(id) else { return };
        tenancy.visitors -= 1;
        if tenancy.visitors > 0 {
            return;
        }
        // As long as anybody's slot may be kept in it.
        let at = Instant::now() + KEPT;
        let (lobby, id) = (Arc::downgrade(self), id.clone());
        let task = tokio::spawn(async move {
            sleep_until(at).await;
            if let Some(lobby) = lobby.upgrade() {
                lobby.close(&id);
            }
        });
        tenancy.closing = Some(Closing { at, _task: AbortOnDropHandle::new(task) });
    }

    /// Ends the room `id`, if nobody is in it.
    fn close(&self, id: &RoomId) {
        let mut rooms = self.lock();
        if rooms.get(id).is_some_and(|tenancy| tenancy.visitors == 0) {
            rooms.remove(id);
            info!(room = %id, "a room that stood empty is closed");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Tenancy>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that there may be one more room: one that stands empty goes before its time. First those that nobody can
/// come back to, and of these the one that has stood empty longest.
fn make_place(rooms: &mut HashMap<RoomId, Tenancy>, most: usize) -> Result<(), TooManyRooms> {
    if rooms.len() < most {
        return Ok(());
    }
    let empty = rooms.iter().filter_map(|(id, tenancy)| {
        Some((id, (tenancy.room.seats.is_to_be_found_again(), tenancy.closing.as_ref()?.at)))
    });
    let least = empty.min_by_key(|(_, worth)| *worth).map(|(id, _)| id.clone()).ok_or(TooManyRooms(most))?;
    rooms.remove(&least);
    Ok(())
}

/// Somebody's stay in a room, which lasts as long as this lives.
#[derive(Debug)]
pub(crate) struct Stay {
    lobby: Weak<Lobby>,
    id: RoomId,
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
            lobby.left(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tessera_mosaic::{Quality, TileFormat, TileSize};

    use super::*;
    use crate::service::envelope;

    fn lobby(max_rooms: u32) -> Arc<Lobby> {
        let format =
            TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
        let mut limits = Limits::default();
        (limits.rooms.max_rooms, limits.rooms.max_viewers) = (max_rooms, 2);
        Lobby::new(Plan {
            grid: Grid::new(2).unwrap(),
            tile: TileSpec { format, fit: Fit::Contain },
            pool: Arc::new(Pool::new(&limits.frames)),
            wrap: envelope,
            limits,
            counters: Counters::default(),
        })
    }

    fn id(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    fn rooms(lobby: &Lobby) -> usize {
        lobby.plan.counters.held().rooms
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_is_made_for_the_first_and_goes_when_it_has_been_empty_for_as_long_as_slots_are_kept() {
        let lobby = lobby(10);
        assert!(lobby.find(&id("a")).is_none());
        let first = lobby.enter(&id("a")).unwrap();
        let second = lobby.enter(&id("a")).unwrap();
        assert!(Arc::ptr_eq(&first.room, &second.room));
        drop(first);
        tokio::time::sleep(KEPT * 2).await;
        assert!(lobby.find(&id("a")).is_some(), "somebody is in it");
        drop(second);
        tokio::time::sleep(KEPT - Duration::from_millis(1)).await;
        drop(lobby.enter(&id("a")).unwrap());
        tokio::time::sleep(KEPT - Duration::from_millis(1)).await;
        assert!(lobby.find(&id("a")).is_some(), "the time begins anew");
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(lobby.find(&id("a")).is_none());
        assert_eq!(rooms(&lobby), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_are_bounded_and_one_that_stands_empty_makes_place() {
        let lobby = lobby(2);
        let _a = lobby.enter(&id("a")).unwrap();
        drop(lobby.enter(&id("b")).unwrap());
        let _c = lobby.enter(&id("c")).unwrap();
        assert!(lobby.find(&id("b")).is_none());
        assert_eq!(lobby.enter(&id("d")).unwrap_err(), TooManyRooms(2));
        assert!(lobby.enter(&id("a")).is_ok(), "whoever joins a room that is there needs no new one");
        assert_eq!(rooms(&lobby), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_somebody_would_miss_makes_place_last() {
        let lobby = lobby(2);
        lobby.enter(&id("locked")).unwrap().seats.set_locked(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(lobby.enter(&id("flood 1")).unwrap());
        drop(lobby.enter(&id("flood 2")).unwrap());
        assert!(lobby.find(&id("locked")).is_some_and(|room| room.seats.is_locked()));
        assert!(lobby.find(&id("flood 1")).is_none());
        let _a = lobby.enter(&id("a")).unwrap();
        let _b = lobby.enter(&id("b")).unwrap();
        assert!(lobby.find(&id("locked")).is_none(), "better than to let nobody in");
    }

    #[tokio::test]
    async fn spectators_are_bounded_and_leave_their_place_to_others() {
        let room = lobby(1).enter(&id("a")).unwrap();
        let first = room.spectate().unwrap();
        let _second = room.spectate().unwrap();
        assert_eq!(room.spectate().unwrap_err(), TooManySpectators(2));
        drop(first);
        assert!(room.spectate().is_ok());
    }
}
