//! Who may come in, and what they may do there.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::tokens::{KeyFile, SECRET, at, claims, signed, token, with_token};
use support::{Client, Frames, Mosaics, TestServer, frame, tile_frame, within};
use tessera_wire::{EndSeatRequest, FrameRequest, FrameResponse, LockRoomRequest, WatchMosaicRequest};
use tonic::{Code, Status};

fn join(id: &str) -> WatchMosaicRequest {
    WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() }
}

async fn watch(client: &Client, request: WatchMosaicRequest, token: &str) -> Result<Mosaics, Status> {
    let mut grpc = client.grpc.clone();
    let responses = within(grpc.watch_mosaic(with_token(request, token))).await?.into_inner();
    Ok(Mosaics(responses))
}

/// A guest's token that is for one person, whose display name is the id in capitals.
fn named(id: &str) -> String {
    let mut claims = claims("guest");
    (claims["sub"], claims["name"]) = (json!(id), json!(id.to_uppercase()));
    signed(&claims)
}

/// The code that a call with this token ends with at once.
async fn refused(client: &Client, request: WatchMosaicRequest, token: &str) -> Code {
    watch(client, request, token).await.map(|_| ()).expect_err("it was let in").code()
}

/// A stream that has its seat.
async fn seated(client: &Client, id: &str, token: &str) -> (Mosaics, FrameResponse) {
    let mut stream = watch(client, join(id), token).await.unwrap();
    let first = stream.next().await;
    (stream, first)
}

async fn lock(client: &Client, locked: bool, token: &str) -> Result<(), Status> {
    let request = LockRoomRequest { locked, ..Default::default() };
    within(client.grpc.clone().lock_room(with_token(request, token))).await.map(|_| ())
}

async fn kick(client: &Client, id: &str, token: &str) -> Result<(), Status> {
    let request = EndSeatRequest { client_id: id.to_owned(), ..Default::default() };
    within(client.grpc.clone().end_seat(with_token(request, token))).await.map(|_| ())
}

#[tokio::test]
async fn a_private_server_lets_nobody_in_without_a_token_that_its_key_signed() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let mut client = server.client().await;
    let status = client.watch(WatchMosaicRequest::default()).await.err().unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("invite link"), "{status}");
    let pushed = within(client.grpc.push_frame(frame(tile_frame(1)))).await;
    assert_eq!(pushed.unwrap_err().code(), Code::Unauthenticated);
    let streamed = client.grpc.stream_frames(futures_util::stream::pending::<FrameRequest>());
    let status = within(streamed).await.map(|_| ()).expect_err("before anything is read");
    assert_eq!(status.code(), Code::Unauthenticated);

    let good = token("guest");
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    for wrong in [
        String::new(),
        "x".to_owned(),
        good.replace('.', ""),
        format!("{head}.{body}."),
        format!("{head}.{body}.{}", &signature[1..]),
        // {"alg":"none"}, {"alg":"HS512","typ":"JWT"} and {"alg":"RS256","typ":"JWT"}
        format!("eyJhbGciOiJub25lIn0.{body}."),
        format!("eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.{body}.{signature}"),
        format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{body}.{signature}"),
        "x".repeat(12_000),
    ] {
        let code = refused(&client, WatchMosaicRequest::default(), &wrong).await;
        assert_eq!(code, Code::Unauthenticated, "{wrong:.80}");
    }
    assert!(watch(&client, WatchMosaicRequest::default(), &good).await.is_ok());
}

#[tokio::test]
async fn a_token_is_good_in_its_time_and_its_room_only() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let with = |name: &str, value: Value| {
        let mut claims = claims("guest");
        claims[name] = value;
        signed(&claims)
    };
    let elsewhere = json!({ "room": "attic", "roomJoin": true, "canSubscribe": true, "canPublish": true });
    for wrong in [
        with("exp", json!(at(-1))),
        with("exp", Value::Null),
        with("exp", json!("tomorrow")),
        with("nbf", json!(at(600))),
        with("video", elsewhere.clone()),
        with("video", Value::Null),
        with("sub", json!("a\nb")),
    ] {
        assert_eq!(refused(&client, join("a"), &wrong).await, Code::Unauthenticated);
    }
    let attic = WatchMosaicRequest { room: "attic".to_owned(), ..join("a") };
    assert!(watch(&client, attic, &with("video", elsewhere)).await.is_ok());
}

#[tokio::test]
async fn viewers_watch_guests_have_seats_and_hosts_rule() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let [viewer, guest, host] = ["viewer", "guest", "host"].map(token);
    assert!(watch(&client, WatchMosaicRequest::default(), &viewer).await.is_ok());
    assert_eq!(refused(&client, join("a"), &viewer).await, Code::PermissionDenied);
    let (_a, first) = seated(&client, "a", &guest).await;
    let seat = first.seat.unwrap();
    assert!(!seat.host);
    let push = FrameRequest { session: seat.session, ..frame(tile_frame(1)) };
    let pushed = within(client.grpc.clone().push_frame(with_token(push.clone(), &viewer))).await;
    assert_eq!(pushed.unwrap_err().code(), Code::PermissionDenied);
    assert!(within(client.grpc.clone().push_frame(with_token(push, &guest))).await.is_ok());
    let (_b, first) = seated(&client, "b", &host).await;
    assert!(first.seat.unwrap().host);

    for nobody in [&viewer, &guest] {
        assert_eq!(lock(&client, true, nobody).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(kick(&client, "a", nobody).await.unwrap_err().code(), Code::PermissionDenied);
    }
    assert_eq!(kick(&client, "nobody", &host).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_token_with_a_name_is_for_nobody_else() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let of_anna = named("anna");
    assert_eq!(refused(&client, join("bert"), &of_anna).await, Code::PermissionDenied);
    let request = WatchMosaicRequest { display_name: "The host".to_owned(), ..join("anna") };
    let first = watch(&client, request, &of_anna).await.unwrap().next().await;
    let place = &first.layout.unwrap().places[0];
    assert_eq!((place.client_id.as_str(), place.display_name.as_str()), ("anna", "ANNA"));
    let push = FrameRequest { client_id: "bert".to_owned(), ..frame(tile_frame(1)) };
    let pushed = within(client.grpc.clone().push_frame(with_token(push, &of_anna))).await;
    assert_eq!(pushed.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let mut short = claims("guest");
    short["exp"] = json!(at(2));
    let (mut a, _) = seated(&client, "a", &signed(&short)).await;
    let status = a.end().await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("expired"), "{status}");
}

#[tokio::test]
async fn another_key_voids_the_tokens_of_the_one_before_and_a_broken_one_changes_nothing() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let guest = token("guest");
    let (mut a, _) = seated(&client, "a", &guest).await;
    fs::write(&key.path, "short").unwrap();
    assert!(watch(&client, WatchMosaicRequest::default(), &guest).await.is_ok());
    fs::write(&key.path, SECRET.replace('0', "9")).unwrap();
    assert_eq!(a.end().await.code(), Code::Unauthenticated);
    assert_eq!(refused(&client, WatchMosaicRequest::default(), &guest).await, Code::Unauthenticated);
}

#[tokio::test]
async fn whoever_is_thrown_out_stays_out_and_the_others_see_it() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let [guest, host] = ["guest", "host"].map(token);
    let (mut a, first) = seated(&client, "a", &guest).await;
    let (mut b, _) = seated(&client, "b", &host).await;
    let mut push = FrameRequest { client_id: "a".to_owned(), ..frame(tile_frame(1)) };
    push.session = first.seat.unwrap().session;
    within(client.grpc.clone().push_frame(with_token(push.clone(), &guest))).await.unwrap();
    b.wait_until_black(0, false).await;

    lock(&client, true, &host).await.unwrap();
    kick(&client, "a", &host).await.unwrap();
    // At once, and not when the stream is read.
    let pushed = within(client.grpc.clone().push_frame(with_token(push.clone(), &guest))).await;
    assert_eq!(pushed.unwrap_err().code(), Code::FailedPrecondition);
    let after = b.wait_until_black(0, true).await;
    assert_eq!(after.layout.unwrap().places.len(), 1);
    let status = a.end().await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("host"), "{status}");
    let renamed = WatchMosaicRequest { session: push.session.clone(), ..join("c") };
    assert_eq!(refused(&client, renamed, &guest).await, Code::PermissionDenied, "it proves nothing any more");
    lock(&client, false, &host).await.unwrap();
    assert_eq!(refused(&client, join("a"), &guest).await, Code::PermissionDenied);
    let again = WatchMosaicRequest { session: push.session.clone(), ..join("a") };
    assert_eq!(refused(&client, again, &guest).await, Code::PermissionDenied);
    let pushed = within(client.grpc.clone().push_frame(with_token(push, &guest))).await;
    assert_eq!(pushed.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn whoever_is_thrown_out_does_not_watch_on_by_the_same_token() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let host = token("host");
    let of_anna = named("anna");
    let (mut anna, _) = seated(&client, "anna", &of_anna).await;
    let mut spectator = watch(&client, WatchMosaicRequest::default(), &of_anna).await.unwrap();
    let mut other = watch(&client, WatchMosaicRequest::default(), &named("bert")).await.unwrap();
    kick(&client, "anna", &host).await.unwrap();
    for stream in [&mut anna, &mut spectator] {
        assert_eq!(stream.end().await.code(), Code::PermissionDenied);
    }
    assert_eq!(refused(&client, WatchMosaicRequest::default(), &of_anna).await, Code::PermissionDenied);
    other.wait_for(|response| response.layout.as_ref().is_some_and(|layout| layout.places.is_empty())).await;
}

#[tokio::test]
async fn a_token_gives_its_bearer_the_id_that_somebody_without_one_has_taken() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let (mut other, first) = seated(&client, "anna", &token("guest")).await;
    let (_anna, seat) = seated(&client, "anna", &named("anna")).await;
    assert_eq!(seat.seat.unwrap().slot, first.seat.unwrap().slot);
    let status = other.end().await;
    assert_eq!(status.code(), Code::Aborted);
    assert!(status.message().contains("by a token"), "{status}");
    assert_eq!(refused(&client, join("anna"), &token("guest")).await, Code::AlreadyExists);
}

#[tokio::test]
async fn a_locked_room_says_so_and_lets_in_hosts_and_those_who_come_back() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let [viewer, guest, host] = ["viewer", "guest", "host"].map(token);
    let (mut a, first) = seated(&client, "a", &guest).await;
    assert!(!first.layout.unwrap().locked);
    lock(&client, true, &host).await.unwrap();
    a.wait_for(|response| response.layout.as_ref().is_some_and(|layout| layout.locked)).await;
    assert_eq!(refused(&client, join("b"), &guest).await, Code::PermissionDenied);
    assert_eq!(refused(&client, WatchMosaicRequest::default(), &viewer).await, Code::PermissionDenied);
    let back = WatchMosaicRequest { session: first.seat.unwrap().session, ..join("a") };
    let mut a = watch(&client, back, &guest).await.unwrap();
    a.next().await;
    let (_c, _) = seated(&client, "c", &host).await;
    lock(&client, false, &host).await.unwrap();
    a.wait_for(|response| response.layout.as_ref().is_some_and(|layout| !layout.locked)).await;
    assert!(watch(&client, join("b"), &guest).await.is_ok());
}

#[tokio::test]
async fn an_open_server_has_no_hosts_and_does_not_look_at_tokens() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let (_a, _) = seated(&client, "a", "whatever").await;
    let status = kick(&client, "a", "whatever").await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("--key-file"), "{status}");
}

#[tokio::test]
async fn the_python_kind_of_client_brings_its_token_with_its_stream() {
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let (requests, mut sent) = tokio::sync::mpsc::channel(1);
    let stream = futures_util::stream::poll_fn(move |context| sent.poll_recv(context));
    let mut grpc = client.grpc.clone();
    let responses = within(grpc.stream_frames(with_token(stream, &token("guest")))).await;
    let mut frames = Frames::of(client, requests, responses.unwrap().into_inner());
    let first = frames.ask(FrameRequest { client_id: "client2".to_owned(), ..frame(tile_frame(1)) }).await;
    assert_eq!(first.seat.unwrap().slot, 1);
}
