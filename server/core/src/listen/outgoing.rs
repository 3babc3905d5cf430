//! A response on its way, in parcels that tell how they move.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

use super::stall::Progress;
use crate::counters::Share;
use crate::peer::Peer;

/// The body of a response.
pub(super) struct Outgoing {
    body: Body,
    progress: Arc<Progress>,
    /// Who is here, and what is counted, until it is over.
    _kept: (Peer, Option<Share>),
}

/// `response` on its way to `peer`. It is part of `call`, if it is of one.
pub(super) fn send(
    response: Response,
    progress: Arc<Progress>,
    peer: Peer,
    call: Option<Share>,
) -> axum::http::Response<Outgoing> {
    progress.respond(peer.address(), is_grpc(response.headers()));
    response.map(|body| Outgoing { body, progress, _kept: (peer, call) })
}

/// Whether a request or a response is of a call.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    const FAMILY: &[u8] = b"application/grpc";
    let content = headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    content.get(..FAMILY.len()).is_some_and(|content| content.eq_ignore_ascii_case(FAMILY))
}

impl http_body::Body for Outgoing {
    type Data = Parcel;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Parcel>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let parcel = |bytes| Parcel::new(bytes, &self.progress);
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(parcel))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes in the transport's hands.
pub(super) struct Parcel {
    bytes: Bytes,
    progress: Arc<Progress>,
}

impl Parcel {
    fn new(bytes: Bytes, progress: &Arc<Progress>) -> Self {
        progress.give();
        Self { bytes, progress: Arc::clone(progress) }
    }
}

impl Buf for Parcel {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.progress.advance();
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.progress.let_go();
    }
}
