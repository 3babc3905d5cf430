//! Requests without TLS on a port that has it.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tessera_wire::NEEDS_TLS;

use super::Guard;
use super::asked::Asked;
use super::names::Host;
use super::refusal::{foreign_host, sentence};
use crate::config::Plain;

/// The code UNAVAILABLE, as it goes over the wire.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
/// For people at a native client. ASCII without a percent sign, so that it goes over the wire as it is.
const SENTENCE: &str = "this server wants TLS from other machines: use https:// instead of http://";

/// What is said instead of what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The same with TLS, for whoever opens a page.
    Redirect(String),
    /// A gRPC status, with the content-type of the call.
    Unavailable(&'static str),
    /// It is not said whom it is for, so there is nowhere to redirect to.
    NoHost,
    /// It is for somebody else, where nobody is redirected to.
    ForeignHost(Host),
    /// No redirect would keep the body from going over the wire in the clear again.
    Refused,
}

/// What `asked` is answered, if it may not be served without TLS.
pub(super) fn answer(asked: &Asked<'_>, guard: &Guard) -> Option<Answer> {
    let may_be_plain = match guard.plain {
        Plain::Allowed => true,
        Plain::FromHere => asked.arrival.is_from_here(),
        // Such a connection was closed before it could ask.
        Plain::Never => false,
    };
    // A preflight carries nothing, and the call behind it is told better.
    if asked.arrival.secure || may_be_plain || (asked.is_preflight && asked.is_from_elsewhere(guard)) {
        return None;
    }
    Some(match (asked.content.name(), asked.method) {
        (Some(content), _) => Answer::Unavailable(content),
        (None, &Method::GET | &Method::HEAD) => redirect(asked, guard),
        (None, _) => Answer::Refused,
    })
}

/// To the same host and port, if no page but ours can be there. By which address people come, through routers and
/// containers, only they know.
fn redirect(asked: &Asked<'_>, guard: &Guard) -> Answer {
    let Some(host) = &asked.host else { return Answer::NoHost };
    if guard.is_ours(host) {
        Answer::Redirect(format!("https://{host}{}", asked.target))
    } else {
        Answer::ForeignHost(host.clone())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Redirect(to) => match HeaderValue::from_str(&to) {
                Ok(to) => {
                    // A browser that kept it would still follow it when the server is started without TLS.
                    let headers = [(LOCATION, to), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
                    (StatusCode::PERMANENT_REDIRECT, headers).into_response()
                }
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            },
            // Trailers alone, which stand in the place of the headers.
            Self::Unavailable(content) => {
                let headers = [
                    (CONTENT_TYPE, HeaderValue::from_static(content)),
                    (HeaderName::from_static("grpc-status"), UNAVAILABLE),
                    (HeaderName::from_static("grpc-message"), HeaderValue::from_static(SENTENCE)),
                    (HeaderName::from_static(NEEDS_TLS), HeaderValue::from_static("1")),
                ];
                (StatusCode::OK, headers).into_response()
            }
            Self::NoHost => sentence(
                StatusCode::BAD_REQUEST,
                "this server wants TLS from other machines: ask it by its name, with https://".to_owned(),
            ),
            Self::ForeignHost(host) => foreign_host(&host),
            Self::Refused => sentence(StatusCode::FORBIDDEN, SENTENCE.to_owned()),
        }
    }
}
