//! The newest mosaic, spliced and wrapped once for everybody who wants it, and not at all when nobody does.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::join_all;
use tessera_mosaic::{Fit, Layout, Slot, Splicer, TileSpec};
use tokio::sync::Mutex as AsyncMutex;

use crate::piece::Piece;
use crate::pool::Pool;
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
    /// Nobody comes into the room but hosts and those who come back.
    pub(crate) is_locked: bool,
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

/// Bytes of a mosaic that are no tile's: the header of a JPEG.
const HEADER: usize = 1024;
/// Bytes of a tile's restart markers, of which a mosaic has one more for each row.
const MARKERS: usize = 256;

/// The most bytes that a tile of `layout` may have, so that a mosaic of such tiles has no more than `limit`: whoever sends
/// more would have everybody's mosaics be too large.
pub(crate) fn share(layout: Layout, limit: u32) -> usize {
    ((limit as usize).saturating_sub(HEADER) / layout.grid.slot_count()).saturating_sub(MARKERS)
}

/// Gives the newest mosaic of a room.
#[derive(Debug)]
pub(crate) struct Fanout {
    seats: Arc<Seats>,
    /// Makes the tiles that a mosaic lacks.
    pool: Arc<Pool>,
    wrap: Wrap,
    /// Of a mosaic.
    max_bytes: u32,
    /// Held while tiles are made and spliced, so that many who ask at once cause one splice.
    newest: AsyncMutex<Newest>,
}

/// The newest mosaic, and what makes the next one of the same layout.
#[derive(Debug, Default)]
struct Newest {
    /// None before the first mosaic: it has a black tile, and whoever only opens rooms has none made.
    splicer: Option<Splicer>,
    mosaic: Option<Arc<Mosaic>>,
}

impl Fanout {
    /// That of `seats`, whose mosaics have `max_bytes` at most.
    pub(crate) fn new(seats: Arc<Seats>, pool: Arc<Pool>, wrap: Wrap, max_bytes: u32) -> Self {
        Self { seats, pool, wrap, max_bytes, newest: AsyncMutex::default() }
    }

    /// The mosaic of this moment. It shows everything that was shown before the call.
    ///
    /// Tiles that nobody wanted before are made by the pool. Splicing is a memcpy, so it is done here and now, on
    /// whatever thread asks.
    pub(crate) async fn newest(&self) -> Arc<Mosaic> {
        let mut newest = self.newest.lock().await;
        if let Some(mosaic) = newest.mosaic.as_ref().filter(|mosaic| mosaic.sequence == self.seats.sequence())
        {
            return Arc::clone(mosaic);
        }
        let (snapshot, stale) = self.seats.snapshot();
        let pending = snapshot.pieces.iter().flatten().filter(|piece| piece.is_pending());
        join_all(pending.map(|piece| self.pool.finish(Arc::clone(piece)))).await;
        let splicer = newest.splicer.take().filter(|splicer| *splicer.layout() == snapshot.layout);
        let splicer = splicer.unwrap_or_else(|| Splicer::new(snapshot.layout));
        let mosaic = Arc::new(self.splice(&splicer, snapshot, stale));
        *newest = Newest { splicer: Some(splicer), mosaic: Some(Arc::clone(&mosaic)) };
        mosaic
    }

    fn splice(&self, splicer: &Splicer, snapshot: Snapshot, stale: Vec<Slot>) -> Mosaic {
        let most = share(snapshot.layout, self.max_bytes);
        // Most are refused when they come. This is for those that are made late, or anew.
        let tile = |piece: &Arc<Piece>| piece.tile().filter(|tile| tile.compressed_len() <= most);
        let tiles: Vec<_> = snapshot.pieces.iter().map(|piece| piece.as_ref().and_then(tile)).collect();
        let (mut jpeg, mut rest) = (0..0, Vec::new());
        let spliced = splicer.splice_behind(&tiles, |length| {
            let Envelope { head, tail } = (self.wrap)(&snapshot, &stale, length);
            (jpeg, rest) = (head.len()..head.len() + length, tail);
            let mut message = Vec::with_capacity(jpeg.end + rest.len() + SPARE);
            message.extend(head);
            message
        });
        let mut message = spliced.expect("every piece of a snapshot has its layout's format");
        message.extend(rest);
        Mosaic {
            sequence: snapshot.sequence,
            layout: snapshot.layout,
            layout_version: snapshot.layout_version,
            places: snapshot.places,
            is_locked: snapshot.is_locked,
            stale,
            message: message.into(),
            jpeg,
            layout_field: OnceLock::new(),
        }
    }
}

/// More than the splice writes beyond its end.
const SPARE: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tessera_mosaic::{Canvas, Grid, Picture, Quality, TileFormat, TileSize, encode_jpeg};

    use super::*;
    use crate::limits::Limits;
    use crate::peer::Peer;
    use crate::room::{Join, Stamp};
    use crate::service::envelope;
    use crate::usage::Account;

    #[tokio::test]
    async fn a_tile_that_is_made_late_and_is_over_its_share_is_black() {
        const LIMIT: u32 = 8192;
        let format =
            TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
        let layout = Layout { grid: Grid::new(2).unwrap(), format };
        let seats = Seats::of(Canvas::new(layout));
        let pool = Arc::new(Pool::new(&Limits::default().frames));
        let fanout = |limit| Fanout::new(Arc::clone(&seats), Arc::clone(&pool), envelope, limit);
        let black = fanout(LIMIT).newest().await.jpeg();

        let peer = Peer::new(([127, 0, 0, 1], 1).into(), Instant::now());
        let seat = seats.take(Join::of("noise"), peer).unwrap();
        let noise = (0..300 * 200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let picture = Picture::from_gray(300, 200, noise).unwrap();
        let jpeg = encode_jpeg(&picture, Quality::new(90).unwrap()).into();
        let spec = TileSpec { format, fit: Fit::Contain };
        let piece = pool.receive(Clone::clone(&jpeg), spec, &Account::default()).await.unwrap();
        assert!(piece.is_pending());
        assert_eq!(seats.show(seat.ticket(), &jpeg, Stamp::default(), &[piece]).unwrap(), None);
        assert_eq!(fanout(LIMIT).newest().await.jpeg(), black);
        assert!(fanout(1 << 20).newest().await.jpeg().len() > LIMIT as usize);
    }
}
