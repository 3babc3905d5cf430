//! A request, classified once: what it is, whom it is for, and who asks.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN,
};
use axum::http::{HeaderMap, Method, Version};
use tessera_wire::video_processing_service_server::SERVICE_NAME;

use super::names::{Host, Origin, Scheme};
use super::{Guard, judge_page};
use crate::peer::Arrival;

/// What matters of a request.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) arrival: Arrival,
    pub(super) method: &'a Method,
    /// Path and query.
    pub(super) target: &'a str,
    /// Whether it is for the gRPC service.
    pub(super) is_call: bool,
    pub(super) content: Content,
    pub(super) version: Version,
    pub(super) host: Option<Host>,
    /// Whether it names its host once, as HTTP/1.1 demands (RFC 9112 section 3.2).
    pub(super) is_addressed: bool,
    pub(super) caller: Caller,
    pub(super) is_preflight: bool,
}

/// What a request's body is, by its content-type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
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
pub(super) enum Caller {
    /// No page: a program, or a browser that follows a link.
    Program,
    Page(Origin),
    /// A page without an origin of its own (`null`), or a header that is none.
    Nowhere,
}

impl<'a> Asked<'a> {
    pub(super) fn of(request: &'a Request, arrival: Arrival) -> Self {
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
    pub(super) fn is_from_elsewhere(&self, guard: &Guard) -> bool {
        self.is_call && judge_page(self, guard) == Ok(true)
    }

    pub(super) fn scheme(&self) -> Scheme {
        if self.arrival.secure { Scheme::Https } else { Scheme::Http }
    }
}

/// The value of a header that may be there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whom the request is for; `None` if it does not say, or says two things.
pub(super) fn host(request: &Request) -> Option<Host> {
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
    pub(super) fn of(headers: &HeaderMap) -> Self {
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

    pub(super) fn is_web(self) -> bool {
        matches!(self, Self::GrpcWeb | Self::GrpcWebText | Self::StrangeGrpcWeb)
    }

    /// Its usual name, if it has one.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Grpc => Some("application/grpc"),
            Self::GrpcWeb => Some("application/grpc-web+proto"),
            Self::GrpcWebText => Some("application/grpc-web-text+proto"),
            Self::StrangeGrpcWeb | Self::Other => None,
        }
    }

    /// Writes it as the service reads it, which knows neither parameters nor capitals.
    pub(super) fn write_plainly(self, headers: &mut HeaderMap) {
        if let Some(name) = self.name().filter(|_| self.is_web()) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(name));
        }
    }
}

impl Caller {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(ORIGIN) {
            return Self::Program;
        }
        let origin = only(headers, &ORIGIN).and_then(|value| value.parse().ok());
        origin.map_or(Self::Nowhere, Self::Page)
    }
}
