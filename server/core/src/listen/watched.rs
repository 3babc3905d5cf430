//! The bytes of one connection, and what they say of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Sleep, sleep_until};
use tracing::warn;

use super::hangup::Hangup;
use super::meter::Meter;
use crate::guests::Pace;
use crate::peer::Peer;

/// How often it is looked whether a peer has gone whose connection is not read.
const LOOK: Duration = Duration::from_millis(250);

/// A connection that notes when it is lost, before anybody above can see that its streams end.
///
/// It stands above TLS: an end there is an end, whether the peer announced it (close_notify) or not. Either way the
/// peer is gone, and whoever only leaves a call ends its stream and not its connection.
///
/// It reads no faster than the peer's address may ask for something.
pub(super) struct Watched<S> {
    stream: Take<S>,
    peer: Peer,
    meter: Meter,
    /// Runs while nothing is to be read, as its address asked for too much.
    quiet: Option<Pin<Box<Sleep>>>,
    /// Runs until the first request has come.
    opening: Option<Pin<Box<Sleep>>>,
    /// How long the end may take.
    closing_timeout: Duration,
    /// Runs while the end is being said.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead> Watched<S> {
    /// A connection whose first request must have come by `deadline`, header and all.
    pub(super) fn new(
        stream: S,
        peer: Peer,
        deadline: tokio::time::Instant,
        closing_timeout: Duration,
    ) -> Self {
        let opening = Some(Box::pin(sleep_until(deadline)));
        let meter = Meter::new(Instant::now());
        Self { stream: stream.take(0), peer, meter, quiet: None, opening, closing_timeout, closing: None }
    }

    /// Notes that something came.
    fn hear(&mut self, news: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        self.peer.hear(now);
        self.meter.read(news, now).map_err(|flood| {
            warn!(reason = %flood, "closed a connection");
            io::Error::other(flood)
        })?;
        self.peer.earn(news.len());
        self.peer.count_requests(self.meter.take_requests(), now);
        Ok(())
    }

    /// How much may be read next, when that may be, or `None` if nobody is there any more.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<Option<usize>>
    where
        S: Hangup,
    {
        loop {
            if let Some(quiet) = &mut self.quiet {
                ready!(quiet.as_mut().poll(context));
                self.quiet = None;
            }
            let now = Instant::now();
            match self.peer.pace(now) {
                Pace::Free => return Poll::Ready(Some(usize::MAX)),
                Pace::Sparing => return Poll::Ready(Some(self.meter.until_next())),
                // What it has asked for would be answered to nobody.
                Pace::Quiet(_) if self.stream.get_ref().has_hung_up() => return Poll::Ready(None),
                Pace::Quiet(until) => {
                    self.quiet = Some(Box::pin(sleep_until(until.min(now + LOOK).into())));
                }
            }
        }
    }

    /// Notes what was written.
    fn note_written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.meter.exchange(bytes);
        }
        self.note(written)
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.peer.lose();
        }
        result
    }

    /// `Pending`, unless the connection should have asked for something by now. (No other timeout runs before it is
    /// known which HTTP it speaks, and none at all for HTTP/2.)
    fn poll_opening<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.peer.has_asked() {
            self.opening = None;
        }
        match &mut self.opening {
            Some(deadline) => {
                ready!(deadline.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Hangup + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(most) = self.poll_pace(context) else {
            return self.poll_opening(context);
        };
        let before = buffer.filled().len();
        // At 0 it gives the end.
        self.stream.set_limit(most.unwrap_or(0) as u64);
        let mut result = match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.poll_opening(context),
            ready @ Poll::Ready(_) => ready,
        };
        let news = &buffer.filled()[before..];
        if !news.is_empty() {
            result = self.hear(news).map_or_else(|flood| Poll::Ready(Err(flood)), |()| result);
        } else if result.is_ready() && buffer.remaining() > 0 {
            self.peer.lose();
        }
        self.note(result)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write_vectored(context, slices);
        self.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(self.stream.get_mut()).poll_flush(context);
        self.note(result)
    }

    /// TLS has to say its end, which waits for whoever does not read: not for ever.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(this.stream.get_mut()).poll_shutdown(context) {
            return Poll::Ready(result);
        }
        let closing = this.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.closing_timeout)));
        ready!(closing.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, empty, join};
    use tokio::time::Instant;

    use super::*;
    use crate::counters::Counters;
    use crate::guests::Guests;
    use crate::limits::Limits;

    const TIMEOUT: Duration = Duration::from_secs(10);

    impl Hangup for DuplexStream {
        fn has_hung_up(&self) -> bool {
            false
        }
    }

    fn watched<S: AsyncRead>(stream: S) -> Watched<S> {
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), std::time::Instant::now());
        Watched::new(stream, peer, Instant::now() + TIMEOUT, TIMEOUT)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_in_time_is_lost_whatever_else_it_says() {
        let (mut client, server) = duplex(64);
        let mut server = watched(server);
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut buffer = [0; 7];
        let begin = Instant::now();
        let error = loop {
            if let Err(error) = server.read(&mut buffer).await {
                break error;
            }
        };
        assert_eq!((error.kind(), begin.elapsed()), (io::ErrorKind::TimedOut, TIMEOUT));
        assert!(server.peer.is_lost(std::time::Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_asked_may_be_idle() {
        let (client, server) = duplex(64);
        let mut server = watched(server);
        server.peer.ask(false);
        let read = tokio::time::timeout(Duration::from_secs(60), server.read_u8()).await;
        assert!(read.is_err() && !server.peer.is_lost(std::time::Instant::now()));
        drop(client);
    }

    #[tokio::test]
    async fn an_end_is_noted_before_anybody_above_can_see_it() {
        let (client, server) = duplex(64);
        let mut server = watched(server);
        drop(client);
        assert!(!server.peer.is_lost(std::time::Instant::now()));
        assert_eq!(server.read(&mut [0; 7]).await.unwrap(), 0);
        assert!(server.peer.is_lost(std::time::Instant::now()));
    }

    #[tokio::test]
    async fn an_address_that_asks_too_often_is_not_read_for_a_while_and_misses_nothing() {
        let (mut client, server) = duplex(1 << 20);
        let peer = Peer::new(([203, 0, 113, 9], 1).into(), std::time::Instant::now());
        let mut server = Watched::new(server, peer, Instant::now() + TIMEOUT, TIMEOUT);
        server.peer.ask(true);
        let requests = too_many_requests();
        client.write_all(&requests).await.unwrap();
        server.read_exact(&mut vec![0; requests.len()]).await.unwrap();
        client.write_all(&[7]).await.unwrap();
        let (read, begun) = (server.read_u8().await, std::time::Instant::now());
        assert_eq!(read.unwrap(), 7);
        assert_eq!(server.peer.pace(begun), Pace::Free, "it was waited for");
        assert!(server.quiet.is_none());
    }

    /// HEADERS of nothing, more than may come at once, also if that they were sent earns a few more.
    fn too_many_requests() -> Vec<u8> {
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 1, 5, 0, 0, 0, 1].repeat(2400)].concat()
    }

    #[tokio::test]
    async fn a_connection_of_an_address_that_asks_too_often_is_read_a_little_at_a_time() {
        let (mut client, server) = duplex(1 << 20);
        let guests = Guests::new(&Limits::default(), Counters::default());
        let [peer, neighbour] = [1, 2].map(|port| {
            let address = SocketAddr::from(([203, 0, 113, 9], port));
            let visit = guests.connect(address.ip(), false).unwrap();
            Peer::connected(address, visit, TIMEOUT, std::time::Instant::now())
        });
        let mut server = Watched::new(server, peer, Instant::now() + TIMEOUT, TIMEOUT);
        client.write_all(&[7; 1000]).await.unwrap();
        let mut buffer = [0; 1000];
        assert_eq!(server.read(&mut buffer[..500]).await.unwrap(), 500);
        neighbour.count_requests(1 << 20, std::time::Instant::now());
        assert_eq!(server.read(&mut buffer).await.unwrap(), 256);
        assert_eq!(server.read(&mut buffer[..100]).await.unwrap(), 100);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 1000 - 500 - 256 - 100);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_does_not_wait_for_ever_for_whoever_does_not_read() {
        /// A peer that takes nothing any more.
        struct Stuck;
        impl AsyncWrite for Stuck {
            fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
                Poll::Pending
            }
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Pending
            }
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Pending
            }
        }
        let error = watched(join(empty(), Stuck)).shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
