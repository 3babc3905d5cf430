//! A socket that sends many writes as one.
//!
//! HTTP/2 cuts a mosaic into frames of the size that the client takes, of 16 KiB mostly, and each is a write of its own.
//! To hand so little to the network at a time costs more than to copy it. `TCP_CORK` lets the kernel wait for more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::hangup::Hangup;
use crate::peer::Peer;

/// A write from this size on may be a part of something larger.
const LARGE: usize = 16 << 10;

/// A socket whose writes go out together if two large ones follow each other.
///
/// The cork comes off when the socket is read next, as a connection does before anything else each time that its task
/// runs, and the task is told to run again at once. If it did not, the kernel would send what waits after 200 ms. That
/// holds for HTTP/2 alone: a connection of HTTP/1 that has read ahead reads no more while it answers. (It does not hold for
/// whoever is not read for a while, having asked too often: that one has the kernel's time.)
pub(super) struct Corked {
    stream: TcpStream,
    /// Knows which HTTP is spoken.
    peer: Peer,
    writes: Writes,
}

/// What was written since the last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    Small,
    /// One large write, which is out already.
    Large,
    /// Another after it: the socket is corked.
    Many,
}

impl Corked {
    pub(super) fn new(stream: TcpStream, peer: Peer) -> Self {
        Self { stream, peer, writes: Writes::Small }
    }

    /// Looks at a write before it is made.
    fn before_write(&mut self, length: usize, context: &Context<'_>) {
        if length < LARGE || !self.peer.is_http2() {
            return;
        }
        self.writes = match self.writes {
            Writes::Small => Writes::Large,
            Writes::Large if set_cork(&self.stream, true) => {
                context.waker().wake_by_ref();
                Writes::Many
            }
            as_before @ (Writes::Large | Writes::Many) => as_before,
        };
    }

    fn uncork(&mut self) {
        if std::mem::replace(&mut self.writes, Writes::Small) == Writes::Many {
            set_cork(&self.stream, false);
        }
    }
}

/// Whether the socket has this option, and it was set.
#[cfg(target_os = "linux")]
fn set_cork(stream: &TcpStream, cork: bool) -> bool {
    SockRef::from(stream).set_tcp_cork(cork).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_cork(_: &TcpStream, _: bool) -> bool {
    false
}

impl Hangup for Corked {
    fn has_hung_up(&self) -> bool {
        self.stream.has_hung_up()
    }
}

impl AsyncRead for Corked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.uncork();
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.before_write(bytes.len(), context);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.before_write(slices.iter().map(|slice| slice.len()).sum(), context);
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncork();
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use tokio::net::TcpListener;

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[tokio::test]
    async fn the_second_large_write_in_a_row_corks_the_socket_until_it_is_read_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let peer = Peer::new(address, std::time::Instant::now());
        let mut socket = Corked::new(stream, peer.clone());
        socket.stream.writable().await.unwrap();

        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let (small, large) = ([0; LARGE - 1], [0; LARGE]);
        let mut write = |socket: &mut Corked, bytes: &[u8]| {
            assert!(Pin::new(&mut *socket).poll_write(&mut context, bytes).is_ready());
            (SockRef::from(&socket.stream).tcp_cork().unwrap(), woken.0.load(Ordering::Acquire))
        };
        for _ in 0..3 {
            assert_eq!(write(&mut socket, &large), (false, 0), "it may be HTTP/1");
        }
        peer.ask(true);
        assert_eq!(write(&mut socket, &small), (false, 0));
        assert_eq!(write(&mut socket, &small), (false, 0));
        assert_eq!(write(&mut socket, &large), (false, 0));
        assert_eq!(write(&mut socket, &large), (true, 1));
        assert_eq!(write(&mut socket, &large), (true, 1));

        let mut nothing = [0; 1];
        let read = Pin::new(&mut socket)
            .poll_read(&mut Context::from_waker(&waker), &mut ReadBuf::new(&mut nothing));
        assert!(read.is_pending());
        assert!(!SockRef::from(&socket.stream).tcp_cork().unwrap());
        drop(client);
    }
}
