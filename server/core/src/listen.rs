//! The accept loop: one port, with TLS and without, HTTP/1.1 and HTTP/2, and its end.

mod corked;
mod watched;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::config::{Listen, Plain};
use crate::peer::{Arrival, PING_AFTER, PING_TIMEOUT, Peer};
use crate::tls::{Door, HELLO};
use corked::Corked;
use watched::Watched;

/// How long connections may take to end after their streams have.
const GRACE: Duration = Duration::from_secs(5);
/// How long a connection may take to say which HTTP it speaks, through the handshake of TLS if it has one; and then
/// an HTTP/1 request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept, mostly for file descriptors to become free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// Unsent bytes that the kernel may hold for a connection: enough for a mosaic, not for seconds of them.
const UNSENT: u32 = 256 << 10;

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
    pub(crate) stopping: CancellationToken,
}

/// Accepts connections until `stopping` is cancelled, then lets them end within [`GRACE`].
///
/// Whoever cancels must see to it that open streams end by themselves: a connection waits for its streams.
pub(crate) async fn serve(listeners: Vec<TcpListener>, serving: Serving) {
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    let accepting = listeners.into_iter().map(|listener| accept(listener, &serving, &graceful, &connections));
    futures_util::future::join_all(accepting).await;

    connections.close();
    info!("stopping: {} connections open", connections.len());
    let drained = async {
        graceful.shutdown().await;
        connections.wait().await;
    };
    match tokio::time::timeout(GRACE, drained).await {
        Ok(()) => info!("stopped: all connections have ended"),
        Err(_) => warn!("stopped: {} connections did not end within {GRACE:?}", connections.len()),
    }
}

async fn accept(
    listener: TcpListener,
    serving: &Serving,
    graceful: &GracefulShutdown,
    connections: &TaskTracker,
) {
    let stopping = &serving.stopping;
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let span = info_span!("connection", peer = %address);
                let served = admit(stream, address, serving.clone(), graceful.watcher());
                connections.spawn(served.instrument(span));
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

/// Finds out what a connection speaks, and serves it if that is spoken here.
async fn admit(stream: TcpStream, peer: SocketAddr, serving: Serving, watcher: Watcher) {
    let deadline = tokio::time::Instant::now() + HEADER_TIMEOUT;
    set_options(&stream);
    let Ok(local) = stream.local_addr() else { return };
    let opening = timeout_at(deadline, first_byte(&stream));
    let Some(Ok(Ok(first))) = until(&serving.stopping, opening).await else { return };
    let arrival = Arrival { peer, local, secure: first == HELLO };
    let stream = Corked::new(stream);
    match (first, &serving.tls) {
        (HELLO, Some(door)) => {
            let handshake = timeout_at(deadline, door.acceptor.accept(stream));
            match until(&serving.stopping, handshake).await {
                Some(Ok(Ok(stream))) => connection(stream, arrival, deadline, serving.router, watcher).await,
                Some(Ok(Err(error))) => debug!(%error, "no TLS came about"),
                Some(Err(_)) => debug!("the TLS handshake took too long"),
                None => {}
            }
        }
        (HELLO, None) => debug!("closed: it speaks TLS, which is off"),
        (_, Some(door)) if door.plain == Plain::Never => debug!("closed: it does not speak TLS"),
        _ => connection(stream, arrival, deadline, serving.router, watcher).await,
    }
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

/// Serves one connection to its end; by `deadline` it must have said which HTTP it speaks.
async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    arrival: Arrival,
    deadline: tokio::time::Instant,
    router: Router,
    watcher: Watcher,
) {
    let peer = Peer::new(arrival.peer, Instant::now());
    let service = with_peer(router, peer.clone(), arrival);
    let io = TokioIo::new(Watched::new(stream, peer.clone(), deadline));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(512 << 10)
        .initial_connection_window_size(1 << 20)
        .max_concurrent_streams(128)
        .max_header_list_size(16 << 10)
        .max_send_buf_size(256 << 10);
    let result = watcher.watch(builder.serve_connection(io, service).into_owned()).await;
    peer.lose();
    if let Err(error) = result {
        debug!(error, "the connection ended");
    }
}

/// The routes, with the connection's ends in every request.
fn with_peer(
    router: Router,
    peer: Peer,
    arrival: Arrival,
) -> impl hyper::service::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    TowerToHyperService::new(router.layer(axum::Extension(peer)).layer(axum::Extension(arrival)))
}

/// Small messages go at once, and little waits unsent in the kernel. A socket without these options works too.
fn set_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let result = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let result = result.and_then(|()| socket.set_tcp_notsent_lowat(UNSENT));
    #[cfg(not(target_os = "linux"))]
    let result = result.and_then(|()| socket.set_send_buffer_size(UNSENT as usize));
    if let Err(error) = result {
        debug!(%error, "a socket option was not set");
    }
}
