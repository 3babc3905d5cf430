//! Finds a room by its name. One room today; more would live here.

use std::sync::Arc;

use tessera_mosaic::{Grid, Layout, TileSpec};
use thiserror::Error;

use crate::fanout::Fanout;
use crate::names::RoomId;
use crate::room::Room;
use crate::seat::Seats;

/// A room with everything that a stream needs of it.
#[derive(Debug)]
pub(crate) struct OpenRoom {
    pub(crate) seats: Arc<Seats>,
    pub(crate) fanout: Fanout,
    /// What a tile is here, now.
    pub(crate) tile: TileSpec,
}

/// The rooms.
#[derive(Debug)]
pub(crate) struct Lobby {
    main: Arc<OpenRoom>,
}

/// No room has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no room {0:?} here: leave the room empty or say \"main\"")]
pub(crate) struct NoSuchRoom(String);

impl Lobby {
    pub(crate) fn new(grid: Grid, tile: TileSpec) -> Self {
        let seats = Seats::new(RoomId::main(), Room::new(grid));
        let fanout = Fanout::new(Arc::clone(&seats), Layout { grid, format: tile.format });
        Self { main: Arc::new(OpenRoom { seats, fanout, tile }) }
    }

    /// The room `id`.
    pub(crate) fn find(&self, id: &RoomId) -> Result<Arc<OpenRoom>, NoSuchRoom> {
        if *id == RoomId::main() { Ok(Arc::clone(&self.main)) } else { Err(NoSuchRoom(id.to_string())) }
    }
}
