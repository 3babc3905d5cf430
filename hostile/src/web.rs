//! Calls as a browser makes them, and requests of any kind, over either HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::stream::{StreamExt as _, once, pending};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tessera_wire::FrameResponse;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use crate::attack::h2::framed;
use crate::target::Target;

/// What a request carries.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.1.
    Http1,
    /// 2.
    Http2,
}

/// A response whose body has not been read. The connection ends with it.
#[derive(Debug)]
pub struct Answering {
    response: Response<Incoming>,
    _driven: AbortOnDropHandle<()>,
}

/// A response that has come in full.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// `grpc-status`, wherever it stood.
    pub grpc: Option<i32>,
    /// The bytes.
    pub body: Bytes,
}

/// A POST to a method.
pub fn post(method: &str, headers: &[(&str, impl AsRef<str>)], body: impl Into<Bytes>) -> Request<Body> {
    with_body(method, headers, Full::new(body.into()).boxed_unsync())
}

/// A POST to a method whose body begins so, and never ends.
pub fn post_that_waits(method: &str, headers: &[(&str, impl AsRef<str>)], begin: Vec<u8>) -> Request<Body> {
    let begin = once(async { Ok(Frame::data(begin.into())) });
    with_body(method, headers, StreamBody::new(begin.chain(pending())).boxed_unsync())
}

fn with_body(method: &str, headers: &[(&str, impl AsRef<str>)], body: Body) -> Request<Body> {
    let mut request = Request::post(format!("/VideoProcessingService/{method}"));
    for (name, value) in headers {
        request = request.header(*name, value.as_ref());
    }
    request.body(body).expect("the headers are sound")
}

/// Sends one request on a connection of its own.
///
/// # Errors
///
/// When there is no answer.
pub async fn send(target: Target, version: Version, request: Request<Body>) -> Result<Answering, Status> {
    let lost = |error: hyper::Error| Status::unavailable(error.to_string());
    let socket = target.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let io = TokioIo::new(socket);
    let request = addressed(request, target.server);
    let (response, driven) = match version {
        Version::Http1 => {
            let (mut sender, connection) = http1::handshake(io).await.map_err(lost)?;
            // How the connection ends is seen in the response.
            let driven = tokio::spawn(async { drop(connection.await) });
            (sender.send_request(request).await, driven)
        }
        Version::Http2 => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.map_err(lost)?;
            let driven = tokio::spawn(async { drop(connection.await) });
            (sender.send_request(request).await, driven)
        }
    };
    Ok(Answering { response: response.map_err(lost)?, _driven: AbortOnDropHandle::new(driven) })
}

/// To the server by its address, or by the name that the request has in its Host.
fn addressed(mut request: Request<Body>, server: SocketAddr) -> Request<Body> {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).map(str::to_owned);
    let host = host.unwrap_or_else(|| server.to_string());
    let path = request.uri().path().to_owned();
    *request.uri_mut() = format!("http://{host}{path}").parse().expect("a host and a path are an address");
    request.headers_mut().insert("host", host.parse().expect("a host is text"));
    request
}

/// The headers of a call from the server's own page, with this content type.
pub fn page_headers(origin: &str, kind: &'static str) -> [(&'static str, String); 3] {
    [("content-type", kind.to_owned()), ("x-grpc-web", "1".to_owned()), ("origin", origin.to_owned())]
}

impl Answering {
    /// The status of a call that failed at once.
    pub fn failed_with(&self) -> Option<tonic::Code> {
        let status = self.response.headers().get("grpc-status")?;
        status.to_str().ok()?.parse().ok().map(tonic::Code::from_i32)
    }

    /// Waits for all of it.
    ///
    /// # Errors
    ///
    /// When it breaks off.
    pub async fn all(self) -> Result<Answer, Status> {
        let (head, body) = self.response.into_parts();
        let body = body.collect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
        let grpc = status.and_then(|status| status.to_str().ok()?.parse().ok());
        Ok(Answer { status: head.status.as_u16(), grpc, body: body.to_bytes() })
    }
}

impl Answer {
    /// The message that it begins with.
    pub fn first_message(&self) -> Option<FrameResponse> {
        next_message(&mut BytesMut::from(&self.body[..])).ok().flatten()
    }

    /// The status that stands in the last frame of a body of gRPC-Web.
    pub fn web_status(&self) -> Option<i32> {
        let text = String::from_utf8_lossy(&self.body);
        let (_, status) = text.rsplit_once("grpc-status:")?;
        status.split("\r\n").next()?.trim().parse().ok()
    }
}

/// Watches as a page does, with its token if it has one, and gives each response to `see`.
///
/// # Errors
///
/// How it ended.
pub async fn watch(
    target: Target,
    token: Option<&str>,
    mut see: impl FnMut(&FrameResponse),
) -> Result<(), Status> {
    let page = page_headers(&format!("http://{}", target.server), "application/grpc-web+proto");
    let bearer = token.map(|token| ("authorization", format!("Bearer {token}")));
    let headers: Vec<_> = page.into_iter().chain(bearer).collect();
    let request = post("WatchMosaic", &headers, framed(0, &[]));
    let mut answering = send(target, Version::Http1, request).await?;
    if answering.response.status() != 200 {
        return Err(Status::unavailable(answering.response.status().to_string()));
    }
    let mut waiting = BytesMut::new();
    while let Some(frame) = answering.response.frame().await {
        let frame = frame.map_err(|error| Status::unavailable(error.to_string()))?;
        waiting.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        while let Some(message) = next_message(&mut waiting)? {
            see(&message);
        }
    }
    Err(Status::unavailable("the response ended without trailers"))
}

/// Takes a whole message out of `waiting`; trailers are the end.
fn next_message(waiting: &mut BytesMut) -> Result<Option<FrameResponse>, Status> {
    let Some((&flag, length)) = waiting.get(..5).and_then(<[u8]>::split_first) else { return Ok(None) };
    let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
    if waiting.len() < 5 + length {
        return Ok(None);
    }
    waiting.advance(5);
    let message = waiting.split_to(length);
    if flag != 0 {
        return Err(Status::unknown(String::from_utf8_lossy(&message)));
    }
    FrameResponse::decode(message).map(Some).map_err(|error| Status::internal(error.to_string()))
}
