//! StreamFrames: the rules of docs/wire.md, each against the real server.

mod support;

use support::{
    TILE, TestServer, black, config, decoded, frame, inner, jpeg, picture, psnr, quadrant, shows, tile_frame,
};
use tessera_mosaic::Fit;
use tessera_wire::refusal::Reason;
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tonic::Code;

fn from(id: &str) -> FrameRequest {
    FrameRequest { client_id: id.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn every_request_gets_one_response_in_order_that_shows_its_frame() {
    let server = TestServer::start().await;
    let mut client = server.join("client2").await;
    let frames: Vec<_> = (0..6).map(tile_frame).collect();
    for (sequence, jpeg) in (1..).zip(&frames) {
        client.send(FrameRequest { sequence, ..frame(jpeg.clone()) }).await;
    }
    let mut last = 0;
    for (sequence, jpeg) in (1..).zip(&frames) {
        let response = client.next().await.unwrap().unwrap();
        assert!(shows(&response.frame_data, 1, jpeg), "frame {sequence}");
        assert_eq!(response.tiles[0].sequence, sequence);
        assert!(response.sequence > last);
        last = response.sequence;
    }
    client.half_close().await;
}

#[tokio::test]
async fn each_quadrant_is_its_clients_frame_and_black_before_and_after() {
    let server = TestServer::start().await;
    let frames: Vec<_> = (0..4).map(tile_frame).collect();
    let mut clients = Vec::new();
    for (slot, jpeg) in frames.iter().enumerate() {
        let mut client = server.join(&format!("client{}", slot + 1)).await;
        let mosaic = client.show(jpeg.clone()).await.frame_data;
        for (other, frame) in frames.iter().enumerate() {
            let is_right = if other <= slot {
                shows(&mosaic, other, frame)
            } else {
                quadrant(&mosaic, other) == black()
            };
            assert!(is_right, "slot {other} when {} have come", slot + 1);
        }
        clients.push(client);
    }
    // One says goodbye, one cancels, one vanishes: each is black in the next mosaic.
    let mut viewer = server.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
    clients.pop().unwrap().half_close().await;
    assert!(shows(&viewer.wait_until_black(3, true).await.frame_data, 2, &frames[2]));
    drop(clients.pop().unwrap());
    assert!(shows(&viewer.wait_until_black(2, true).await.frame_data, 1, &frames[1]));
    clients[1].client.cut();
    assert!(shows(&viewer.wait_until_black(1, true).await.frame_data, 0, &frames[0]));
}

#[tokio::test]
async fn frames_of_any_size_are_scaled_to_their_tile() {
    for (fit, size) in [
        (Fit::Stretch, (320, 256)),
        (Fit::Stretch, (1280, 720)),
        (Fit::Contain, (96, 480)),
        (Fit::Cover, (333, 77)),
    ] {
        let mut config = config();
        config.tile.fit = fit;
        let server = TestServer::with(&config).await;
        let original = picture(size.0, size.1, 3);
        let mosaic = server.join("client1").await.show(jpeg(&original)).await.frame_data;
        let expected = inner(&scaled(&decoded(&jpeg(&original)), fit));
        let decibels = psnr(&quadrant(&mosaic, 0), &expected);
        assert!(decibels > 30.0, "{fit:?} {size:?}: {decibels} dB");
    }
}

/// What a tile of a frame should look like, by a scaler that the server does not use.
fn scaled(whole: &image::GrayImage, fit: Fit) -> image::GrayImage {
    use image::imageops::{FilterType, crop_imm, overlay, resize};
    let (width, height) = whole.dimensions();
    let (across, down) = (f64::from(TILE.0) / f64::from(width), f64::from(TILE.1) / f64::from(height));
    let resized =
        |image: &image::GrayImage, width, height| resize(image, width, height, FilterType::Triangle);
    match fit {
        Fit::Stretch => resized(whole, TILE.0, TILE.1),
        Fit::Contain => {
            let scale = across.min(down);
            let even = |side: u32| ((f64::from(side) * scale / 2.0).round() * 2.0) as u32;
            let part = resized(whole, even(width), even(height));
            let mut tile = image::GrayImage::new(TILE.0, TILE.1);
            let (x, y) = ((TILE.0 - part.width()) / 4 * 2, (TILE.1 - part.height()) / 4 * 2);
            overlay(&mut tile, &part, x.into(), y.into());
            tile
        }
        Fit::Cover => {
            let scale = across.max(down);
            let seen = |side: u32| (f64::from(side) / scale).round() as u32;
            let (seen_width, seen_height) = (seen(TILE.0), seen(TILE.1));
            let (x, y) = ((width - seen_width) / 2, (height - seen_height) / 2);
            resized(&crop_imm(whole, x, y, seen_width, seen_height).to_image(), TILE.0, TILE.1)
        }
    }
}

#[tokio::test]
async fn the_first_message_needs_a_client_id() {
    let server = TestServer::start().await;
    for id in ["", "   ", "a\nb", "a\u{202E}b", &"x".repeat(65)] {
        let mut frames = server.client().await.frames().await;
        frames.send(FrameRequest { frame_data: tile_frame(1).into(), ..from(id) }).await;
        let status = frames.end().await;
        assert_eq!(status.code(), Code::InvalidArgument, "{id:?}");
        assert!(status.message().contains("client_id"), "{status}");
    }
}

#[tokio::test]
async fn later_messages_repeat_the_client_id_or_leave_it_empty() {
    let server = TestServer::start().await;
    let mut client = server.join("client1").await;
    client.ask(from("client1")).await;
    client.ask(from("")).await;
    client.send(from("client2")).await;
    assert_eq!(client.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn later_messages_repeat_the_room_or_leave_it_empty() {
    let server = TestServer::start().await;
    let mut client = server.join("client1").await;
    client.ask(FrameRequest { room: "main".to_owned(), ..from("") }).await;
    client.send(FrameRequest { room: "attic".to_owned(), ..from("") }).await;
    assert_eq!(client.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_frame_that_cannot_be_used_is_refused_alone_and_the_others_do_not_notice() {
    let server = TestServer::start().await;
    let (mut good, mut bad) = (server.join("client1").await, server.join("client2").await);
    let (mine, theirs) = (tile_frame(1), tile_frame(2));
    good.show(mine.clone()).await;
    bad.show(theirs.clone()).await;

    let mut corrupt = theirs.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle..middle + 200].fill(0xAA);
    let mut huge = theirs.clone();
    let sof = huge.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    huge[sof + 5..sof + 9].copy_from_slice(&[0x10, 0x01, 0x10, 0x01]);
    let mut long = theirs.clone();
    long.resize((4 << 20) + 1, 0);
    let cases = [
        (theirs[..theirs.len() / 2].to_vec(), Reason::Malformed),
        (corrupt, Reason::Malformed),
        (huge, Reason::OverLimit),
        (long, Reason::OverLimit),
        (b"\x89PNG\r\n\x1a\n".to_vec(), Reason::NotJpeg),
    ];
    for (frame, reason) in cases {
        let response = bad.show(frame).await;
        let refusal = response.refusal.expect("it is refused");
        assert_eq!(refusal.reason(), reason, "{}", refusal.message);
        assert!(!refusal.message.is_empty());
        assert!(shows(&response.frame_data, 0, &mine), "the other's tile stands");
        assert!(shows(&response.frame_data, 1, &theirs), "the tile from before stands");
        let response = good.show(mine.clone()).await;
        assert!(response.refusal.is_none() && shows(&response.frame_data, 0, &mine));
    }
    assert!(bad.show(theirs.clone()).await.refusal.is_none());
}

#[tokio::test]
async fn a_refused_first_frame_takes_the_seat_with_a_black_tile() {
    let server = TestServer::start().await;
    let mut client = server.client().await.frames().await;
    let response = client.ask(FrameRequest { frame_data: "no picture".into(), ..from("client1") }).await;
    assert!(response.seat.is_some() && response.refusal.is_some());
    assert_eq!(quadrant(&response.frame_data, 0), black());
}

#[tokio::test]
async fn the_20th_refusal_in_a_row_is_answered_and_ends_the_stream() {
    let server = TestServer::start().await;
    let mut client = server.join("client1").await;
    for _ in 0..19 {
        assert!(client.show("bad").await.refusal.is_some());
    }
    assert!(client.show(tile_frame(1)).await.refusal.is_none(), "a good one ends the row");
    for _ in 0..20 {
        let response = client.show("bad").await;
        assert!(response.refusal.is_some() && !response.frame_data.is_empty());
    }
    let status = client.end().await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("20 frames"), "{status}");
}

#[tokio::test]
async fn a_message_beyond_any_frame_ends_its_stream_with_out_of_range() {
    let mut config = config();
    config.limits.frames.max_frame_bytes = 10_000;
    config.limits.calls.max_message_bytes = 100_000;
    let server = TestServer::with(&config).await;
    let mut client = server.join("client1").await;
    assert!(client.show(vec![0; 20_000]).await.refusal.is_some(), "somewhat too large is refused alone");
    client.send(frame(vec![0; 200_000])).await;
    assert_eq!(client.end().await.code(), Code::OutOfRange);
}

#[tokio::test]
async fn an_empty_frame_is_a_sign_of_life_and_no_refusal() {
    let server = TestServer::start().await;
    let mut client = server.client().await.frames().await;
    let response = client.ask(from("client3")).await;
    assert_eq!(response.seat.unwrap().slot, 2);
    assert_eq!(quadrant(&response.frame_data, 2), black());
    client.show(tile_frame(1)).await;
    for _ in 0..25 {
        let response = client.ask(from("")).await;
        assert!(response.refusal.is_none() && shows(&response.frame_data, 2, &tile_frame(1)));
    }
}

#[tokio::test]
async fn video_off_turns_the_tile_black_and_is_marked_in_the_layout() {
    let server = TestServer::start().await;
    let mut client = server.join("client1").await;
    client.show(tile_frame(1)).await;
    let off = client.ask(FrameRequest { video_off: true, ..frame(tile_frame(1)) }).await;
    assert_eq!(quadrant(&off.frame_data, 0), black());
    assert!(off.layout.unwrap().places[0].video_off);
    assert!(off.refusal.is_none());
    let alive = client.ask(FrameRequest { video_off: true, ..from("") }).await;
    assert!(alive.layout.is_none(), "nothing changed");
    let on = client.show(tile_frame(2)).await;
    assert!(shows(&on.frame_data, 0, &tile_frame(2)));
    assert!(!on.layout.unwrap().places[0].video_off);
}

#[tokio::test]
async fn the_seat_comes_with_the_first_response_and_the_layout_after_each_change() {
    let server = TestServer::start().await;
    let mut first = server.client().await.frames().await;
    let response = first
        .ask(FrameRequest { display_name: "Zoë".to_owned(), captured_at_us: 7, ..from("client2") })
        .await;
    let seat = response.seat.unwrap();
    assert_eq!((seat.slot, seat.tile_width, seat.tile_height, seat.quality), (1, TILE.0, TILE.1, 85));
    assert_eq!((seat.fit(), seat.session.len()), (tessera_wire::Fit::Stretch, 32));
    let layout = response.layout.unwrap();
    assert_eq!((layout.width, layout.height, layout.grid), (TILE.0 * 2, TILE.1 * 2, 2));
    let place = &layout.places[0];
    assert_eq!((place.slot, place.x, place.y, place.width, place.height), (1, TILE.0, 0, TILE.0, TILE.1));
    assert_eq!((&*place.client_id, &*place.display_name), ("client2", "Zoë"));

    let response = first.ask(FrameRequest { captured_at_us: 9, sequence: 4, ..frame(tile_frame(1)) }).await;
    assert!(response.seat.is_none() && response.layout.is_none());
    assert_eq!((response.tiles[0].captured_at_us, response.tiles[0].sequence), (9, 4));
    server.join("robot").await;
    let response = first.ask(from("")).await;
    assert!(response.layout.unwrap().version > layout.version);
}
