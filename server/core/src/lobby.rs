//! Finds a room by its name. One room today; more would live here.

use std::sync::Arc;

use tessera_mosaic::{Canvas, Fit, Grid, Layout, TileSpec};
use thiserror::Error;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info_span};

use crate::fanout::{Fanout, Wrap};
use crate::names::RoomId;
use crate::pool::Pool;
use crate::regrid::regrid;
use crate::room::Room;
use crate::seat::Seats;

/// A room with everything that a stream needs of it.
#[derive(Debug)]
pub(crate) struct OpenRoom {
    pub(crate) seats: Arc<Seats>,
    pub(crate) fanout: Fanout,
    /// How a frame of another shape fills its tile.
    pub(crate) fit: Fit,
    /// Makes tiles anew for another grid; ends with the room.
    _regrid: AbortOnDropHandle<()>,
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
    /// A lobby whose rooms begin with that grid and that tile, and whose mosaics are wrapped so. Must be called on the
    /// runtime, which their tasks run on.
    pub(crate) fn new(grid: Grid, tile: TileSpec, pool: &Arc<Pool>, wrap: Wrap) -> Self {
        let canvas = Canvas::new(Layout { grid, format: tile.format });
        let id = RoomId::main();
        let span = info_span!("regrid", room = %id);
        let seats = Seats::new(id, Room::new(canvas));
        let regrid = regrid(Arc::clone(&seats), Arc::clone(pool), tile.fit).instrument(span);
        let regrid = AbortOnDropHandle::new(tokio::spawn(regrid));
        let fanout = Fanout::new(Arc::clone(&seats), Arc::clone(pool), wrap);
        Self { main: Arc::new(OpenRoom { seats, fanout, fit: tile.fit, _regrid: regrid }) }
    }

    /// The room `id`.
    pub(crate) fn find(&self, id: &RoomId) -> Result<Arc<OpenRoom>, NoSuchRoom> {
        if *id == RoomId::main() { Ok(Arc::clone(&self.main)) } else { Err(NoSuchRoom(id.to_string())) }
    }
}
