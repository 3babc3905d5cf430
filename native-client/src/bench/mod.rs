//! `tessera-client bench`: publishers and viewers in one program load a server, and are measured.
//!
//! They come in, run for a second that does not count, and then for the time that does. Frames are made ready
//! before, and nothing that comes back is decoded: what is left is the server's cost and the wire's.
//!
//! A publisher notes in `captured_at_us` when a frame goes, by the one clock of this process; each mosaic says
//! whose frames it shows, so a viewer knows how old they are.

mod clock;
mod crowd;
mod figures;
mod publisher;
mod pusher;
mod reel;
mod result;
pub mod usage;
mod watcher;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use tessera_wire::NameError;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::address::ServerAddress;
use crate::error::{Asked, SessionError, Verdict, judge};
use crate::identity::Room;
use crate::pacing::Pace;
use crate::progress::Screen;
use crate::server_process::{ServerProcess, ServerProcessError};
use crate::source::{SourceError, SourceSpec};
use crate::text::excerpt;
use crate::tiles::FrameSize;
use crowd::Crowd;
pub use result::{Asked as AskedLoad, BenchResult, Memory, Percentiles, ServerCost, ViewerRates};
use usage::Process;

/// A measurement.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The server.
    pub server: ServerAddress,
    /// Where it runs.
    pub place: Place,
    /// What it is loaded with.
    pub load: Load,
    /// How long is measured.
    pub time: Duration,
    /// Where the figures go as JSON: a file, or `-` for standard output.
    pub json: Option<PathBuf>,
}

/// Where the server runs, and so whether its CPU time can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is started here.
    Ours,
    /// It is this process of this machine.
    Here(u32),
    /// Nothing is known of its process.
    Elsewhere,
}

/// What a server is loaded with.
#[derive(Debug, Clone)]
pub struct Load {
    /// Participants who send.
    pub publishers: u32,
    /// Spectators.
    pub viewers: u32,
    /// The room, and those of a number behind its name: both are spread over them.
    pub rooms: Rooms,
    /// How fast each publisher sends.
    pub pace: Pace,
    /// At most so many mosaics a second for each viewer.
    pub max_fps: Option<u32>,
    /// How frames go up.
    pub up: Up,
    /// Tiles, or frames as they are in the source.
    pub frame_size: FrameSize,
    /// Where frames come from.
    pub source: SourceSpec,
}

/// `ROOM`, `ROOM-2` and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rooms {
    first: Room,
    count: NonZeroU32,
}

impl Rooms {
    /// So many of them.
    ///
    /// # Errors
    ///
    /// When a number makes the name too long.
    pub fn new(first: &Room, count: NonZeroU32) -> Result<Self, NameError> {
        let rooms = Self { first: first.clone(), count };
        rooms.numbered(count.get())?;
        Ok(rooms)
    }

    /// How many.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    /// The room of the one with this number: they are taken in turn.
    fn of(&self, number: u32) -> Room {
        self.numbered(number % self.count + 1).expect("the last one's name is the longest, and was checked")
    }

    /// The room of this number, from 1 on.
    fn numbered(&self, number: u32) -> Result<Room, NameError> {
        match number {
            1 => Ok(self.first.clone()),
            _ => format!("{}-{number}", self.first).parse(),
        }
    }
}

/// How frames go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// By StreamFrames: each is answered with a mosaic.
    Stream,
    /// By PushFrame, the seat held by a WatchMosaic, as browsers do.
    Push,
    /// By PushFrame, the seat held by a StreamFrames that asks for nothing.
    BlindPush,
}

/// Flags of a server that is started to be measured: its strength is meant, and not the limits of a guest.
const WITHOUT_LIMITS: [&str; 6] =
    ["--pushes-per-second", "1000000", "--max-viewers", "1000000", "--max-connections", "1000000"];

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The server did not start, or ended.
    #[error(transparent)]
    Server(#[from] ServerProcessError),
    /// The frames cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A frame is too large to send.
    #[error(transparent)]
    TooLarge(#[from] crate::tiles::FrameTooLarge),
    /// There is none.
    #[error("the source has no frame in it")]
    Empty,
    /// The server does not let us in.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The server went away, or ended a stream.
    #[error(
        "the server went away while it was measured ({0}): was it stopped? One that is loaded beyond its strength may \
         close connections: then ask for less"
    )]
    Broke(String),
    /// It does not give what is needed to measure it.
    #[error("the server cannot be measured: {0}")]
    Strange(String),
    /// It does not take so many pushes.
    #[error(
        "the server refuses pushes: {0}; --fps 60 keeps to its usual limit, and `tessera-server --pushes-per-second N` \
         sets another"
    )]
    TooFast(String),
    /// It does not take the frames.
    #[error("the server ended a stream: {why}; the last one because: {last}")]
    Refused {
        /// The server's words.
        why: String,
        /// Its words of the last frame.
        last: String,
    },
    /// Nobody answers.
    #[error("{who} waited {} s for the server in vain: ask for less", .time.as_secs())]
    Silent {
        /// Who.
        who: String,
        /// How long.
        time: Duration,
    },
    /// The figures of the server's process are not there.
    #[error(
        "process {pid} cannot be read ({error}): --server-pid takes a running process of this machine, on Linux"
    )]
    NoProcess {
        /// Its number.
        pid: u32,
        /// What the system said.
        error: io::Error,
    },
    /// The figures cannot be written.
    #[error("{} cannot be written: {error}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A bug of ours.
    #[error("a task of the bench crashed")]
    Crashed,
}

impl BenchError {
    /// What it means that somebody does not get into `room`.
    fn of_join(status: &Status, server: &ServerAddress, room: &Room) -> Self {
        Self::of(status, Asked { server, room, id: None, was_in: false })
    }

    /// What it means that a stream in `room` ended with `status`. `refusal` is why a frame was refused, if one was.
    fn of_end(status: &Status, server: &ServerAddress, room: &Room, refusal: Option<&str>) -> Self {
        match (status.code(), refusal) {
            (Code::InvalidArgument, Some(last)) => {
                Self::Refused { why: excerpt(status.message()), last: last.to_owned() }
            }
            _ => Self::of(status, Asked { server, room, id: None, was_in: true }),
        }
    }

    /// The same of somebody who came when others were in: then there is a server, or there was one.
    fn after_others(self) -> Self {
        match self {
            Self::Session(SessionError::NoServer { why, .. } | SessionError::Closed { why, .. }) => {
                Self::Broke(why)
            }
            other => other,
        }
    }

    fn of(status: &Status, asked: Asked<'_>) -> Self {
        match judge(status, asked) {
            Verdict::GiveUp(error) => Self::Session(error),
            Verdict::TryAgain(why) => Self::Broke(why),
        }
    }
}

/// Measures, and says what came of it. Says nothing when it is stopped before it is done.
///
/// # Errors
///
/// When nothing could be measured.
pub async fn bench(what: Bench, screen: &Screen, stop: CancellationToken) -> Result<(), BenchError> {
    let json = what.json.clone();
    if let Some(path) = &json {
        check_writable(path)?;
    }
    let measured = tokio::select! {
        measured = measure(what, screen) => measured?,
        // Dropping it ends every stream, and the server.
        () = stop.cancelled() => {
            screen.note("stopped before the end: nothing was measured");
            return Ok(());
        }
    };
    screen.result(&measured.to_string());
    json.map_or(Ok(()), |path| write_json(&measured, &path))
}

/// Measures, with a server of our own if it is to be.
///
/// # Errors
///
/// When nothing could be measured.
pub async fn measure(what: Bench, screen: &Screen) -> Result<BenchResult, BenchError> {
    let pid = match what.place {
        Place::Elsewhere => None,
        Place::Here(pid) => Some(pid),
        Place::Ours => return measure_ours(what, screen).await,
    };
    under_load(&what, pid, screen).await
}

async fn measure_ours(what: Bench, screen: &Screen) -> Result<BenchResult, BenchError> {
    let log = |line: &str| screen.note(&format!("server | {line}"));
    let mut server = ServerProcess::beside_us(&what.server, &WITHOUT_LIMITS, log).await?;
    let pid = server.id().filter(|_| cfg!(target_os = "linux"));
    let measured = tokio::select! {
        measured = under_load(&what, pid, screen) => measured,
        died = server.ended() => Err(died.into()),
    };
    // Whatever came of it, no process is left.
    server.stop().await?;
    measured
}

async fn under_load(what: &Bench, pid: Option<u32>, screen: &Screen) -> Result<BenchResult, BenchError> {
    let process = pid.map(Process::new);
    let crowd = Crowd::gather(&what.server, &what.load, process).await?;
    let Load { publishers, viewers, .. } = what.load;
    screen.note(&format!(
        "{publishers} publishers and {viewers} viewers are in; measuring for {} s",
        what.time.as_secs_f64()
    ));
    crowd.measure(what.time).await
}

/// Finds what cannot be written before anything is measured for it. A file that is not there yet is made, as a shell's
/// `>` does.
fn check_writable(path: &Path) -> Result<(), BenchError> {
    if path == Path::new("-") {
        return Ok(());
    }
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).map_err(|error| BenchError::Write { path: path.to_owned(), error })
}

fn write_json(measured: &BenchResult, path: &Path) -> Result<(), BenchError> {
    let failed = |error| BenchError::Write { path: path.to_owned(), error };
    let json = serde_json::to_string_pretty(measured).map_err(|error| failed(error.into()))? + "\n";
    if path == Path::new("-") {
        return io::Write::write_all(&mut io::stdout(), json.as_bytes()).map_err(failed);
    }
    fs::write(path, json).map_err(failed)
}
