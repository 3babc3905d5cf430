//! What somebody may not do for long: say nothing, or push too often; and what is too large.

mod support;

use std::time::Duration;

use support::tokens::{KeyFile, token, with_token};
use support::{Client, TestServer, config, frame, tile_frame, within};
use tessera_wire::refusal::Reason;
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tonic::{Code, Status};

fn join(id: &str) -> WatchMosaicRequest {
    WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() }
}

async fn push(client: &Client, request: FrameRequest) -> Result<bool, Status> {
    within(client.grpc.clone().push_frame(request)).await.map(|response| response.into_inner().superseded)
}

#[tokio::test]
async fn whoever_says_nothing_at_all_has_the_stream_ended_and_the_slot_kept() {
    let mut config = config();
    config.limits.calls.silent_after = Duration::from_millis(500);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut watching = client.watch(join("b")).await.unwrap();
    let session = watching.next().await.seat.unwrap().session;
    let mut joined = server.join("client2").await;
    let mut unnamed = server.client().await.frames().await;
    for status in [watching.end().await, joined.end().await, unnamed.end().await] {
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert!(status.message().contains("500ms"), "{status}");
    }
    assert_eq!(server.join("c").await.end().await.code(), Code::DeadlineExceeded);
    let back = WatchMosaicRequest { session, ..join("b") };
    assert_eq!(client.watch(back).await.unwrap().next().await.seat.unwrap().slot, 0, "it was kept");
}

#[tokio::test]
async fn a_sign_of_life_is_enough() {
    let mut config = config();
    config.limits.calls.silent_after = Duration::from_secs(1);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut watching = client.watch(join("a")).await.unwrap();
    let session = watching.next().await.seat.unwrap().session;
    let mut signs = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..10 {
        signs.tick().await;
        push(&client, FrameRequest { session: session.clone(), ..Default::default() }).await.unwrap();
    }
    assert_eq!(watching.end().await.code(), Code::DeadlineExceeded, "and then it is over");
}

#[tokio::test]
async fn a_flood_of_pushes_is_skipped_and_then_refused_and_the_seat_stays() {
    let mut config = config();
    (config.limits.calls.pushes_per_second, config.limits.calls.push_patience) =
        (5, Duration::from_millis(300));
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut watching = client.watch(join("a")).await.unwrap();
    let session = watching.next().await.seat.unwrap().session;
    let one = FrameRequest { session, ..frame(tile_frame(1)) };
    let mut skipped = 0;
    let status = loop {
        match push(&client, one.clone()).await {
            Ok(superseded) => skipped += u32::from(superseded),
            Err(status) => break status,
        }
    };
    assert!(skipped > 0);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("5 a second"), "{status}");
    let looked = server.look().await;
    assert_eq!(looked.layout.unwrap().places.len(), 1);
}

#[tokio::test]
async fn a_tile_over_its_share_is_refused_and_no_mosaic_is_too_large() {
    let mut config = config();
    let black = TestServer::start().await.look().await.frame_data.len();
    config.limits.calls.max_mosaic_bytes = black as u32;
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut watching = client.watch(join("a")).await.unwrap();
    let session = watching.next().await.seat.unwrap().session;
    let request = FrameRequest { session, ..frame(tile_frame(1)) };
    let pushed = within(client.grpc.clone().push_frame(request)).await.unwrap().into_inner();
    let shown = server.join("b").await.show(tile_frame(1)).await;
    for refusal in [pushed.refusal.unwrap(), shown.refusal.unwrap()] {
        assert_eq!(refusal.reason(), Reason::OverLimit);
        assert!(refusal.message.contains("share of a mosaic"), "{}", refusal.message);
    }
    assert_eq!(shown.frame_data.len(), black);
    assert_eq!(watching.next().await.frame_data.len(), black);
}

/// Black alone is larger: the limit is not for such tiles.
#[tokio::test]
async fn a_mosaic_over_the_limit_ends_its_stream() {
    let mut config = config();
    config.limits.calls.max_mosaic_bytes = 1024;
    let server = TestServer::with(&config).await;
    let mut watching = server.client().await.watch(join("a")).await.unwrap();
    let status = watching.end().await;
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert!(status.message().contains("--max-mosaic-bytes"), "{status}");
}

#[tokio::test]
async fn joins_of_one_address_are_bounded_and_whoever_comes_back_is_not_counted() {
    let mut config = config();
    (config.limits.connections.limit_loopback, config.limits.calls.joins_per_minute) = (true, 2);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut a = client.watch(join("a")).await.unwrap();
    let session = a.next().await.seat.unwrap().session;
    assert!(client.watch(join("b")).await.is_ok());
    let status = client.watch(join("c")).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("too many joins"), "{status}");
    let back = WatchMosaicRequest { session, ..join("a") };
    assert!(client.watch(back).await.is_ok());
    let restarted = WatchMosaicRequest { preferred_slot: Some(3), ..join("d") };
    assert!(client.watch(restarted).await.is_ok());
    assert!(client.watch(WatchMosaicRequest::default()).await.is_ok(), "a spectator takes no seat");
}

#[tokio::test]
async fn wishes_for_free_slots_are_bounded_as_joins_are_and_apart_from_them() {
    let mut config = config();
    (config.limits.connections.limit_loopback, config.limits.calls.joins_per_minute) = (true, 2);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let wish = |slot| WatchMosaicRequest { preferred_slot: Some(slot), ..join(&format!("wish {slot}")) };
    let _wished = [client.watch(wish(1)).await.unwrap(), client.watch(wish(2)).await.unwrap()];
    let status = client.watch(wish(3)).await.err().unwrap();
    assert!(status.message().contains("too many joins"), "{status}");
    let _joined = [client.watch(join("a")).await.unwrap(), client.watch(join("b")).await.unwrap()];
    let status = client.watch(join("c")).await.err().unwrap();
    assert!(status.message().contains("too many joins"), "{status}");
}

#[tokio::test]
async fn seats_and_spectators_of_one_address_are_bounded_in_all_rooms_and_a_seat_can_be_taken_over() {
    let mut config = config();
    (config.limits.connections.limit_loopback, config.limits.rooms.max_places_per_ip) = (true, 2);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let mut a = client.watch(join("a")).await.unwrap();
    let session = a.next().await.seat.unwrap().session;
    let attic = WatchMosaicRequest { room: "attic".to_owned(), ..Default::default() };
    let spectator = client.watch(attic.clone()).await.unwrap();
    for third in [join("b"), WatchMosaicRequest::default(), attic] {
        let status = client.watch(third).await.err().unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("2 seats and spectators"), "{status}");
    }
    let _again = client.watch(WatchMosaicRequest { session, ..join("a") }).await.unwrap();
    assert_eq!(a.end().await.code(), Code::Aborted);
    drop((a, spectator));
    within(server.counters.wait_for(|held| (held.seats, held.viewers) == (1, 0))).await;
    assert!(client.watch(join("b")).await.is_ok());
}

#[tokio::test]
async fn rooms_that_one_address_is_in_are_bounded() {
    let mut config = config();
    (config.limits.connections.limit_loopback, config.limits.rooms.max_rooms_per_ip) = (true, 1);
    let server = TestServer::with(&config).await;
    let mut client = server.client().await;
    let room = |name: &str| WatchMosaicRequest { room: name.to_owned(), ..Default::default() };
    let _attic = client.watch(room("attic")).await.unwrap();
    let status = client.watch(room("cellar")).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("is in 1 rooms"), "{status}");
    assert!(client.watch(room("attic")).await.is_ok());
}

#[tokio::test]
async fn wrong_tokens_of_one_address_are_bounded_and_a_good_one_is_taken_all_the_same() {
    let key = KeyFile::new();
    let mut config = key.config();
    (config.limits.connections.limit_loopback, config.limits.calls.wrong_tokens_per_minute) = (true, 3);
    let server = TestServer::with(&config).await;
    let client = server.client().await;
    let code = async |token: &str| {
        let mut grpc = client.grpc.clone();
        let answer = within(grpc.watch_mosaic(with_token(WatchMosaicRequest::default(), token))).await;
        answer.err().map(|status| status.code())
    };
    for _ in 0..3 {
        assert_eq!(code("wrong").await, Some(Code::Unauthenticated));
    }
    assert_eq!(code("wrong").await, Some(Code::ResourceExhausted));
    assert_eq!(code(&token("guest")).await, None);
}
