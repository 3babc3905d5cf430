//! Seats: who gets which, who takes over, what is kept.

mod support;

use support::{Frames, TestServer, frame, shows, tile_frame};
use tessera_wire::{FrameRequest, Seat, WatchMosaicRequest};
use tonic::Code;

fn from(id: &str) -> FrameRequest {
    FrameRequest { client_id: id.to_owned(), ..Default::default() }
}

async fn join(server: &TestServer, request: FrameRequest) -> (Frames, Seat) {
    let mut frames = server.client().await.frames().await;
    let seat = frames.ask(request).await.seat.unwrap();
    (frames, seat)
}

async fn slot(server: &TestServer, request: FrameRequest) -> u32 {
    let (frames, seat) = join(server, request).await;
    frames.half_close().await;
    seat.slot
}

#[tokio::test]
async fn a_half_close_frees_id_and_slot_at_once() {
    let server = TestServer::start().await;
    let (frames, seat) = join(&server, from("robot")).await;
    frames.half_close().await;
    assert_eq!(slot(&server, from("other")).await, seat.slot);
}

#[tokio::test]
async fn a_cancel_frees_id_and_slot_at_once() {
    let server = TestServer::start().await;
    let (frames, seat) = join(&server, from("robot")).await;
    // The connection stands while the stream is dropped, which is a CANCEL.
    let connection = frames.client.clone();
    drop(frames);
    server.wait_for_seats(0).await;
    assert_eq!(slot(&server, from("other")).await, seat.slot);
    drop(connection);
}

#[tokio::test]
async fn a_broken_connection_frees_the_id_and_keeps_the_slot_number() {
    let server = TestServer::start().await;
    let (mut frames, seat) = join(&server, from("robot")).await;
    frames.show(tile_frame(1)).await;
    frames.client.cut();
    server.wait_for_seats(0).await;
    let (_newcomer, newcomers) = join(&server, from("newcomer")).await;
    assert_ne!(newcomers.slot, seat.slot, "a newcomer gets another slot");
    assert_eq!(slot(&server, from("robot")).await, seat.slot, "the same id gets it back");
}

#[tokio::test]
async fn the_session_brings_a_kept_slot_back_under_any_id() {
    let server = TestServer::start().await;
    let (frames, seat) = join(&server, from("robot")).await;
    frames.client.cut();
    server.wait_for_seats(0).await;
    let request = FrameRequest { session: seat.session.clone(), ..from("droid") };
    let (_frames, back) = join(&server, request).await;
    assert_eq!((back.slot, back.session), (seat.slot, seat.session));
}

#[tokio::test]
async fn a_watchers_broken_connection_keeps_its_slot_too_and_its_cancel_does_not() {
    let server = TestServer::start().await;
    let watch = |id: &str| WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() };
    let mut client = server.client().await;
    let mut mosaics = client.watch(watch("page")).await.unwrap();
    assert_eq!(mosaics.next().await.seat.unwrap().slot, 0);
    client.cut();
    server.wait_for_seats(0).await;
    assert_eq!(slot(&server, from("newcomer")).await, 1);

    let mut client = server.client().await;
    let mut mosaics = client.watch(watch("page")).await.unwrap();
    assert_eq!(mosaics.next().await.seat.unwrap().slot, 0, "its own again");
    drop(mosaics);
    server.wait_for_seats(0).await;
    assert_eq!(slot(&server, from("newcomer")).await, 0);
}

#[tokio::test]
async fn an_id_in_use_already_exists_and_its_owner_keeps_the_tile() {
    let server = TestServer::start().await;
    let (mut owner, _) = join(&server, from("client1")).await;
    owner.show(tile_frame(1)).await;
    for session in ["", "0123456789abcdef0123456789abcdef", "nonsense"] {
        let mut thief = server.client().await.frames().await;
        thief.send(FrameRequest { session: session.to_owned(), ..from("client1") }).await;
        assert_eq!(thief.end().await.code(), Code::AlreadyExists);
    }
    assert!(shows(&owner.ask(from("")).await.frame_data, 0, &tile_frame(1)));
}

#[tokio::test]
async fn the_session_of_a_standing_seat_takes_it_over_and_the_old_stream_is_aborted() {
    let server = TestServer::start().await;
    let (mut old, seat) = join(&server, from("client3")).await;
    old.show(tile_frame(1)).await;
    let request = FrameRequest { session: seat.session.clone(), ..from("client3") };
    let mut new = server.client().await.frames().await;
    let response = new.ask(request).await;
    assert_eq!(response.seat.unwrap().slot, seat.slot);
    assert!(shows(&response.frame_data, 2, &tile_frame(1)), "the tile stands");
    assert_eq!(old.end().await.code(), Code::Aborted);
    // The end of the old stream is not the end of the new one's seat.
    assert!(shows(&new.show(tile_frame(2)).await.frame_data, 2, &tile_frame(2)));
    assert_eq!(server.look().await.layout.unwrap().places.len(), 1);
}

#[tokio::test]
async fn a_watcher_takes_over_from_a_stream_of_frames() {
    let server = TestServer::start().await;
    let (mut old, seat) = join(&server, from("client1")).await;
    let request = WatchMosaicRequest {
        client_id: "client1".to_owned(),
        session: seat.session.clone(),
        ..Default::default()
    };
    let mut client = server.client().await;
    let mut mosaics = client.watch(request.clone()).await.unwrap();
    assert_eq!(mosaics.next().await.seat.unwrap().session, seat.session);
    assert_eq!(old.end().await.code(), Code::Aborted);
    let mut again = client.watch(request).await.unwrap();
    again.next().await;
    assert_eq!(mosaics.end().await.code(), Code::Aborted);
}

#[tokio::test]
async fn an_unknown_session_counts_as_none_for_a_free_id() {
    let server = TestServer::start().await;
    let request = FrameRequest { session: "0123456789abcdef0123456789abcdef".to_owned(), ..from("client2") };
    let (_frames, seat) = join(&server, request.clone()).await;
    assert_eq!(seat.slot, 1);
    assert_ne!(seat.session, request.session, "nobody chooses a session");
}

#[tokio::test]
async fn a_preferred_slot_is_honoured_when_it_is_free() {
    let server = TestServer::start().await;
    let prefer = |id: &str, slot| FrameRequest { preferred_slot: Some(slot), ..from(id) };
    let (_a, a) = join(&server, prefer("a", 2)).await;
    let (_b, b) = join(&server, prefer("b", 2)).await;
    let (_c, c) = join(&server, prefer("client4", 1)).await;
    let (_d, d) = join(&server, prefer("d", 4_000_000_000)).await;
    assert_eq!([a.slot, b.slot, c.slot, d.slot], [2, 0, 1, 3]);
}

#[tokio::test]
async fn everybody_finds_the_old_place_after_a_restart() {
    let first = TestServer::start().await;
    let (_a, a) = join(&first, FrameRequest { preferred_slot: Some(3), ..from("a") }).await;
    first.stopped().await;
    let second = TestServer::start().await;
    let (_b, b) = join(&second, from("b")).await;
    let back = FrameRequest { session: a.session, preferred_slot: Some(a.slot), ..from("a") };
    let (_a, a) = join(&second, back).await;
    assert_eq!([b.slot, a.slot], [0, 3]);
}

#[tokio::test]
async fn a_seat_is_free_although_its_frame_was_in_work_when_it_broke() {
    let server = TestServer::start().await;
    let (frames, _) = join(&server, from("client1")).await;
    frames.send(frame(tile_frame(1))).await;
    frames.client.cut();
    server.wait_for_seats(0).await;
    join(&server, from("client1")).await;
}
