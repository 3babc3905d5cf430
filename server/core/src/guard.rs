//! Who may ask what: requests that a browser may have sent, and requests without TLS on a port that has it.
//!
//! A browser sends requests for any page that asks it to, and gRPC-Web checks nobody. What a page of another origin
//! can send without being asked first (a "simple" request of CORS: GET, HEAD, POST with a plain content-type) carries
//! an `Origin` if it can do anything here, as only POST can. Whoever rebinds a name in DNS to our address has pages of
//! the same origin as ours, by a name that is not ours. So the origin and the host are both checked. A request of a
//! program that is no browser has no `Origin`, and is left alone; `Sec-Fetch-Site` would say nothing more here: what
//! comes without an `Origin` and has it is a GET, and those change nothing. What the page does when it was opened is
//! another matter, see `page/autojoin.rs`.

mod asked;
mod names;
mod plain;
mod refusal;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tessera_wire::NEEDS_TLS;
use tower_http::cors::CorsLayer;
use tower_layer::Layer;
use tower_service::Service;
use tracing::debug;

use crate::config::{self, Plain};
use crate::peer::Arrival;
use crate::tls::{Current, Tls};
use asked::{Asked, Caller, Content};
use names::Host;
pub use names::{HostName, HostNameError, Origin, OriginError};
use refusal::Refusal;

/// How long a browser remembers what a page from elsewhere may do: as long as Chromium does.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(7200);
/// What clients of gRPC-Web send.
const REQUEST_HEADERS: [HeaderName; 5] = [
    CONTENT_TYPE,
    AUTHORIZATION,
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
    HeaderName::from_static("grpc-timeout"),
];
/// What they read.
const RESPONSE_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    HeaderName::from_static(NEEDS_TLS),
];

/// What requests are held against.
#[derive(Debug)]
pub(crate) struct Guard {
    origins: Vec<Origin>,
    hosts: Vec<HostName>,
    /// The certificate, if the port has TLS: its names are ours.
    certificate: Option<Arc<Current>>,
    /// Who may do without TLS.
    plain: Plain,
    cors: CorsLayer,
}

impl Guard {
    pub(crate) fn new(guard: &config::Guard, tls: Option<&Tls>) -> Self {
        let origins: Vec<_> = guard.origins.iter().map(ToString::to_string).collect();
        let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let cors = CorsLayer::new()
            .allow_origin(origins.collect::<Vec<_>>())
            .allow_methods([Method::POST])
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(RESPONSE_HEADERS)
            .max_age(PREFLIGHT_LIFE);
        Self {
            origins: guard.origins.clone(),
            hosts: guard.hosts.clone(),
            certificate: tls.map(|tls| Arc::clone(tls.certificate())),
            plain: tls.map_or(Plain::Allowed, |tls| tls.door().plain),
            cors,
        }
    }

    /// Puts itself around everything.
    pub(crate) fn around(self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self), guarded))
    }

    /// Whether the server is called so by its owner.
    fn is_named(&self, host: &Host) -> bool {
        let in_certificate = || {
            let (Some(certificate), Some(name)) = (&self.certificate, host.name()) else { return false };
            certificate.is_for(&name)
        };
        self.hosts.iter().any(|name| host.is(name)) || in_certificate()
    }

    /// Whether no page but ours can be found under this name. An address cannot be rebound.
    fn is_ours(&self, host: &Host) -> bool {
        host.address().is_some() || host.is_localhost() || self.is_named(host)
    }
}

/// Answers what may not pass, and passes the rest on.
async fn guarded(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let Some(&arrival) = request.extensions().get::<Arrival>() else {
        // Every connection that we accept has one, so this is our fault.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let asked = Asked::of(&request, arrival);
    let (from_elsewhere, content) = (asked.is_from_elsewhere(&guard), asked.content);
    let mut rest = match judge(&asked, &guard) {
        Ok(()) => {
            content.write_plainly(request.headers_mut());
            Rest::Next(next)
        }
        Err(answer) => {
            debug!(?answer, "refused");
            let answer = answer.into_response();
            // The answer to HEAD has no body (RFC 9110 section 9.3.2); in HTTP/2 one would be an error.
            let is_head = request.method() == Method::HEAD;
            Rest::Answer(if is_head { answer.map(|_| Body::empty()) } else { answer })
        }
    };
    // The browser of a page from elsewhere asks for the headers of CORS, also to let it read why it is refused.
    let answered =
        if from_elsewhere { guard.cors.layer(rest).call(request).await } else { rest.call(request).await };
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// How a request goes on: to the routes, or not at all.
#[derive(Debug)]
enum Rest {
    Next(Next),
    Answer(Response),
}

impl Service<Request> for Rest {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<<Next as Service<Request>>::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self {
            Self::Next(next) => next.poll_ready(context),
            Self::Answer(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self {
            Self::Next(next) => Either::Left(next.call(request)),
            Self::Answer(response) => Either::Right(ready(Ok(std::mem::take(response)))),
        }
    }
}

/// Whether `asked` may pass.
fn judge(asked: &Asked<'_>, guard: &Guard) -> Result<(), Refusal> {
    if let Some(answer) = plain::answer(asked, guard) {
        return Err(Refusal::NotWithoutTls(answer));
    }
    let from_elsewhere = judge_page(asked, guard)?;
    if !asked.is_addressed {
        return Err(Refusal::Unaddressed);
    }
    if !asked.is_call || (from_elsewhere && asked.is_preflight) {
        return Ok(());
    }
    if asked.method != Method::POST {
        return Err(Refusal::NotPost);
    }
    match asked.content {
        Content::Grpc if asked.version < Version::HTTP_2 => Err(Refusal::GrpcOverHttp1),
        Content::Grpc | Content::GrpcWeb | Content::GrpcWebText => Ok(()),
        Content::StrangeGrpcWeb | Content::Other => Err(Refusal::NotGrpc),
    }
}

/// Whether the request is from a page of another origin that may ask, rather than from our own or from none.
fn judge_page(asked: &Asked<'_>, guard: &Guard) -> Result<bool, Refusal> {
    let origin = match &asked.caller {
        Caller::Program if !asked.content.is_web() => return Ok(false),
        Caller::Program => return Err(Refusal::NoOrigin),
        Caller::Nowhere => return Err(Refusal::OriginOfNowhere),
        Caller::Page(origin) => origin,
    };
    let host = asked.host.as_ref().ok_or(Refusal::NoHost)?;
    if !guard.is_ours(host) {
        return Err(Refusal::ForeignHost(host.clone()));
    }
    if *origin == Origin::of_server(asked.scheme(), host) {
        Ok(false)
    } else if guard.origins.contains(origin) {
        Ok(true)
    } else {
        Err(Refusal::ForeignOrigin(origin.clone()))
    }
}

#[cfg(test)]
mod tests;
