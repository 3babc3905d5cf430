//! A client that speaks plain HTTP, as a browser does, and shows what came back as it was.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Version};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::tls::{handshake, trusting};
use super::{Bytes as Stream, within};

pub type Headers<'a> = &'a [(HeaderName, &'a str)];

/// One connection, closed when it is dropped, whatever was open on it.
pub struct Connection {
    /// What a page's address begins with that is from there.
    origin: String,
    sender: Sender,
    driven: JoinHandle<hyper::Result<()>>,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A response that has come in full.
#[derive(Debug)]
pub struct Whole {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Whole {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header's value; empty if it is missing.
    pub fn header(&self, name: impl axum::http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Connection {
    pub async fn open(address: SocketAddr, version: Version) -> Self {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        Self::over(Box::new(stream), version, format!("http://{address}")).await
    }

    /// With TLS, to a server of this name that has this certificate.
    pub async fn open_secure(address: SocketAddr, version: Version, name: &str, certificate: &Path) -> Self {
        let protocol = if version == Version::HTTP_2 { "h2" } else { "http/1.1" };
        let stream = handshake(address, &trusting(certificate, &[protocol]), name).await.unwrap();
        Self::over(Box::new(stream), version, format!("https://{name}")).await
    }

    async fn over(stream: Box<dyn Stream>, version: Version, origin: String) -> Self {
        let io = TokioIo::new(stream);
        let (sender, driven) = if version == Version::HTTP_2 {
            let (sender, connection) = within(http2::handshake(TokioExecutor::new(), io)).await.unwrap();
            (Sender::Http2(sender), tokio::spawn(connection))
        } else {
            let (sender, connection) = within(http1::handshake(io)).await.unwrap();
            (Sender::Http1(sender), tokio::spawn(connection))
        };
        Self { origin, sender, driven }
    }

    /// The server's.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends a request, and gives its response as soon as its head is there.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: impl Into<Body>,
    ) -> Response<Incoming> {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        for (name, value) in headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                *request.uri_mut() = path.parse().unwrap();
                let (_, host) = self.origin.split_once("://").unwrap();
                request.headers_mut().insert(HOST, host.parse().unwrap());
                within(sender.ready()).await.unwrap();
                within(sender.send_request(request)).await
            }
            Sender::Http2(sender) => {
                *request.uri_mut() = format!("{}{path}", self.origin).parse().unwrap();
                within(sender.ready()).await.unwrap();
                within(sender.send_request(request)).await
            }
        };
        response.unwrap()
    }

    /// Sends a request without a body, and waits for all of the response.
    pub async fn ask(&mut self, method: Method, path: &str, headers: Headers<'_>) -> Whole {
        let (head, body) = self.send(method, path, headers, Body::empty()).await.into_parts();
        let body = within(to_bytes(Body::new(body), usize::MAX)).await.unwrap();
        Whole { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&mut self, path: &str, headers: Headers<'_>) -> Whole {
        self.ask(Method::GET, path, headers).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driven.abort();
    }
}
