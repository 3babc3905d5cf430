//! Attacks that go on until they are stopped, for the soak.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tokio::time::sleep;
use tonic::Status;

use super::floods::Flood;
use super::h2::grpc;
use super::slow::{self, Opening};
use super::{jpeg, swarm};
use crate::guest::{self, Guest};
use crate::pictures;
use crate::target::Target;

/// Between two tries of one attacker, so that a refusal at once does not become a flood of its own.
const PAUSE: Duration = Duration::from_millis(20);

/// What is tried.
#[derive(Debug, ValueEnum, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// 5,000 connections that say nothing
    SilentConnections,
    /// Headers of HTTP/1, byte by byte
    SlowHeaders,
    /// The preface of HTTP/2, byte by byte
    SlowPrefaces,
    /// Frames, byte by byte
    SlowBodies,
    /// Requests that are cancelled at once
    RapidReset,
    /// Headers that never end
    ContinuationFlood,
    /// Bodies of nothing, in many pieces
    EmptyDataFlood,
    /// PINGs
    PingFlood,
    /// SETTINGS
    SettingsFlood,
    /// WINDOW_UPDATEs
    WindowUpdateFlood,
    /// Viewers of HTTP/2 whose window never opens
    ClosedWindows,
    /// Viewers of HTTP/1 who read nothing
    UnreadViewers,
    /// 100 viewers at 1 kB/s
    SlowViewers,
    /// StreamFrames as fast as it goes
    FastFrames,
    /// PushFrame at 1,000 a second
    FastPushes,
    /// Ids without end
    Ids,
    /// Rooms without end, from one address and from many
    Rooms,
    /// Joining and leaving as fast as it goes, from one address and from many
    ComeAndGo,
    /// Taking one's own seat over as fast as it goes
    TakeOvers,
    /// Frames that are no good
    ForgedFrames,
    /// Good frames that cost as much as any may, from all seats that are left
    DearFrames,
    /// Tiles behind megabytes of Exif whose directories lie over each other
    TangledExif,
    /// Seats whose connections break while a frame is in work or waits for it
    Quitters,
    /// Requests that are whole and ask for nothing, as many as connections may have
    EmptyRequests,
    /// Messages that are announced and never sent
    HeldMessages,
}

/// What was seen, and how often. Clones are not needed: one attacker has one.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    /// Counts one more.
    pub fn note(&self, what: impl Display) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.to_string()).or_default() += 1;
    }

    /// All of it.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Attack {
    /// What the server should do, for people.
    pub fn expected(self) -> &'static str {
        match self {
            Self::SilentConnections => "over 256 closed at once, the others after 10 s",
            Self::SlowHeaders | Self::SlowPrefaces => "closed after 10 s",
            Self::SlowBodies => "stream ended after 30 s",
            Self::RapidReset | Self::ContinuationFlood => "GOAWAY",
            Self::EmptyDataFlood | Self::PingFlood | Self::SettingsFlood | Self::WindowUpdateFlood => {
                "connection closed, or bounded"
            }
            Self::ClosedWindows | Self::UnreadViewers => "stream ended after 10 s",
            Self::SlowViewers => "they alone lose frames",
            Self::FastFrames => "slowed",
            Self::FastPushes => "RESOURCE_EXHAUSTED after 5 s",
            Self::Ids | Self::Rooms | Self::ComeAndGo => "RESOURCE_EXHAUSTED",
            Self::TakeOvers | Self::Quitters => "let in, and nobody notices",
            Self::TangledExif => "taken, and nobody notices",
            Self::EmptyRequests => "answered, and nobody notices",
            Self::ForgedFrames => "refused; the 20th ends the stream",
            Self::DearFrames => "they wait for each other, and nobody for them",
            Self::HeldMessages => "at most 64 MiB held",
        }
    }

    /// How what is seen begins if the server does so; of some attacks nothing is seen.
    pub fn must_see(self) -> Option<&'static str> {
        Some(match self {
            Self::SilentConnections => "4744 of 5000 closed at once",
            Self::SlowHeaders | Self::SlowPrefaces => "closed",
            Self::SlowBodies | Self::HeldMessages => "stream ended",
            Self::RapidReset | Self::ContinuationFlood | Self::EmptyDataFlood => "GOAWAY",
            Self::PingFlood | Self::SettingsFlood | Self::WindowUpdateFlood => "closed",
            Self::ClosedWindows => "RST_STREAM 8",
            Self::UnreadViewers => "ended",
            Self::SlowViewers => return None,
            Self::FastFrames => "2000 frames answered",
            Self::FastPushes | Self::Ids | Self::Rooms | Self::ComeAndGo => "ResourceExhausted",
            Self::TakeOvers => "500 times taken over",
            Self::ForgedFrames => "InvalidArgument",
            Self::DearFrames => "100 frames taken",
            Self::TangledExif => "5 frames taken",
            Self::Quitters => "20 times gone",
            Self::EmptyRequests => "answered",
        })
    }

    /// Bytes that the server may have more than without it, if that is bounded by more than what is in work.
    pub fn may_hold(self) -> Option<f64> {
        match self {
            // A megabyte each.
            Self::ClosedWindows | Self::UnreadViewers => Some(100e6),
            // As many as `--max-held-bytes-per-ip`, and what forty streams are themselves.
            Self::HeldMessages => Some(72e6),
            _ => None,
        }
    }

    /// How many windows long it must go on for its limit to be seen at work.
    pub fn windows(self) -> u32 {
        use Attack::{
            ClosedWindows, FastPushes, SilentConnections, SlowBodies, SlowHeaders, SlowPrefaces,
            UnreadViewers,
        };
        match self {
            SlowBodies => 6,
            SilentConnections | SlowHeaders | SlowPrefaces | ClosedWindows | UnreadViewers | FastPushes => 2,
            _ => 1,
        }
    }

    /// How many attackers there are at once.
    fn attackers(self) -> usize {
        match self {
            Self::SilentConnections => 1,
            Self::SlowHeaders | Self::SlowPrefaces => 100,
            Self::ClosedWindows | Self::UnreadViewers | Self::SlowViewers => 100,
            // Each has a seat.
            Self::SlowBodies | Self::HeldMessages | Self::DearFrames | Self::TangledExif | Self::Quitters => {
                40
            }
            // Each has a connection, of 256.
            Self::EmptyRequests => 250,
            _ => 4,
        }
    }

    /// Goes on until it is dropped. What the server does is noted in `seen`.
    pub async fn run(self, target: Target, seen: &Seen) {
        join_all((0..self.attackers()).map(|n| self.again_and_again(target, n, seen))).await;
    }

    async fn again_and_again(self, target: Target, attacker: usize, seen: &Seen) {
        loop {
            match self.once(target, attacker, seen).await {
                Ok(saw) => seen.note(saw),
                Err(error) => seen.note(error),
            }
            sleep(PAUSE).await;
        }
    }

    async fn once(self, target: Target, attacker: usize, seen: &Seen) -> Result<String, Tried> {
        let opening = |opening: Opening| async move {
            opening.until_closed(target).await?;
            Ok("closed".to_owned())
        };
        match self {
            Self::SilentConnections => silent_connections(target).await,
            Self::SlowHeaders => opening(Opening::Header).await,
            Self::SlowPrefaces => opening(Opening::Preface).await,
            Self::SlowBodies => {
                let hello = grpc(&guest::hello(&format!("slow {attacker}")));
                Ok(slow::slow_body(target, hello).await?.to_string())
            }
            Self::RapidReset => flood(Flood::RapidReset, target).await,
            Self::ContinuationFlood => flood(Flood::Continuation, target).await,
            Self::EmptyDataFlood => flood(Flood::EmptyData, target).await,
            Self::PingFlood => flood(Flood::Ping, target).await,
            Self::SettingsFlood => flood(Flood::Settings, target).await,
            Self::WindowUpdateFlood => flood(Flood::WindowUpdate, target).await,
            Self::ClosedWindows => Ok(slow::closed_window(target).await?.to_string()),
            Self::UnreadViewers => unread(target).await,
            Self::SlowViewers => Ok(slow::slow_reader(target, 1000).await.map(|_| "ended".to_owned())?),
            Self::FastFrames => fast_frames(target, attacker).await,
            Self::FastPushes => fast_pushes(target, attacker).await,
            Self::Ids => {
                Ok(outcome("seats taken", swarm::seats(target, &format!("crowd {attacker}"), 200).await?.1))
            }
            Self::Rooms => rooms(some_of_a_crowd(target, attacker)).await,
            Self::ComeAndGo => Ok(outcome(
                "came and went",
                swarm::come_and_go(some_of_a_crowd(target, attacker), &format!("moth {attacker}"), 50)
                    .await?
                    .1,
            )),
            Self::TakeOvers => take_overs(target, attacker).await,
            Self::ForgedFrames => forged_frames(target, attacker).await,
            Self::DearFrames => dear_frames(target, attacker).await,
            Self::TangledExif => tangled_exif(target, attacker).await,
            Self::Quitters => quitters(target, attacker).await,
            Self::EmptyRequests => empty_requests(target, attacker, seen).await,
            Self::HeldMessages => held_message(target, attacker).await,
        }
    }
}

/// Why a try came to nothing.
#[derive(Debug)]
enum Tried {
    /// The socket's error.
    Socket(io::Error),
    /// The call's.
    Call(Status),
}

impl Display for Tried {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(error) => write!(formatter, "{:?}", error.kind()),
            Self::Call(status) => write!(formatter, "{:?}", status.code()),
        }
    }
}

impl From<io::Error> for Tried {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<Status> for Tried {
    fn from(status: Status) -> Self {
        Self::Call(status)
    }
}

fn outcome(well: &str, refused: Option<tonic::Code>) -> String {
    refused.map_or_else(|| well.to_owned(), |code| format!("{code:?}"))
}

async fn silent_connections(target: Target) -> Result<String, Tried> {
    let mut sockets = swarm::connections(target, 5000).await?;
    let closed = swarm::closed_at_once(&mut sockets).await;
    for socket in &mut sockets {
        slow::closed(socket).await;
    }
    Ok(format!("{closed} of 5000 closed at once"))
}

async fn flood(flood: Flood, target: Target) -> Result<String, Tried> {
    const PIECES: usize = 10_000;
    let ending = flood.run(target, PIECES).await?;
    Ok(ending.map_or_else(|| "bounded".to_owned(), |ending| ending.to_string()))
}

async fn unread(target: Target) -> Result<String, Tried> {
    let mut socket = slow::unread(target).await?;
    // Longer than the limit: what has come by then is all that was sent.
    sleep(Duration::from_secs(11)).await;
    slow::closed(&mut socket).await;
    Ok("ended".to_owned())
}

async fn fast_frames(target: Target, attacker: usize) -> Result<String, Tried> {
    let jpeg = pictures::frame(640, 480, 1);
    swarm::frames(target, &format!("fast {attacker}"), jpeg, 2000).await?;
    Ok("2000 frames answered".to_owned())
}

async fn fast_pushes(target: Target, attacker: usize) -> Result<String, Tried> {
    let guest = Guest::connect(target).await?;
    let mut mosaics = guest.watch(guest::seated(&format!("fast {attacker}"))).await?;
    let seat = guest::first(&mut mosaics).await?.seat.ok_or_else(|| Status::internal("no seat"))?;
    // Longer than more than the rate is borne, from one seat.
    let until_refused = async {
        loop {
            let refused = swarm::pushes(&guest, &seat, &pictures::frame(640, 480, 1), 512).await;
            if let Some(code) = refused.first() {
                return *code;
            }
        }
    };
    Ok(format!("{:?}", until_refused.await))
}

/// Half of the attackers come from an address that is new each time.
fn some_of_a_crowd(target: Target, attacker: usize) -> Target {
    if attacker.is_multiple_of(2) { target } else { target.of_a_crowd() }
}

async fn rooms(target: Target) -> Result<String, Tried> {
    let answers = swarm::rooms(target, 200).await?;
    Ok(outcome("200 rooms", answers.into_iter().find_map(Result::err)))
}

/// Each is a change that everybody is told, and none is counted as a join: who brings a session comes back.
async fn take_overs(target: Target, attacker: usize) -> Result<String, Tried> {
    const TIMES: usize = 500;
    let guest = Guest::connect(target).await?;
    let seated = guest::seated(&format!("turncoat {attacker}"));
    let mut mosaics = guest.watch(seated.clone()).await?;
    let seat = guest::first(&mut mosaics).await?.seat.ok_or_else(|| Status::internal("no seat"))?;
    for _ in 0..TIMES {
        mosaics = guest.watch(WatchMosaicRequest { session: seat.session.clone(), ..seated.clone() }).await?;
    }
    drop(mosaics);
    Ok(format!("{TIMES} times taken over"))
}

async fn forged_frames(target: Target, attacker: usize) -> Result<String, Tried> {
    let tile = (640, 480);
    let guest = Guest::connect(target).await?;
    let (mut frames, _) = guest.join(guest::hello(&format!("forger {attacker}"))).await?;
    for forged in
        [jpeg::sizes(tile), jpeg::kinds(tile), jpeg::tables(tile), jpeg::others(), jpeg::data(tile)].concat()
    {
        frames.show(forged.jpeg).await?;
    }
    Ok("all answered".to_owned())
}

/// Half of them send by StreamFrames, whose frames are made into tiles at once, and half by PushFrame, whose frames are
/// made into tiles when a mosaic wants them.
async fn dear_frames(target: Target, attacker: usize) -> Result<String, Tried> {
    static FRAME: LazyLock<Bytes> = LazyLock::new(jpeg::dear);
    const FRAMES: u64 = 100;
    let (guest, id) = (Guest::connect(target).await?, format!("spender {attacker}"));
    if attacker.is_multiple_of(2) {
        let (mut frames, _) = guest.join(guest::hello(&id)).await?;
        for _ in 0..FRAMES {
            frames.show(FRAME.clone()).await?;
        }
    } else {
        let mut mosaics = guest.watch(guest::seated(&id)).await?;
        let seat = guest::first(&mut mosaics).await?.seat.ok_or_else(|| Status::internal("no seat"))?;
        for n in 0..FRAMES {
            guest.push(guest::push(&seat, n + 1, FRAME.clone())).await?;
        }
    }
    Ok(format!("{FRAMES} frames taken"))
}

/// Each waits for the one before, as the tile is accepted and is no other than the one before.
async fn tangled_exif(target: Target, attacker: usize) -> Result<String, Tried> {
    static FRAMES: LazyLock<[Bytes; 2]> = LazyLock::new(|| [1, 2].map(|n| jpeg::tangled((640, 480), n)));
    const TIMES: usize = 5;
    let (mut frames, _) =
        Guest::connect(target).await?.join(guest::hello(&format!("archivist {attacker}"))).await?;
    for n in 0..TIMES {
        frames.show(FRAMES[n % 2].clone()).await?;
    }
    Ok(format!("{TIMES} frames taken"))
}

/// The next connection takes the seat over before the last one breaks, so that none of it is counted as a join.
async fn quitters(target: Target, attacker: usize) -> Result<String, Tried> {
    static FRAMES: LazyLock<[Bytes; 2]> = LazyLock::new(|| [1, 2].map(|n| pictures::frame(1280, 720, n)));
    const TIMES: usize = 20;
    let hello = guest::hello(&format!("quitter {attacker}"));
    let (mut frames, welcome) = Guest::connect(target).await?.join(hello.clone()).await?;
    let seat = welcome.seat.ok_or_else(|| Status::internal("no seat"))?;
    for n in 0..TIMES {
        let frame_data = FRAMES[n % 2].clone();
        frames.send(FrameRequest { frame_data, ..Default::default() }).await?;
        let hello = FrameRequest { session: seat.session.clone(), ..hello.clone() };
        (frames, _) = Guest::connect(target).await?.join(hello).await?;
    }
    Ok(format!("{TIMES} times gone"))
}

/// Some ask as often at once as they may, some for one thing after the other, and some come anew after each answer, on which
/// what they have asked for is answered to nobody.
async fn empty_requests(target: Target, attacker: usize, seen: &Seen) -> Result<String, Tried> {
    const AT_ONCE: usize = 128;
    let (at_once, stays) = [(AT_ONCE, true), (1, true), (AT_ONCE, false)][attacker % 3];
    let answered = || {
        seen.note("answered");
        stays
    };
    let ending = swarm::empty_requests(target, at_once, answered).await?;
    Ok(ending.map_or_else(|| "gone".to_owned(), |ending| ending.to_string()))
}

/// Announces eight megabytes, sends all but the last byte, and waits.
async fn held_message(target: Target, attacker: usize) -> Result<String, Tried> {
    use super::h2::{Connection, Frame};
    let mut connection = Connection::open(target, &[]).await?;
    connection.send(&Frame::call(1, "StreamFrames")).await?;
    let hello = FrameRequest { client_id: format!("hoarder {attacker}"), ..Default::default() };
    let promised = 8_000_000u32;
    let begun = [&grpc(&hello)[..], &[0], &promised.to_be_bytes()].concat();
    Ok(connection.fill(1, begun, promised as usize - 1).await.to_string())
}
