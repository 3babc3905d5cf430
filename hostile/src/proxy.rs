//! A bad line: a TCP proxy on loopback that delays, trickles, swallows, halves and cuts what goes through it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::target::Target;

/// Pieces on their way at once, at most.
const PIECES: usize = 256;
/// Bytes of a piece, at most.
const PIECE: usize = 64 << 10;
/// A line that trickles lets a piece through so often.
const DRIP: Duration = Duration::from_millis(100);

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Line {
    /// One way.
    delay: Duration,
    /// Bytes a second, one way; all that come without.
    rate: Option<usize>,
    /// Nothing goes through, and nobody is told.
    swallows: bool,
    /// Nothing more goes up, which the server is told.
    halved: bool,
    /// How often everything was cut.
    cuts: u64,
}

/// A proxy that stands until it is dropped, with its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<watch::Sender<Line>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A good line to the server, until it is told otherwise.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn start(to: Target) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let line = Arc::new(watch::Sender::new(Line::default()));
        let accepting = tokio::spawn(accept(listener, to, Arc::clone(&line)));
        Ok(Self { address, line, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything comes later: there and back takes so much longer.
    pub fn delay(&self, round_trip: Duration) {
        self.line.send_modify(|line| line.delay = round_trip / 2);
    }

    /// So many bytes a second go through, each way.
    pub fn trickle(&self, bytes_a_second: usize) {
        self.line.send_modify(|line| line.rate = Some(bytes_a_second));
    }

    /// Nothing goes through from now on, and nobody is told. New connections are taken, and get as far.
    pub fn blackhole(&self) {
        self.line.send_modify(|line| line.swallows = true);
    }

    /// Nothing more goes up, as after a half-close. Down goes all.
    pub fn half_close(&self) {
        self.line.send_modify(|line| line.halved = true);
    }

    /// All connections end at once, by a reset.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.cuts += 1);
    }

    /// The line is good again for whoever comes, and for whoever was not told that it was bad.
    pub fn mend(&self) {
        self.line.send_modify(|line| *line = Line { cuts: line.cuts, ..Line::default() });
    }
}

async fn accept(listener: TcpListener, to: Target, line: Arc<watch::Sender<Line>>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(connect(near, to, line.subscribe()));
    }
}

async fn connect(near: TcpStream, to: Target, mut line: watch::Receiver<Line>) {
    let Ok(far) = to.connect().await else { return };
    for socket in [&near, &far] {
        // Whoever is cut off is told by a reset, whatever was on its way.
        socket.set_nodelay(true).ok();
        socket.set_zero_linger().ok();
    }
    let cuts = line.borrow().cuts;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let carried = async {
        tokio::join!(
            carry(near_in, far_out, Way::Up, line.clone()),
            carry(far_in, near_out, Way::Down, line.clone())
        )
    };
    let mut cut = line.clone();
    tokio::select! {
        _ = carried => {}
        _ = cut.wait_for(|line| line.cuts != cuts) => {}
    }
    line.mark_unchanged();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Carries everything from one end to the other; the end of one is the end of the other.
async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, way: Way, line: watch::Receiver<Line>) {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::join!(pick_up(from, sender, way, line.clone()), hand_over(receiver, to, line));
}

type Piece = (Instant, Vec<u8>);

async fn pick_up(
    mut from: OwnedReadHalf,
    to: mpsc::Sender<Piece>,
    way: Way,
    mut line: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; PIECE];
    let mut halved = line.clone();
    loop {
        if line.wait_for(|line| !line.swallows).await.is_err() {
            return;
        }
        let most = line.borrow().rate.map_or(PIECE, |rate| (rate / 10).clamp(1, PIECE));
        let read = tokio::select! {
            biased;
            _ = halved.wait_for(|line| line.halved && way == Way::Up) => return,
            read = from.read(&mut buffer[..most]) => read,
        };
        let Ok(length @ 1..) = read else { return };
        // How it is when something comes, not when it was waited for.
        let now = *line.borrow();
        if to.send((Instant::now() + now.delay, buffer[..length].to_vec())).await.is_err() {
            return;
        }
        if now.rate.is_some() {
            sleep(DRIP).await;
        }
    }
}

async fn hand_over(mut from: mpsc::Receiver<Piece>, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    while let Some((due, piece)) = from.recv().await {
        sleep_until(due).await;
        if line.wait_for(|line| !line.swallows).await.is_err() || to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // The other end may be gone already.
    to.shutdown().await.ok();
}
