//! The accept loop: one port, with TLS and without, HTTP/1.1 and HTTP/2, and its end.

mod corked;
mod entrance;
mod forwarded;
mod hangup;
mod meter;
mod outgoing;
mod patient;
mod socket;
mod stall;
mod streams;
mod watched;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::config::{Listen, Plain};
use crate::guests::Guests;
use crate::limits::ConnectionLimits;
use crate::peer::{Arrival, Peer};
use crate::tls::{Door, HELLO};
use corked::Corked;
use entrance::Way;
use hangup::Hangup;
use patient::Patient;
use stall::{Patience, Progress, unless_stalled};
use streams::Streams;
use watched::Watched;

/// Streams that a client may reset before they were looked at, and that may break the rules, at a time; one more ends
/// the connection. The first is h2's own default, and a client that cancels calls stays far below both.
const MAX_RESETS: usize = 20;
const MAX_ERRORS: usize = 128;
/// How long to wait after a failed accept, mostly for file descriptors to become free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// Binds every address that was asked for.
///
/// # Errors
///
/// When an address cannot be bound, or none of the default ones can. A default address of a family that this
/// machine lacks is skipped with a line in the log.
pub(crate) async fn bind(listen: &Listen) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for &address in &listen.addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if listen.is_default && lacks_family(&error) => {
                info!("not listening on {address}: this machine has no such address ({error})");
            }
            Err(error) => return Err(cannot_listen(address, &error)),
        }
    }
    anyhow::ensure!(!listeners.is_empty(), "no address to listen on: name one with --listen");
    Ok(listeners)
}

fn lacks_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own in std.
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has this port: stop it, or choose another port with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: choose a higher one with --listen"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: choose another with --listen",
        _ => "choose another address with --listen",
    };
    anyhow::anyhow!("cannot listen on {address}: {error}; {advice}")
}

/// What every connection is served with.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) router: Router,
    /// TLS, if the port has it.
    pub(crate) tls: Option<Door>,
    pub(crate) limits: Arc<ConnectionLimits>,
    pub(crate) guests: Guests,
    pub(crate) stopping: CancellationToken,
}

/// Accepts connections until `stopping` is cancelled, then lets them end within the time for that.
///
/// Whoever cancels must see to it that open streams end by themselves: a connection waits for its streams.
pub(crate) async fn serve(listeners: Vec<TcpListener>, serving: Serving) {
    let graceful = GracefulShutdown::new();
    let connections = Connections::default();
    let accepting = listeners.into_iter().map(|listener| accept(listener, &serving, &graceful, &connections));
    futures_util::future::join_all(accepting).await;

    let Connections { open, over } = connections;
    open.close();
    info!("stopping: {} connections open", open.len());
    let drained = async {
        graceful.shutdown().await;
        open.wait().await;
    };
    let grace = serving.limits.stop_timeout;
    match tokio::time::timeout(grace, drained).await {
        Ok(()) => info!("stopped: all connections have ended"),
        Err(_) => {
            warn!("stopped: {} connections did not end within {grace:?}", open.len());
            over.cancel();
            open.wait().await;
        }
    }
}

/// The tasks of all connections, and what ends those that do not end by themselves.
#[derive(Debug, Default)]
struct Connections {
    open: TaskTracker,
    over: CancellationToken,
}

async fn accept(
    listener: TcpListener,
    serving: &Serving,
    graceful: &GracefulShutdown,
    connections: &Connections,
) {
    let stopping = &serving.stopping;
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Some(served) = admit(stream, address, serving, graceful.watcher()) {
                    connections.open.spawn(connections.over.clone().run_until_cancelled_owned(served));
                }
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_BACKOFF) => {}
                }
            }
        }
    }
}

/// Lets a connection in, if there is a place for it.
fn admit(
    stream: TcpStream,
    address: SocketAddr,
    serving: &Serving,
    watcher: Watcher,
) -> Option<impl Future<Output = ()> + use<>> {
    let is_proxy = forwarded::is_among(&serving.limits.trusted_proxy, address.ip());
    match serving.guests.connect(address.ip(), is_proxy) {
        Ok(visit) => {
            let peer = Peer::connected(address, visit, serving.limits.ping_after, Instant::now());
            let span = info_span!("connection", peer = %address);
            Some(open(stream, address, peer, serving.clone(), watcher).instrument(span))
        }
        Err(full) => {
            warn!(peer = %address, reason = %full, "closed a connection");
            None
        }
    }
}

/// Finds out what a connection speaks, and serves it if that is spoken here.
async fn open(stream: TcpStream, address: SocketAddr, peer: Peer, serving: Serving, watcher: Watcher) {
    let limits = Arc::clone(&serving.limits);
    let deadline = tokio::time::Instant::now() + limits.opening_timeout;
    socket::set_options(&stream, &limits);
    let Ok(local) = stream.local_addr() else { return };
    let opening = timeout_at(deadline, first_byte(&stream));
    let Some(Ok(Ok(first))) = until(&serving.stopping, opening).await else { return };
    let arrival = Arrival { peer: address, local, secure: first == HELLO, forwarded: false };
    let stream = Patient::new(Corked::new(stream, peer.clone()), limits.write_stall);
    match (first, &serving.tls) {
        (HELLO, Some(door)) => {
            let handshake = timeout_at(deadline, door.acceptor.accept(stream));
            match until(&serving.stopping, handshake).await {
                Some(Ok(Ok(stream))) => {
                    connection(stream, way(&serving, arrival, peer), deadline, &limits, watcher).await;
                }
                Some(Ok(Err(error))) => debug!(%error, "no TLS came about"),
                Some(Err(_)) => debug!("the TLS handshake took too long"),
                None => {}
            }
        }
        (HELLO, None) => debug!("closed: it speaks TLS, which is off"),
        (_, Some(door)) if door.plain == Plain::Never => debug!("closed: it does not speak TLS"),
        _ => connection(stream, way(&serving, arrival, peer), deadline, &limits, watcher).await,
    }
}

fn way(serving: &Serving, arrival: Arrival, peer: Peer) -> Way {
    let Serving { router, guests, limits, .. } = serving.clone();
    Way { router, guests, limits, arrival, peer }
}

/// `work`'s result, unless the server stops before.
async fn until<F: Future>(stopping: &CancellationToken, work: F) -> Option<F::Output> {
    tokio::select! {
        () = stopping.cancelled() => None,
        done = work => Some(done),
    }
}

/// Waits for the first byte, and leaves it where it is.
async fn first_byte(stream: &TcpStream) -> io::Result<u8> {
    let mut byte = [0];
    match stream.peek(&mut byte).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(byte[0]),
    }
}

/// Serves one connection to its end; by `deadline` its first request must have come.
async fn connection<S: AsyncRead + AsyncWrite + Hangup + Unpin + Send + 'static>(
    stream: S,
    way: Way,
    deadline: tokio::time::Instant,
    limits: &ConnectionLimits,
    watcher: Watcher,
) {
    let (peer, patience) = (way.peer.clone(), Patience::from(limits));
    let io = TokioIo::new(Watched::new(stream, peer.clone(), deadline, limits.opening_timeout));
    let connection = builder(limits).serve_connection(io, way).into_owned();
    // The streams of HTTP/2 are tasks, each watched by itself; what is watched here is HTTP/1.
    let result = unless_stalled(Progress::new(), patience, watcher.watch(connection)).await;
    peer.lose();
    if let Some(Err(error)) = result {
        debug!(error, "the connection ended");
    }
}

/// What is spoken on connections.
fn builder(limits: &ConnectionLimits) -> Builder<Streams> {
    let mut builder = Builder::new(Streams(limits.into()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.opening_timeout)
        // Of reading, which the header has to fit into, and of writing.
        .max_buf_size(limits.max_header_bytes as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.ping_after)
        .keep_alive_timeout(limits.ping_timeout)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_concurrent_streams(limits.max_streams)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_ERRORS)
        .max_header_list_size(limits.max_header_bytes)
        .max_send_buf_size(limits.send_buffer as usize);
    builder
}
