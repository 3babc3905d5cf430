//! Flags and environment variables as they are typed; [`Config`] is what they mean.

mod invite;
mod printed;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use tessera_mosaic::{Fit, Grid, Quality, TileFormat, TileSize, TileSpec};

use crate::config::{CertificateSource, Config, Guard, Listen, LogFormat, Plain, Tls};
use crate::guard::{HostName, Origin};
use crate::limits::Limits;
pub use invite::{InviteArgs, KeyArgs};

/// A video call over plain gRPC: one binary, one TCP port, one picture.
///
/// Everybody sends JPEG frames, everybody gets one mosaic of them back.
#[derive(Debug, Parser)]
#[command(name = "tessera-server", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    command: Option<Command>,

    /// Address and port to listen on; may be given more than once, or with commas between [default:
    /// 127.0.0.1:50051 and [::1]:50051, this machine only; [::]:50051 is for everybody]
    #[arg(long, env = "TESSERA_LISTEN", value_name = "ADDRESS:PORT", value_delimiter = ',')]
    listen: Vec<SocketAddr>,

    /// A tile's size in pixels: sides are multiples of 16 from 64 to 1920
    #[arg(long, env = "TESSERA_TILE", value_name = "WIDTHxHEIGHT", default_value = "640x480")]
    tile: TileSize,

    /// Slots a side of the mosaic, 1 to 7
    #[arg(long, env = "TESSERA_GRID", value_name = "N", default_value = "2", value_parser = grid)]
    grid: Grid,

    /// JPEG quality of tiles and mosaic, 1 to 100, in libjpeg's sense
    #[arg(long, env = "TESSERA_QUALITY", value_name = "N", default_value = "85", value_parser = quality)]
    quality: Quality,

    /// How a frame of another shape fills its tile
    #[arg(long, env = "TESSERA_FIT", value_enum, default_value = "contain")]
    fit: FitFlag,

    /// The most mosaics a second for each viewer of WatchMosaic, 1 to 1000
    #[arg(long, env = "TESSERA_MAX_FPS", value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_fps: u32,

    /// The form of the log, on standard error; RUST_LOG chooses what is in it
    #[arg(long, env = "TESSERA_LOG", value_enum, default_value = "text")]
    log: LogFormat,

    #[command(flatten)]
    access: AccessFlags,

    #[command(flatten)]
    tls: TlsFlags,

    #[command(flatten)]
    guard: GuardFlags,

    #[command(flatten)]
    limits: Limits,

    /// Say what all of these come to, and where from, and end
    #[arg(long, env = "TESSERA_PRINT_CONFIG", value_parser = BoolishValueParser::new())]
    print_config: bool,
}

/// What the program does instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a link into a room, with a token that says who may what and for how long
    Invite(InviteArgs),
    /// Write a fresh secret for --key-file
    Key(KeyArgs),
}

/// Who may come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct AccessFlags {
    /// Let in only those who bring a token that was signed with this secret, as `tessera-server invite` makes them;
    /// `tessera-server key FILE` makes one. Read again when it changes: old tokens are void then
    #[arg(long, env = "TESSERA_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Let everybody in who reaches the server, also from other machines
    #[arg(long, env = "TESSERA_INSECURE", value_parser = BoolishValueParser::new())]
    insecure: bool,
}

/// TLS, which browsers want before they give a camera to a page of another machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
struct TlsFlags {
    /// Make a certificate for this machine, keep it, and speak TLS
    #[arg(long, env = "TESSERA_TLS", value_enum, value_name = "WAY", group = "certificate")]
    tls: Option<TlsFlag>,

    /// The folder that keeps the self-signed certificate [default: $XDG_STATE_HOME/tessera or
    /// ~/.local/state/tessera]
    #[arg(long, env = "TESSERA_TLS_DIR", value_name = "DIR", requires = "tls")]
    tls_dir: Option<PathBuf>,

    /// Speak TLS with this certificate: PEM, the server's own first; read again when it changes
    #[arg(long, env = "TESSERA_TLS_CERT", value_name = "FILE", group = "certificate", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert: PEM
    #[arg(long, env = "TESSERA_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// With TLS, serve connections from other machines without it, too
    #[arg(long, env = "TESSERA_ALLOW_PLAIN", value_parser = BoolishValueParser::new())]
    allow_plain: bool,

    /// With TLS, close connections without it, also from this machine
    #[arg(long, env = "TESSERA_TLS_ONLY", value_parser = BoolishValueParser::new())]
    tls_only: bool,
}

/// `--tls` as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TlsFlag {
    /// A certificate that vouches for itself: browsers ask once
    SelfSigned,
}

/// What browsers may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Browsers")]
struct GuardFlags {
    /// Let pages of this origin call the server, for example https://call.example.org; may be given more than
    /// once, or with commas between
    #[arg(long, env = "TESSERA_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<Origin>,

    /// A name of this server besides localhost, its addresses and the certificate's names; may be given more than
    /// once, or with commas between
    #[arg(long, env = "TESSERA_HOST", value_name = "NAME", value_delimiter = ',')]
    host: Vec<HostName>,
}

/// `--fit` as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FitFlag {
    /// All of the frame, its shape kept, with black bars
    Contain,
    /// All of the tile, the frame's shape kept, what hangs over is cut
    Cover,
    /// All of the frame on all of the tile, its shape lost
    Stretch,
}

fn grid(text: &str) -> Result<Grid, String> {
    text.parse().ok().and_then(Grid::new).ok_or_else(|| "slots a side are 1 to 7".to_owned())
}

fn quality(text: &str) -> Result<Quality, String> {
    text.parse().ok().and_then(Quality::new).ok_or_else(|| "a quality is 1 to 100".to_owned())
}

/// What the program is asked to do.
#[derive(Debug)]
pub enum Order {
    /// Serve, so.
    Serve(Box<Config>),
    /// Say this and end.
    Say(String),
    /// Make a link.
    Invite(InviteArgs),
    /// Make a secret.
    Key(KeyArgs),
}

impl Cli {
    /// Reads the program's own arguments.
    ///
    /// # Errors
    ///
    /// When they are wrong, or contradict each other; also what `--help` and `--version` say.
    pub fn order() -> Result<Order, clap::Error> {
        let command = Self::command();
        let matches = command.clone().try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        match cli.command.take() {
            Some(Command::Invite(args)) => return Ok(Order::Invite(args)),
            Some(Command::Key(args)) => return Ok(Order::Key(args)),
            None => {}
        }
        let asked = cli.print_config;
        let config = cli.into_config()?;
        Ok(if asked {
            Order::Say(printed::printed(&command, &matches))
        } else {
            Order::Serve(Box::new(config))
        })
    }

    /// What the flags mean. Every single one has been checked when it was parsed.
    ///
    /// # Errors
    ///
    /// When they contradict each other.
    pub fn into_config(self) -> Result<Config, clap::Error> {
        let fit = match self.fit {
            FitFlag::Contain => Fit::Contain,
            FitFlag::Cover => Fit::Cover,
            FitFlag::Stretch => Fit::Stretch,
        };
        let listen = if self.listen.is_empty() {
            Listen::default()
        } else {
            Listen { addresses: self.listen, is_default: false }
        };
        let conflict = |why| Self::command().error(ErrorKind::ArgumentConflict, why);
        self.access.check(&listen).map_err(conflict)?;
        self.limits.check().map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        Ok(Config {
            listen,
            grid: self.grid,
            tile: TileSpec { format: TileFormat { size: self.tile, quality: self.quality }, fit },
            max_fps: self.max_fps,
            limits: self.limits,
            log: self.log,
            tls: self.tls.into_config().map_err(|why| conflict(why.to_owned()))?,
            guard: Guard { origins: self.guard.allow_origin, hosts: self.guard.host },
            key_file: self.access.key_file,
        })
    }
}

impl AccessFlags {
    /// Whether it was said who may come in from other machines.
    fn check(&self, listen: &Listen) -> Result<(), String> {
        let open = listen.addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
        match open {
            Some(address) if self.key_file.is_none() && !self.insecure => Err(format!(
                "--listen {address} is open to other machines: add --key-file FILE to let in only those whom you invite \
                 (`tessera-server key FILE` makes one), or --insecure to let in everybody"
            )),
            _ => Ok(()),
        }
    }
}

impl TlsFlags {
    /// What they mean, or why they mean nothing together. (A switch that the environment turns off is given all the
    /// same to clap, so it cannot judge that.)
    fn into_config(self) -> Result<Tls, &'static str> {
        let certificate = match (self.tls, self.tls_cert, self.tls_key) {
            (Some(TlsFlag::SelfSigned), ..) => Some(CertificateSource::SelfSigned { folder: self.tls_dir }),
            (None, Some(certificate), Some(key)) => Some(CertificateSource::Files { certificate, key }),
            // One without the other was refused when the flags were parsed.
            (None, ..) => None,
        };
        let plain = match (self.allow_plain, self.tls_only) {
            (true, true) => return Err("--allow-plain and --tls-only exclude each other"),
            (true, false) => Plain::Allowed,
            (false, true) => Plain::Never,
            (false, false) => Plain::FromHere,
        };
        if certificate.is_none() && plain != Plain::FromHere {
            return Err(
                "--allow-plain and --tls-only need TLS: add --tls self-signed, or --tls-cert and --tls-key",
            );
        }
        Ok(Tls { certificate, plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Config, String> {
        let words = ["tessera-server"].iter().chain(flags);
        Cli::try_parse_from(words).and_then(Cli::into_config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_it_is_the_originals_mosaic_on_loopback() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.tile.format.size.to_string(), "640x480");
        assert_eq!((config.grid.side(), config.tile.format.quality.get()), (2, 85));
        assert!(config.listen.is_default && config.listen.addresses.iter().all(|a| a.ip().is_loopback()));
        assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
    }

    #[test]
    fn a_wrong_flag_is_answered_with_its_name_what_it_got_and_what_it_takes() {
        for (flag, got, takes) in [
            ("--tile", "641x480", "640x480"),
            ("--tile", "big", "WIDTHxHEIGHT"),
            ("--grid", "8", "1 to 7"),
            ("--quality", "0", "1 to 100"),
            ("--fit", "zoom", "contain, cover, stretch"),
            ("--max-fps", "0", "1..=1000"),
            ("--max-frame-bytes", "5", "1024..=67108864"),
            ("--listen", "localhost", "socket address"),
            ("--log", "xml", "text, json"),
            ("--tls", "acme", "self-signed"),
            ("--allow-origin", "null", "https://call.example.org"),
            ("--allow-origin", "*", "https://call.example.org"),
            ("--host", "https://a.example", "a name"),
        ] {
            let message = parse(&[flag, got]).unwrap_err();
            for part in [flag, got, takes] {
                assert!(message.contains(part), "{part} in: {message}");
            }
        }
    }

    #[test]
    fn messages_that_cannot_hold_a_frame_are_refused_with_the_number_that_can() {
        let message = parse(&["--max-frame-bytes", "10000000"]).unwrap_err();
        assert!(message.contains("--max-message-bytes must be 10065536 or more"), "{message}");
        assert!(parse(&["--max-frame-bytes", "10000000", "--max-message-bytes", "10065536"]).is_ok());
    }

    #[test]
    fn several_addresses_can_be_listened_on() {
        let flags = ["--listen", "127.0.0.1:1,[::1]:2", "--listen", "127.0.0.2:3"];
        assert_eq!(parse(&flags).unwrap().listen.addresses.len(), 3);
    }

    #[test]
    fn every_flag_has_an_environment_variable_of_its_name() {
        for flag in Cli::command().get_arguments() {
            let Some(long) = flag.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            let expected = format!("TESSERA_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(expected.as_str()), "--{long}");
        }
    }

    #[test]
    fn whoever_listens_for_other_machines_says_who_may_come_in() {
        for address in ["0.0.0.0:1", "[::]:1", "192.168.0.7:1"] {
            let message = parse(&["--listen", address]).unwrap_err();
            for part in [address, "--key-file", "--insecure"] {
                assert!(message.contains(part), "{part} in: {message}");
            }
            assert!(parse(&["--listen", address, "--insecure"]).is_ok());
            assert!(parse(&["--listen", address, "--key-file", "k"]).unwrap().key_file.is_some());
        }
        assert!(parse(&["--listen", "127.0.0.9:1,[::1]:1,[::ffff:127.0.0.1]:1"]).is_ok());
    }

    #[test]
    fn tls_is_off_unless_a_certificate_is_named_and_then_plain_is_for_this_machine() {
        assert_eq!(parse(&[]).unwrap().tls, Tls::default());
        let self_signed = parse(&["--tls", "self-signed", "--tls-dir", "d"]).unwrap().tls;
        let source = CertificateSource::SelfSigned { folder: Some("d".into()) };
        assert_eq!(self_signed, Tls { certificate: Some(source), plain: Plain::FromHere });
        let files = ["--tls-cert", "c.pem", "--tls-key", "k.pem"];
        let source = CertificateSource::Files { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(parse(&files).unwrap().tls.certificate, Some(source));
        assert_eq!(parse(&[&files[..], &["--tls-only"]].concat()).unwrap().tls.plain, Plain::Never);
        assert_eq!(parse(&[&files[..], &["--allow-plain"]].concat()).unwrap().tls.plain, Plain::Allowed);
    }

    #[test]
    fn flags_of_tls_that_mean_nothing_together_are_refused_by_name() {
        for (flags, named) in [
            (&["--tls-cert", "c.pem"][..], "--tls-key"),
            (&["--tls-key", "k.pem"], "--tls-cert"),
            (&["--tls-only"], "--tls"),
            (&["--allow-plain"], "--tls"),
            (&["--tls-dir", "d"], "--tls"),
            (&["--tls", "self-signed", "--tls-only", "--allow-plain"], "--tls-only"),
            (&["--tls", "self-signed", "--tls-cert", "c.pem", "--tls-key", "k.pem"], "--tls-cert"),
        ] {
            let message = parse(flags).unwrap_err();
            assert!(message.contains(named), "{flags:?}: {message}");
        }
    }

    #[test]
    fn origins_and_hosts_may_be_several() {
        let flags =
            ["--allow-origin", "https://A.example,http://b:8080", "--host", "C.example", "--host", "d"];
        let Guard { origins, hosts } = parse(&flags).unwrap().guard;
        assert_eq!(
            origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["https://a.example", "http://b:8080"]
        );
        assert_eq!(hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["c.example", "d"]);
    }
}
