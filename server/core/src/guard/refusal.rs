//! Why a request is answered by the guard, and with what.

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

use super::names::{Host, Origin};
use super::plain;

/// Why a request is answered here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
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
pub(super) fn foreign_host(host: &Host) -> Response {
    let name = host.host();
    let text = format!("this server is not known as {name}; --host {name} would make it so");
    sentence(StatusCode::FORBIDDEN, text)
}

/// One sentence for people. No browser takes it for anything else.
pub(super) fn sentence(status: StatusCode, mut text: String) -> Response {
    text.push('\n');
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [(CONTENT_TYPE, plain), (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
    (status, headers, text).into_response()
}
