//! What every gRPC client relies on, as bytes in plain HTTP/2: heads, messages, trailers, and how calls fail.
//! The bodies of streams are the server's own, so what tonic would do there is held here.

mod support;

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, ORIGIN, TE};
use axum::http::{HeaderMap, Method, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use prost::Message;
use support::http::{Connection, Headers};
use support::{TestServer, tile_frame, within};
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};

const METHODS: [&str; 3] = ["StreamFrames", "WatchMosaic", "PushFrame"];
const GRPC: [(HeaderName, &str); 2] = [(CONTENT_TYPE, "application/grpc"), (TE, "trailers")];

fn framed(messages: &[impl Message]) -> Vec<u8> {
    let frame = |message: &Vec<u8>| [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat();
    messages.iter().flat_map(|message| frame(&message.encode_to_vec())).collect()
}

async fn call(
    server: &TestServer,
    method: &str,
    more: Headers<'_>,
    body: impl Into<Body>,
) -> (Connection, Response<Incoming>) {
    let mut connection = Connection::open(server.address, Version::HTTP_2).await;
    let headers = [&GRPC[..], more].concat();
    let path = format!("/VideoProcessingService/{method}");
    let response = connection.send(Method::POST, &path, &headers, body).await;
    (connection, response)
}

/// All messages of a response, and its trailers.
async fn all(response: Response<Incoming>) -> (Vec<FrameResponse>, Option<HeaderMap>) {
    let mut body = response.into_body();
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = within(poll_fn(|context| Pin::new(&mut body).poll_frame(context))).await {
        match frame.unwrap().into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    (messages(&bytes), trailers)
}

fn messages(mut bytes: &[u8]) -> Vec<FrameResponse> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let [compressed, length @ ..] = *head;
        assert_eq!(compressed, 0, "messages are not compressed");
        let (message, rest) = rest.split_at(u32::from_be_bytes(length) as usize);
        messages.push(FrameResponse::decode(message).unwrap());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "something follows the last message");
    messages
}

/// Asserts that a call failed before it had a response: the status is in the headers, and there is no body.
async fn failed_at_once(response: Response<Incoming>, code: &str) -> HeaderMap {
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers[CONTENT_TYPE], "application/grpc");
    assert_eq!(headers["grpc-status"], code, "{headers:?}");
    assert!(response.body().is_end_stream());
    assert_eq!(all(response).await, (vec![], None));
    headers
}

fn request(id: &str, jpeg: impl Into<Bytes>) -> FrameRequest {
    FrameRequest { client_id: id.to_owned(), frame_data: jpeg.into(), ..Default::default() }
}

#[tokio::test]
async fn a_stream_has_its_messages_and_then_its_status_in_trailers() {
    let server = TestServer::start().await;
    let requests = framed(&[request("client1", ""), request("", tile_frame(1)), request("", "no JPEG")]);
    let (_connection, response) = call(&server, "StreamFrames", &[], requests).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
    assert!(["grpc-status", "grpc-encoding"].iter().all(|name| !response.headers().contains_key(*name)));
    let (messages, trailers) = all(response).await;
    let own = |response: &FrameResponse| {
        (response.seat.is_some(), response.layout.is_some(), response.refusal.is_some())
    };
    let [first, second, third] = &messages[..] else { panic!("one response for each request") };
    assert_eq!(
        [own(first), own(second), own(third)],
        [(true, true, false), (false, false, false), (false, false, true)]
    );
    assert_ne!(second.frame_data, first.frame_data);
    assert_eq!(third.frame_data, second.frame_data, "the tile from before stands");
    let trailers = trailers.unwrap();
    assert_eq!((trailers["grpc-status"].to_str().unwrap(), trailers.len()), ("0", 1));
}

#[tokio::test]
async fn a_stream_that_fails_later_says_so_in_its_trailers() {
    let server = TestServer::start().await;
    let requests = framed(&[request("client1", ""), request("client2", "")]);
    let (_connection, response) = call(&server, "StreamFrames", &[], requests).await;
    let (messages, trailers) = all(response).await;
    assert_eq!(messages.len(), 1);
    let trailers = trailers.unwrap();
    assert_eq!(trailers["grpc-status"], "3");
    let message = trailers["grpc-message"].to_str().unwrap();
    assert!(message.starts_with("a%20stream%20is%20for%20one%20client_id:"), "percent-encoded: {message}");
}

#[tokio::test]
async fn a_call_that_fails_at_once_has_its_status_in_the_headers() {
    let server = TestServer::start().await;
    let request = WatchMosaicRequest { room: "at\ntic".to_owned(), ..Default::default() };
    let (_connection, response) = call(&server, "WatchMosaic", &[], framed(&[request])).await;
    let headers = failed_at_once(response, "3").await;
    assert!(headers["grpc-message"].to_str().unwrap().starts_with("room:%20it%20has%20the%20character"));

    let (_connection, response) = call(&server, "WatchMosaic", &[], Body::empty()).await;
    failed_at_once(response, "13").await;
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let server = TestServer::start().await;
    for method in ["Nothing", "x/StreamFrames", "streamframes", "StreamFrames/"] {
        let (_connection, response) = call(&server, method, &[], Body::empty()).await;
        failed_at_once(response, "12").await;
    }
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_unimplemented_and_the_answer_names_what_is() {
    let server = TestServer::start().await;
    for method in METHODS {
        let gzip = [(HeaderName::from_static("grpc-encoding"), "gzip")];
        let (_connection, response) = call(&server, method, &gzip, Body::empty()).await;
        let headers = failed_at_once(response, "12").await;
        assert_eq!(headers["grpc-accept-encoding"], "identity");
    }
}

#[tokio::test]
async fn messages_are_not_compressed_also_for_those_who_would_take_it() {
    let server = TestServer::start().await;
    let encodings = [
        (HeaderName::from_static("grpc-encoding"), "identity"),
        (HeaderName::from_static("grpc-accept-encoding"), "identity,deflate,gzip"),
    ];
    let requests = framed(&[request("client1", "")]);
    let (_connection, response) = call(&server, "StreamFrames", &encodings, requests).await;
    assert!(!response.headers().contains_key("grpc-encoding"));
    assert_eq!(all(response).await.0.len(), 1);
}

#[tokio::test]
async fn a_compressed_message_without_an_encoding_is_our_clients_fault() {
    let server = TestServer::start().await;
    let compressed = Bytes::from_static(&[1, 0, 0, 0, 0]);
    let (_connection, response) = call(&server, "WatchMosaic", &[], compressed.clone()).await;
    failed_at_once(response, "13").await;
    let (_connection, response) = call(&server, "StreamFrames", &[], compressed).await;
    let (messages, trailers) = all(response).await;
    assert!(messages.is_empty());
    assert_eq!(trailers.unwrap()["grpc-status"], "13");
}

#[tokio::test]
async fn a_message_over_the_limit_is_out_of_range_by_its_length_alone() {
    let server = TestServer::start().await;
    let huge = Bytes::from_static(&[0, 0x7F, 0xFF, 0xFF, 0xFF]);
    for method in ["WatchMosaic", "PushFrame"] {
        let (_connection, response) = call(&server, method, &[], huge.clone()).await;
        failed_at_once(response, "11").await;
    }
    let (_connection, response) = call(&server, "StreamFrames", &[], huge).await;
    assert_eq!(all(response).await.1.unwrap()["grpc-status"], "11");
}

#[tokio::test]
async fn a_second_message_where_there_is_to_be_one_is_not_looked_at() {
    let server = TestServer::start().await;
    let requests =
        [WatchMosaicRequest::default(), WatchMosaicRequest { room: "attic".into(), ..Default::default() }];
    let (_connection, response) = call(&server, "WatchMosaic", &[], framed(&requests)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("grpc-status"), "{:?}", response.headers());
}

#[tokio::test]
async fn a_callers_deadline_ends_a_stream_whose_slot_is_kept_and_a_push_whose_seat_stays() {
    let server = TestServer::start().await;
    let timeout = |time| [(HeaderName::from_static("grpc-timeout"), time)];
    let joined = framed(&[WatchMosaicRequest { client_id: "a".to_owned(), ..Default::default() }]);
    let (_connection, response) = call(&server, "WatchMosaic", &timeout("200m"), joined).await;
    let (messages, trailers) = all(response).await;
    assert_eq!(trailers.unwrap()["grpc-status"], "4", "DEADLINE_EXCEEDED");
    let session = messages[0].seat.as_ref().unwrap().session.clone();

    let back = WatchMosaicRequest { client_id: "b".to_owned(), session, ..Default::default() };
    let mut standing = server.client().await.watch(back).await.unwrap();
    let seat = standing.next().await.seat.unwrap();
    assert_eq!(seat.slot, 0, "it was kept");

    let push = framed(&[FrameRequest { session: seat.session, ..request("b", tile_frame(1)) }]);
    let (_connection, response) = call(&server, "PushFrame", &timeout("0n"), push.clone()).await;
    failed_at_once(response, "4").await;
    let (_connection, response) = call(&server, "PushFrame", &[], push).await;
    assert_eq!(all(response).await.1.unwrap()["grpc-status"], "0", "the seat stays");
}

/// Base64 as gRPC-Web has it: pieces with padding of their own, one behind the other.
fn from_base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (groups, rest) = text.as_chunks::<4>();
    assert!(rest.is_empty());
    let decoded = groups.iter().flat_map(|group| {
        let padding = group.iter().filter(|&&letter| letter == b'=').count();
        let value = |letter: &u8| ALPHABET.iter().position(|known| known == letter).unwrap_or(0) as u32;
        let bits = group.iter().fold(0, |bits, letter| bits << 6 | value(letter));
        bits.to_be_bytes()[1..4 - padding].to_vec()
    });
    decoded.collect()
}

#[tokio::test]
async fn grpc_web_as_text_has_the_same_messages_and_the_trailers_behind_them() {
    let server = TestServer::start().await;
    let mut connection = Connection::open(server.address, Version::HTTP_11).await;
    let origin = format!("http://{}", server.address);
    let headers = [
        (CONTENT_TYPE, "application/grpc-web-text"),
        (ACCEPT, "application/grpc-web-text"),
        (ORIGIN, origin.as_str()),
    ];
    // The message [0, 0, 0, 0, 0]: no fields.
    let path = "/VideoProcessingService/WatchMosaic";
    let response = connection.send(Method::POST, path, &headers, "AAAAAAA=").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc-web-text+proto");
    server.stop();
    let text = within(to_bytes(Body::new(response.into_body()), usize::MAX)).await.unwrap();
    let bytes = from_base64(&text);
    let trailers = bytes
        .windows(16)
        .rposition(|window| window.starts_with(&[0x80]) && window[5..].starts_with(b"grpc-status"))
        .unwrap();
    let messages = messages(&bytes[..trailers]);
    assert!(messages[0].frame_data.starts_with(&[0xFF, 0xD8]) && messages[0].layout.is_some());
    let text = std::str::from_utf8(&bytes[trailers + 5..]).unwrap();
    assert!(text.starts_with("grpc-status:14\r\ngrpc-message:the%20server%20is%20stopping"), "{text}");
}
