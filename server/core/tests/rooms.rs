//! Rooms: each with its own seats, mosaic and limits.

mod support;

use support::{TestServer, black, config, frame, quadrant, tile_frame, within};
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tonic::Code;

fn look(room: &str) -> WatchMosaicRequest {
    WatchMosaicRequest { room: room.to_owned(), ..Default::default() }
}

fn take(room: &str, id: &str) -> FrameRequest {
    FrameRequest { room: room.to_owned(), client_id: id.to_owned(), ..frame(tile_frame(1)) }
}

#[tokio::test]
async fn rooms_do_not_know_of_each_other() {
    let server = TestServer::start().await;
    let (mut here, mut there) = (server.client().await.frames().await, server.client().await.frames().await);
    let first = here.ask(take("", "anna")).await;
    let second = there.ask(take("attic", "anna")).await;
    for response in [&first, &second] {
        assert_eq!(response.seat.as_ref().unwrap().slot, 0);
        assert_eq!(response.layout.as_ref().unwrap().places.len(), 1);
    }
    here.half_close().await;
    let mut client = server.client().await;
    assert_eq!(quadrant(&client.watch(look("main")).await.unwrap().next().await.frame_data, 0), black());
    assert_ne!(quadrant(&client.watch(look("attic")).await.unwrap().next().await.frame_data, 0), black());
}

#[tokio::test]
async fn rooms_seats_and_spectators_are_bounded_and_the_answer_says_so() {
    let mut config = config();
    (config.limits.rooms.max_rooms, config.limits.rooms.max_seats, config.limits.rooms.max_viewers) =
        (2, 1, 1);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let _one = client.watch(look("one")).await.unwrap();
    let mut two = server.client().await.frames().await;
    two.ask(take("two", "anna")).await;

    let status = client.watch(look("three")).await.err().unwrap();
    assert_eq!((status.code(), status.message().contains("all 2 rooms")), (Code::ResourceExhausted, true));
    let status = client.watch(look("one")).await.err().unwrap();
    assert_eq!(
        (status.code(), status.message().contains("watch this room")),
        (Code::ResourceExhausted, true)
    );
    let join = WatchMosaicRequest { client_id: "bert".to_owned(), ..look("two") };
    let status = client.watch(join).await.err().unwrap();
    assert_eq!(
        (status.code(), status.message().contains("all of its 1 seats")),
        (Code::ResourceExhausted, true)
    );

    two.half_close().await;
    assert!(client.watch(look("three")).await.is_ok(), "a room that stands empty makes place");
}

#[tokio::test]
async fn what_is_held_is_counted_and_comes_back() {
    let server = TestServer::start().await;
    let before = server.counters.held();
    let mut frames = server.client().await.frames().await;
    frames.ask(take("attic", "anna")).await;
    let mut client = server.client().await;
    let viewer = client.watch(look("attic")).await.unwrap();
    let held = server.counters.held();
    assert_eq!(
        (held.rooms, held.seats, held.viewers),
        (before.rooms + 1, before.seats + 1, before.viewers + 1)
    );
    drop((viewer, frames));
    within(server.counters.wait_for(|held| held.seats == before.seats && held.viewers == before.viewers))
        .await;
}
