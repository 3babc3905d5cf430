//! The bytes of one connection, and what they say of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::HEADER_TIMEOUT;
use crate::peer::Peer;

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4). Until it has come, or something else, nobody knows which
/// HTTP is spoken, and no other timeout runs.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that notes when it is lost, before anybody above can see that its streams end.
///
/// It stands above TLS: an end there is an end, whether the peer announced it (close_notify) or not. Either way the
/// peer is gone, and whoever only leaves a call ends its stream and not its connection.
pub(super) struct Watched<S> {
    stream: S,
    peer: Peer,
    /// Runs until it is known which HTTP is spoken.
    opening: Option<Opening>,
    /// Runs while the end is being said.
    closing: Option<Pin<Box<Sleep>>>,
}

/// The beginning of a connection.
struct Opening {
    /// How much of the preface has come.
    matched: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Opening {
    /// Whether it is known now which HTTP is spoken.
    fn decide(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.matched..];
        let common = bytes.iter().zip(rest).take_while(|(byte, expected)| byte == expected).count();
        self.matched += common;
        common < bytes.len() || common == rest.len()
    }
}

impl<S> Watched<S> {
    /// A connection that must say by `deadline` which HTTP it speaks.
    pub(super) fn new(stream: S, peer: Peer, deadline: tokio::time::Instant) -> Self {
        let opening = Opening { matched: 0, deadline: Box::pin(sleep_until(deadline)) };
        Self { stream, peer, opening: Some(opening), closing: None }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.peer.lose();
        }
        result
    }

    /// `Pending`, unless the connection should have said by now what it speaks.
    fn poll_opening<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match &mut self.opening {
            Some(opening) => {
                ready!(opening.deadline.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.poll_opening(context),
            ready @ Poll::Ready(_) => ready,
        };
        let news = &buffer.filled()[before..];
        if !news.is_empty() {
            self.peer.hear(Instant::now());
            if self.opening.as_mut().is_some_and(|opening| opening.decide(news)) {
                self.opening = None;
            }
        } else if result.is_ready() && buffer.remaining() > 0 {
            self.peer.lose();
        }
        self.note(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.note(result)
    }

    /// TLS has to say its end, which waits for whoever does not read: not for ever.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_shutdown(context) {
            return Poll::Ready(result);
        }
        let closing = this.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(HEADER_TIMEOUT)));
        ready!(closing.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    fn watched<S>(stream: S) -> Watched<S> {
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), std::time::Instant::now());
        Watched::new(stream, peer, Instant::now() + HEADER_TIMEOUT)
    }

    /// Reads until there is an error or nothing has come for a minute.
    async fn read(bytes: &[u8]) -> Option<io::ErrorKind> {
        let (mut client, server) = duplex(64);
        let mut server = watched(server);
        client.write_all(bytes).await.unwrap();
        let mut buffer = [0; 7];
        let reading = async {
            loop {
                if let Err(error) = server.read(&mut buffer).await {
                    return error.kind();
                }
            }
        };
        let error = tokio::time::timeout(Duration::from_secs(60), reading).await.ok();
        assert_eq!(error.is_some(), server.peer.is_lost(std::time::Instant::now()));
        error
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_say_in_time_which_http_it_speaks_is_lost() {
        for opening in [&b""[..], b"P", &PREFACE[..23]] {
            assert_eq!(read(opening).await, Some(io::ErrorKind::TimedOut), "{opening:?}");
        }
        for opening in [&b"G"[..], b"PROPFIND", PREFACE, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0"] {
            assert_eq!(read(opening).await, None, "{opening:?}");
        }
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
        let error = watched(Stuck).shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
