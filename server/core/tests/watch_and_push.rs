//! WatchMosaic and PushFrame: the rules of docs/wire.md, each against the real server.

mod support;

use std::time::{Duration, Instant};

use support::{Client, TestServer, black, config, quadrant, shows, tile_frame, within};
use tessera_wire::{FrameRequest, PushFrameResponse, Seat, WatchMosaicRequest};
use tonic::{Code, Status};

fn spectator() -> WatchMosaicRequest {
    WatchMosaicRequest::default()
}

fn participant(id: &str) -> WatchMosaicRequest {
    WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() }
}

fn push(seat: &Seat, sequence: u64, jpeg: impl Into<bytes::Bytes>) -> FrameRequest {
    FrameRequest { frame_data: jpeg.into(), session: seat.session.clone(), sequence, ..Default::default() }
}

async fn send(client: &Client, request: FrameRequest) -> Result<PushFrameResponse, Status> {
    within(client.grpc.clone().push_frame(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn the_first_mosaic_comes_at_once_and_is_black_when_nobody_sends() {
    let server = TestServer::start().await;
    let response = server.look().await;
    assert!((0..4).all(|slot| quadrant(&response.frame_data, slot) == black()));
    assert!(response.seat.is_none(), "a spectator has no seat");
    let layout = response.layout.unwrap();
    assert!(layout.places.is_empty() && layout.version > 0);
}

#[tokio::test]
async fn each_change_brings_the_newest_mosaic() {
    let server = TestServer::start().await;
    let mut viewer = server.client().await.watch(spectator()).await.unwrap();
    viewer.next().await;
    let mut client = server.join("client1").await;
    let joined = viewer.wait_for(|response| response.layout.is_some()).await;
    assert_eq!(joined.layout.unwrap().places.len(), 1);
    let mut last = joined.sequence;
    for seed in 0..5 {
        let shown = client.show(tile_frame(seed)).await;
        let seen = viewer.wait_for(|response| response.sequence >= shown.sequence).await;
        assert!(seen.layout.is_none(), "the layout is known");
        assert!(seen.sequence > last && shows(&seen.frame_data, 0, &tile_frame(seed)));
        last = seen.sequence;
    }
}

#[tokio::test]
async fn a_slow_viewer_skips_mosaics_and_slows_nobody() {
    let server = TestServer::start().await;
    let mut viewer = server.client().await.watch(spectator()).await.unwrap();
    let mut client = server.join("client1").await;
    let frame = tile_frame(1);
    let mut newest = 0;
    for _ in 0..400 {
        newest = client.show(frame.clone()).await.sequence;
    }
    // The viewer reads only now. What waited for it in windows and sockets is bounded; the rest was skipped.
    let mut seen = 0;
    while viewer.next().await.sequence < newest {
        seen += 1;
    }
    assert!(seen < 350, "{seen} of 400 mosaics waited for a viewer that did not read");
}

#[tokio::test]
async fn a_viewer_gets_at_most_as_many_as_it_asked_for_and_the_first_after_a_pause_at_once() {
    let server = TestServer::start().await;
    let request = WatchMosaicRequest { max_fps: 2, ..spectator() };
    let mut viewer = server.client().await.watch(request).await.unwrap();
    viewer.next().await;
    let begin = Instant::now();
    let mut client = server.join("client1").await;
    client.show(tile_frame(1)).await;
    viewer.next().await;
    // The mosaic before was given less than a moment ago: this one had to wait for its turn.
    assert!(begin.elapsed() > Duration::from_millis(300), "{:?}", begin.elapsed());
    // Now a pause of more than a turn, awaited as the mark that the tile is stale.
    viewer.wait_for(|response| response.tiles.iter().any(|tile| tile.stale)).await;
    let begin = Instant::now();
    let shown = client.show(tile_frame(2)).await;
    viewer.wait_for(|response| response.sequence == shown.sequence).await;
    assert!(begin.elapsed() < Duration::from_millis(450), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn the_servers_own_limit_of_mosaics_a_second_holds() {
    let mut config = config();
    config.max_fps = 4;
    let server = TestServer::with(&config).await;
    let request = WatchMosaicRequest { max_fps: 1000, ..spectator() };
    let mut viewer = server.client().await.watch(request).await.unwrap();
    let mut client = server.join("client1").await;
    let begin = Instant::now();
    for _ in 0..3 {
        client.show(tile_frame(1)).await;
        viewer.wait_for(|response| !response.frame_data.is_empty()).await;
    }
    assert!(begin.elapsed() > Duration::from_millis(450), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_idle_watch_mosaic_says_after_5_s_that_it_lives() {
    let server = TestServer::start().await;
    let mut viewer = server.client().await.watch(spectator()).await.unwrap();
    let first = viewer.next().await;
    let begin = Instant::now();
    let idle = viewer.next().await;
    assert!((4.5..7.0).contains(&begin.elapsed().as_secs_f64()), "{:?}", begin.elapsed());
    assert!(idle.frame_data.is_empty() && idle.layout.is_none());
    assert_eq!(idle.sequence, first.sequence, "unchanged");
}

#[tokio::test]
async fn a_silent_participant_is_marked_stale_after_3_s_and_no_longer_after_a_word() {
    let server = TestServer::start().await;
    let mut client = server.join("client1").await;
    let shown = client.show(tile_frame(1)).await;
    let mut viewer = server.client().await.watch(spectator()).await.unwrap();
    assert!(!viewer.next().await.tiles[0].stale);
    let begin = Instant::now();
    let stale = viewer.wait_for(|response| response.tiles[0].stale).await;
    assert!((2.5..4.5).contains(&begin.elapsed().as_secs_f64()), "{:?}", begin.elapsed());
    assert!(stale.frame_data.is_empty() && stale.sequence == shown.sequence, "the picture stands");
    client.ask(FrameRequest::default()).await;
    let fresh = viewer.next().await;
    assert!(!fresh.tiles[0].stale && fresh.frame_data.is_empty());
}

#[tokio::test]
async fn with_a_client_id_a_watcher_has_a_seat_and_pushes_into_it() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut mosaics = client.watch(participant("client4")).await.unwrap();
    let first = mosaics.next().await;
    let seat = first.seat.unwrap();
    assert_eq!(seat.slot, 3);
    let pushed = FrameRequest { captured_at_us: 77, ..push(&seat, 1, tile_frame(1)) };
    assert_eq!(send(&client, pushed).await.unwrap(), PushFrameResponse::default());
    let seen = mosaics.wait_for(|response| response.tiles.iter().any(|tile| tile.sequence == 1)).await;
    assert!(shows(&seen.frame_data, 3, &tile_frame(1)));
    assert_eq!(seen.tiles[0].captured_at_us, 77);
    drop(mosaics);
    let mut viewer = server.client().await.watch(spectator()).await.unwrap();
    viewer.wait_until_black(3, true).await;
    assert_eq!(
        send(&client, push(&seat, 2, tile_frame(1))).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
}

#[tokio::test]
async fn a_push_needs_the_session_of_a_seat() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut mosaics = client.watch(participant("client1")).await.unwrap();
    let seat = mosaics.next().await.seat.unwrap();
    let with = |id: &str, session: &str| FrameRequest {
        client_id: id.to_owned(),
        session: session.to_owned(),
        frame_data: tile_frame(1).into(),
        ..Default::default()
    };
    let code = async |request| send(&client, request).await.err().map(|status| status.code());
    assert_eq!(code(with("client1", "")).await, Some(Code::Unauthenticated));
    assert_eq!(code(with("client1", "0123456789abcdef0123456789abcdef")).await, Some(Code::Unauthenticated));
    assert_eq!(code(with("client2", &seat.session)).await, Some(Code::FailedPrecondition));
    assert_eq!(code(with("", "")).await, Some(Code::FailedPrecondition));
    assert_eq!(code(with("a\nb", &seat.session)).await, Some(Code::InvalidArgument));
    let elsewhere = FrameRequest { room: "attic".to_owned(), ..with("client1", &seat.session) };
    assert_eq!(code(elsewhere).await, Some(Code::FailedPrecondition));
    assert_eq!(quadrant(&server.look().await.frame_data, 0), black(), "none of them had an effect");
    assert_eq!(code(with("client1", &seat.session)).await, None);
}

#[tokio::test]
async fn a_push_that_was_overtaken_is_answered_as_superseded() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut mosaics = client.watch(participant("client1")).await.unwrap();
    let seat = mosaics.next().await.seat.unwrap();
    assert!(!send(&client, push(&seat, 5, tile_frame(5))).await.unwrap().superseded);
    for sequence in [3, 5] {
        let late = send(&client, push(&seat, sequence, tile_frame(3))).await.unwrap();
        assert!(late.superseded && late.refusal.is_none());
    }
    assert!(shows(&server.look().await.frame_data, 0, &tile_frame(5)));
    let late_off = FrameRequest { video_off: true, ..push(&seat, 4, "") };
    assert!(send(&client, late_off).await.unwrap().superseded);
    assert!(shows(&server.look().await.frame_data, 0, &tile_frame(5)), "what is late turns nothing off");
}

#[tokio::test]
async fn many_pushes_at_once_end_with_the_newest() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut mosaics = client.watch(participant("client1")).await.unwrap();
    let seat = mosaics.next().await.seat.unwrap();
    let pushes = (1..=24).map(|n| send(&client, push(&seat, n, tile_frame(n as u32))));
    let answers = futures_util::future::join_all(pushes).await;
    assert!(answers.iter().all(Result::is_ok));
    let seen = mosaics.wait_for(|response| response.tiles[0].sequence == 24).await;
    assert!(shows(&seen.frame_data, 0, &tile_frame(24)));
}

#[tokio::test]
async fn a_refused_push_says_why_and_the_20th_in_a_row_ends_the_watch() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut mosaics = client.watch(participant("client1")).await.unwrap();
    let seat = mosaics.next().await.seat.unwrap();
    for sequence in 1..=20 {
        let answer = send(&client, push(&seat, sequence, "bad")).await.unwrap();
        assert!(answer.refusal.is_some() && !answer.superseded);
    }
    assert_eq!(mosaics.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_id_is_checked_in_watch_mosaic_as_in_stream_frames() {
    let server = TestServer::start().await;
    let _owner = server.join("client1").await;
    let code = async |id: &str| server.client().await.watch(participant(id)).await.err().map(|s| s.code());
    assert_eq!(code("a\u{202E}b").await, Some(Code::InvalidArgument));
    assert_eq!(code("client1").await, Some(Code::AlreadyExists));
}
