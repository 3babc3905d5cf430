//! The accept loop: one port, HTTP/1.1 and HTTP/2, and its end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::config::Listen;
use crate::peer::{PING_AFTER, PING_TIMEOUT, Peer};

/// How long connections may take to end after their streams have.
const GRACE: Duration = Duration::from_secs(5);
/// How long a connection may take to send its first byte, and then an HTTP/1 request's header.
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

/// Accepts connections until `stopping` is cancelled, then lets them end within [`GRACE`].
///
/// Whoever cancels must see to it that open streams end by themselves: a connection waits for its streams.
pub(crate) async fn serve(listeners: Vec<TcpListener>, router: Router, stopping: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    let accepting = listeners
        .into_iter()
        .map(|listener| accept(listener, &router, &graceful, &connections, stopping.clone()));
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
    router: &Router,
    graceful: &GracefulShutdown,
    connections: &TaskTracker,
    stopping: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = Peer::new(address, Instant::now());
                let (router, watcher, stopping) = (router.clone(), graceful.watcher(), stopping.clone());
                let served = async move {
                    if speaks(&stream, &stopping).await {
                        connection(stream, peer, router, watcher).await;
                    }
                };
                connections.spawn(served.instrument(info_span!("connection", peer = %address)));
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

/// Waits for the first byte, and says whether it came in time.
async fn speaks(stream: &TcpStream, stopping: &CancellationToken) -> bool {
    let mut byte = [0];
    let first = tokio::time::timeout(HEADER_TIMEOUT, stream.peek(&mut byte));
    tokio::select! {
        () = stopping.cancelled() => false,
        first = first => matches!(first, Ok(Ok(1..))),
    }
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    set_options(&stream);
    let service = with_peer(router, peer.clone());
    let io = TokioIo::new(Watched { stream, peer: peer.clone() });
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

/// The routes, with the connection's peer in every request.
fn with_peer(
    router: Router,
    peer: Peer,
) -> impl hyper::service::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    TowerToHyperService::new(router.layer(axum::Extension(peer)))
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

/// A connection that notes when it is lost, before anybody above can see that its streams end.
struct Watched {
    stream: TcpStream,
    peer: Peer,
}

impl Watched {
    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.peer.lose();
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(result, Poll::Ready(Ok(()))) && buffer.filled().len() > before {
            self.peer.hear(Instant::now());
        } else if result.is_ready() && buffer.remaining() > 0 {
            self.peer.lose();
        }
        self.note(result)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
