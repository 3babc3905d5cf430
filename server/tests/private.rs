//! A private server on the internet without a proxy, by the lines of README: the program makes the key and the invitation,
//! and listens with TLS only.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use tessera_client::address::ServerAddress;
use tessera_client::error::SessionError;
use tessera_client::frames::{Frames, Playback};
use tessera_client::pacing::Pace;
use tessera_client::session::{Event, Session, SessionConfig};
use tessera_client::tiles::FrameSize;
use tessera_client::token::Invite;
use tessera_client::trust::Trust;
use tokio_util::sync::CancellationToken;

fn program(words: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tessera-server"));
    program.args(words);
    program
}

/// What the program prints with these words.
fn said(words: &[&str]) -> String {
    let output = program(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A running server with TLS only, ended with the test.
struct Server {
    child: Child,
    address: SocketAddr,
    /// Open as long as it may write there.
    _log: BufReader<ChildStderr>,
}

impl Server {
    fn start(key: &str, certificate: &str, certificate_key: &str) -> Self {
        let flags =
            ["--key-file", key, "--tls-cert", certificate, "--tls-key", certificate_key, "--tls-only"];
        let words = [&["--listen", "127.0.0.1:0"], &flags[..]].concat();
        let mut child = program(&words).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on ") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended at once");
        }
        let (_, address) = line.split_once("https://").expect(&line);
        Self { child, address: address.trim().parse().expect(&line), _log: log }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Joins the room of that invitation, and shows frames until it has seen mosaics of them, or is told why it may not.
async fn join(server: ServerAddress, invite: &Invite, certificate: &Path) -> Result<(), SessionError> {
    let playback =
        Playback { pace: Pace::Every(Duration::from_millis(20)), repeat: true, max_frames: Some(3) };
    let frames = Frames::open("test-pattern".parse().unwrap(), playback).await.unwrap();
    let trust = Trust::Certificates(certificate.to_str().unwrap().parse().unwrap());
    let config = SessionConfig {
        server: server.with_trust(trust),
        room: invite.room.clone(),
        id: "anna".parse().unwrap(),
        name: None,
        frame_size: FrameSize::Tile,
        reconnect: false,
    };
    let mut session = Session::new(config, frames, CancellationToken::new());
    let mut mosaics = 0;
    let playing = async {
        while let Some(event) = session.next().await? {
            if let Event::Mosaic(mosaic) = event {
                assert!(mosaic.refusal.is_none() && !mosaic.jpeg.is_empty());
                mosaics += 1;
            }
        }
        Ok(())
    };
    let played = tokio::time::timeout(Duration::from_secs(20), playing).await.expect("this hangs");
    assert_eq!(mosaics, if played.is_ok() { 3 } else { 0 });
    played
}

#[tokio::test]
async fn who_has_an_invite_link_joins_a_private_room_over_tls_and_nobody_without_one_or_in_another_room() {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate, certificate_key] =
        ["tessera.key", "fullchain.pem", "privkey.pem"].map(|name| folder.path().join(name));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&certificate_key, made.signing_key.serialize_pem()).unwrap();
    let [key, certificate_file, certificate_key] =
        [&key, &certificate, &certificate_key].map(|path| path.to_str().unwrap());
    said(&["key", key]);
    let server = Server::start(key, certificate_file, certificate_key);

    let url = format!("https://localhost:{}", server.address.port());
    let invitation = |room: &str| -> Invite {
        let words = ["--room", room, "--role", "guest", "--for", "2h", "--name", "anna", "--url", &url];
        said(&[&["invite", "--key-file", key], &words[..]].concat()).trim().parse().unwrap()
    };
    let (team, attic) = (invitation("team"), invitation("attic"));
    join(team.server.clone(), &team, &certificate).await.unwrap();

    let bare = team.server.clone().with_token(None);
    let error = join(bare, &team, &certificate).await.unwrap_err();
    assert!(error.to_string().contains("this server is private"), "{error}");
    let error = join(attic.server.clone(), &team, &certificate).await.unwrap_err();
    assert!(error.to_string().contains("for another room"), "{error}");
    let plain: ServerAddress = format!("http://{}", server.address).parse().unwrap();
    let error = join(plain, &team, &certificate).await.unwrap_err();
    assert!(matches!(error, SessionError::Closed { .. }), "without TLS it is closed: {error:?}");
}
