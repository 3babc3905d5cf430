//! Who calls: the connection, what the caller may do, and until when the answer is of use.

use std::time::Duration;

use axum::http;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{Service, status};
use crate::access::{AccessError, Badge, Wish};
use crate::names::RoomId;
use crate::peer::Peer;

/// The other end of a call.
pub(super) struct Caller {
    pub(super) peer: Peer,
    pub(super) badge: Badge,
    /// When the caller will have no use for the answer any more.
    deadline: Option<Instant>,
}

impl Caller {
    /// Looks at a request before anything of its messages is read.
    pub(super) fn of<B>(request: &http::Request<B>, service: &Service) -> Result<Self, Status> {
        let peer = request.extensions().get::<Peer>().cloned().ok_or_else(status::no_peer)?;
        let headers = request.headers();
        let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let badge = service.access.present(authorization).map_err(|error| match error {
            // Nobody guesses for long.
            AccessError::Token(_) if peer.visit().present_wrong_token().is_err() => AccessError::TooMany,
            error => error,
        });
        let badge = badge.map_err(|error| status::access(&error))?;
        let deadline = timeout(headers).and_then(|time| Instant::now().checked_add(time));
        Ok(Self { peer, badge, deadline })
    }

    /// Holds what the caller wants against what it may.
    pub(super) fn may(&self, wish: Wish, room: &RoomId) -> Result<(), Status> {
        self.badge.may(wish, room).map_err(|error| status::access(&error))?;
        self.peer.enter(room);
        Ok(())
    }

    /// Waits until the call is to end for a reason of the caller's own: its time is over, or its token is good no more.
    pub(super) async fn over(&mut self) -> Status {
        tokio::select! {
            () = reached(self.deadline) => status::deadline(),
            error = self.badge.lapsed() => status::access(&error),
        }
    }

    /// When the caller will have no use for the answer any more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Waits until then, or for ever.
pub(super) async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The time that a caller gives (gRPC over HTTP/2, "Timeout"). What is not of that form is none.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        let read = |text: &[u8]| {
            let value = HeaderValue::from_bytes(text).unwrap();
            timeout(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), value)]))
        };
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("99999999S", Duration::from_secs(99_999_999)),
            ("250m", Duration::from_millis(250)),
            ("7u", Duration::from_micros(7)),
            ("0n", Duration::ZERO),
        ] {
            assert_eq!(read(text.as_bytes()), Some(time), "{text}");
        }
        for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "999999999S", "1\u{e4}"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
