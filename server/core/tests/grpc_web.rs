//! gRPC-Web: the calls of the page as bytes in plain HTTP, over both versions of it.

mod support;

use std::time::{Duration, Instant};

use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode, Version};
use support::grpc_web::{Answer, call, framed, join, push, watch};
use support::http::Connection;
use support::{Mosaics, TestServer, config, shows, tile_frame};
use tessera_wire::{FrameRequest, FrameResponse, PushFrameResponse, WatchMosaicRequest};
use tonic::Code;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// How soon a seat must be free when its tab is closed.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_page_sees_the_mosaic_at_once_and_pushes_into_its_seat() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let mut down = Connection::open(server.address, version).await;
        // The body does not end: what came before its end was sent at once.
        let (mut watch, seat) = join(&mut down, "client2").await;
        assert_eq!(watch.status, StatusCode::OK);
        assert_eq!(watch.headers[CONTENT_TYPE], "application/grpc-web+proto");
        assert_eq!(watch.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");

        let mut up = Connection::open(server.address, version).await;
        let mut answer = call(&mut up, "PushFrame", framed(&push(&seat, tile_frame(3)))).await;
        assert_eq!(answer.message::<PushFrameResponse>().await, PushFrameResponse::default());
        assert!(answer.trailers().await.contains(&"grpc-status:0".to_owned()));

        let seen = loop {
            let response: FrameResponse = watch.message().await;
            if response.tiles.iter().any(|tile| tile.sequence == 1) {
                break response;
            }
        };
        assert!(shows(&seen.frame_data, 1, &tile_frame(3)), "{version:?}");
    }
}

#[tokio::test]
async fn browsers_and_native_clients_are_in_one_call() {
    let server = TestServer::start().await;
    let mut native = server.join("client1").await;
    native.show(tile_frame(1)).await;
    let mut browser = Connection::open(server.address, Version::HTTP_11).await;
    let mut watch = watch(&mut browser, "client2").await;
    let first: FrameResponse = watch.message().await;
    assert!(shows(&first.frame_data, 0, &tile_frame(1)));
    let ids: Vec<_> = first.layout.unwrap().places.into_iter().map(|place| place.client_id).collect();
    assert_eq!(ids, ["client1", "client2"]);
}

#[tokio::test]
async fn a_call_that_fails_at_once_says_why_in_its_headers() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let _owner = server.join("client1").await;
        let mut connection = Connection::open(server.address, version).await;
        let (code, message) = watch(&mut connection, "client1").await.failure().await;
        assert_eq!(code, Code::AlreadyExists, "{message}");
        assert!(!message.is_empty());
        let nobody = FrameRequest { client_id: "nobody".to_owned(), ..Default::default() };
        let (code, _) = call(&mut connection, "PushFrame", framed(&nobody)).await.failure().await;
        assert_eq!(code, Code::FailedPrecondition);
        let wrong = FrameRequest { client_id: "client1".to_owned(), ..Default::default() };
        let (code, _) = call(&mut connection, "PushFrame", framed(&wrong)).await.failure().await;
        assert_eq!(code, Code::Unauthenticated);
        let attic = WatchMosaicRequest { room: "at\ntic".to_owned(), ..Default::default() };
        let (code, _) = call(&mut connection, "WatchMosaic", framed(&attic)).await.failure().await;
        assert_eq!(code, Code::InvalidArgument);
        let mut unknown = call(&mut connection, "Nonsense", framed(&attic)).await;
        assert_eq!(unknown.headers["grpc-status"], "12", "UNIMPLEMENTED");
        assert!(unknown.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_stream_that_the_server_ends_has_its_status_in_the_last_frame() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let mut connection = Connection::open(server.address, version).await;
        let (mut watch, seat) = join(&mut connection, "client1").await;
        let mut native = server.client().await.frames().await;
        native.ask(FrameRequest { client_id: "client1".to_owned(), ..push(&seat, "") }).await;
        let trailers = watch.trailers().await;
        assert!(trailers.contains(&"grpc-status:10".to_owned()), "ABORTED: {trailers:?}");
        assert!(trailers.iter().any(|line| line.starts_with("grpc-message:")), "{trailers:?}");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_out_of_range_here_too() {
    let mut config = config();
    config.limits.frames.max_frame_bytes = 4096;
    config.limits.calls.max_message_bytes = 100_000;
    for version in VERSIONS {
        let server = TestServer::with(&config).await;
        let mut down = Connection::open(server.address, version).await;
        let (_watch, seat) = join(&mut down, "client1").await;
        let mut up = Connection::open(server.address, version).await;
        let refused = push(&seat, vec![0xFF; 4097]);
        let mut answer = call(&mut up, "PushFrame", framed(&refused)).await;
        let refusal = answer.message::<PushFrameResponse>().await.refusal;
        assert!(refusal.is_some(), "a frame somewhat too large is refused alone");
        answer.trailers().await;
        let too_large = push(&seat, vec![0xFF; 200 << 10]);
        // Its length alone condemns it: over HTTP/1.1 the server does not read the rest, so none is sent.
        let begun = framed(&too_large).slice(..5);
        let (code, message) = call(&mut up, "PushFrame", begun).await.failure().await;
        assert_eq!(code, Code::OutOfRange, "{message}");
    }
}

/// A seat taken by a browser, and somebody who sees who is there.
async fn seat_and_viewer(version: Version) -> (TestServer, Connection, Answer, Mosaics) {
    let server = TestServer::start().await;
    let mut connection = Connection::open(server.address, version).await;
    let (watch, _) = join(&mut connection, "client1").await;
    let mut viewer = server.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
    assert_eq!(viewer.next().await.layout.unwrap().places.len(), 1);
    (server, connection, watch, viewer)
}

async fn assert_free_at_once(server: &TestServer, mut viewer: Mosaics) {
    let begin = Instant::now();
    viewer.wait_for(|seen| seen.layout.as_ref().is_some_and(|layout| layout.places.is_empty())).await;
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    server.join("client1").await;
}

#[tokio::test]
async fn a_closed_connection_frees_the_seat_at_once() {
    for version in VERSIONS {
        let (server, connection, watch, viewer) = seat_and_viewer(version).await;
        drop((connection, watch));
        assert_free_at_once(&server, viewer).await;
    }
}

#[tokio::test]
async fn a_closed_connection_frees_the_seat_although_its_pushes_are_on_another() {
    let (server, connection, watch, viewer) = seat_and_viewer(Version::HTTP_11).await;
    let mut up = Connection::open(server.address, Version::HTTP_11).await;
    let alive = FrameRequest { client_id: "client1".to_owned(), ..Default::default() };
    let (code, _) = call(&mut up, "PushFrame", framed(&alive)).await.failure().await;
    assert_eq!(code, Code::Unauthenticated, "the seat stands");
    drop((connection, watch));
    assert_free_at_once(&server, viewer).await;
    drop(up);
}

#[tokio::test]
async fn a_reset_stream_frees_the_seat_at_once_while_its_connection_stands() {
    let (server, mut connection, watch, viewer) = seat_and_viewer(Version::HTTP_2).await;
    drop(watch);
    assert_free_at_once(&server, viewer).await;
    assert_eq!(connection.get("/healthz", &[]).await.text(), "ok\n");
}

#[tokio::test]
async fn native_grpc_is_not_touched_by_the_way_of_the_browsers() {
    let server = TestServer::start().await;
    let mut connection = Connection::open(server.address, Version::HTTP_2).await;
    let path = "/VideoProcessingService/WatchMosaic";
    let request = framed(&WatchMosaicRequest::default());
    let native = [(CONTENT_TYPE, "application/grpc")];
    let response = connection.send(Method::POST, path, &native, request).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
    assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
}
