//! Where a request comes in: whom it is from, and whether there is a place for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use tower_service::Service as _;
use tracing::warn;

use super::forwarded;
use super::outgoing::{Outgoing, is_grpc, send};
use super::stall::Progress;
use crate::guests::{Full, Guests};
use crate::limits::ConnectionLimits;
use crate::peer::{Arrival, Peer};

/// The way in for the requests of one connection.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) router: Router,
    pub(super) guests: Guests,
    pub(super) limits: Arc<ConnectionLimits>,
    /// How the connection came in.
    pub(super) arrival: Arrival,
    /// Its other end.
    pub(super) peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for Way {
    type Response = axum::http::Response<Outgoing>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.peer.ask(request.version() == Version::HTTP_2);
        let way = self.clone();
        Box::pin(async move {
            way.peer.rest().await;
            Ok(way.answer(request.map(Body::new)).await)
        })
    }
}

impl Way {
    async fn answer(mut self, mut request: Request<Body>) -> axum::http::Response<Outgoing> {
        let progress = Progress::current();
        let (arrival, peer) = match self.identify(request.headers()) {
            Ok((arrival, peer)) => (arrival, peer.of_stream(progress.state().clone())),
            Err(full) => return send(refusal(request.headers(), full), progress, self.peer, None),
        };
        let call = is_grpc(request.headers()).then(|| self.guests.call());
        request.extensions_mut().insert(arrival);
        request.extensions_mut().insert(peer.clone());
        let response = match self.router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        send(response, progress, peer, call)
    }

    /// How the request came in and whom it is from, who has a place as long as the peer is known.
    fn identify(&self, headers: &HeaderMap) -> Result<(Arrival, Peer), Full> {
        let Some(arrival) = forwarded::resolve(headers, self.arrival, &self.limits.trusted_proxy) else {
            return Ok((self.arrival, self.peer.clone()));
        };
        let visit = self.guests.hand_on(arrival.peer.ip()).inspect_err(|full| {
            warn!(viewer = %arrival.peer.ip(), reason = %full, "refused a request");
        })?;
        Ok((arrival, self.peer.on_behalf_of(arrival.peer, visit)))
    }
}

/// The answer to a request that a proxy handed on for somebody who has too many.
fn refusal(headers: &HeaderMap, full: Full) -> Response {
    const SENTENCE: &str = "too many connections from your address: close some, or try again in a moment";
    /// The code RESOURCE_EXHAUSTED, as it goes over the wire.
    const RESOURCE_EXHAUSTED: HeaderValue = HeaderValue::from_static("8");
    let (Full::InAll | Full::ForAddress) = full;
    let content =
        headers.get(CONTENT_TYPE).filter(|content| content.as_bytes().starts_with(b"application/grpc"));
    match content {
        Some(content) => {
            let status = [
                (CONTENT_TYPE, content.clone()),
                (HeaderName::from_static("grpc-status"), RESOURCE_EXHAUSTED),
                (HeaderName::from_static("grpc-message"), HeaderValue::from_static(SENTENCE)),
            ];
            (StatusCode::OK, status).into_response()
        }
        None => (StatusCode::TOO_MANY_REQUESTS, format!("{SENTENCE}\n")).into_response(),
    }
}
