use std::sync::Arc;
use std::time::Instant;

use tessera_mosaic::{Canvas, Grid, Ingest, Picture, Quality, TileFormat, TileSize, encode_jpeg};

use super::*;
use crate::fanout::Fanout;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::pool::Pool;
use crate::room::{Join, Stamp};
use crate::seat::Seats;

/// A room with one participant, who shows something.
struct Call {
    fanout: Fanout,
    seats: Arc<Seats>,
    seat: Seat,
    spec: TileSpec,
}

impl Call {
    fn new() -> Self {
        let format =
            TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
        let grid = tessera_mosaic::Layout { grid: Grid::new(2).unwrap(), format };
        let seats = Seats::of(Canvas::new(grid));
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), Instant::now());
        let seat = seats.take(Join::of("client3"), peer).unwrap();
        let fanout = Fanout::new(
            Arc::clone(&seats),
            Arc::new(Pool::new(&Limits::default().frames)),
            envelope,
            4 << 20,
        );
        let call = Self { fanout, seats, seat, spec: TileSpec { format, fit: Fit::Stretch } };
        call.show(1);
        call
    }

    fn show(&self, sequence: u64) {
        let jpeg = encode_jpeg(&Picture::black(160, 128).unwrap(), Quality::new(95).unwrap()).into();
        let tile = Ingest::default().jpeg(&jpeg, self.spec).unwrap().tile;
        let stamp = Stamp { sequence, captured_at_us: 77 };
        let missing = self.seats.show(self.seat.ticket(), &jpeg, stamp, &[Arc::new(tile.into())]).unwrap();
        assert_eq!(missing, None);
    }
}

fn stream() -> Told {
    Told::default()
}

/// A message's fields.
fn fields(message: &Message) -> FrameResponse {
    let bytes = message.pieces().concat();
    assert_eq!(bytes[..5], [&[0][..], &(bytes.len() as u32 - 5).to_be_bytes()].concat());
    FrameResponse::decode(&bytes[5..]).unwrap()
}

/// Where a message's largest piece begins, and its length.
fn memory(message: &Message) -> (*const u8, usize) {
    let piece = message.pieces().iter().max_by_key(|piece| piece.len()).unwrap();
    (piece.as_ptr(), piece.len())
}

#[tokio::test]
async fn streams_that_know_everything_get_the_same_memory() {
    let call = Call::new();
    let mut streams = [stream(), stream()];
    for told in &mut streams {
        told.mosaic(&*call.fanout.newest().await, &[], None, None);
    }
    call.show(2);
    let mosaic = call.fanout.newest().await;
    let messages = streams.each_mut().map(|told| told.mosaic(&mosaic, &[], None, None));
    assert_eq!(memory(&messages[0]), memory(&messages[1]));
    for message in messages {
        assert_eq!(message.pieces().iter().filter(|piece| !piece.is_empty()).count(), 1);
        let response = fields(&message);
        let tile = TileInfo { slot: 2, sequence: 2, captured_at_us: 77, stale: false };
        let expected = FrameResponse {
            frame_data: mosaic.jpeg(),
            sequence: mosaic.sequence,
            tiles: vec![tile],
            ..FrameResponse::default()
        };
        assert_eq!(response, expected);
    }
}

#[tokio::test]
async fn what_is_a_streams_own_surrounds_the_jpeg_that_all_share() {
    let call = Call::new();
    let mosaic = call.fanout.newest().await;
    let seat = stream().seat(&call.seat, call.spec);
    let why = refusal(&PoolError::Panicked);
    let first = stream().mosaic(&mosaic, &[], seat.clone(), None);
    let refused = stream().mosaic(&mosaic, &[], None, Some(why.clone()));
    assert_eq!(memory(&first), memory(&refused));
    assert_eq!(memory(&first).0, mosaic.jpeg().as_ptr());

    let (first, refused) = (fields(&first), fields(&refused));
    assert_eq!((first.seat, first.refusal), (seat, None));
    assert_eq!((refused.seat, refused.refusal), (None, Some(why)));
    assert_eq!((&first.frame_data, &refused.frame_data), (&mosaic.jpeg(), &mosaic.jpeg()));
    assert_eq!(first.layout, Some(layout(&mosaic)));
    assert_eq!(first.tiles.len(), 1, "not once more in the tail");
}

#[tokio::test]
async fn a_tile_that_has_turned_stale_since_the_splice_is_told_without_another_splice() {
    let call = Call::new();
    let mosaic = call.fanout.newest().await;
    assert!(mosaic.stale.is_empty());
    let message = stream().mosaic(&mosaic, &[call.seat.slot()], None, None);
    assert_eq!(memory(&message).0, mosaic.jpeg().as_ptr());
    let response = fields(&message);
    assert_eq!(response.tiles.iter().map(|tile| tile.stale).collect::<Vec<_>>(), [true]);
    assert_eq!((response.sequence, response.frame_data), (mosaic.sequence, mosaic.jpeg()));
}

#[tokio::test]
async fn the_layout_comes_with_the_first_mosaic_and_with_the_first_after_each_change() {
    let call = Call::new();
    let mut told = stream();
    let mut has_layout =
        async || fields(&told.mosaic(&*call.fanout.newest().await, &[], None, None)).layout.is_some();
    assert_eq!([has_layout().await, has_layout().await], [true, false]);
    call.show(2);
    assert!(!has_layout().await);
    call.seats.set_video_off(call.seat.ticket(), true).unwrap();
    assert_eq!([has_layout().await, has_layout().await], [true, false]);
}

#[tokio::test]
async fn a_sign_of_life_has_no_picture() {
    let call = Call::new();
    let mosaic = call.fanout.newest().await;
    let response = fields(&unchanged(&mosaic, &[call.seat.slot()]));
    assert!(response.frame_data.is_empty() && response.layout.is_none() && response.tiles[0].stale);
    assert_eq!(response.sequence, mosaic.sequence);
}
