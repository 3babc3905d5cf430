//! A long way: a TCP proxy on loopback that hands everything on a while later, in order, both ways.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// Pieces on their way at once, at most: of 64 KiB each, they are more than any connection of a test has.
const PIECES: usize = 256;

/// A proxy that stands until it is dropped, with its connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Hands on to `server` what comes, half of `round_trip` later, and so back.
    pub(crate) async fn start(server: SocketAddr, round_trip: Duration) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(async move {
                    let Ok(far) = TcpStream::connect(server).await else { return };
                    for socket in [&near, &far] {
                        socket.set_nodelay(true).unwrap();
                    }
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    let delay = round_trip / 2;
                    tokio::join!(carry(near_in, far_out, delay), carry(far_in, near_out, delay));
                });
            }
        };
        Self { address, _task: AbortOnDropHandle::new(tokio::spawn(accepting)) }
    }
}

/// Carries everything from one end to the other; the end of one is the end of the other.
async fn carry(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::join!(pick_up(from, sender, delay), hand_over(receiver, to));
}

async fn pick_up(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.send((Instant::now() + delay, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn hand_over(mut from: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: impl AsyncWrite + Unpin) {
    while let Some((due, piece)) = from.recv().await {
        sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // The other end may be gone already.
    to.shutdown().await.ok();
}
