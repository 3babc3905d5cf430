//! What one guest may take of the server, each bound a flag: what is said here is what `--help` says.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory as _, FromArgMatches as _, value_parser};
use ipnet::IpNet;

/// All limits.
#[derive(Debug, Clone, Args)]
pub struct Limits {
    /// Of connections.
    #[command(flatten)]
    pub connections: ConnectionLimits,
    /// Of what is said on them.
    #[command(flatten)]
    pub calls: CallLimits,
    /// Of frames.
    #[command(flatten)]
    pub frames: FrameLimits,
    /// Of rooms and who is in them.
    #[command(flatten)]
    pub rooms: RoomLimits,
}

impl Default for Limits {
    /// What holds where no flag is given, whatever the environment says.
    fn default() -> Self {
        /// The flags alone.
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            limits: Limits,
        }
        let flags = Flags::command().mut_args(|arg| arg.env(None::<&str>));
        let matches = flags.try_get_matches_from([""]).expect("every limit has a default");
        Flags::from_arg_matches(&matches).expect("every default is one").limits
    }
}

/// Bytes of a message around its frame, generously: names, numbers, framing.
const ENVELOPE: u32 = 64 << 10;

impl Limits {
    /// Whether they can hold together.
    ///
    /// # Errors
    ///
    /// Why not, and what to do.
    pub fn check(&self) -> Result<(), String> {
        let needed = self.frames.max_frame_bytes + ENVELOPE;
        if self.calls.max_message_bytes < needed {
            return Err(format!(
                "--max-message-bytes must be {needed} or more: --max-frame-bytes, and 64 KiB for what is around a frame"
            ));
        }
        Ok(())
    }
}

/// Bounds on connections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of connections")]
pub struct ConnectionLimits {
    /// Connections, in all; one more is closed at once
    #[arg(long, env = "TESSERA_MAX_CONNECTIONS", value_name = "N", default_value = "2048", value_parser = count(1..=1_000_000))]
    pub max_connections: u32,

    /// Connections from one address (of IPv6: from one /64); this machine is spared
    #[arg(long, env = "TESSERA_MAX_CONNECTIONS_PER_IP", value_name = "N", default_value = "256", value_parser = count(1..=1_000_000))]
    pub max_connections_per_ip: u32,

    /// Do not spare this machine: limits for each address hold for loopback, too
    #[arg(long, env = "TESSERA_LIMIT_LOOPBACK", value_parser = BoolishValueParser::new())]
    pub limit_loopback: bool,

    /// A reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed, as an address or a network
    /// (10.0.0.0/8); may be given more than once, or with commas between
    #[arg(long, env = "TESSERA_TRUSTED_PROXY", value_name = "ADDRESS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,

    /// How long a connection may take for TLS, its first byte, HTTP/2's preface, or the header of an HTTP/1 request
    #[arg(long, env = "TESSERA_OPENING_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub opening_timeout: Duration,

    /// Streams of one connection at a time
    #[arg(long, env = "TESSERA_MAX_STREAMS", value_name = "N", default_value = "128", value_parser = count(1..=100_000))]
    pub max_streams: u32,

    /// Requests in a second from one address (of IPv6: from one /64), above which it is not read for a while; one is free
    /// for each KiB that it sends; this machine is spared
    #[arg(long, env = "TESSERA_REQUESTS_PER_SECOND", value_name = "N", default_value = "2000", value_parser = count(1..=1_000_000))]
    pub requests_per_second: u32,

    /// Bytes that a stream may send before they are read
    #[arg(long, env = "TESSERA_STREAM_WINDOW", value_name = "BYTES", default_value = "524288", value_parser = count(65_535..=0x7FFF_FFFF))]
    pub stream_window: u32,

    /// Bytes that all streams of a connection may send before they are read
    #[arg(long, env = "TESSERA_CONNECTION_WINDOW", value_name = "BYTES", default_value = "1048576", value_parser = count(65_535..=0x7FFF_FFFF))]
    pub connection_window: u32,

    /// Bytes that wait here to be sent, for each stream; and as many in the kernel, for each connection
    #[arg(long, env = "TESSERA_SEND_BUFFER", value_name = "BYTES", default_value = "262144", value_parser = count(16_384..=0x7FFF_FFFF))]
    pub send_buffer: u32,

    /// Bytes of a request's header
    #[arg(long, env = "TESSERA_MAX_HEADER_BYTES", value_name = "BYTES", default_value = "16384", value_parser = count(8192..=1_048_576))]
    pub max_header_bytes: u32,

    /// After so much silence a peer is asked whether it lives (HTTP/2)
    #[arg(long, env = "TESSERA_PING_AFTER", value_name = "TIME", default_value = "15s", value_parser = time)]
    pub ping_after: Duration,

    /// And so long it has to answer
    #[arg(long, env = "TESSERA_PING_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub ping_timeout: Duration,

    /// A viewer that takes no byte for so long has its stream ended
    #[arg(long, env = "TESSERA_WRITE_STALL", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub write_stall: Duration,

    /// And one that takes so long for one mosaic
    #[arg(long, env = "TESSERA_MOSAIC_STALL", value_name = "TIME", default_value = "60s", value_parser = time)]
    pub mosaic_stall: Duration,

    /// How long connections may take to end when the server stops
    #[arg(long, env = "TESSERA_STOP_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = time)]
    pub stop_timeout: Duration,
}

/// Bounds on calls.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of calls")]
pub struct CallLimits {
    /// Bytes of a message, at least 64 KiB more than those of a frame; a larger one ends its call
    #[arg(long, env = "TESSERA_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value = "8388608", value_parser = count(66_560..=268_435_456))]
    pub max_message_bytes: u32,

    /// Bytes of a mosaic; a tile has its share of them, and a frame that makes more is refused
    #[arg(long, env = "TESSERA_MAX_MOSAIC_BYTES", value_name = "BYTES", default_value = "4194304", value_parser = count(1024..=268_435_456))]
    pub max_mosaic_bytes: u32,

    /// Bytes of messages that have not come as a whole yet or wait for their turn, and of streams' buffers, in all; and as many of
    /// frames that are shown
    #[arg(long, env = "TESSERA_MAX_HELD_BYTES", value_name = "BYTES", default_value = "536870912", value_parser = count(1_048_576..=0xFFFF_FFFF))]
    pub max_held_bytes: u32,

    /// And of one address (of IPv6: of one /64), as many of its frames that are shown, and as many of mosaics that it has not
    /// taken yet; this machine is spared
    #[arg(long, env = "TESSERA_MAX_HELD_BYTES_PER_IP", value_name = "BYTES", default_value = "67108864", value_parser = count(1_048_576..=0xFFFF_FFFF))]
    pub max_held_bytes_per_ip: u32,

    /// How long somebody may say nothing before the tile is marked stale
    #[arg(long, env = "TESSERA_STALE_AFTER", value_name = "TIME", default_value = "3s", value_parser = time)]
    pub stale_after: Duration,

    /// And before the stream is ended
    #[arg(long, env = "TESSERA_SILENT_AFTER", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub silent_after: Duration,

    /// Frames that somebody may push in a second
    #[arg(long, env = "TESSERA_PUSHES_PER_SECOND", value_name = "N", default_value = "60", value_parser = count(1..=1_000_000))]
    pub pushes_per_second: u32,

    /// How long more than that is borne (the frames above it are not looked at) before pushes are refused
    #[arg(long, env = "TESSERA_PUSH_PATIENCE", value_name = "TIME", default_value = "5s", value_parser = time)]
    pub push_patience: Duration,

    /// Seats that may be taken in a minute from one address (of IPv6: from one /64), those of whoever comes back not
    /// counted, and as many rooms that are made; this machine is spared
    #[arg(long, env = "TESSERA_JOINS_PER_MINUTE", value_name = "N", default_value = "120", value_parser = count(1..=1_000_000))]
    pub joins_per_minute: u32,

    /// Wrong tokens that are answered in a minute, of one address (of IPv6: of one /64); this machine is spared
    #[arg(long, env = "TESSERA_WRONG_TOKENS_PER_MINUTE", value_name = "N", default_value = "60", value_parser = count(1..=1_000_000))]
    pub wrong_tokens_per_minute: u32,
}

/// Bounds on frames, looked at before anything is allocated for them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of frames")]
pub struct FrameLimits {
    /// The largest frame that is taken, in bytes
    #[arg(long, env = "TESSERA_MAX_FRAME_BYTES", value_name = "BYTES", default_value = "4194304", value_parser = count(1024..=67_108_864))]
    pub max_frame_bytes: u32,

    /// Pixels a side
    #[arg(long, env = "TESSERA_MAX_SIDE", value_name = "N", default_value = "4096", value_parser = count(64..=65_535))]
    pub max_side: u32,

    /// Pixels in all
    #[arg(long, env = "TESSERA_MAX_PIXELS", value_name = "N", default_value = "9500000", value_parser = count(4096..=1_000_000_000))]
    pub max_pixels: u32,

    /// Scans of a progressive frame, which is decoded once more for each
    #[arg(long, env = "TESSERA_MAX_SCANS", value_name = "N", default_value = "20", value_parser = count(1..=1000))]
    pub max_scans: u32,

    /// Refused frames in a row that end their stream
    #[arg(long, env = "TESSERA_MAX_REFUSALS", value_name = "N", default_value = "20", value_parser = count(1..=1_000_000))]
    pub max_refusals: u32,

    /// Frames that are worked on at a time, one of each seat at most, and one more if not all are of one address [default: as
    /// many as processors]
    #[arg(long, env = "TESSERA_DECODERS", value_name = "N", value_parser = count(1..=1024))]
    pub decoders: Option<u32>,
}

/// Bounds on rooms.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of rooms")]
pub struct RoomLimits {
    /// Rooms
    #[arg(long, env = "TESSERA_MAX_ROOMS", value_name = "N", default_value = "100", value_parser = count(1..=100_000))]
    pub max_rooms: u32,

    /// Seats of a room
    #[arg(long, env = "TESSERA_MAX_SEATS", value_name = "N", default_value = "49", value_parser = count(1..=49))]
    pub max_seats: u32,

    /// Spectators of a room
    #[arg(long, env = "TESSERA_MAX_VIEWERS", value_name = "N", default_value = "200", value_parser = count(1..=1_000_000))]
    pub max_viewers: u32,

    /// Rooms that guests of one address (of IPv6: of one /64) are in, or were the last to leave; this machine is spared
    #[arg(long, env = "TESSERA_MAX_ROOMS_PER_IP", value_name = "N", default_value = "20", value_parser = count(1..=100_000))]
    pub max_rooms_per_ip: u32,

    /// Seats and spectators of one address (of IPv6: of one /64) in all rooms; this machine is spared
    #[arg(long, env = "TESSERA_MAX_PLACES_PER_IP", value_name = "N", default_value = "128", value_parser = count(1..=1_000_000))]
    pub max_places_per_ip: u32,
}

impl From<&FrameLimits> for tessera_mosaic::Limits {
    fn from(limits: &FrameLimits) -> Self {
        let FrameLimits { max_frame_bytes, max_side, max_pixels, max_scans, .. } = *limits;
        Self {
            bytes: max_frame_bytes as usize,
            side: max_side,
            pixels: max_pixels,
            scans: max_scans as usize,
        }
    }
}

fn count(range: impl std::ops::RangeBounds<i64>) -> clap::builder::RangedI64ValueParser<u32> {
    value_parser!(u32).range(range)
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "a time is like 10s, 250ms or 2m".to_owned())?;
    let range = Duration::from_millis(10)..=Duration::from_hours(24);
    if range.contains(&time) { Ok(time) } else { Err("a time is 10ms to 24h".to_owned()) }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "an address or a network, like 10.0.0.1 or 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_frames_are_the_codecs_own() {
        assert_eq!(
            tessera_mosaic::Limits::from(&Limits::default().frames),
            tessera_mosaic::Limits::default()
        );
    }

    /// What `--help` and the docs promise where no flag is given: whoever changes one changes a promise.
    #[test]
    fn the_defaults_are_those_that_users_are_promised() {
        let (seconds, kib, mib) = (Duration::from_secs, |n: u32| n << 10, |n: u32| n << 20);
        // Each field is named, so that one more cannot come without its default being thought of here.
        let Limits { connections, calls, frames, rooms } = Limits::default();
        let ConnectionLimits {
            max_connections,
            max_connections_per_ip,
            limit_loopback,
            trusted_proxy,
            opening_timeout,
            max_streams,
            requests_per_second,
            stream_window,
            connection_window,
            send_buffer,
            max_header_bytes,
            ping_after,
            ping_timeout,
            write_stall,
            mosaic_stall,
            stop_timeout,
        } = connections;
        assert_eq!((max_connections, max_connections_per_ip), (2048, 256));
        assert_eq!((limit_loopback, trusted_proxy), (false, vec![]));
        assert_eq!((max_streams, requests_per_second), (128, 2000));
        assert_eq!((stream_window, connection_window), (kib(512), mib(1)));
        assert_eq!((send_buffer, max_header_bytes), (kib(256), kib(16)));
        assert_eq!(opening_timeout, seconds(10));
        assert_eq!((ping_after, ping_timeout), (seconds(15), seconds(10)));
        assert_eq!((write_stall, mosaic_stall), (seconds(10), seconds(60)));
        assert_eq!(stop_timeout, seconds(5), "a stop is over within 10 s");

        let CallLimits {
            max_message_bytes,
            max_mosaic_bytes,
            max_held_bytes,
            max_held_bytes_per_ip,
            stale_after,
            silent_after,
            pushes_per_second,
            push_patience,
            joins_per_minute,
            wrong_tokens_per_minute,
        } = calls;
        assert_eq!((max_message_bytes, max_mosaic_bytes), (mib(8), mib(4)));
        assert_eq!((max_held_bytes, max_held_bytes_per_ip), (mib(512), mib(64)));
        assert_eq!((stale_after, silent_after), (seconds(3), seconds(30)));
        assert_eq!((pushes_per_second, push_patience), (60, seconds(5)));
        assert_eq!((joins_per_minute, wrong_tokens_per_minute), (120, 60));

        let FrameLimits { max_frame_bytes, max_side, max_pixels, max_scans, max_refusals, decoders } = frames;
        assert_eq!((max_frame_bytes, max_side, max_pixels), (mib(4), 4096, 9_500_000));
        assert_eq!((max_scans, max_refusals, decoders), (20, 20, None));

        let RoomLimits { max_rooms, max_seats, max_viewers, max_rooms_per_ip, max_places_per_ip } = rooms;
        assert_eq!((max_rooms, max_seats, max_viewers), (100, 49, 200));
        assert_eq!((max_rooms_per_ip, max_places_per_ip), (20, 128));
    }

    #[test]
    fn a_message_has_room_for_the_largest_frame() {
        let mut limits = Limits::default();
        assert_eq!(limits.check(), Ok(()));
        limits.calls.max_message_bytes = limits.frames.max_frame_bytes + (64 << 10);
        assert_eq!(limits.check(), Ok(()));
        limits.calls.max_message_bytes -= 1;
        let why = limits.check().unwrap_err();
        assert!(why.contains("--max-message-bytes must be 4259840 or more"), "{why}");
    }

    #[test]
    fn times_and_networks_are_read_as_people_write_them() {
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        assert!(time("10").is_err() && time("25h").is_err() && time("1ms").is_err());
        assert_eq!(network("10.0.0.1").unwrap(), network("10.0.0.1/32").unwrap());
        assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
    }
}
