//! The gRPC statuses that this server gives, all of them.

use std::time::Duration;

use tessera_wire::NameError;
use tonic::Status;

use crate::guests::TooMuch;
use crate::lobby::NoSuchRoom;
use crate::room::{JoinError, MAX_REFUSALS, PushError};
use crate::seat::End;

/// `field` holds no name.
pub(super) fn name(field: &str, error: NameError) -> Status {
    Status::invalid_argument(format!("{field}: {error}"))
}

pub(super) fn no_such_room(error: &NoSuchRoom) -> Status {
    Status::not_found(error.to_string())
}

pub(super) fn join(error: JoinError) -> Status {
    match error {
        JoinError::IdTaken => Status::already_exists(error.to_string()),
        JoinError::Full => Status::resource_exhausted(error.to_string()),
    }
}

pub(super) fn push(error: PushError) -> Status {
    match error {
        PushError::NoSeat => Status::failed_precondition(error.to_string()),
        PushError::WrongSession => Status::unauthenticated(error.to_string()),
    }
}

pub(super) fn end(end: End) -> Status {
    match end {
        End::TakenOver => Status::aborted("another stream took this seat over with its session"),
        End::TooManyRefusals => Status::invalid_argument(format!(
            "{MAX_REFUSALS} frames in a row could not be used: send JPEG frames within the limits"
        )),
    }
}

pub(super) fn other_client() -> Status {
    Status::invalid_argument("a stream is for one client_id: repeat the first message's or leave it empty")
}

pub(super) fn other_room() -> Status {
    Status::invalid_argument("a stream is for one room: repeat the first message's or leave it empty")
}

pub(super) fn stopping() -> Status {
    Status::unavailable("the server is stopping; try again in a moment")
}

/// The stream has ended as it should.
pub(super) fn done() -> Status {
    Status::ok("")
}

/// Nothing is known under the request's path.
pub(super) fn no_such_method() -> Status {
    Status::unimplemented("")
}

/// Every connection that we accept has one, so this is our fault.
pub(super) fn no_peer() -> Status {
    Status::internal("the request has no connection")
}

/// More bytes of messages would be held than may be.
pub(super) fn too_much(error: TooMuch) -> Status {
    Status::resource_exhausted(error.to_string())
}

/// A call's only message has not come as a whole.
pub(super) fn too_slow(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!("the message has not come as a whole within {timeout:?}"))
}
