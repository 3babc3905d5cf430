//! Responses: what a viewer has not been told yet, as the wire says it.

use bytes::Bytes;
use prost::Message as _;
use tessera_mosaic::{Fit, FrameError, Slot, TileSpec};
use tessera_wire::refusal::Reason;
use tessera_wire::{FrameResponse, Layout, Place, Refusal, Seat as WireSeat, TileInfo};

use super::message::{self, Message};
use crate::fanout::{Envelope, Mosaic};
use crate::pool::PoolError;
use crate::room::{self, Snapshot};
use crate::seat::Seat;

/// Remembers what one stream has been told.
#[derive(Debug, Default)]
pub(super) struct Told {
    seat: Option<TileSpec>,
    layout_version: Option<u64>,
}

impl Told {
    /// The response that shows `mosaic`, with the stream's own fields and the layout if this stream does not know it.
    ///
    /// Whoever knows everything gets the bytes that everybody gets. Others share the JPEG between a head and a tail of
    /// their own: the fields of a message may come in any order.
    pub(super) fn mosaic(
        &mut self,
        mosaic: &Mosaic,
        stale: &[Slot],
        seat: Option<WireSeat>,
        refusal: Option<Refusal>,
    ) -> Message {
        let is_known = self.layout_version.replace(mosaic.layout_version) == Some(mosaic.layout_version);
        let is_fresh = *stale == *mosaic.stale;
        if is_known && is_fresh && seat.is_none() && refusal.is_none() {
            return Message::whole(mosaic.message());
        }
        let (shared, facts) = match is_fresh {
            true => (mosaic.headless(), FrameResponse::default()),
            false => (mosaic.jpeg(), facts(mosaic.sequence, &mosaic.places, stale)),
        };
        let mut own = FrameResponse { seat, refusal, ..facts }.encode_to_vec();
        if !is_known {
            own.extend_from_slice(&mosaic.layout_field(layout_field));
        }
        Message::around(mosaic.jpeg().len(), shared, own)
    }

    /// The stream's own seat, if it does not know it as it is.
    pub(super) fn seat(&mut self, seat: &Seat, tile: TileSpec) -> Option<WireSeat> {
        let is_known = self.seat.replace(tile) == Some(tile);
        (!is_known).then(|| WireSeat {
            session: seat.session().reveal(),
            slot: number(seat.slot()),
            tile_width: tile.format.size.width(),
            tile_height: tile.format.size.height(),
            quality: tile.format.quality.get().into(),
            fit: fit(tile.fit).into(),
            host: seat.is_host(),
        })
    }
}

/// A response without a picture: the one before stands.
pub(super) fn unchanged(mosaic: &Mosaic, stale: &[Slot]) -> Message {
    Message::from(&facts(mosaic.sequence, &mosaic.places, stale))
}

/// What surrounds a mosaic's JPEG in the response that needs nothing else.
pub(crate) fn envelope(snapshot: &Snapshot, stale: &[Slot], jpeg: usize) -> Envelope {
    let tail = facts(snapshot.sequence, &snapshot.places, stale).encode_to_vec();
    Envelope { head: message::head(jpeg, tail.len()), tail }
}

/// What comes with every mosaic: its number, and what its tiles show.
fn facts(sequence: u64, places: &[room::Place], stale: &[Slot]) -> FrameResponse {
    let tiles = places.iter().map(|place| tile_info(place, stale)).collect();
    FrameResponse { sequence, tiles, ..FrameResponse::default() }
}

/// The layout as the field of a response.
fn layout_field(mosaic: &Mosaic) -> Bytes {
    FrameResponse { layout: Some(layout(mosaic)), ..FrameResponse::default() }.encode_to_vec().into()
}

/// Why a frame was refused.
pub(super) fn refusal(error: &PoolError) -> Refusal {
    let reason = match error {
        PoolError::Frame(FrameError::NotJpeg { .. }) => Reason::NotJpeg,
        PoolError::Frame(FrameError::Malformed(_)) => Reason::Malformed,
        PoolError::Frame(FrameError::Unsupported(_)) => Reason::Unsupported,
        PoolError::Frame(FrameError::OverLimit { .. })
        | PoolError::TooLargeTile(_)
        | PoolError::NoRoom(_) => Reason::OverLimit,
        PoolError::Panicked => Reason::Internal,
    };
    Refusal { reason: reason.into(), message: error.to_string() }
}

fn tile_info(place: &room::Place, stale: &[Slot]) -> TileInfo {
    let stamp = place.shown.unwrap_or_default();
    TileInfo {
        slot: number(place.slot),
        sequence: stamp.sequence,
        captured_at_us: stamp.captured_at_us,
        stale: stale.contains(&place.slot),
    }
}

fn layout(mosaic: &Mosaic) -> Layout {
    let place = |place: &room::Place| {
        let rect = mosaic.layout.rect(place.slot);
        Place {
            slot: number(place.slot),
            x: rect.x,
            y: rect.y,
            width: rect.width,
            height: rect.height,
            client_id: place.id.to_string(),
            display_name: place.name.to_string(),
            video_off: place.video_off,
        }
    };
    Layout {
        version: mosaic.layout_version,
        width: mosaic.layout.width(),
        height: mosaic.layout.height(),
        grid: mosaic.layout.grid.side(),
        places: mosaic.places.iter().map(place).collect(),
        locked: mosaic.is_locked,
    }
}

fn fit(fit: Fit) -> tessera_wire::Fit {
    match fit {
        Fit::Contain => tessera_wire::Fit::Contain,
        Fit::Cover => tessera_wire::Fit::Cover,
        Fit::Stretch => tessera_wire::Fit::Stretch,
    }
}

/// A slot's number on the wire. There are 49 at most.
fn number(slot: Slot) -> u32 {
    slot.index() as u32
}

#[cfg(test)]
mod tests;
