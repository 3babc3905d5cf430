//! A client of HTTP/2 that sends whatever one likes (RFC 9113), and answers nothing but SETTINGS and PINGs.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;
pub const MAX_HEADER_LIST_SIZE: u16 = 6;

/// A frame as it came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection.
pub struct RawHttp2 {
    pub stream: TcpStream,
    address: SocketAddr,
}

impl RawHttp2 {
    /// Connects and says that each stream may send `window` bytes.
    pub async fn open(address: SocketAddr, window: u32) -> Self {
        let mut raw = Self { stream: within(TcpStream::connect(address)).await.unwrap(), address };
        raw.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
        raw.send(SETTINGS, 0, 0, &setting).await.unwrap();
        raw
    }

    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(&frame(kind, flags, stream, payload)).await
    }

    /// Begins a gRPC call, and ends it with `message` if there is one.
    pub async fn call(&mut self, stream: u32, method: &str, message: Option<&[u8]>) {
        let block = block(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":path", &format!("/VideoProcessingService/{method}")),
            (":authority", &self.address.to_string()),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]);
        self.send(HEADERS, END_HEADERS, stream, &block).await.unwrap();
        if let Some(message) = message {
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let framed = [&[0], &length[..], message].concat();
            self.send(DATA, END_STREAM, stream, &framed).await.unwrap();
        }
    }

    /// Asks whether the server is well, by a request without a body.
    pub async fn ask(&mut self, stream: u32) {
        let authority = self.address.to_string();
        let headers =
            [(":method", "GET"), (":scheme", "http"), (":path", "/healthz"), (":authority", &*authority)];
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block(&headers)).await.unwrap();
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        within(async {
            loop {
                let frame = self.read().await.ok()?;
                match frame.kind {
                    SETTINGS | PING if frame.flags & ACK == 0 => {
                        let answer = if frame.kind == PING { &frame.payload[..] } else { &[] };
                        self.send(frame.kind, ACK, 0, answer).await.ok()?;
                    }
                    _ => return Some(frame),
                }
            }
        })
        .await
    }

    /// The first frame of this kind; `None` if the connection ends before.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// The next frame, which nobody answers, whatever it is.
    pub async fn read(&mut self) -> std::io::Result<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A block of headers, each a literal that is not indexed (RFC 7541 section 6.2.2).
pub fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let string = |text: &str| [&length(text.len())[..], text.as_bytes()].concat();
    headers.iter().flat_map(|(name, value)| [vec![0], string(name), string(value)].concat()).collect()
}

/// A length with a prefix of 7 bits (RFC 7541 section 5.1).
fn length(length: usize) -> Vec<u8> {
    if length < 127 {
        return vec![length as u8];
    }
    let mut bytes = vec![127];
    let mut rest = length - 127;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}
