//! The gRPC statuses that this server gives, all of them.

use std::time::Duration;

use tessera_wire::NameError;
use tonic::Status;

use crate::access::AccessError;
use crate::guests::TooMuch;
use crate::lobby::{TooManyRooms, TooManySpectators};
use crate::names::{ClientId, RoomId};
use crate::room::{JoinError, PushError};
use crate::seat::End;

/// `field` holds no name.
pub(super) fn name(field: &str, error: NameError) -> Status {
    Status::invalid_argument(format!("{field}: {error}"))
}

/// Nobody is in this room.
pub(super) fn no_such_room(room: &RoomId) -> Status {
    Status::not_found(format!("nobody is in a room {:?}", room.to_string()))
}

pub(super) fn no_such_seat(id: &ClientId) -> Status {
    Status::not_found(format!("nobody in this room is {:?}", id.to_string()))
}

pub(super) fn too_many_rooms(error: TooManyRooms) -> Status {
    Status::resource_exhausted(error.to_string())
}

pub(super) fn too_many_spectators(error: TooManySpectators) -> Status {
    Status::resource_exhausted(error.to_string())
}

pub(super) fn access(error: &AccessError) -> Status {
    let message = error.to_string();
    match error {
        AccessError::NoToken | AccessError::Token(_) | AccessError::OtherRoom => {
            Status::unauthenticated(message)
        }
        AccessError::OtherId(_) | AccessError::NotGranted(_) => Status::permission_denied(message),
        AccessError::TooMany => Status::resource_exhausted(message),
    }
}

pub(super) fn join(error: JoinError) -> Status {
    let message = error.to_string();
    match error {
        JoinError::IdTaken => Status::already_exists(message),
        JoinError::Full(_) | JoinError::TooMany | JoinError::TooManyPlaces(_) => {
            Status::resource_exhausted(message)
        }
        JoinError::Locked | JoinError::Barred => Status::permission_denied(message),
    }
}

pub(super) fn push(error: PushError) -> Status {
    match error {
        PushError::NoSeat => Status::failed_precondition(error.to_string()),
        PushError::WrongSession => Status::unauthenticated(error.to_string()),
    }
}

pub(super) fn too_many_pushes(limit: u32) -> Status {
    Status::resource_exhausted(format!("too many frames: {limit} a second are the limit; send fewer"))
}

pub(super) fn end(end: End) -> Status {
    match end {
        End::TakenOver => Status::aborted(
            "another stream took this seat over, by its session or by a token for its client_id",
        ),
        End::TooManyRefusals(most) => Status::invalid_argument(format!(
            "{most} frames in a row could not be used: send JPEG frames within the limits"
        )),
        End::ByHost => Status::permission_denied("a host of the room ended this seat"),
    }
}

pub(super) fn silent(time: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "nothing came for {}: send a frame now and then, or a message without one",
        humantime::format_duration(time)
    ))
}

/// The mosaic is larger than any may be.
pub(super) fn large_mosaic(bytes: usize, limit: u32) -> Status {
    Status::out_of_range(format!(
        "the mosaic has {bytes} bytes where {limit} are the limit (--max-mosaic-bytes): lower --quality or --tile"
    ))
}

pub(super) fn deadline() -> Status {
    Status::deadline_exceeded("the time that the caller gave is over")
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

/// tonic calls a method once for each request, so this is our fault.
pub(super) fn called_twice() -> Status {
    Status::internal("the request was answered before")
}

/// More bytes of messages would be held than may be.
pub(super) fn too_much(error: TooMuch) -> Status {
    Status::resource_exhausted(error.to_string())
}

/// A call's only message has not come as a whole.
pub(super) fn too_slow(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!("the message has not come as a whole within {timeout:?}"))
}
