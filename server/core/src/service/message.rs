//! Messages as bytes that are ready, and the body of a response that is made of them.
//!
//! tonic's encoder copies every message for every stream. A mosaic is the same for all who see it, so it becomes a
//! gRPC message once, and each stream gets the same memory.

use std::array;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::task::AtomicWaker;
use http_body::Frame;
use prost::encoding::{WireType, encode_key, encode_varint};
use tessera_wire::FrameResponse;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::status;
use crate::guests::Sending;

/// The tag of `FrameResponse.frame_data`.
const FRAME_DATA: u32 = 1;

/// One FrameResponse with gRPC's prefix, in pieces. Empty pieces are none.
#[derive(Debug)]
pub(super) struct Message([Bytes; 3]);

impl Message {
    /// A message that is ready.
    pub(super) fn whole(message: Bytes) -> Self {
        Self([message, Bytes::new(), Bytes::new()])
    }

    /// A JPEG that others get too, the fields that follow it there, and the stream's own fields.
    pub(super) fn around(jpeg: usize, shared: Bytes, own: Vec<u8>) -> Self {
        let after = shared.len() - jpeg + own.len();
        Self([head(jpeg, after).into(), shared, own.into()])
    }
}

#[cfg(test)]
impl Message {
    pub(super) fn pieces(&self) -> &[Bytes] {
        &self.0
    }
}

impl From<&FrameResponse> for Message {
    fn from(response: &FrameResponse) -> Self {
        let fields = prost::Message::encode_to_vec(response);
        Self::whole([&prefix(fields.len())[..], &fields].concat().into())
    }
}

/// What precedes a JPEG of `jpeg` bytes in a message, when fields of `after` bytes follow it.
pub(super) fn head(jpeg: usize, after: usize) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(FRAME_DATA, WireType::LengthDelimited, &mut field);
    encode_varint(jpeg as u64, &mut field);
    [&prefix(field.len() + jpeg + after)[..], &field].concat()
}

/// gRPC's prefix: not compressed, and the length (gRPC over HTTP/2, "Length-Prefixed-Message").
fn prefix(length: usize) -> [u8; 5] {
    let length = u32::try_from(length).expect("49 tiles of less than a gigabyte");
    let [a, b, c, d] = length.to_be_bytes();
    [0, a, b, c, d]
}

/// An address that has too much on its way already is looked at again after so long.
const PAUSE: Duration = Duration::from_millis(20);

/// The messages of one response, and at the end its status in the trailers.
///
/// The next message is asked for when the transport has let go of the one before, which is when all of it is written.
/// So a stream holds one message and no more, and the next one is of the moment in which it can go. Whoever collects
/// what this gives would wait for ever. All streams of one address hold no more than it may have: the next message of
/// each waits until others are taken.
pub(super) struct Body {
    messages: Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>,
    /// What is left of the message that is being sent.
    pieces: array::IntoIter<Bytes, 3>,
    given: Arc<Given>,
    /// Counts the message for its receiver's address.
    sending: Sending,
    /// Runs while that has no room.
    pause: Option<Pin<Box<Sleep>>>,
    /// The trailers were given: nothing follows them.
    is_over: bool,
}

impl Body {
    pub(super) fn new(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        sending: Sending,
    ) -> Self {
        let given = Arc::new(Given { count: AtomicUsize::new(0), waker: AtomicWaker::new() });
        let (messages, pieces) = (Box::pin(messages), Default::default());
        Self { messages, pieces, given, sending, pause: None, is_over: false }
    }

    /// Waits until the address of the receiver may be sent one more message.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.sending.has_room() {
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        Poll::Ready(())
    }

    fn trailers(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        self.is_over = true;
        let mut trailers = HeaderMap::with_capacity(3);
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.pieces.find(|piece| !piece.is_empty()) {
                return Poll::Ready(Some(Ok(Frame::data(Piece::given(piece, &this.given)))));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            ready!(this.given.poll_gone(context));
            this.sending.set(0);
            ready!(this.poll_room(context));
            match ready!(this.messages.as_mut().poll_next(context)) {
                Some(Ok(Message(pieces))) => {
                    this.sending.set(pieces.iter().map(Bytes::len).sum());
                    this.pieces = pieces.into_iter();
                }
                Some(Err(status)) => return Poll::Ready(Some(this.trailers(&status))),
                None => return Poll::Ready(Some(this.trailers(&status::done()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

/// The pieces that the transport holds.
struct Given {
    count: AtomicUsize,
    /// Who waits until there are none.
    waker: AtomicWaker,
}

impl Given {
    fn poll_gone(&self, context: &Context<'_>) -> Poll<()> {
        // First the waker, so that a piece that goes in between wakes it.
        self.waker.register(context.waker());
        if self.count.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A piece in the transport's hands.
struct Piece {
    bytes: Bytes,
    given: Arc<Given>,
}

impl Piece {
    /// The same bytes in the same place, counted until they are dropped.
    fn given(bytes: Bytes, given: &Arc<Given>) -> Bytes {
        given.count.fetch_add(1, Ordering::AcqRel);
        Bytes::from_owner(Self { bytes, given: Arc::clone(given) })
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.given.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.given.waker.wake();
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Body").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::{Wake, Waker};

    use futures_util::StreamExt;
    use futures_util::stream::iter;
    use prost::Message as _;
    use tonic::Code;

    use super::*;
    use crate::counters::Counters;
    use crate::guests::{Guests, Visit};
    use crate::limits::Limits;
    use crate::peer::Peer;

    /// Notes whether it was woken.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    fn body(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> Body {
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), std::time::Instant::now());
        Body::new(messages, peer.send())
    }

    fn poll(body: &mut Body) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        http_body::Body::poll_frame(Pin::new(body), &mut Context::from_waker(Waker::noop()))
    }

    fn data(body: &mut Body) -> Bytes {
        let Poll::Ready(Some(Ok(frame))) = poll(body) else { panic!("no frame") };
        frame.into_data().unwrap()
    }

    fn trailers(mut body: Body) -> HeaderMap {
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("no frame") };
        assert!(http_body::Body::is_end_stream(&body));
        assert!(matches!(poll(&mut body), Poll::Ready(None)), "nothing follows the trailers");
        frame.into_trailers().unwrap()
    }

    #[test]
    fn a_jpeg_between_a_head_and_a_tail_is_one_message() {
        for length in [1, 127, 128, 300_000] {
            let shared =
                [vec![7; length], FrameResponse { sequence: 5, ..Default::default() }.encode_to_vec()];
            let own = FrameResponse { refusal: Some(Default::default()), ..Default::default() };
            let Message(pieces) = Message::around(length, shared.concat().into(), own.encode_to_vec());
            let bytes = pieces.concat();
            assert_eq!(bytes[..5], prefix(bytes.len() - 5));
            let expected = FrameResponse { frame_data: vec![7; length].into(), sequence: 5, ..own };
            assert_eq!(FrameResponse::decode(&bytes[5..]).unwrap(), expected);
        }
    }

    #[test]
    fn a_body_gives_the_very_memory_of_its_messages() {
        let shared = Bytes::from(vec![7; 1000]);
        let message = || Ok(Message::whole(shared.clone()));
        let mut bodies = [body(iter([message()])), body(iter([message()]))];
        for body in &mut bodies {
            assert_eq!(data(body).as_ptr(), shared.as_ptr());
        }
    }

    #[test]
    fn the_next_message_is_made_when_the_transport_has_let_go_of_the_one_before() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let mut body = body(iter(0..3).map(move |_| {
            counted.fetch_add(1, Ordering::AcqRel);
            Ok(Message::around(5, Bytes::from_static(b"whole"), Vec::new()))
        }));
        let first = [data(&mut body), data(&mut body)];
        assert_eq!(made.load(Ordering::Acquire), 1);

        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let polled = http_body::Body::poll_frame(Pin::new(&mut body), &mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let [head, shared] = first;
        let part = shared.slice(3..);
        drop((head, shared));
        assert!(!woken.0.load(Ordering::Acquire), "a part of it is still there");
        drop(part);
        assert!(woken.0.load(Ordering::Acquire));
        data(&mut body);
        assert_eq!(made.load(Ordering::Acquire), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_takes_nothing_is_not_sent_more_than_it_may_have() {
        const MOST: u32 = 2000;
        let mut limits = Limits::default();
        limits.calls.max_held_bytes_per_ip = MOST;
        let guests = Guests::new(&limits, Counters::default());
        let [here, there] =
            [9, 10].map(|host| Arc::new(guests.connect([203, 0, 113, host].into(), false).unwrap()));
        let body = |visit: &Arc<Visit>| {
            let message = || Ok(Message::whole(vec![7; 1000].into()));
            Body::new(iter([message(), message()]), visit.send())
        };
        let [mut first, mut second, mut third] = [(); 3].map(|()| body(&here));
        let _untaken = [data(&mut first), data(&mut second)];
        assert!(poll(&mut third).is_pending());
        data(&mut body(&there));
        drop(first);
        sleep(PAUSE).await;
        data(&mut third);
    }

    #[test]
    fn the_status_comes_in_the_trailers_as_tonic_writes_it() {
        let done = trailers(body(iter([])));
        assert_eq!((&done["grpc-status"], done.len()), (&"0".parse().unwrap(), 1));

        let status =
            Status::with_details(Code::Aborted, "100 % \u{e4}ndern\n", Bytes::from_static(b"\0\xff"));
        let mut expected = HeaderMap::new();
        status.add_header(&mut expected).unwrap();
        let failed = trailers(body(iter([Err(status)])));
        assert_eq!(failed, expected);
        assert_eq!(failed["grpc-message"], "100%20%25%20%C3%A4ndern%0A");
        assert_eq!(failed["grpc-status-details-bin"], "AP8");
    }
}
