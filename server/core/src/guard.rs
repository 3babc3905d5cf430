//! Who may ask what: requests that a browser may have sent, and requests without TLS on a port that has it.
//!
//! A browser sends requests for any page that asks it to, and gRPC-Web checks nobody. What a page of another origin
//! can send without being asked first (a "simple" request of CORS: GET, HEAD, POST with a plain content-type) carries
//! an `Origin` if it can do anything here, as only POST can. Whoever rebinds a name in DNS to our address has pages of
//! the same origin as ours, by a name that is not ours. So the origin and the host are both checked. A request of a
//! program that is no browser has no `Origin`, and is left alone; `Sec-Fetch-Site` would say nothing more: what comes
//! without an `Origin` and has it is a GET, and those change nothing.

mod names;
mod plain;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tessera_wire::NEEDS_TLS;
use tessera_wire::video_processing_service_server::SERVICE_NAME;
use tower_http::cors::CorsLayer;
use tower_layer::Layer;
use tower_service::Service;
use tracing::debug;

use crate::config::{self, Plain};
use crate::peer::Arrival;
use crate::tls::{Current, Tls};
pub(crate) use names::Host;
use names::Scheme;
pub use names::{HostName, HostNameError, Origin, OriginError};

/// How long a browser remembers what a page from elsewhere may do: as long as Chromium does.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(7200);
/// What clients of gRPC-Web send.
const REQUEST_HEADERS: [HeaderName; 4] = [
    CONTENT_TYPE,
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
            Rest::Answer(answer.into_response())
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

/// What matters of a request.
#[derive(Debug)]
struct Asked<'a> {
    arrival: Arrival,
    method: &'a Method,
    /// Path and query.
    target: &'a str,
    /// Whether it is for the gRPC service.
    is_call: bool,
    content: Content,
    version: Version,
    host: Option<Host>,
    /// Whether it names its host once, as HTTP/1.1 demands (RFC 9112 section 3.2).
    is_addressed: bool,
    caller: Caller,
    is_preflight: bool,
}

/// What a request's body is, by its content-type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Grpc,
    GrpcWeb,
    /// Of gRPC-Web too, in base64.
    GrpcWebText,
    /// Of gRPC-Web's family, and nothing that is known.
    StrangeGrpcWeb,
    Other,
}

/// Who a request is from.
#[derive(Debug, PartialEq, Eq)]
enum Caller {
    /// No page: a program, or a browser that follows a link.
    Program,
    Page(Origin),
    /// A page without an origin of its own (`null`), or a header that is none.
    Nowhere,
}

impl<'a> Asked<'a> {
    fn of(request: &'a Request, arrival: Arrival) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        let method = request.method();
        let path = uri.path();
        Self {
            arrival,
            method,
            target: uri.path_and_query().map_or("/", |target| target.as_str()),
            is_call: path.strip_prefix('/').is_some_and(|path| {
                path.strip_prefix(SERVICE_NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
            content: Content::of(headers),
            version: request.version(),
            host: host(request),
            is_addressed: request.version() != Version::HTTP_11 || headers.get_all(HOST).iter().count() == 1,
            caller: Caller::of(headers),
            is_preflight: method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    /// Whether it is a call, or its preflight, of a page of another origin that may call.
    fn is_from_elsewhere(&self, guard: &Guard) -> bool {
        self.is_call && judge_page(self, guard) == Ok(true)
    }

    fn scheme(&self) -> Scheme {
        if self.arrival.secure { Scheme::Https } else { Scheme::Http }
    }
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whom the request is for; `None` if it does not say, or says two things.
fn host(request: &Request) -> Option<Host> {
    let named = request.uri().authority().map(Host::new);
    let header = request.headers().contains_key(HOST).then(|| {
        let value = only(request.headers(), &HOST)?;
        Host::new(&value.parse().ok()?)
    });
    match (named, header) {
        (Some(named), Some(header)) => named.filter(|named| Some(named) == header.as_ref()),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => None,
    }
}

impl Content {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = only(headers, &CONTENT_TYPE) else { return Self::Other };
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/grpc" | "application/grpc+proto" => Self::Grpc,
            "application/grpc-web" | "application/grpc-web+proto" => Self::GrpcWeb,
            "application/grpc-web-text" | "application/grpc-web-text+proto" => Self::GrpcWebText,
            other if other.starts_with("application/grpc-web") => Self::StrangeGrpcWeb,
            _ => Self::Other,
        }
    }

    fn is_web(self) -> bool {
        matches!(self, Self::GrpcWeb | Self::GrpcWebText | Self::StrangeGrpcWeb)
    }

    /// Its usual name, if it has one.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Grpc => Some("application/grpc"),
            Self::GrpcWeb => Some("application/grpc-web+proto"),
            Self::GrpcWebText => Some("application/grpc-web-text+proto"),
            Self::StrangeGrpcWeb | Self::Other => None,
        }
    }

    /// Writes it as the service reads it, which knows neither parameters nor capitals.
    fn write_plainly(self, headers: &mut HeaderMap) {
        if let Some(name) = self.name().filter(|_| self.is_web()) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(name));
        }
    }
}

impl Caller {
    fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(ORIGIN) {
            return Self::Program;
        }
        let origin = only(headers, &ORIGIN).and_then(|value| value.parse().ok());
        origin.map_or(Self::Nowhere, Self::Page)
    }
}

/// Why a request is answered here.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NotWithoutTls(plain::Answer),
    Unaddressed,
    NoOrigin,
    OriginOfNowhere,
    ForeignOrigin(Origin),
    NoHost,
    ForeignHost(Host),
    NotPost,
    NotGrpc,
    GrpcOverHttp1,
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NotWithoutTls(answer) => return answer.into_response(),
            Self::Unaddressed => (
                StatusCode::BAD_REQUEST,
                "a request of HTTP/1.1 has one Host header, which says whom it is for".to_owned(),
            ),
            Self::NoOrigin => (
                StatusCode::FORBIDDEN,
                "a gRPC-Web request needs an Origin header: the address of this server, or an origin that is named \
                 with --allow-origin"
                    .to_owned(),
            ),
            Self::OriginOfNowhere => (
                StatusCode::FORBIDDEN,
                "pages without an origin may not call this server: open them from a web server, and name that with \
                 --allow-origin"
                    .to_owned(),
            ),
            Self::ForeignOrigin(origin) => (
                StatusCode::FORBIDDEN,
                format!("pages of {origin} may not call this server; --allow-origin {origin} would let them"),
            ),
            Self::NoHost => {
                (StatusCode::FORBIDDEN, "the request does not say in one way which host it is for".to_owned())
            }
            Self::ForeignHost(host) => return foreign_host(&host),
            Self::NotPost => (StatusCode::METHOD_NOT_ALLOWED, "a gRPC call is a POST".to_owned()),
            Self::NotGrpc => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "this is a gRPC service: it takes application/grpc and application/grpc-web".to_owned(),
            ),
            Self::GrpcOverHttp1 => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "gRPC needs HTTP/2, also behind a proxy; browsers speak application/grpc-web, which does not"
                    .to_owned(),
            ),
        };
        let mut response = sentence(status, text);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// The answer to who calls us by a name that is not ours.
fn foreign_host(host: &Host) -> Response {
    let name = host.host();
    let text = format!("this server is not known as {name}; --host {name} would make it so");
    sentence(StatusCode::FORBIDDEN, text)
}

/// One sentence for people. No browser takes it for anything else.
fn sentence(status: StatusCode, mut text: String) -> Response {
    text.push('\n');
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [(CONTENT_TYPE, plain), (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests;
