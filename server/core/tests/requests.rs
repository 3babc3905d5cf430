//! An address that asks for nothing much, too often: it is answered at the rate, and nobody else waits.

mod support;

use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::future::{join_all, select_all};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::either_http::request;
use support::tls::{Files, config_with, handshake, trusting};
use support::{Bytes, TestServer, tile_frame, within};
use tessera_server_core::Plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// As many as a connection may ask at once.
const AT_ONCE: usize = 128;

/// A server that bears so many requests a second of this machine, and the files that its clients trust.
async fn server(requests_per_second: u32) -> (TestServer, Files) {
    let files = Files::new();
    let mut config = config_with(files.source(), Plain::FromHere);
    let limits = &mut config.limits.connections;
    (limits.limit_loopback, limits.requests_per_second) = (true, requests_per_second);
    (TestServer::with(&config).await, files)
}

/// A connection of HTTP/2, with TLS or without, and what keeps it.
struct Asking {
    sender: SendRequest<Body>,
    running: JoinHandle<hyper::Result<()>>,
}

impl Asking {
    async fn open(server: &TestServer, files: &Files, with_tls: bool) -> Self {
        let stream: Box<dyn Bytes> = if with_tls {
            let trusting = trusting(&files.certificate(), &["h2"]);
            Box::new(handshake(server.address, &trusting, "localhost").await.unwrap())
        } else {
            Box::new(TcpStream::connect(server.address).await.unwrap())
        };
        let (sender, connection) =
            within(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.unwrap();
        Self { sender, running: tokio::spawn(connection) }
    }

    /// Asks once; whether it was answered well.
    async fn ask(&self) -> bool {
        let mut sender = self.sender.clone();
        sender.ready().await.unwrap();
        let response = sender.send_request(request("GET", "http://localhost/healthz", &[], "")).await;
        response.is_ok_and(|response| response.status() == 200)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// A rate at which `AT_ONCE` and more take a second and more; what is sent for each makes a few free.
const SLOW: u32 = 100;
/// Less than that, and more than it would take without the rate.
const SLOWED: Duration = Duration::from_millis(500);

#[tokio::test]
async fn requests_without_end_are_slowed_and_all_answered() {
    for with_tls in [false, true] {
        let (server, files) = server(SLOW).await;
        let asking = Asking::open(&server, &files, with_tls).await;
        let begun = Instant::now();
        let answers = within(join_all((0..2 * AT_ONCE).map(|_| asking.ask()))).await;
        assert!(begun.elapsed() > SLOWED, "{:?}", begun.elapsed());
        assert!(answers.into_iter().all(|answered| answered));
    }
}

#[tokio::test]
async fn requests_of_http_1_are_slowed_too_although_many_were_read_at_once() {
    /// As many as are read at once.
    const ASKED: usize = 150;
    let (server, _files) = server(SLOW).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let begun = Instant::now();
    stream.write_all(&ask.repeat(ASKED - 1)).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    within(stream.read_to_string(&mut answers)).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), ASKED);
    assert!(begun.elapsed() > SLOWED, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_the_dead_have_asked_is_not_answered() {
    for with_tls in [false, true] {
        // To answer all of it would take minutes.
        let (server, files) = server(1).await;
        let mut connections = Vec::new();
        for _ in 0..10 {
            connections.push(Asking::open(&server, &files, with_tls).await);
        }
        let asked = connections.iter().flat_map(|asking| (0..AT_ONCE).map(|_| Box::pin(asking.ask())));
        let (answered, ..) = within(select_all(asked)).await;
        assert!(answered);
        drop(connections);
        within(server.counters.wait_for(|held| held.connections == 0)).await;
    }
}

#[tokio::test]
async fn a_neighbour_of_who_asks_too_often_does_not_wait() {
    let (server, files) = server(1).await;
    let asking = Asking::open(&server, &files, false).await;
    let mut asked: Vec<_> = (0..AT_ONCE).map(|_| Box::pin(asking.ask())).collect();
    assert!(within(select_all(&mut asked)).await.0);
    let mut neighbour = server.join("client1").await;
    for n in 0..20 {
        neighbour.show(tile_frame(n)).await;
    }
}
