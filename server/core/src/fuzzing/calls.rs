//! Bodies of calls, through the guard, the routes and the service, without a socket.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use clap::Parser as _;
use futures_util::stream::unfold;
use http_body::Body as _;
use prost::Message;
use tessera_mosaic::{Picture, Quality, encode_jpeg};
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tower_service::Service as _;

use crate::peer::{Arrival, Peer};
use crate::{Cli, Page, Server, http};

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(8);

/// Any body of any call is answered with a gRPC status or an error of HTTP, and who is in the call beside it gets a
/// mosaic with the own frame all the same.
pub fn calls(data: &[u8]) {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let World { runtime, router, healthy } = &mut *world;
    let round = async {
        match Attack::of(data) {
            Attack::Call(method, content, body) => expect_answer(router, method, content, body).await,
            Attack::Push(message) => push(router, message).await,
        }
        healthy.expect_mosaic().await;
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE, round).await }).expect("this hangs");
}

/// One server for all inputs.
struct World {
    runtime: Runtime,
    router: Router,
    healthy: Healthy,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (router, healthy) = runtime.block_on(async {
        let words = ["tessera-server", "--listen", "127.0.0.1:0", "--tile", "64x64"];
        let config = Cli::try_parse_from(words).unwrap().into_config().unwrap();
        let server = Server::bind(&config, Page::absent("built for fuzzing")).await.unwrap();
        let routes = http::router(server.service, server.page);
        let mut router = server.guard.around(routes);
        let healthy = Healthy::join(&mut router).await;
        (router, healthy)
    });
    Mutex::new(World { runtime, router, healthy })
});

/// What the bytes stand for: the first says which method, which content and what becomes of the others.
enum Attack<'a> {
    Call(&'static str, &'static str, Vec<u8>),
    /// A message for a seat's holder to push.
    Push(&'a [u8]),
}

impl<'a> Attack<'a> {
    fn of(data: &'a [u8]) -> Self {
        let (&kind, rest) = data.split_first().unwrap_or((&0, &[]));
        let rare = ["Nothing", "EndSeat", "LockRoom", "Nothing"][usize::from(kind >> 6)];
        let method = ["StreamFrames", "WatchMosaic", "PushFrame", rare][usize::from(kind & 3)];
        let content = [GRPC, "application/grpc-web+proto", "application/grpc-web-text+proto", GRPC]
            [usize::from(kind >> 2 & 3)];
        match kind >> 4 & 3 {
            0 => Self::Call(method, content, rest.to_vec()),
            1 => Self::Call(method, content, framed(rest)),
            2 => Self::Call(method, content, messages(rest)),
            _ if method == "PushFrame" => Self::Push(rest),
            _ => {
                let join = FrameRequest { client_id: "guest".to_owned(), ..Default::default() };
                Self::Call(method, content, [framed(&join.encode_to_vec()), messages(rest)].concat())
            }
        }
    }
}

const GRPC: &str = "application/grpc";

/// A message with gRPC's prefix.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.put_u32(message.len() as u32);
    bytes.extend_from_slice(message);
    bytes
}

/// Messages of the lengths that stand before them.
fn messages(mut data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while data.len() > 2 {
        let length = usize::from(data.get_u16()).min(data.len());
        let (message, rest) = data.split_at(length);
        bytes.extend(framed(message));
        data = rest;
    }
    bytes
}

/// A request from this machine, as a program or a page of ours sends it.
fn request(method: &str, content: &'static str, body: Body) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("/VideoProcessingService/{method}").parse().unwrap();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    if content != GRPC {
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static("http://localhost"));
    }
    let here = SocketAddr::from(([127, 0, 0, 1], 1));
    request.extensions_mut().insert(Peer::new(here, Instant::now()));
    request.extensions_mut().insert(Arrival { peer: here, local: here, secure: false, forwarded: false });
    request
}

async fn ask(router: &mut Router, request: Request) -> Response {
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A response's body, frame by frame.
struct Answer {
    body: Body,
    trailers: HeaderMap,
}

impl Answer {
    fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        // A call that fails at once has its trailers in the head.
        Self { body, trailers: head.headers }
    }

    /// The next bytes; `None` at the end, after the trailers.
    async fn data(&mut self) -> Option<Bytes> {
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
            match frame.expect("a body of ours does not fail").into_data() {
                Ok(data) => return Some(data),
                Err(frame) => self.trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
    }
}

async fn expect_answer(router: &mut Router, method: &str, content: &'static str, body: Vec<u8>) {
    let response = ask(router, request(method, content, body.into())).await;
    let status = response.status();
    if status != StatusCode::OK {
        assert!(status.is_client_error(), "{status}");
        return;
    }
    let mut answer = Answer::of(response);
    let mut has_body = false;
    while let Some(data) = answer.data().await {
        if method == "WatchMosaic" {
            // It would go on for ever.
            return;
        }
        // Dropped at once: the next comes when what came before has been sent.
        has_body = !data.is_empty();
    }
    // The trailers of gRPC-Web are the last bytes of its body, unless the call failed at once.
    let has_status = answer.trailers.contains_key("grpc-status") || (content != GRPC && has_body);
    assert!(has_status, "{method} of {content} ended without a status");
}

/// Takes a seat, and pushes: a message if it is one, else a frame of these bytes.
async fn push(router: &mut Router, message: &[u8]) {
    let join = WatchMosaicRequest { client_id: "pusher".to_owned(), ..Default::default() };
    let body = framed(&join.encode_to_vec()).into();
    let mut watch = Messages::of(ask(router, request("WatchMosaic", GRPC, body)).await);
    let session = watch.next().await.seat.unwrap().session;
    let request = match FrameRequest::decode(message) {
        Ok(request) => FrameRequest { session, ..request },
        Err(_) => FrameRequest { session, frame_data: message.to_vec().into(), ..Default::default() },
    };
    expect_answer(router, "PushFrame", GRPC, framed(&request.encode_to_vec())).await;
}

/// The messages of a stream.
struct Messages {
    answer: Answer,
    buffer: BytesMut,
}

impl Messages {
    fn of(response: Response) -> Self {
        Self { answer: Answer::of(response), buffer: BytesMut::new() }
    }

    async fn next(&mut self) -> FrameResponse {
        loop {
            if let Some(mut length) = self.buffer.get(1..5) {
                let end = 5 + length.get_u32() as usize;
                if self.buffer.len() >= end {
                    return FrameResponse::decode(&self.buffer.split_to(end)[5..]).unwrap();
                }
            }
            let data = self.answer.data().await;
            let data = data.unwrap_or_else(|| panic!("the stream ended: {:?}", self.answer.trailers));
            self.buffer.extend_from_slice(&data);
        }
    }
}

/// Who is in the call all the time, and does nothing wrong.
struct Healthy {
    requests: mpsc::Sender<Bytes>,
    responses: Messages,
    frame: Bytes,
    sequence: u64,
}

impl Healthy {
    async fn join(router: &mut Router) -> Self {
        let (requests, sent) = mpsc::channel(1);
        let body = unfold(sent, async |mut sent| {
            sent.recv().await.map(|message| (Ok::<Bytes, std::convert::Infallible>(message), sent))
        });
        let response = ask(router, request("StreamFrames", GRPC, Body::from_stream(body))).await;
        let picture = Picture::from_gray(64, 64, vec![99; 64 * 64]).unwrap();
        let frame = encode_jpeg(&picture, Quality::new(85).unwrap()).into();
        Self { requests, responses: Messages::of(response), frame, sequence: 0 }
    }

    /// Sends a frame, and gets a mosaic that shows it.
    async fn expect_mosaic(&mut self) {
        self.sequence += 1;
        let request = FrameRequest {
            client_id: "healthy".to_owned(),
            frame_data: self.frame.clone(),
            sequence: self.sequence,
            ..Default::default()
        };
        self.requests.send(framed(&request.encode_to_vec()).into()).await.expect("the stream is open");
        let response = self.responses.next().await;
        assert_eq!(response.refusal, None);
        assert!(response.frame_data.starts_with(&[0xFF, 0xD8]));
        assert!(response.tiles.iter().any(|tile| tile.sequence == self.sequence), "{:?}", response.tiles);
    }
}
