//! The calls of a page, as bytes in plain HTTP.

use axum::body::{Body, BodyDataStream};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use prost::Message;
use tessera_wire::{FrameRequest, FrameResponse, Seat, WatchMosaicRequest};
use tonic::Code;

use super::http::{Connection, Headers};
use super::within;

/// The first byte of a frame: a message, or the trailers (gRPC-Web's protocol, "Message framing").
pub const MESSAGE: u8 = 0;
pub const TRAILERS: u8 = 0x80;

/// An answer as it comes.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: BodyDataStream,
    /// What came and was not looked at yet.
    buffer: BytesMut,
}

impl Answer {
    /// The next frame with its first byte; `None` at the end of the body.
    pub async fn frame(&mut self) -> Option<(u8, Bytes)> {
        loop {
            if let Some(mut head) = self.buffer.get(..5) {
                let (kind, length) = (head.get_u8(), head.get_u32() as usize);
                if self.buffer.len() >= 5 + length {
                    self.buffer.advance(5);
                    return Some((kind, self.buffer.split_to(length).freeze()));
                }
            }
            let Some(chunk) = within(self.body.next()).await else {
                assert!(self.buffer.is_empty(), "the body ended within a frame");
                return None;
            };
            self.buffer.extend_from_slice(&chunk.unwrap());
        }
    }

    pub async fn message<M: Message + Default>(&mut self) -> M {
        let (kind, bytes) = self.frame().await.expect("the body ended");
        assert_eq!(kind, MESSAGE, "{bytes:?}");
        M::decode(bytes).unwrap()
    }

    /// The trailers, which are lines in a last frame of the body.
    pub async fn trailers(&mut self) -> Vec<String> {
        let (kind, bytes) = self.frame().await.expect("the body ended");
        assert_eq!(kind, TRAILERS, "{bytes:?}");
        assert!(self.frame().await.is_none(), "nothing follows the trailers");
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.strip_suffix("\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
    }

    /// The status of a call that failed before its first message: it stands in the headers (a
    /// "trailers-only" answer), and there is no body.
    pub async fn failure(&mut self) -> (Code, String) {
        assert_eq!(self.status, StatusCode::OK, "gRPC's status is not HTTP's");
        assert!(self.frame().await.is_none());
        let code = self.headers["grpc-status"].as_bytes();
        let message = self.headers["grpc-message"].to_str().unwrap();
        (Code::from_bytes(code), message.replace("%20", " "))
    }
}

/// Calls a method as a page of the server does.
pub async fn call(connection: &mut Connection, method: &str, body: impl Into<Body>) -> Answer {
    call_with(connection, method, &[], body).await
}

/// The same as the page of an invite link, which brings its token.
pub async fn call_with_token(
    connection: &mut Connection,
    method: &str,
    token: &str,
    body: impl Into<Body>,
) -> Answer {
    call_with(connection, method, &[(AUTHORIZATION, &format!("Bearer {token}"))], body).await
}

async fn call_with(
    connection: &mut Connection,
    method: &str,
    headers: Headers<'_>,
    body: impl Into<Body>,
) -> Answer {
    let origin = connection.origin().to_owned();
    let own = [(CONTENT_TYPE, "application/grpc-web+proto"), (ORIGIN, origin.as_str())];
    let path = format!("/VideoProcessingService/{method}");
    let headers = [&own, headers].concat();
    let (head, body) = connection.send(Method::POST, &path, &headers, body).await.into_parts();
    let body = Body::new(body).into_data_stream();
    Answer { status: head.status, headers: head.headers, body, buffer: BytesMut::new() }
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(MESSAGE);
    bytes.put_u32(message.encoded_len() as u32);
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// A stream of mosaics, of whoever has this id.
pub async fn watch(connection: &mut Connection, id: &str) -> Answer {
    let request = WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() };
    call(connection, "WatchMosaic", framed(&request)).await
}

/// A participant's stream, with its seat.
pub async fn join(connection: &mut Connection, id: &str) -> (Answer, Seat) {
    let mut watch = watch(connection, id).await;
    let seat = watch.message::<FrameResponse>().await.seat.unwrap();
    (watch, seat)
}

/// A push into the seat.
pub fn push(seat: &Seat, jpeg: impl Into<Bytes>) -> FrameRequest {
    FrameRequest { frame_data: jpeg.into(), session: seat.session.clone(), sequence: 1, ..Default::default() }
}
