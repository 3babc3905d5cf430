//! The command line: raw flags, and what they come to.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, value_parser};

use crate::address::ServerAddress;
use crate::demo::Demo;
use crate::frames::Playback;
use crate::identity::{ClientId, DisplayName, Room};
use crate::join::Join;
use crate::pacing::Pace;
use crate::progress::Results;
use crate::session::SessionConfig;
use crate::sink::Target;
use crate::source::{SourceError, SourceSpec};
use crate::tiles::FrameSize;
use crate::viewer::ViewerConfig;
use crate::watch::Watch;

/// Streams video files, pictures and cameras into a Tessera room, and saves what comes back.
///
/// Exit codes: 0 done, 1 failed on the way, 2 wrong arguments.
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
}

impl Command {
    /// Where the results of this command can go.
    pub fn results(&self) -> Results {
        match self {
            Self::Watch(watch) if watch.out.as_deref() == Some(Path::new("-")) => Results::Stderr,
            _ => Results::Stdout,
        }
    }
}

/// Where to.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// The server, as http://HOST:PORT or HOST:PORT.
    #[arg(long, env = "TESSERA_SERVER", value_name = "URL", default_value_t)]
    server: ServerAddress,
    /// The room: 1 to 64 bytes.
    #[arg(long, env = "TESSERA_ROOM", value_name = "ROOM", default_value_t)]
    room: Room,
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
    client_id: ClientId,
    /// A video file, a folder or "glob*" of JPEG or PNG pictures, an MJPEG file, test-pattern, or whatever
    /// an installed ffmpeg can open: rtsp://…, /dev/video0.
    source: SourceArg,
    #[command(flatten)]
    server: ServerArgs,
    /// The name that people see; without it CLIENT_ID.
    #[arg(long, env = "TESSERA_NAME", value_name = "NAME")]
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
    sources: Vec<SourceArg>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    send: SendArgs,
    /// Start the tessera-server that stands beside this program, and end it at the end.
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
                server: server.server,
                room: server.room,
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
                server: self.server.server,
                room: self.server.room,
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
                    server: server.server.clone(),
                    room: server.room.clone(),
                    id,
                    name: None,
                    frame_size: send.frame_size(),
                    reconnect: !server.no_reconnect,
                },
            });
        }
        Ok(Demo { clients, server: server.server, with_server })
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
    Name(#[from] crate::identity::NameError),
}

/// The four clips that come with the program's source.
fn sample_clips() -> Result<Vec<SourceArg>, DemoArgsError> {
    let clip = |number: u8| {
        let path = format!("clips/{number}.mp4");
        if Path::new(&path).is_file() { Ok(SourceArg(path)) } else { Err(DemoArgsError::NoClip(path)) }
    };
    (1..=4).map(clip).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    fn join(line: &str) -> Join {
        match parse(line).unwrap() {
            Command::Join(args) => args.resolve().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn watch(line: &str) -> Watch {
        match parse(line).unwrap() {
            Command::Watch(args) => args.resolve(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable_of_its_name() {
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
                let long = flag.get_long().unwrap();
                let expected = format!("TESSERA_{}", long.replace('-', "_").to_uppercase());
                assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(expected.as_str()), "--{long}");
            }
        }
    }

    #[test]
    fn join_saves_as_the_original_did_unless_told_otherwise() {
        let original = join("tessera-client join client1 test-pattern");
        assert_eq!(original.save_to.as_deref(), Some(Path::new("client1")));
        assert_eq!(original.playback, Playback { pace: Pace::Source, repeat: false, max_frames: None });
        assert!(original.session.reconnect);
        assert_eq!(original.session.frame_size, FrameSize::Tile);
        let told = join("tessera-client join client1 test-pattern --out x --fps max --loop --max-frames 3");
        assert_eq!(told.save_to.as_deref(), Some(Path::new("x")));
        assert_eq!(told.playback, Playback { pace: Pace::Max, repeat: true, max_frames: Some(3) });
        assert_eq!(join("tessera-client join client1 test-pattern --no-save").save_to, None);
        assert_eq!(join("tessera-client join ../x test-pattern").save_to.as_deref(), Some(Path::new(".._x")));
    }

    #[test]
    fn what_watch_writes_follows_from_the_form_of_out() {
        let place = tempfile::tempdir().unwrap();
        let out = |out: &str| watch(&format!("tessera-client watch --out {out}")).out.unwrap();
        assert_eq!(out("-"), Target::Stdout);
        assert_eq!(out("call.mjpeg"), Target::Recording("call.mjpeg".into()));
        assert!(matches!(out("new/"), Target::Folder { .. }));
        assert!(matches!(out(place.path().to_str().unwrap()), Target::Folder { .. }));
        assert_eq!(watch("tessera-client watch").out, None);
    }

    #[test]
    fn results_keep_out_of_pictures_way() {
        assert_eq!(parse("tessera-client watch --out -").unwrap().results(), Results::Stderr);
        assert_eq!(parse("tessera-client watch --out x").unwrap().results(), Results::Stdout);
    }

    #[test]
    fn errors_name_the_flag_what_it_got_and_what_it_takes() {
        for (line, words) in [
            ("join a test-pattern --fps fast", ["--fps", "fast", "\"source\", \"max\" or frames a second"]),
            ("join a test-pattern --server https://x", ["--server", "https://x", "http://HOST:PORT"]),
            ("join a test-pattern --max-frames 0", ["--max-frames", "0", "1.."]),
            ("watch --seconds -1", ["--seconds", "-1", "seconds above 0"]),
            ("watch --seconds 0", ["--seconds", "'0'", "seconds above 0"]),
            ("watch --max-fps 1001", ["--max-fps", "1001", "1..=1000"]),
            ("join a test-pattern:x", ["SOURCE", "test-pattern:x", "WIDTHxHEIGHT"]),
        ] {
            let error = parse(&format!("tessera-client {line}")).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{line}: {message}");
        }
        let empty = Cli::try_parse_from(["tessera-client", "join", " ", "test-pattern"]).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::ValueValidation);
    }

    #[test]
    fn a_source_that_is_not_there_is_no_wrong_argument() {
        let Command::Join(args) = parse("tessera-client join a no-such-file.mp4").unwrap() else { panic!() };
        assert!(matches!(args.resolve(), Err(SourceError::NotFound(_))));
    }

    #[test]
    fn a_demo_has_a_client_for_each_source() {
        let line = "tessera-client demo test-pattern test-pattern --out o";
        let Command::Demo(args) = parse(line).unwrap() else { panic!() };
        let demo = args.resolve().unwrap();
        let folders: Vec<_> = demo.clients.iter().map(|client| client.save_to.clone().unwrap()).collect();
        assert_eq!(folders, [Path::new("o/client1"), Path::new("o/client2")]);
    }
}
