//! The newest mosaic, spliced and wrapped once for everybody who wants it, and not at all when nobody does.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use tessera_mosaic::{Fit, Layout, Slot, Splicer, TileSpec};

use crate::room::{Place, Snapshot};
use crate::seat::Seats;

/// What surrounds the JPEG of a mosaic in the message that viewers get. Whoever knows the wire makes it; here it is
/// bytes.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

/// Makes the envelope of a mosaic, of which `stale` slots are stale, around a JPEG of `length` bytes.
pub(crate) type Wrap = fn(snapshot: &Snapshot, stale: &[Slot], length: usize) -> Envelope;

/// A mosaic and what is on it.
#[derive(Debug)]
pub(crate) struct Mosaic {
    /// Its number in the room.
    pub(crate) sequence: u64,
    pub(crate) layout: Layout,
    pub(crate) layout_version: u64,
    /// The taken places, by slot.
    pub(crate) places: Vec<Place>,
    /// The slots that were stale when it was spliced, in order.
    pub(crate) stale: Vec<Slot>,
    /// The JPEG in its envelope, in one piece: every viewer gets these very bytes.
    message: Bytes,
    /// Where in it the JPEG is.
    jpeg: Range<usize>,
    layout_field: OnceLock<Bytes>,
}

impl Mosaic {
    /// What its tiles are, with how frames come to fill them.
    pub(crate) fn tile(&self, fit: Fit) -> TileSpec {
        TileSpec { format: self.layout.format, fit }
    }

    /// The JPEG in its envelope.
    pub(crate) fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// The same without the envelope's head.
    pub(crate) fn headless(&self) -> Bytes {
        self.message.slice(self.jpeg.start..)
    }

    /// The JPEG alone. It shares the message's memory.
    pub(crate) fn jpeg(&self) -> Bytes {
        self.message.slice(self.jpeg.clone())
    }

    /// The layout as the wire says it: made by the first who needs it, the same for everybody.
    pub(crate) fn layout_field(&self, make: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.layout_field.get_or_init(|| make(self)).clone()
    }
}

/// Gives the newest mosaic of a room.
#[derive(Debug)]
pub(crate) struct Fanout {
    seats: Arc<Seats>,
    wrap: Wrap,
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
    pub(crate) fn new(seats: Arc<Seats>, wrap: Wrap) -> Self {
        let splicer = Splicer::new(seats.layout());
        Self { seats, wrap, newest: Mutex::new(Newest { splicer, mosaic: None }) }
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
        let (snapshot, stale) = self.seats.snapshot();
        if *newest.splicer.layout() != snapshot.layout {
            newest.splicer = Splicer::new(snapshot.layout);
        }
        let mosaic = Arc::new(self.splice(&newest.splicer, snapshot, stale));
        newest.mosaic = Some(Arc::clone(&mosaic));
        mosaic
    }

    fn splice(&self, splicer: &Splicer, snapshot: Snapshot, stale: Vec<Slot>) -> Mosaic {
        let spliced = splicer.splice(&snapshot.tiles);
        let mut message = spliced.expect("every tile of a snapshot has its layout's format");
        let Envelope { head, tail } = (self.wrap)(&snapshot, &stale, message.len());
        let jpeg = head.len()..head.len() + message.len();
        // One move of memory for each mosaic, whatever the number of its viewers.
        message.splice(..0, head);
        message.extend(tail);
        Mosaic {
            sequence: snapshot.sequence,
            layout: snapshot.layout,
            layout_version: snapshot.layout_version,
            places: snapshot.places,
            stale,
            message: message.into(),
            jpeg,
            layout_field: OnceLock::new(),
        }
    }
}
