//! Messages as bytes that are ready, and the body of a response that is made of them.
//!
//! tonic's encoder copies every message for every stream. A mosaic is the same for all who see it, so it becomes a
//! gRPC message once, and each stream gets the same memory.

use std::array;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::HeaderMap;
use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use prost::encoding::{WireType, encode_key, encode_varint};
use tessera_wire::FrameResponse;
use tonic::Status;

use super::status;

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

impl From<&FrameResponse> for Message {
    fn from(response: &FrameResponse) -> Self {
        let fields = prost::Message::encode_to_vec(response);
        Self([prefix(fields.len()).to_vec().into(), fields.into(), Bytes::new()])
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

/// The messages of one response, and at the end its status in the trailers.
pub(super) struct Body {
    messages: Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>,
    /// What is left of the message that is being sent.
    pieces: array::IntoIter<Bytes, 3>,
    /// The trailers were given: nothing follows them.
    is_over: bool,
}

impl Body {
    pub(super) fn new(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> Self {
        Self { messages: Box::pin(messages), pieces: Default::default(), is_over: false }
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
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            match ready!(this.messages.as_mut().poll_next(context)) {
                Some(Ok(Message(pieces))) => this.pieces = pieces.into_iter(),
                Some(Err(status)) => return Poll::Ready(Some(this.trailers(&status))),
                None => return Poll::Ready(Some(this.trailers(&status::done()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Body").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
