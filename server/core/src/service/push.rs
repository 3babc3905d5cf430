//! PushFrame: one frame for a seat that a stream holds.

use tessera_wire::{FrameRequest, PushFrameResponse};
use tonic::Status;

use super::caller::Caller;
use super::reply;
use super::{Service, Taken, Wanted, room_id, status};
use crate::access::Wish;
use crate::names::{ClientId, Session};
use crate::pace::Verdict;
use crate::room::{Gone, PushError};

pub(super) async fn push(
    service: &Service,
    caller: &Caller,
    request: FrameRequest,
) -> Result<PushFrameResponse, Status> {
    let room = room_id(&request.room)?;
    caller.may(Wish::Join, &room)?;
    let no_seat = || status::push(PushError::NoSeat);
    let room = service.lobby.find(&room).ok_or_else(no_seat)?;
    let id = match request.client_id.as_str() {
        "" => None,
        id => Some(ClientId::new(id).map_err(|error| status::name("client_id", error))?),
    };
    if let Some(id) = &id {
        caller.badge.may_be(id).map_err(|error| status::access(&error))?;
    }
    let session = Session::parse(&request.session);
    let ticket = room.seats.seat_of_push(id.as_ref(), session.as_ref()).map_err(status::push)?;

    let lost = |Gone| no_seat();
    let number = request.sequence;
    room.seats.heard(ticket).map_err(lost)?;
    match room.seats.judge_push(ticket).map_err(lost)? {
        Verdict::Taken => {}
        Verdict::Skipped => return Ok(PushFrameResponse { superseded: true, refusal: None }),
        Verdict::Refused => return Err(status::too_many_pushes(service.limits.pushes_per_second)),
    }
    if !room.seats.push_arrived(ticket, number).map_err(lost)? {
        return Ok(PushFrameResponse { superseded: true, refusal: None });
    }
    let is_newest = || room.seats.is_newest_push(ticket, number);
    match service.take_in(&room, ticket, request, Wanted::Later, is_newest).await.map_err(lost)? {
        Taken::Used => Ok(PushFrameResponse::default()),
        Taken::Superseded => Ok(PushFrameResponse { superseded: true, refusal: None }),
        Taken::Refused(error) => {
            Ok(PushFrameResponse { superseded: false, refusal: Some(reply::refusal(&error)) })
        }
    }
}
