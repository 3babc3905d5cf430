//! The flags of `bench`.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, value_parser};

use super::{AddressArgs, NoLink, SourceArg, seconds};
use crate::bench::{Bench, Load, Place, Rooms, Up};
use crate::pacing::Pace;
use crate::source::{PatternSpec, SourceError, SourceSpec};
use crate::tiles::FrameSize;

/// The test pattern of that size.
fn pattern_of_size(size: &str) -> Result<PatternSpec, String> {
    let pattern = format!("test-pattern:{size}").parse();
    pattern.map_err(|_| "a size is WIDTHxHEIGHT with sides of 16 to 4096".to_owned())
}

/// `bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What the publishers send, as join takes it: its first frames, made ready before and sent over and over.
    /// Without it the test pattern.
    #[arg(value_parser = NoLink::<SourceArg>(PhantomData))]
    source: Option<SourceArg>,
    #[command(flatten)]
    address: AddressArgs,
    /// Start the tessera-server that stands beside this program, without limits on pushes and viewers, and end it at
    /// the end. --server says on which port.
    #[arg(long, env = "TESSERA_WITH_SERVER", value_parser = BoolishValueParser::new())]
    with_server: bool,
    /// The server's process on this machine, for its CPU time and memory; known with --with-server.
    #[arg(long, env = "TESSERA_SERVER_PID", value_name = "PID", conflicts_with = "with_server")]
    server_pid: Option<NonZeroU32>,
    /// Participants who send.
    #[arg(long, env = "TESSERA_PUBLISHERS", value_name = "N", default_value_t = 4)]
    publishers: u32,
    /// Spectators, each with a connection of its own.
    #[arg(long, env = "TESSERA_VIEWERS", value_name = "M", default_value_t = 4)]
    viewers: u32,
    /// Rooms that both are spread over: ROOM, ROOM-2 and so on.
    #[arg(long, env = "TESSERA_ROOMS", value_name = "R", default_value = "1")]
    rooms: NonZeroU32,
    /// Frames a second of each publisher: a number, "source", or "max" for the next when one is answered.
    #[arg(
        long,
        env = "TESSERA_FPS",
        value_name = "source|max|N",
        default_value = "30",
        allow_negative_numbers = true
    )]
    fps: Pace,
    /// At most so many mosaics a second for each viewer, 1 to 1000; without it as many as the server gives.
    #[arg(long, env = "TESSERA_MAX_FPS", value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    max_fps: Option<u32>,
    /// The size of the test pattern; without it 640x480. Matters with --full-size.
    #[arg(
        long,
        env = "TESSERA_SIZE",
        value_name = "WIDTHxHEIGHT",
        conflicts_with = "source",
        value_parser = pattern_of_size
    )]
    size: Option<PatternSpec>,
    /// Send frames as they are in the source instead of as tiles: the server has the work then.
    #[arg(long, env = "TESSERA_FULL_SIZE", value_parser = BoolishValueParser::new())]
    full_size: bool,
    /// As browsers do: frames up by PushFrame, and a seat with a WatchMosaic.
    #[arg(long, env = "TESSERA_PUSH", value_parser = BoolishValueParser::new())]
    push: bool,
    /// With --push: publishers see nothing, so that the viewers alone are served.
    #[arg(long, env = "TESSERA_BLIND", value_parser = BoolishValueParser::new(), requires = "push")]
    blind: bool,
    /// How long is measured, after a second that does not count.
    #[arg(
        long,
        env = "TESSERA_SECONDS",
        value_name = "S",
        default_value = "10",
        value_parser = seconds,
        allow_negative_numbers = true
    )]
    seconds: Duration,
    /// Write the figures as JSON, too: a file, or - for standard output.
    #[arg(long, env = "TESSERA_JSON", value_name = "FILE|-")]
    json: Option<PathBuf>,
}

/// Why a measurement cannot be.
#[derive(Debug, thiserror::Error)]
pub enum BenchArgsError {
    /// The source is not there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A number behind it makes the room's name too long.
    #[error("--rooms puts a number behind the name of --room: {0}")]
    Room(#[from] tessera_wire::NameError),
}

impl BenchArgs {
    /// Which server is called, and whether it is started here.
    pub(super) fn whom(&self) -> (&AddressArgs, bool) {
        (&self.address, self.with_server)
    }

    /// Whether standard output is for JSON alone.
    pub(super) fn writes_to_stdout(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// What is to be done.
    ///
    /// # Errors
    ///
    /// When the source is not there, or a room's name would be too long.
    pub fn resolve(self) -> Result<Bench, BenchArgsError> {
        let source = match self.source {
            Some(source) => source.0.parse()?,
            None => SourceSpec::TestPattern(self.size.unwrap_or_default()),
        };
        let up = match (self.push, self.blind) {
            (false, _) => Up::Stream,
            (true, false) => Up::Push,
            (true, true) => Up::BlindPush,
        };
        let place = match (self.with_server, self.server_pid) {
            (true, _) => Place::Ours,
            (false, Some(pid)) => Place::Here(pid.get()),
            (false, None) => Place::Elsewhere,
        };
        Ok(Bench {
            server: self.address.server(),
            place,
            load: Load {
                publishers: self.publishers,
                viewers: self.viewers,
                rooms: Rooms::new(&self.address.room(), self.rooms)?,
                pace: self.fps,
                max_fps: self.max_fps,
                up,
                frame_size: if self.full_size { FrameSize::Full } else { FrameSize::Tile },
                source,
            },
            time: self.seconds,
            json: self.json,
        })
    }
}
