//! The command line: raw flags, and what they come to.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, value_parser};

use crate::demo::Demo;
use crate::frames::Playback;
use crate::identity::{ClientId, DisplayName};
use crate::join::Join;
use crate::pacing::Pace;
use crate::progress::Results;
use crate::session::SessionConfig;
use crate::sink::Target;
use crate::source::{SourceError, SourceSpec};
use crate::tiles::FrameSize;
use crate::viewer::ViewerConfig;
use crate::watch::Watch;

use address::{AddressArgs, NoLink, without_link};
pub use bench::BenchArgs;
pub use rule::{KickArgs, RoomArgs};

/// Streams video files, pictures and cameras into a Tessera room, and saves what comes back.
///
/// Exit codes: 0 done, 1 failed on the way, 2 wrong arguments, 130 stopped at once by a second Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "tessera-client", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a source into a room and save each mosaic that comes back.
    Join(JoinArgs),
    /// Watch a room without being seen in it.
    Watch(WatchArgs),
    /// Four clients in one program, on the sample clips or on sources of yours.
    Demo(DemoArgs),
    /// End somebody's seat, as a host: that id stays out as long as the room is there.
    Kick(KickArgs),
    /// Lock a room, as a host: nobody comes in any more but hosts and those who come back.
    Lock(RoomArgs),
    /// Open a locked room again, as a host.
    Unlock(RoomArgs),
    /// Load a server with publishers and viewers, and measure what comes of it.
    Bench(BenchArgs),
}

impl Cli {
    /// The command of these arguments, the first of which is the program's name.
    ///
    /// # Errors
    ///
    /// When they are wrong, each for itself or together.
    pub fn read<T: Into<OsString> + Clone>(
        args: impl IntoIterator<Item = T>,
    ) -> Result<Command, clap::Error> {
        let read = Self::try_parse_from(args).map_err(|error| without_link(error, &Self::command()));
        read.and_then(Self::into_command)
    }

    /// The command, if its arguments make sense together.
    ///
    /// # Errors
    ///
    /// When they do not.
    fn into_command(self) -> Result<Command, clap::Error> {
        match self.command.contradiction() {
            None => Ok(self.command),
            Some(why) => Err(Self::command().error(ErrorKind::ArgumentConflict, why)),
        }
    }
}

impl Command {
    fn contradiction(&self) -> Option<String> {
        let (address, with_server) = self.whom();
        let no_tls = "--with-server starts a server without TLS: name it with http:// in --server";
        let is_secure = || address.server().is_secure();
        address.contradiction().or_else(|| (with_server && is_secure()).then(|| no_tls.to_owned()))
    }

    /// What should be known before it begins.
    pub fn warning(&self) -> Option<String> {
        self.whom().0.warning()
    }

    /// Which server is called, and whether it is started here.
    fn whom(&self) -> (&AddressArgs, bool) {
        match self {
            Self::Join(join) => (&join.server.address, false),
            Self::Watch(watch) => (&watch.server.address, false),
            Self::Demo(demo) => (&demo.server.address, demo.with_server),
            Self::Kick(kick) => (&kick.room.address, false),
            Self::Lock(room) | Self::Unlock(room) => (&room.address, false),
            Self::Bench(bench) => bench.whom(),
        }
    }

    /// Where the results of this command can go.
    pub fn results(&self) -> Results {
        match self {
            Self::Watch(watch) if watch.out.as_deref() == Some(Path::new("-")) => Results::Stderr,
            Self::Bench(bench) if bench.writes_to_stdout() => Results::Stderr,
            _ => Results::Stdout,
        }
    }
}

/// Where to.
#[derive(Debug, Args)]
pub struct ServerArgs {
    #[command(flatten)]
    address: AddressArgs,
    /// Fail when the connection breaks, instead of making it anew.
    #[arg(long, env = "TESSERA_NO_RECONNECT", value_parser = BoolishValueParser::new())]
    no_reconnect: bool,
}

/// How a source is sent, and where what comes back is kept.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// The folder for the mosaics, made if it is not there; without it CLIENT_ID in the current folder.
    /// With several clients each has a folder CLIENT_ID in it.
    #[arg(long, env = "TESSERA_OUT", value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save nothing.
    #[arg(long, env = "TESSERA_NO_SAVE", value_parser = BoolishValueParser::new())]
    no_save: bool,
    /// How fast: "source" for its own frame rate, "max" for as fast as it goes, or frames a second.
    #[arg(
        long,
        env = "TESSERA_FPS",
        value_name = "source|max|N",
        default_value = "source",
        allow_negative_numbers = true
    )]
    fps: Pace,
    /// Start the source again at its end, until Ctrl-C.
    #[arg(long = "loop", env = "TESSERA_LOOP", value_parser = BoolishValueParser::new())]
    repeat: bool,
    /// Send at most so many frames.
    #[arg(long, env = "TESSERA_MAX_FRAMES", value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
    /// Send frames at their own size instead of the tile's: the server has the work then.
    #[arg(long, env = "TESSERA_FULL_SIZE", value_parser = BoolishValueParser::new())]
    full_size: bool,
}

/// `join`
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Who you are in the room: 1 to 64 bytes, one of a kind there.
    #[arg(value_parser = NoLink::<ClientId>(PhantomData))]
    client_id: ClientId,
    /// A video file, a folder or "glob*" of JPEG or PNG pictures, an MJPEG file, test-pattern, or whatever
    /// an installed ffmpeg can open: rtsp://…, /dev/video0.
    #[arg(value_parser = NoLink::<SourceArg>(PhantomData))]
    source: SourceArg,
    #[command(flatten)]
    server: ServerArgs,
    /// The name that people see; without it CLIENT_ID.
    #[arg(long, env = "TESSERA_NAME", value_name = "NAME", value_parser = NoLink::<DisplayName>(PhantomData))]
    name: Option<DisplayName>,
    #[command(flatten)]
    send: SendArgs,
}

/// `watch`
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// A folder (there already, or with a closing slash) for mosaic_1.jpg and so on; a file, at whose end
    /// the mosaics are written as motion JPEG; or - for standard output. Without it nothing is kept.
    #[arg(long, env = "TESSERA_OUT", value_name = "FILE|DIR|-")]
    out: Option<PathBuf>,
    /// Stop after so many seconds.
    #[arg(long, env = "TESSERA_SECONDS", value_name = "N", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Option<Duration>,
    /// At most so many mosaics a second, 1 to 1000; without it as many as the server gives.
    #[arg(long, env = "TESSERA_MAX_FPS", value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    max_fps: Option<u32>,
    /// Stop after so many mosaics.
    #[arg(long, env = "TESSERA_MAX_FRAMES", value_name = "N", value_parser = value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
}

/// `demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// One source for each client, as join takes them; without any clips/1.mp4 to clips/4.mp4.
    #[arg(value_parser = NoLink::<SourceArg>(PhantomData))]
    sources: Vec<SourceArg>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    send: SendArgs,
    /// Start the tessera-server that stands beside this program, and end it at the end. --server says on which port;
    /// its flags are taken from the environment, as in TESSERA_FIT=cover.
    #[arg(long, env = "TESSERA_WITH_SERVER", value_parser = BoolishValueParser::new())]
    with_server: bool,
}

/// A SOURCE of a right form. Whether it is there shows when it is opened.
#[derive(Debug, Clone)]
struct SourceArg(String);

impl FromStr for SourceArg {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.parse::<SourceSpec>() {
            Err(malformed @ (SourceError::Pattern(_) | SourceError::Glob { .. })) => Err(malformed),
            Ok(_) | Err(_) => Ok(Self(text.to_owned())),
        }
    }
}

/// A time in seconds, above zero.
fn seconds(text: &str) -> Result<Duration, String> {
    let takes = || "it takes seconds above 0, for example 10 or 0.5".to_owned();
    let seconds: f64 = text.trim().parse().map_err(|_| takes())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| takes())?;
    // A year is for ever, and does not overflow a clock.
    if time.is_zero() { Err(takes()) } else { Ok(time.min(Duration::from_secs(365 * 86_400))) }
}

impl SendArgs {
    fn playback(&self) -> Playback {
        Playback { pace: self.fps, repeat: self.repeat, max_frames: self.max_frames }
    }

    fn frame_size(&self) -> FrameSize {
        if self.full_size { FrameSize::Full } else { FrameSize::Tile }
    }
}

impl JoinArgs {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// When the source is not there.
    pub fn resolve(self) -> Result<Join, SourceError> {
        let Self { client_id, source, server, name, send } = self;
        let folder = send.out.clone().unwrap_or_else(|| client_id.file_name());
        Ok(Join {
            source: source.0.parse()?,
            playback: send.playback(),
            save_to: (!send.no_save).then_some(folder),
            session: SessionConfig {
                server: server.address.server(),
                room: server.address.room(),
                id: client_id,
                name,
                frame_size: send.frame_size(),
                reconnect: !server.no_reconnect,
            },
        })
    }
}

impl WatchArgs {
    /// What is to be done.
    pub fn resolve(self) -> Watch {
        Watch {
            viewer: ViewerConfig {
                server: self.server.address.server(),
                room: self.server.address.room(),
                max_fps: self.max_fps,
                reconnect: !self.server.no_reconnect,
            },
            out: self.out.map(target),
            time: self.seconds,
            max_frames: self.max_frames,
        }
    }

    /// Whether pictures would go to a terminal, which shows them as garbage.
    pub fn floods_terminal(&self) -> bool {
        self.out.as_deref() == Some(Path::new("-")) && io::stdout().is_terminal()
    }
}

/// What `--out` of `watch` means.
fn target(out: PathBuf) -> Target {
    if out == Path::new("-") {
        Target::Stdout
    } else if out.is_dir() || out.to_string_lossy().ends_with(std::path::is_separator) {
        Target::Folder { folder: out, stem: "mosaic".to_owned() }
    } else {
        Target::Recording(out)
    }
}

impl DemoArgs {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// When a source is not there.
    pub fn resolve(self) -> Result<Demo, DemoArgsError> {
        let Self { sources, server, send, with_server } = self;
        let sources = if sources.is_empty() { sample_clips()? } else { sources };
        let mut clients = Vec::with_capacity(sources.len());
        for (number, source) in (1..).zip(sources) {
            let id: ClientId = format!("client{number}").parse()?;
            let folder = send.out.clone().unwrap_or_default().join(id.file_name());
            clients.push(Join {
                source: source.0.parse()?,
                playback: send.playback(),
                save_to: (!send.no_save).then_some(folder),
                session: SessionConfig {
                    server: server.address.server(),
                    room: server.address.room(),
                    id,
                    name: None,
                    frame_size: send.frame_size(),
                    reconnect: !server.no_reconnect,
                },
            });
        }
        Ok(Demo { clients, server: server.address.server(), with_server })
    }
}

/// Why a demo cannot be.
#[derive(Debug, thiserror::Error)]
pub enum DemoArgsError {
    /// The sample clips are somewhere else.
    #[error(
        "{0} is not here: run the demo in Tessera's own folder, or name sources, \
         for example `tessera-client demo test-pattern test-pattern`"
    )]
    NoClip(String),
    /// A source that was named is not there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// More clients than can be named.
    #[error(transparent)]
    Name(#[from] tessera_wire::NameError),
}

/// The four clips that come with the program's source.
fn sample_clips() -> Result<Vec<SourceArg>, DemoArgsError> {
    let clip = |number: u8| {
        let path = format!("clips/{number}.mp4");
        if Path::new(&path).is_file() { Ok(SourceArg(path)) } else { Err(DemoArgsError::NoClip(path)) }
    };
    (1..=4).map(clip).collect()
}

mod address;
mod bench;
mod rule;
#[cfg(test)]
mod tests;
