//! More than four: the grid grows with those who come.

mod support;

use support::{TILE, TestServer, config, decoded, inner, jpeg, luma, picture, psnr, tile_frame};
use tessera_mosaic::{Fit, Grid, TileSpec};
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tonic::Code;

/// Whether the tile of `slot` in a mosaic of `side` by `side` shows a frame, whatever the tile's size is.
fn shows(mosaic: &[u8], side: u32, slot: u32, frame: &[u8]) -> bool {
    let mosaic = decoded(mosaic);
    let (width, height) = (mosaic.width() / side, mosaic.height() / side);
    let (x, y) = (slot % side * width, slot / side * height);
    let tile = image::imageops::crop_imm(&mosaic, x, y, width, height).to_image();
    let wanted =
        image::imageops::resize(&decoded(frame), width, height, image::imageops::FilterType::Triangle);
    psnr(&inner(&tile), &inner(&wanted)) > 25.0
}

fn side(response: &FrameResponse) -> Option<u32> {
    response.layout.as_ref().map(|layout| layout.grid)
}

#[tokio::test]
async fn the_fifth_turns_the_grid_to_3x3_and_everybody_is_seen_in_place() {
    let server = TestServer::start().await;
    let mut viewer = server.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
    let mut four = Vec::new();
    for n in 1..=4 {
        let mut frames = server.join(&format!("client{n}")).await;
        frames.show(tile_frame(n)).await;
        four.push(frames);
    }
    let mut fifth = server.join("client5").await;
    viewer.wait_for(|response| side(response) == Some(3)).await;
    let response = fifth.show(tile_frame(5)).await;
    for slot in 0..5 {
        assert!(shows(&response.frame_data, 3, slot, &tile_frame(slot + 1)), "slot {slot}");
    }

    // The others said nothing since; now they hear of it, with the tile that they should send.
    let told = four[0].ask(FrameRequest::default()).await;
    let (seat, layout) = (told.seat.unwrap(), told.layout.unwrap());
    assert_eq!((layout.grid, layout.width, layout.height), (3, 288, 240));
    assert_eq!((seat.slot, seat.tile_width, seat.tile_height), (0, 96, 80));
    assert_eq!(layout.places.iter().map(|place| place.slot).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let (x, y) = (layout.places[3].x, layout.places[3].y);
    assert_eq!((x, y), (0, 80), "the fourth slot in reading order");

    // A frame of the old size is as good as one of the new.
    let old = four[1].show(tile_frame(9)).await;
    assert!(old.refusal.is_none() && shows(&old.frame_data, 3, 1, &tile_frame(9)));
    let new = four[2].show(jpeg(&picture(96, 80, 8))).await;
    assert!(shows(&new.frame_data, 3, 2, &jpeg(&picture(96, 80, 8))));
}

#[tokio::test]
async fn a_preferred_slot_beyond_the_grid_is_given_as_after_a_restart() {
    let server = TestServer::start().await;
    let mut frames = server.client().await.frames().await;
    let hello = FrameRequest { client_id: "back".into(), preferred_slot: Some(7), ..Default::default() };
    assert_eq!(frames.ask(hello).await.seat.unwrap().slot, 7);
    let seen = frames.show(tile_frame(1)).await;
    assert!(shows(&seen.frame_data, 3, 7, &tile_frame(1)));
}

#[tokio::test]
async fn forty_nine_have_seats_and_the_next_one_is_told_so() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut all = Vec::new();
    for n in 0..49 {
        let mut frames = client.frames().await;
        frames.ask(FrameRequest { client_id: format!("guest{n}"), ..Default::default() }).await;
        all.push(frames);
    }
    let seen = all[48].show(tile_frame(3)).await;
    assert!(shows(&seen.frame_data, 7, 48, &tile_frame(3)));
    let mut more = client.frames().await;
    more.send(FrameRequest { client_id: "more".into(), ..Default::default() }).await;
    let status = more.end().await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("49"), "{status}");
    all.remove(20).half_close().await;
    let mut more = client.frames().await;
    let told = more.ask(FrameRequest { client_id: "more".into(), ..Default::default() }).await;
    assert_eq!(told.seat.unwrap().slot, 20);
}

#[tokio::test]
async fn the_smallest_grid_and_its_tile_are_what_was_asked_for() {
    let mut config = config();
    config.grid = Grid::new(1).unwrap();
    config.tile = TileSpec { fit: Fit::Stretch, ..config.tile };
    let server = TestServer::with(&config).await;
    let mut one = server.join("one").await;
    let seen = one.show(tile_frame(1)).await;
    let size = decoded(&seen.frame_data);
    assert_eq!((size.width(), size.height()), TILE);
    assert!(psnr(&inner(&size), &luma(&tile_frame(1))) > 30.0);
    let mut two = server.join("two").await;
    let seen = two.show(tile_frame(2)).await;
    for slot in 0..2 {
        assert!(shows(&seen.frame_data, 2, slot, &tile_frame(slot + 1)), "slot {slot}");
    }
}
