//! The newest mosaic, spliced once for everybody who wants it, and not at all when nobody does.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tessera_mosaic::{Fit, Layout, Splicer, TileSpec};

use crate::room::{Place, Snapshot};
use crate::seat::Seats;

/// A mosaic and what is on it.
#[derive(Debug)]
pub(crate) struct Mosaic {
    /// Its number in the room.
    pub(crate) sequence: u64,
    pub(crate) jpeg: Bytes,
    pub(crate) layout: Layout,
    pub(crate) layout_version: u64,
    /// The taken places, by slot.
    pub(crate) places: Vec<Place>,
}

impl Mosaic {
    /// What its tiles are, with how frames come to fill them.
    pub(crate) fn tile(&self, fit: Fit) -> TileSpec {
        TileSpec { format: self.layout.format, fit }
    }
}

/// Gives the newest mosaic of a room.
#[derive(Debug)]
pub(crate) struct Fanout {
    seats: Arc<Seats>,
    /// Held while splicing, so that many who ask at once cause one splice.
    newest: Mutex<Newest>,
}

/// The newest mosaic, and what makes the next one of the same layout.
#[derive(Debug)]
struct Newest {
    splicer: Splicer,
    mosaic: Option<Arc<Mosaic>>,
}

impl Fanout {
    pub(crate) fn new(seats: Arc<Seats>) -> Self {
        let splicer = Splicer::new(seats.layout());
        Self { seats, newest: Mutex::new(Newest { splicer, mosaic: None }) }
    }

    /// The mosaic of this moment. It shows everything that was shown before the call.
    ///
    /// Splicing is a memcpy, so it is done here and now, on whatever thread asks.
    pub(crate) fn newest(&self) -> Arc<Mosaic> {
        // A mosaic is stored whole or not at all, so a panic leaves no half of one.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mosaic) = newest.mosaic.as_ref().filter(|mosaic| mosaic.sequence == self.seats.sequence())
        {
            return Arc::clone(mosaic);
        }
        let snapshot = self.seats.snapshot();
        if *newest.splicer.layout() != snapshot.layout {
            newest.splicer = Splicer::new(snapshot.layout);
        }
        let mosaic = Arc::new(splice(&newest.splicer, snapshot));
        newest.mosaic = Some(Arc::clone(&mosaic));
        mosaic
    }
}

fn splice(splicer: &Splicer, snapshot: Snapshot) -> Mosaic {
    let layout = *splicer.layout();
    let mut tiles = vec![None; layout.grid.slot_count()];
    for place in &snapshot.places {
        tiles[place.slot.index()] = place.shown.as_ref().map(|shown| Arc::clone(&shown.tile));
    }
    let jpeg = splicer.splice(&tiles).expect("every tile of a snapshot has its layout's format");
    Mosaic {
        sequence: snapshot.sequence,
        jpeg: jpeg.into(),
        layout,
        layout_version: snapshot.layout_version,
        places: snapshot.places,
    }
}
