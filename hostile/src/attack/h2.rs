//! HTTP/2 frame by frame (RFC 9113), with no rule kept that is not asked for.

use std::io;
use std::net::Ipv4Addr;

use bytes::Bytes;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::hpack;
use crate::target::Target;

/// What a connection begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Says that no frame of this stream follows (of DATA and HEADERS).
pub const END_STREAM: u8 = 1;
/// Says that a SETTINGS or PING answers one.
pub const ACK: u8 = 1;
/// Says that the header block is whole.
pub const END_HEADERS: u8 = 4;
/// The setting of how much may be sent to us on each stream before we say more.
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// Kinds of frames (section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// Bytes of a body.
    pub const DATA: Self = Self(0);
    /// The head of a request or response, or its trailers.
    pub const HEADERS: Self = Self(1);
    /// The end of a stream by force.
    pub const RST_STREAM: Self = Self(3);
    /// What a peer is to keep to.
    pub const SETTINGS: Self = Self(4);
    /// Are you there?
    pub const PING: Self = Self(6);
    /// The connection's end.
    pub const GOAWAY: Self = Self(7);
    /// Leave to send more.
    pub const WINDOW_UPDATE: Self = Self(8);
    /// The rest of a header block.
    pub const CONTINUATION: Self = Self(9);
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// [`END_STREAM`] and the like.
    pub flags: u8,
    /// The stream; 0 is the connection itself.
    pub stream: u32,
    /// The rest.
    pub payload: Bytes,
}

impl Frame {
    /// A frame of anything.
    pub fn new(kind: Kind, flags: u8, stream: u32, payload: impl Into<Bytes>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// The head of a call of gRPC, whole.
    pub fn call(stream: u32, method: &str) -> Self {
        Self::new(
            Kind::HEADERS,
            END_HEADERS,
            stream,
            hpack::block(call_fields(&format!("/VideoProcessingService/{method}"))),
        )
    }

    /// A push that ends before its message, in as few bytes as it can be said. The first of a connection, on stream 1, makes
    /// the others short.
    pub fn empty_push(stream: u32) -> Self {
        let fields = call_fields("/VideoProcessingService/PushFrame");
        let block = if stream == 1 { hpack::taught(fields) } else { hpack::known(fields.len() as u8) };
        Self::new(Kind::HEADERS, END_HEADERS | END_STREAM, stream, block)
    }

    /// A request without a body.
    pub fn get(stream: u32, path: &str) -> Self {
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")];
        Self::new(Kind::HEADERS, END_HEADERS | END_STREAM, stream, hpack::block(fields))
    }

    /// Bytes of a body.
    pub fn data(stream: u32, flags: u8, payload: impl Into<Bytes>) -> Self {
        Self::new(Kind::DATA, flags, stream, payload)
    }

    /// CANCEL.
    pub fn cancel(stream: u32) -> Self {
        Self::new(Kind::RST_STREAM, 0, stream, 8u32.to_be_bytes().to_vec())
    }

    /// Settings, each with its value.
    pub fn settings(settings: &[(u16, u32)]) -> Self {
        let bytes = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
        Self::new(Kind::SETTINGS, 0, 0, bytes.collect::<Vec<_>>())
    }

    /// A question whether the other end lives.
    pub fn ping() -> Self {
        Self::new(Kind::PING, 0, 0, vec![7; 8])
    }

    /// Leave to send more.
    pub fn window_update(stream: u32, more: u32) -> Self {
        Self::new(Kind::WINDOW_UPDATE, 0, stream, more.to_be_bytes().to_vec())
    }

    /// Its bytes (section 4.1).
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("frames are small here");
        let head =
            [&length.to_be_bytes()[1..], &[self.kind.0, self.flags], &self.stream.to_be_bytes()].concat();
        [&head[..], &self.payload].concat()
    }

    /// Whether nothing follows on its stream.
    pub fn ends_a_stream(&self) -> bool {
        let is_last = matches!(self.kind, Kind::HEADERS | Kind::DATA) && self.flags & END_STREAM != 0;
        is_last || self.kind == Kind::RST_STREAM
    }

    /// What a living peer answers to it, if anything.
    fn answer(&self) -> Option<Self> {
        let asks = matches!(self.kind, Kind::PING | Kind::SETTINGS) && self.flags & ACK == 0;
        let payload = if self.kind == Kind::PING { self.payload.clone() } else { Bytes::new() };
        asks.then(|| Self::new(self.kind, ACK, 0, payload))
    }

    /// What SETTINGS say of how much may be sent on each stream at first.
    fn initial_window(&self) -> Option<i64> {
        let window =
            self.payload.chunks_exact(6).find(|setting| setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes())?;
        Some(i64::from(u32::from_be_bytes(window[2..].try_into().ok()?)))
    }

    /// The error code of a GOAWAY or RST_STREAM, or how much more a WINDOW_UPDATE gives leave for.
    pub fn code(&self) -> u32 {
        let last = self.payload.last_chunk().copied();
        // A GOAWAY may have words behind its code.
        let code = if self.kind == Kind::GOAWAY {
            self.payload.get(4..8).and_then(|code| code.try_into().ok())
        } else {
            last
        };
        code.map_or(u32::MAX, u32::from_be_bytes)
    }
}

/// The fields of a native call.
pub fn call_fields(path: &str) -> [(&str, &str); 6] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// A message as gRPC frames it.
pub fn grpc(message: &impl Message) -> Vec<u8> {
    framed(0, &message.encode_to_vec())
}

/// Bytes as gRPC frames a message, with this flag.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("messages are small here");
    [&[flag][..], &length.to_be_bytes(), message].concat()
}

/// How the server ended something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection, with a GOAWAY of this code.
    GoAway(u32),
    /// A stream, with an RST_STREAM of this code.
    Reset(u32),
    /// A stream, in order: trailers, or a whole response.
    Stream,
    /// The connection, without a word.
    Closed,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::GoAway(code) => write!(formatter, "GOAWAY {code}"),
            Self::Reset(code) => write!(formatter, "RST_STREAM {code}"),
            Self::Stream => formatter.write_str("stream ended"),
            Self::Closed => formatter.write_str("closed"),
        }
    }
}

/// A connection, after its preface.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
}

impl Connection {
    /// Connects and says these settings.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn open(target: Target, settings: &[(u16, u32)]) -> io::Result<Self> {
        Self::over(target.connect().await?, settings).await
    }

    /// Begins HTTP/2 on a socket.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn over(socket: TcpStream, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut connection = Self { socket };
        connection.socket.write_all(PREFACE).await?;
        connection.send(&Frame::settings(settings)).await?;
        Ok(connection)
    }

    /// Our own address.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub fn from(&self) -> io::Result<Ipv4Addr> {
        match self.socket.local_addr()?.ip() {
            std::net::IpAddr::V4(address) => Ok(address),
            std::net::IpAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends one frame.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        self.socket.write_all(&frame.bytes()).await
    }

    /// Sends frames that are bytes already.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn send_bytes(&mut self, frames: &[u8]) -> io::Result<()> {
        self.socket.write_all(frames).await
    }

    /// Begins a call with one message, and says that no other follows.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn call(&mut self, stream: u32, method: &str, message: &impl Message) -> io::Result<()> {
        self.send(&Frame::call(stream, method)).await?;
        self.send(&Frame::data(stream, END_STREAM, grpc(message))).await
    }

    /// The next frame; a living peer's answer to it has been sent. `None` at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = read(&mut self.socket).await.ok()?;
        if let Some(answer) = frame.answer() {
            self.send(&answer).await.ok();
        }
        Some(frame)
    }

    /// How the server ends `stream`, or all of the connection. PINGs are answered, windows stay as they are.
    pub async fn ending(&mut self, stream: u32) -> Ending {
        while let Some(frame) = self.next().await {
            match (frame.kind, frame.stream == stream) {
                (Kind::GOAWAY, _) => return Ending::GoAway(frame.code()),
                (Kind::RST_STREAM, true) => return Ending::Reset(frame.code()),
                (Kind::HEADERS | Kind::DATA, true) if frame.flags & END_STREAM != 0 => return Ending::Stream,
                _ => {}
            }
        }
        Ending::Closed
    }

    /// Sends a body that begins so and has so many bytes more, as the server gives leave for them, and waits; how it ends.
    pub async fn fill(&mut self, stream: u32, begin: Vec<u8>, mut bytes: usize) -> Ending {
        // What may be sent until more is given leave for (section 6.9.2).
        let mut ours = 65_535 - begin.len() as i64;
        let mut all = ours;
        if self.send(&Frame::data(stream, 0, begin)).await.is_err() {
            return self.ending(stream).await;
        }
        loop {
            while bytes > 0 && ours.min(all) > 0 {
                let length = bytes.min(16 << 10).min(ours.min(all) as usize);
                if self.send(&Frame::data(stream, 0, vec![0; length])).await.is_err() {
                    return self.ending(stream).await;
                }
                bytes -= length;
                ours -= length as i64;
                all -= length as i64;
            }
            let Some(frame) = self.next().await else { return Ending::Closed };
            match (frame.kind, frame.stream == stream) {
                (Kind::WINDOW_UPDATE, true) => ours += i64::from(frame.code()),
                (Kind::WINDOW_UPDATE, false) => all += i64::from(frame.code()),
                (Kind::SETTINGS, _) => ours += frame.initial_window().map_or(0, |window| window - 65_535),
                (Kind::GOAWAY, _) => return Ending::GoAway(frame.code()),
                (Kind::RST_STREAM, true) => return Ending::Reset(frame.code()),
                (Kind::HEADERS | Kind::DATA, true) if frame.flags & END_STREAM != 0 => return Ending::Stream,
                _ => {}
            }
        }
    }

    /// How the server ends the connection, whatever happens to streams.
    pub async fn end(&mut self) -> Ending {
        // No stream has this number, so none of its frames counts.
        self.ending(u32::MAX).await
    }

    /// Sends pieces until there are no more or the server ends it, reading what comes; how it ended, if it did.
    pub async fn flood(self, pieces: impl IntoIterator<Item = Vec<u8>>) -> Option<Ending> {
        let (mut from, mut to) = self.socket.into_split();
        let ended = async {
            while let Ok(frame) = read(&mut from).await {
                if frame.kind == Kind::GOAWAY {
                    return Ending::GoAway(frame.code());
                }
            }
            Ending::Closed
        };
        let flooding = async {
            for piece in pieces {
                if to.write_all(&piece).await.is_err() {
                    // The reader learns how it ended.
                    return std::future::pending().await;
                }
            }
        };
        tokio::select! {
            ending = ended => Some(ending),
            () = flooding => None,
        }
    }

    /// The socket, for whoever wants to do worse.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }
}

/// Reads one frame. What has been read of it is lost if this is dropped.
async fn read(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; 9];
    from.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    from.read_exact(&mut payload).await?;
    Ok(Frame::new(Kind(kind), flags, u32::from_be_bytes(stream) & 0x7FFF_FFFF, payload))
}
