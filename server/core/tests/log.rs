//! What is logged, at the most talkative level: no secret.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use support::either_http::{VERSIONS, Version, request, send};
use support::tokens::{KeyFile, SECRET, token, with_token};
use support::{TestServer, frame, tile_frame, within};
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tokio::net::TcpStream;
use tonic::Code;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log of this process, of every target: there is one for all tests.
    fn start() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .init();
            log
        })
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_authorization_is_never_logged() {
    const AUTHORIZATION: &str = "c2VjcmV0LXRva2Vu";
    let log = Log::start();
    let server = TestServer::start().await;
    let host = server.address.to_string();
    let (token, origin) = (format!("Bearer {AUTHORIZATION}"), format!("http://{host}"));
    for version in VERSIONS {
        for path in
            ["/VideoProcessingService/PushFrame", "/VideoProcessingService/WatchMosaic", "/", "/nothing"]
        {
            let mut headers = vec![
                ("authorization", &*token),
                ("origin", &origin),
                ("content-type", "application/grpc-web+proto"),
            ];
            let target = format!("http://{host}{path}");
            if version == Version::Http1 {
                headers.push(("host", &host));
            }
            let target = if version == Version::Http1 { path } else { &target };
            let stream = TcpStream::connect(server.address).await.unwrap();
            // A message that is cut off, so that every call ends.
            send(Box::new(stream), version, request("POST", target, &headers, vec![0])).await;
        }
    }
    server.stopped().await;
    let text = log.text();
    assert!(text.contains("TRACE") && text.contains("received"), "what h2 says of frames is there");
    assert!(!text.contains(AUTHORIZATION), "{text}");
}

/// The ways in which bytes may be written: as text, as Rust shows them, in hexadecimal.
fn written(secret: &str) -> [String; 3] {
    let numbers: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
    let hexadecimal = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_owned(), numbers.join(", "), hexadecimal]
}

#[tokio::test]
async fn a_private_servers_key_its_tokens_and_sessions_are_never_logged() {
    let log = Log::start();
    let key = KeyFile::new();
    let server = TestServer::with(&key.config()).await;
    let client = server.client().await;
    let (good, host) = (token("guest"), token("host"));
    // A host's claims with the signature of a guest's.
    let [claims, signature] = [&host, &good].map(|token| token.rsplit_once('.').unwrap());
    let forged = format!("{}.{}", claims.0, signature.1);

    let hello = FrameRequest { client_id: "anna-of-the-log".to_owned(), ..frame(tile_frame(1)) };
    let mut frames = client.join_with(&good, hello).await.unwrap();
    let session = frames.next().await.unwrap().unwrap().seat.unwrap().session;
    // The session comes along with a push, and as proof of who comes back.
    let push = FrameRequest { session: session.clone(), ..frame(tile_frame(2)) };
    within(client.grpc.clone().push_frame(with_token(push, &good))).await.unwrap();
    let back = WatchMosaicRequest {
        client_id: "anna-of-the-log".to_owned(),
        session: session.clone(),
        ..Default::default()
    };
    let watched = within(client.grpc.clone().watch_mosaic(with_token(back, &good))).await.unwrap();
    let spectator = with_token(WatchMosaicRequest::default(), &forged);
    let refused = within(client.grpc.clone().watch_mosaic(spectator)).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    drop((watched, frames, client));
    server.stopped().await;

    let text = log.text();
    assert!(text.contains("anna-of-the-log connected"), "the server says who came");
    assert!(text.contains("TRACE") && text.contains("h2::codec"), "and what h2 says of frames is there");
    assert!(session.len() >= 16, "{session}");
    let parts = good.split('.').chain(forged.split('.')).chain([SECRET, &session]);
    for secret in parts {
        for form in written(secret) {
            let place = text.find(&form);
            assert_eq!(
                place.map(|at| &text[at.saturating_sub(300)..at]),
                None,
                "{form} is logged behind this"
            );
        }
    }
}
