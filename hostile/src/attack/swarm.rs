//! Many at once: connections, joins, frames.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use tessera_wire::{FrameRequest, FrameResponse, Seat, WatchMosaicRequest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

use super::h2::{Connection, Ending, Frame, Kind};
use crate::guest::{self, Guest};
use crate::target::Target;

/// Connects so many times.
///
/// # Errors
///
/// As those of sockets.
pub async fn connections(target: Target, count: usize) -> io::Result<Vec<TcpStream>> {
    join_all((0..count).map(|_| target.connect())).await.into_iter().collect()
}

/// How many of them the server has closed, once it has not closed another for a while.
pub async fn closed_at_once(sockets: &mut Vec<TcpStream>) -> usize {
    let before = sockets.len();
    let mut open = Vec::new();
    for socket in sockets.drain(..) {
        // Silence is what an open connection has to say.
        let mut byte = [0];
        if timeout(Duration::from_millis(2), socket.peek(&mut byte)).await.is_err() {
            open.push(socket);
        }
    }
    *sockets = open;
    before - sockets.len()
}

/// Joins and leaves so many times on one connection, each time under another id of `who`; how many were let in, and how the first
/// other one was refused.
///
/// # Errors
///
/// When there is no connection.
pub async fn come_and_go(target: Target, who: &str, count: usize) -> Result<(usize, Option<Code>), Status> {
    let guest = Guest::connect(target).await?;
    let (mut joined, mut refused) = (0, None);
    for n in 0..count {
        match guest.join(guest::hello(&format!("{who} {n}"))).await {
            Ok(_) => joined += 1,
            Err(status) => refused = refused.or(Some(status.code())),
        }
    }
    Ok((joined, refused))
}

/// Joins so many rooms; what was answered to each, which is left by dropping it.
///
/// # Errors
///
/// When there is no connection.
pub async fn rooms(target: Target, count: usize) -> Result<Vec<Visit>, Status> {
    rooms_of(target, "room", count).await
}

/// How a room was entered, or refused.
pub type Visit = Result<Streaming<FrameResponse>, Code>;

/// As [`rooms`], into rooms that have names of `who`, and are nobody else's.
///
/// # Errors
///
/// When there is no connection.
pub async fn rooms_of(target: Target, who: &str, count: usize) -> Result<Vec<Visit>, Status> {
    let guest = Guest::connect(target).await?;
    let mut answers = Vec::new();
    for n in 0..count {
        let request = WatchMosaicRequest { room: format!("{who} {n}"), ..Default::default() };
        answers.push(guest.watch(request).await.map_err(|status| status.code()));
    }
    Ok(answers)
}

/// Takes seats under ids of `who` until one is refused, and stays; how many, and how the last was refused.
///
/// # Errors
///
/// When there is no connection.
pub async fn seats(target: Target, who: &str, most: usize) -> Result<(usize, Option<Code>), Status> {
    let guest = Guest::connect(target).await?;
    let mut standing = Vec::new();
    for n in 0..most {
        match guest.watch(guest::seated(&format!("{who} {n}"))).await {
            Ok(stream) => standing.push(stream),
            Err(status) => return Ok((n, Some(status.code()))),
        }
    }
    Ok((most, None))
}

/// Pushes so many frames, as fast as a few connections can; the codes of those that were not answered OK.
///
/// # Errors
///
/// When there is no connection.
pub async fn pushes(guest: &Guest, seat: &Seat, jpeg: &bytes::Bytes, count: u64) -> Vec<Code> {
    const AT_ONCE: u64 = 32;
    let mut refused = Vec::new();
    for first in (0..count).step_by(AT_ONCE as usize) {
        let pushes = (first..first + AT_ONCE).map(|n| guest.push(guest::push(seat, n + 1, jpeg.clone())));
        refused.extend(join_all(pushes).await.into_iter().filter_map(|answer| Some(answer.err()?.code())));
    }
    refused
}

/// Sends so many frames by StreamFrames without waiting for answers, and reads those beside it; how many came.
///
/// # Errors
///
/// How the stream ended.
pub async fn frames(target: Target, id: &str, jpeg: bytes::Bytes, count: usize) -> Result<usize, Status> {
    let (frames, _) = Guest::connect(target).await?.join(guest::hello(id)).await?;
    let (requests, mut responses) = frames.split();
    let sending = async {
        for _ in 0..count {
            let request = FrameRequest { frame_data: jpeg.clone(), ..Default::default() };
            if requests.send(request).await.is_err() {
                break;
            }
        }
        drop(requests);
    };
    let reading = async {
        let mut answered = 0;
        while responses.message().await?.is_some() {
            answered += 1;
        }
        Ok(answered)
    };
    tokio::join!(sending, reading).1
}

/// Asks for nothing, so many times at once, whole requests that are answered with an error, and again when all are; how the
/// server ended the connection. `answered` is called for each answer, and says whether to go on.
///
/// # Errors
///
/// When there is no connection.
pub async fn empty_requests(
    target: Target,
    at_once: usize,
    answered: impl Fn() -> bool,
) -> io::Result<Option<Ending>> {
    let mut connection = Connection::open(target, &[]).await?;
    let mut streams = (0..).map(|n| 2 * n + 1);
    loop {
        let batch = streams.by_ref().take(at_once);
        let requests: Vec<u8> = batch.flat_map(|stream| Frame::empty_push(stream).bytes()).collect();
        connection.send_bytes(&requests).await?;
        let mut left = at_once;
        while left > 0 {
            let Some(frame) = connection.next().await else { return Ok(Some(Ending::Closed)) };
            if frame.kind == Kind::GOAWAY {
                return Ok(Some(Ending::GoAway(frame.code())));
            }
            if frame.ends_a_stream() {
                left -= 1;
                if !answered() {
                    return Ok(None);
                }
            }
        }
    }
}
