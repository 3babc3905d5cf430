//! The real server on a port of its own, the real program, and eyes for what comes back.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use tessera_client::frames::{Frames, Playback};
use tessera_client::identity::Room;
use tessera_client::pacing::Pace;
use tessera_client::session::{Event, Session, SessionConfig};
use tessera_client::tiles::FrameSize;
use tessera_mosaic::{Fit, Grid, Quality, TileFormat, TileSize, TileSpec};
use tessera_server_core::{
    CancellationToken, Config, Guard, Limits as ServerLimits, Listen, LogFormat, Page, Server, Tls,
};
use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tessera_wire::{FrameResponse, WatchMosaicRequest};
use tokio::io::{AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, spawn_blocking};
use tonic::Streaming;
use tonic::transport::Endpoint;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Nothing here takes so long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Frames of clips/1.mp4 to clips/4.mp4, as clips/README.md says.
pub const FRAMES: [usize; 4] = [150, 125, 120, 75];

/// As fast as the server answers.
pub const FAST: Playback = Playback { pace: Pace::Max, repeat: false, max_frames: None };

/// `future`'s result, or a failed test if it hangs.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this hangs")
}

/// What the server does without flags, but for the port.
fn config(address: SocketAddr) -> Config {
    let format = TileFormat { size: TileSize::new(640, 480).unwrap(), quality: Quality::new(85).unwrap() };
    Config {
        listen: Listen { addresses: vec![address], is_default: false },
        grid: Grid::new(2).unwrap(),
        tile: TileSpec { format, fit: Fit::Contain },
        max_fps: 30,
        limits: ServerLimits::default(),
        log: LogFormat::Text,
        tls: Tls::default(),
        guard: Guard::default(),
        key_file: None,
    }
}

/// A server with threads of its own, so that it can die.
pub struct RealServer {
    pub address: SocketAddr,
    stopping: CancellationToken,
    served: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl RealServer {
    pub fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into())
    }

    /// Starts where another one was.
    pub fn start_at(address: SocketAddr) -> Self {
        Self::with(config(address))
    }

    /// Starts with TLS.
    pub fn start_with_tls(tls: Tls) -> Self {
        Self::with(Config { tls, ..config(([127, 0, 0, 1], 0).into()) })
    }

    /// Starts with the key in `file`, which makes its rooms private.
    pub fn start_private(file: &Path) -> Self {
        Self::with(Config { key_file: Some(file.to_owned()), ..config(([127, 0, 0, 1], 0).into()) })
    }

    /// Starts with other limits.
    pub fn start_with(change: impl FnOnce(&mut ServerLimits)) -> Self {
        let mut config = config(([127, 0, 0, 1], 0).into());
        change(&mut config.limits);
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (sender, bound) = mpsc::channel();
        let stopping = CancellationToken::new();
        let token = stopping.clone();
        let served = runtime.spawn(async move {
            let page = Page::absent("built for a test");
            let server = Server::bind(&config, page).await.unwrap();
            sender.send(server.addresses()[0]).unwrap();
            server.serve(token).await;
        });
        let address = bound.recv_timeout(PATIENCE).expect("the server does not start");
        Self { address, stopping, served, runtime: Some(runtime) }
    }

    /// Ends it as SIGTERM does: streams first.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        within(&mut self.served).await.unwrap();
    }

    /// Ends it as SIGKILL does: connections break without a word. Its port is free afterwards.
    pub async fn kill(mut self) {
        let runtime = self.runtime.take();
        within(spawn_blocking(move || drop(runtime))).await.unwrap();
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The key of a private server, and whom it lets in.
pub struct Key {
    folder: tempfile::TempDir,
    secret: hmac::Key,
}

impl Key {
    pub fn new() -> Self {
        let secret = "a secret of the tests, long enough for HMAC";
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), secret).unwrap();
        Self { folder, secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// A token for `room` that is good for `seconds`, as any library of JWTs makes it.
    pub fn token(&self, room: &str, is_host: bool, seconds: u64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = serde_json::json!({
            "nbf": now,
            "exp": now + seconds,
            "video": {
                "room": room, "roomJoin": true, "canPublish": true, "canSubscribe": true, "roomAdmin": is_host
            },
        });
        let signed = [r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), claims.to_string()]
            .map(|part| base64(part.as_bytes()));
        let signed = signed.join(".");
        let signature = hmac::sign(&self.secret, signed.as_bytes());
        format!("{signed}.{}", base64(signature.as_ref()))
    }
}

/// RFC 4648 section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |group: &[u8]| {
        let bits =
            group.iter().enumerate().fold(0, |bits, (n, &byte)| bits | u32::from(byte) << (16 - 8 * n));
        (0..=group.len()).map(move |n| char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]))
    };
    bytes.chunks(3).flat_map(digits).collect()
}

/// Sample clip `number`, 1 to 4.
pub fn clip(number: usize) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../clips/{number}.mp4"))
}

/// What a session of `id` is without flags.
pub fn session_config(server: SocketAddr, id: &str) -> SessionConfig {
    SessionConfig {
        server: server.to_string().parse().unwrap(),
        room: Room::default(),
        id: id.parse().unwrap(),
        name: None,
        frame_size: FrameSize::Tile,
        reconnect: true,
    }
}

/// A session that sends the test pattern and has its first mosaic. It goes on only while it is driven.
pub async fn showing(server: SocketAddr, id: &str, playback: Playback) -> Session {
    let frames = Frames::open("test-pattern".parse().unwrap(), playback).await.unwrap();
    let mut session = Session::new(session_config(server, id), frames, CancellationToken::new());
    while !matches!(within(session.next()).await.unwrap(), Some(Event::Mosaic(_))) {}
    session
}

/// The program, with an environment that is nobody's.
pub fn program<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tessera-client"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TESSERA_") {
            program.env_remove(name);
        }
    }
    program.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    program
}

/// Runs the program to its end.
pub async fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    within(program(args).output()).await.unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The figure that stands behind `name` in a summary.
pub fn figure(summary: &str, name: &str) -> usize {
    let line = summary.lines().find_map(|line| line.trim_start().strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

/// Whether other programs are to be left out, which is said.
#[expect(clippy::explicit_write, reason = "a passing test's eprintln! is not shown")]
pub fn skipped(what: &str) -> bool {
    let skip = std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1");
    if skip {
        writeln!(std::io::stderr(), "skipped, as SKIP_E2E=1: {what}").unwrap();
    }
    skip
}

/// Runs a program that is not ours with `input`; it must end well and without a word of complaint.
pub async fn silent(program: &str, args: &[&str], input: Stdio) -> String {
    let output = Command::new(program).args(args).stdin(input).kill_on_drop(true).output();
    let output = within(output)
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}; `make test` installs it, or set SKIP_E2E=1"));
    assert!(output.status.success() && output.stderr.is_empty(), "{program} {args:?}: {}", stderr(&output));
    stdout(&output)
}

/// Reads on until a line contains `what`.
pub async fn wait_for<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, what: &str) -> Vec<String> {
    let mut read = Vec::new();
    while let Some(line) = within(lines.next_line()).await.unwrap() {
        read.push(line);
        if read.last().is_some_and(|line| line.contains(what)) {
            return read;
        }
    }
    panic!("it ended before \"{what}\": {read:?}");
}

/// The mosaics of room `main`, as a spectator gets them.
pub async fn watch(server: SocketAddr) -> Streaming<FrameResponse> {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).unwrap();
    let mut grpc = VideoProcessingServiceClient::new(within(endpoint.connect()).await.unwrap());
    within(grpc.watch_mosaic(WatchMosaicRequest::default())).await.unwrap().into_inner()
}

/// Reads on until the layout lists who is wanted.
pub async fn wait_for_places(mosaics: &mut Streaming<FrameResponse>, wanted: &[&str]) {
    loop {
        let response = within(mosaics.message()).await.unwrap().expect("the server stands");
        let Some(layout) = response.layout else { continue };
        let ids: Vec<_> = layout.places.iter().map(|place| place.client_id.as_str()).collect();
        if ids == wanted {
            return;
        }
    }
}

/// Sends a signal to a program that runs.
#[cfg(unix)]
pub fn signal(program: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(program.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(id, signal).unwrap();
}

/// Pictures that ffmpeg decodes of `input`, without a warning.
pub async fn decoded_by_ffmpeg(format: &str, path: &str, input: Stdio) -> usize {
    let args = ["-nostdin", "-v", "warning", "-f", format, "-i", path, "-f", "framecrc", "-"];
    let checksums = silent("ffmpeg", if path == "-" { &args[1..] } else { &args }, input).await;
    checksums.lines().filter(|line| !line.starts_with('#')).count()
}

/// A plane of luma.
pub struct Luma {
    pub width: usize,
    pub height: usize,
    pub samples: Vec<u8>,
}

impl Luma {
    /// What zune-jpeg decodes, who takes no fault here.
    pub fn of_jpeg(jpeg: &[u8]) -> Self {
        let options =
            DecoderOptions::new_fast().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let samples = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        Self { width, height, samples }
    }

    /// Quadrant `slot`, without the edge.
    pub fn quadrant(&self, slot: usize) -> Vec<u8> {
        let (width, height) = (self.width / 2, self.height / 2);
        self.inner(slot % 2 * width, slot / 2 * height, width, height)
    }

    /// A rectangle without its edge, where decoders may blend what is beside a seam.
    pub fn inner(&self, x: usize, y: usize, width: usize, height: usize) -> Vec<u8> {
        const EDGE: usize = 2;
        (y + EDGE..y + height - EDGE)
            .flat_map(|row| &self.samples[row * self.width..][x + EDGE..x + width - EDGE])
            .copied()
            .collect()
    }
}

/// Peak signal-to-noise ratio of two planes, in dB.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1) as f64).log10()
}
