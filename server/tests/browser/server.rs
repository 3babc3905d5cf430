//! The real program as a process that can be killed, and native clients in it.

use std::net::SocketAddr;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tessera_client::frames::{Frames, Playback};
use tessera_client::identity::Room;
use tessera_client::pacing::Pace;
use tessera_client::session::{Event, Session, SessionConfig};
use tessera_client::tiles::FrameSize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::chromium::within;
use crate::picture::Look;

/// A running server, ended with the test.
pub(crate) struct Server {
    child: Child,
    scheme: String,
    pub(crate) address: SocketAddr,
    flags: Vec<String>,
    log: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self::start_at(([127, 0, 0, 1], 0).into(), flags).await
    }

    async fn start_at(address: SocketAddr, flags: Vec<String>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tessera-server"))
            .args(["--listen", &address.to_string()])
            .args(&flags)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (scheme, address) = loop {
            let line = within(lines.next_line()).await.unwrap().expect("the server ends at once");
            if let Some((_, url)) = line.split_once("listening on ") {
                let (scheme, rest) = url.split_once("://").expect(&line);
                let address = rest.split([' ', ',']).next().unwrap_or(rest);
                break (scheme.to_owned(), address.trim().parse().expect(&line));
            }
        };
        // Whoever writes to a pipe that nobody reads stops.
        let log = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, scheme, address, flags, log: Some(log) }
    }

    /// Ends it without a word.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
        if let Some(log) = self.log.take() {
            within(log).await.unwrap();
        }
    }

    /// Starts it again where it was.
    pub(crate) async fn start_again(&mut self) {
        *self = Self::start_at(self.address, self.flags.clone()).await;
    }

    /// The page's address.
    pub(crate) fn page(&self, query: &str) -> String {
        self.page_by(self.address, query)
    }

    /// The page's address by way of a proxy.
    pub(crate) fn page_by(&self, proxy: SocketAddr, query: &str) -> String {
        format!("{}://localhost:{}/{query}", self.scheme, proxy.port())
    }
}

/// A server's key, and the links that it signs.
pub(crate) struct Secret {
    file: String,
    _folder: TempDir,
}

impl Secret {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key").to_str().unwrap().to_owned();
        run(&["key", &file]).await;
        Self { file, _folder: folder }
    }

    /// For `--key-file`.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// A link to the server's page, with that query.
    pub(crate) async fn invite(&self, server: &Server, flags: &[&str], query: &str) -> String {
        let url = server.page("");
        let words = ["invite", "--key-file", &self.file, "--url", url.trim_end_matches('/')];
        run(&[&words, flags].concat()).await.trim().replace('#', &format!("{query}#"))
    }
}

/// What the program prints.
async fn run(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tessera-server")).args(words).output();
    let output = within(output).await.unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A native client, ended when it is dropped.
pub(crate) struct Native {
    stop: CancellationToken,
    hang: CancellationToken,
    running: AbortOnDropHandle<()>,
    _folder: Option<TempDir>,
}

impl Native {
    /// Joins, and shows one picture now and then.
    pub(crate) async fn join(server: &Server, id: &str, look: Look) -> Self {
        Self::show(server, id, look, Pace::Every(Duration::from_millis(200))).await
    }

    /// The same under a name.
    pub(crate) async fn show_as(server: &Server, id: &str, name: &str, look: Look) -> Self {
        Self::picture(server, id, Some(name), look, Pace::Every(Duration::from_millis(200))).await
    }

    /// Joins, and shows one picture at that pace.
    pub(crate) async fn show(server: &Server, id: &str, look: Look, pace: Pace) -> Self {
        Self::picture(server, id, None, look, pace).await
    }

    async fn picture(server: &Server, id: &str, name: Option<&str>, look: Look, pace: Pace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.jpg");
        std::fs::write(&file, look.jpeg()).unwrap();
        Self { _folder: Some(folder), ..Self::play(server, id, name, file.to_str().unwrap(), pace).await }
    }

    /// Joins, and plays a source again and again.
    pub(crate) async fn play(
        server: &Server,
        id: &str,
        name: Option<&str>,
        source: &str,
        pace: Pace,
    ) -> Self {
        let playback = Playback { pace, repeat: true, max_frames: None };
        let frames = Frames::open(source.parse().unwrap(), playback).await.unwrap();
        let config = SessionConfig {
            server: server.address.to_string().parse().unwrap(),
            room: Room::default(),
            id: id.parse().unwrap(),
            name: name.map(|name| name.parse().unwrap()),
            frame_size: FrameSize::Tile,
            reconnect: true,
        };
        let stop = CancellationToken::new();
        let mut session = Session::new(config, frames, stop.clone());
        while !matches!(within(session.next()).await.unwrap(), Some(Event::Mosaic(_))) {}
        let (hang, stopped) = (CancellationToken::new(), stop.clone());
        let hanging = hang.clone();
        let running = async move {
            let mut playing = pin!(async { while let Ok(Some(_)) = session.next().await {} });
            tokio::select! {
                () = hanging.cancelled() => stopped.cancelled().await,
                () = &mut playing => {}
            }
        };
        Self { stop, hang, running: AbortOnDropHandle::new(tokio::spawn(running)), _folder: None }
    }

    /// Does nothing any more, as a program that hangs.
    pub(crate) fn hang(&self) {
        self.hang.cancel();
    }

    /// Says goodbye, as at Ctrl-C.
    pub(crate) async fn leave(self) {
        self.stop.cancel();
        within(self.running).await.unwrap();
    }
}
