//! Requests as browsers and attackers send them, over either HTTP.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body::Body as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Bytes, within};

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

/// Both.
pub const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// With the trailers.
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request whose target is a path, or an address where `:authority` of HTTP/2 is to be told.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// Sends one request on a connection of its own.
pub async fn send(stream: Box<dyn Bytes>, version: Version, request: Request<Body>) -> Answer {
    let io = TokioIo::new(stream);
    let response = match version {
        Version::Http1 => {
            let (mut sender, connection) = within(http1::handshake(io)).await.unwrap();
            let running = tokio::spawn(connection);
            let response = within(sender.send_request(request)).await.unwrap();
            drop(running);
            response
        }
        Version::Http2 => {
            let (mut sender, connection) = within(http2::handshake(TokioExecutor::new(), io)).await.unwrap();
            let running = tokio::spawn(connection);
            let response = within(sender.send_request(request)).await.unwrap();
            drop(running);
            response
        }
    };
    let (parts, mut rest) = response.into_parts();
    let (mut headers, mut body) = (parts.headers, Vec::new());
    while let Some(frame) = within(poll_fn(|context| Pin::new(&mut rest).poll_frame(context))).await {
        match frame.unwrap().into_data() {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(frame) => headers.extend(frame.into_trailers().unwrap()),
        }
    }
    Answer { status: parts.status.as_u16(), headers, body }
}
