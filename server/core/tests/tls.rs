//! TLS on the one port: handshakes, certificates, and ends of connections.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::either_http::{VERSIONS, Version, request, send};
use support::tls::{Files, client, config_with, handshake, trusting};
use support::{TestServer, tile_frame, within};
use tessera_server_core::{CertificateSource, Page, Plain, Server};
use tessera_wire::{FrameRequest, WatchMosaicRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

async fn serve(files: &Files, plain: Plain) -> TestServer {
    TestServer::with(&config_with(files.source(), plain)).await
}

/// Whether the page comes over TLS by this name for the server.
async fn page_comes(server: &TestServer, certificate: &Path, name: &str) -> bool {
    let Ok(stream) = handshake(server.address, &trusting(certificate, &["http/1.1"]), name).await else {
        return false;
    };
    let request = request("GET", "/healthz", &[("host", name)], "");
    send(Box::new(stream), Version::Http1, request).await.text() == "ok\n"
}

/// Waits until the server closes the connection, and gives what it said until then.
async fn last_words(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is a close, too: the server leaves bytes unread.
    drop(within(stream.read_to_end(&mut said)).await);
    said
}

#[tokio::test]
async fn tls_and_plain_and_both_http_share_one_port() {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    for (version, protocol) in VERSIONS.into_iter().zip(["http/1.1", "h2"]) {
        let both = trusting(&files.certificate(), &[protocol]);
        let stream = handshake(server.address, &both, "localhost").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let page =
            send(Box::new(stream), version, request("GET", "/healthz", &[("host", "localhost")], "")).await;
        assert!(page.status == 200 && page.text() == "ok\n", "{page:?}");
        // Browsers ignore this one without TLS, and complain.
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        let stream = TcpStream::connect(server.address).await.unwrap();
        let page =
            send(Box::new(stream), version, request("GET", "/healthz", &[("host", "localhost")], "")).await;
        assert!(page.status == 200 && page.text() == "ok\n", "{page:?}");
        assert_eq!(page.header("cross-origin-opener-policy"), "");
    }
    let both = trusting(&files.certificate(), &["http/1.1", "h2"]);
    let stream = handshake(server.address, &both, "127.0.0.1").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the server chooses");
    let (client, _) = client(server.address, &files.certificate()).await;
    client.join("client1").await.show(tile_frame(1)).await;
    assert!(!server.look().await.frame_data.is_empty(), "native and plain");
}

#[tokio::test]
async fn a_self_signed_certificate_is_for_this_machine_and_stays_the_same_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let source = CertificateSource::SelfSigned { folder: Some(folder.path().to_owned()) };
    let config = config_with(source, Plain::FromHere);
    let file = folder.path().join("certificate.pem");
    let server = TestServer::with(&config).await;
    let first = std::fs::read(&file).unwrap();
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(page_comes(&server, &file, name).await, "{name}");
    }
    assert!(!page_comes(&server, &file, "evil.example").await);
    server.stopped().await;
    let server = TestServer::with(&config).await;
    assert!(page_comes(&server, &file, "localhost").await);
    assert_eq!(std::fs::read(&file).unwrap(), first);
}

#[tokio::test]
async fn a_certificate_that_is_replaced_while_the_server_runs_is_taken_and_streams_go_on() {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    let (client, _) = client(server.address, &files.certificate()).await;
    let mut frames = client.join("client1").await;
    files.renew();
    let new = trusting(&files.certificate(), &["h2"]);
    let mut tries = tokio::time::interval(Duration::from_millis(50));
    within(async {
        while handshake(server.address, &new, "localhost").await.is_err() {
            tries.tick().await;
        }
    })
    .await;
    frames.show(tile_frame(1)).await;
}

#[tokio::test]
async fn a_port_for_tls_only_closes_plain_connections_without_a_word() {
    let files = Files::new();
    let server = serve(&files, Plain::Never).await;
    for opening in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(opening).await.unwrap();
        assert_eq!(last_words(&mut stream).await, b"");
    }
    assert!(page_comes(&server, &files.certificate(), "localhost").await);
}

#[tokio::test]
async fn a_port_without_tls_closes_whoever_speaks_it() {
    let server = TestServer::start().await;
    let files = Files::new();
    let begin = Instant::now();
    assert!(handshake(server.address, &trusting(&files.certificate(), &["h2"]), "localhost").await.is_err());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn what_cannot_be_used_is_an_error_at_the_start_that_names_the_file() {
    let (files, other) = (Files::new(), Files::new());
    let mismatch = CertificateSource::Files { certificate: files.certificate(), key: other.key() };
    let missing = CertificateSource::Files { certificate: "no-such.pem".into(), key: other.key() };
    let swapped = CertificateSource::Files { certificate: files.key(), key: files.certificate() };
    let files = [files.certificate(), other.key(), files.key()].map(|path| path.display().to_string());
    for (source, words) in [
        (mismatch, vec!["does not belong", &files[0], &files[1]]),
        (missing, vec!["no-such.pem", "cannot read"]),
        (swapped, vec!["no certificate in it", &files[2]]),
    ] {
        let config = config_with(source, Plain::FromHere);
        let error = Server::bind(&config, Page::absent("built for a test")).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(words.iter().all(|word| error.contains(word)), "{words:?} in: {error}");
    }
}

/// How a participant leaves.
#[derive(Debug, Clone, Copy)]
enum Leave {
    Cut,
    CloseNotify,
    Cancel,
    HalfClose,
}

/// Whether the slot is kept of a participant who sends frames over TLS and leaves.
async fn sender_slot_is_kept(leave: Leave) -> bool {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    let (client, closing) = client(server.address, &files.certificate()).await;
    let mut frames = client.join("robot").await;
    match leave {
        Leave::Cut => client.cut(),
        Leave::CloseNotify => {
            closing.cancel();
            assert_ne!(frames.end().await.code(), Code::Ok);
        }
        Leave::Cancel => drop(frames),
        Leave::HalfClose => frames.half_close().await,
    }
    newcomers_slot(&server).await != 0
}

/// The same of one who only watches: its stream is dropped without a word of how it ended.
async fn watcher_slot_is_kept(leave: Leave) -> bool {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    let (mut client, closing) = client(server.address, &files.certificate()).await;
    let request = WatchMosaicRequest { client_id: "robot".to_owned(), ..Default::default() };
    let mut mosaics = client.watch(request).await.unwrap();
    assert_eq!(mosaics.next().await.seat.unwrap().slot, 0);
    match leave {
        Leave::Cut => client.cut(),
        Leave::CloseNotify => {
            closing.cancel();
            assert_ne!(mosaics.end().await.code(), Code::Ok);
        }
        Leave::Cancel | Leave::HalfClose => drop(mosaics),
    }
    newcomers_slot(&server).await != 0
}

/// The slot of who comes when the room is empty.
async fn newcomers_slot(server: &TestServer) -> u32 {
    server.wait_for_seats(0).await;
    let mut newcomer = server.client().await.frames().await;
    let hello = FrameRequest { client_id: "newcomer".to_owned(), ..Default::default() };
    newcomer.ask(hello).await.seat.unwrap().slot
}

#[tokio::test]
async fn over_tls_a_broken_connection_keeps_the_slot_number() {
    for leave in [Leave::Cut, Leave::CloseNotify] {
        assert!(sender_slot_is_kept(leave).await && watcher_slot_is_kept(leave).await, "{leave:?}");
    }
}

#[tokio::test]
async fn over_tls_a_goodbye_frees_the_slot_number() {
    for leave in [Leave::Cancel, Leave::HalfClose] {
        assert!(!sender_slot_is_kept(leave).await && !watcher_slot_is_kept(leave).await, "{leave:?}");
    }
}

#[tokio::test]
async fn a_stop_ends_streams_over_tls_and_does_not_wait_for_handshakes() {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    let (mut client, _) = client(server.address, &files.certificate()).await;
    let mut frames = client.join("client1").await;
    let mut viewer = client.watch(WatchMosaicRequest::default()).await.unwrap();
    viewer.next().await;
    let idle =
        handshake(server.address, &trusting(&files.certificate(), &["h2"]), "localhost").await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    // The header of a record that is long in coming.
    half.write_all(&[0x16, 3, 1, 1, 0, 1]).await.unwrap();
    let begin = Instant::now();
    server.stop();
    assert_eq!(frames.end().await.code(), Code::Unavailable);
    assert_eq!(viewer.end().await.code(), Code::Unavailable);
    assert_eq!(last_words(&mut half).await, b"");
    drop((frames, viewer, client));
    server.stopped().await;
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    drop(idle);
}

#[tokio::test]
async fn whoever_does_not_go_on_is_closed_after_10_seconds() {
    let files = Files::new();
    let server = serve(&files, Plain::FromHere).await;
    let begin = Instant::now();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&[0x16, 3, 1, 1, 0, 1]).await.unwrap();
    let mut preface = TcpStream::connect(server.address).await.unwrap();
    preface.write_all(b"PRI * HT").await.unwrap();
    let mut secure =
        handshake(server.address, &trusting(&files.certificate(), &["h2"]), "localhost").await.unwrap();
    let mut byte = [0];
    let ends = tokio::join!(
        last_words(&mut silent),
        last_words(&mut half),
        last_words(&mut preface),
        within(secure.read(&mut byte)),
    );
    assert!(ends.0.is_empty() && ends.1.is_empty() && ends.2.is_empty() && !matches!(ends.3, Ok(1..)));
    let passed = begin.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&passed), "{passed:?}");
}
