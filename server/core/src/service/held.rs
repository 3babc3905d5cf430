//! The bytes of requests, counted while they are held.
//!
//! What has come of a message that is not whole, and a whole message that is in work, takes memory for whoever sent
//! it; and so does the buffer of a stream, which stays as large as its largest message. That is bounded for each
//! address and in all, before any of it is kept. What a message only says that it will have takes none, so it counts
//! nothing: else a few bytes could use up what there is for all.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use super::status;
use crate::guests::{Holding, TooMuch};

/// The body of a request. Whoever reads it holds what it gave: of a stream the most that was ever unread of it, for its
/// reader's buffer grows to that and never shrinks; of a single message everything, until the last clone of the [`Holding`]
/// goes.
pub(super) struct HeldBody {
    body: tonic::body::Body,
    holding: Arc<Mutex<Holding>>,
    /// Bytes that came and are not done with.
    unread: usize,
    /// Bytes that are held.
    held: usize,
    framing: Framing,
    way: Way,
}

/// What a body is.
enum Way {
    /// Many messages, one after the other.
    Stream,
    /// One message, which must have come by then.
    Single { deadline: Pin<Box<Sleep>>, timeout: Duration },
}

impl HeldBody {
    /// Of a stream of messages.
    pub(super) fn stream(body: tonic::body::Body, holding: Holding) -> Self {
        Self::new(body, Arc::new(Mutex::new(holding)), Way::Stream)
    }

    /// Of one message, which must come within `timeout`.
    pub(super) fn single(body: tonic::body::Body, holding: Arc<Mutex<Holding>>, timeout: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(timeout));
        Self::new(body, holding, Way::Single { deadline, timeout })
    }

    fn new(body: tonic::body::Body, holding: Arc<Mutex<Holding>>, way: Way) -> Self {
        Self { body, holding, unread: 0, held: 0, framing: Framing::default(), way }
    }

    /// Notes that the reader asks for more: messages that were whole are done with.
    fn ask(&mut self) {
        if matches!(self.way, Way::Stream) {
            self.unread = self.framing.unfinished();
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.hold(self.unread + bytes.len()).map_err(status::too_much)?;
        self.unread += bytes.len();
        self.framing.read(bytes);
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), TooMuch> {
        if bytes > self.held {
            self.holding.lock().unwrap_or_else(PoisonError::into_inner).set(bytes)?;
            self.held = bytes;
        }
        Ok(())
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        match &mut self.way {
            Way::Stream => Poll::Pending,
            Way::Single { deadline, timeout } => {
                ready!(deadline.as_mut().poll(context));
                Poll::Ready(status::too_slow(*timeout))
            }
        }
    }
}

impl Body for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ask();
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return self.poll_deadline(context).map(|status| Some(Err(status))),
        };
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
            && let Err(status) = self.take(bytes)
        {
            return Poll::Ready(Some(Err(status)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where messages begin and end (gRPC over HTTP/2, "Length-Prefixed-Message").
#[derive(Debug, Default)]
struct Framing {
    /// The prefix, as much as has come: a flag and four bytes of length.
    prefix: Vec<u8>,
    /// Bytes that have come behind it.
    come: usize,
}

impl Framing {
    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (more, rest) = bytes.split_at(bytes.len().min(PREFIX - self.prefix.len()));
            self.prefix.extend_from_slice(more);
            let &[_, a, b, c, d] = &self.prefix[..] else { return };
            let missing = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(self.come);
            let more = rest.len().min(missing);
            self.come += more;
            bytes = &rest[more..];
            if more == missing {
                *self = Self { prefix: std::mem::take(&mut self.prefix), come: 0 };
                self.prefix.clear();
            }
        }
    }

    /// Bytes of a message that is not whole.
    fn unfinished(&self) -> usize {
        self.prefix.len() + self.come
    }
}

/// Bytes in front of each message.
const PREFIX: usize = 5;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use tonic::Code;

    use super::*;
    use crate::counters::Counters;
    use crate::guests::Guests;
    use crate::limits::Limits;

    /// Gives its pieces and waits for ever.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0.pop_front().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))))
        }
    }

    fn pieces<const N: usize>(pieces: [&'static [u8]; N]) -> tonic::body::Body {
        tonic::body::Body::new(Pieces(pieces.map(Bytes::from_static).into()))
    }

    /// What one address may hold 1 MiB of.
    fn holding(counters: &Counters) -> Holding {
        let mut limits = Limits::default();
        limits.calls.max_held_bytes_per_ip = 1 << 20;
        let guests = Guests::new(&limits, counters.clone());
        Arc::new(guests.connect([203, 0, 113, 9].into(), false).unwrap()).hold()
    }

    fn poll(body: &mut HeldBody) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let bytes = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\x01\0";
        // Three are of three, none and 256 bytes, of which none has come.
        let unfinished = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5];
        for size in 1..=bytes.len() {
            let mut framing = Framing::default();
            let mut read = 0;
            for part in bytes.chunks(size) {
                framing.read(part);
                read += part.len();
                assert_eq!(framing.unfinished(), unfinished[read], "{read} by {size}");
            }
        }
    }

    #[test]
    fn a_stream_holds_the_most_that_was_ever_unread_of_it() {
        let counters = Counters::default();
        let held = || counters.held().bytes;
        let body = pieces([b"\0\0\0\0\x03a", b"bc\0\0", b"\0\0\x02x"]);
        let mut body = HeldBody::stream(body, holding(&counters));
        // Then 2 + 4.
        for expected in [6, 10, 10] {
            assert!(poll(&mut body).is_ready());
            assert_eq!(held(), expected);
        }
        assert!(poll(&mut body).is_pending());
        assert_eq!(held(), 10);
        drop(body);
        assert_eq!(held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_message_is_held_as_long_as_its_call_and_must_come_in_time() {
        let counters = Counters::default();
        let holding = Arc::new(Mutex::new(holding(&counters)));
        let body = pieces([b"\0\0\0\0\x03a", b"b"]);
        let mut body = HeldBody::single(body, Arc::clone(&holding), Duration::from_secs(30));
        assert!(poll(&mut body).is_ready() && poll(&mut body).is_ready() && poll(&mut body).is_pending());
        assert_eq!(counters.held().bytes, 7);
        tokio::time::advance(Duration::from_secs(30)).await;
        let Poll::Ready(Some(Err(status))) = poll(&mut body) else { panic!("it waits for ever") };
        assert_eq!(status.code(), Code::DeadlineExceeded);
        drop(body);
        assert_eq!(counters.held().bytes, 7);
        drop(holding);
        assert_eq!(counters.held().bytes, 0);
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_held() {
        static MUCH: [u8; 600_000] = [1; 600_000];
        let counters = Counters::default();
        let mut body = HeldBody::stream(pieces([&MUCH, &MUCH]), holding(&counters));
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        let Poll::Ready(Some(Err(status))) = poll(&mut body) else { panic!("it is held") };
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("--max-held-bytes-per-ip"), "{status:?}");
        assert_eq!(counters.held().bytes, 600_000);
    }
}
