//! PushFrame: one frame for a seat that a stream holds.

use tessera_wire::{FrameRequest, PushFrameResponse};
use tonic::Status;

use super::reply;
use super::{Service, Taken, Wanted, status};
use crate::names::{ClientId, Session};
use crate::room::{Gone, PushError};

pub(super) async fn push(service: &Service, request: FrameRequest) -> Result<PushFrameResponse, Status> {
    let room = service.room(&request.room)?;
    let id = match request.client_id.as_str() {
        "" => None,
        id => Some(ClientId::new(id).map_err(|error| status::name("client_id", error))?),
    };
    let session = Session::parse(&request.session);
    let ticket = room.seats.seat_of_push(id.as_ref(), session.as_ref()).map_err(status::push)?;

    let lost = |Gone| status::push(PushError::NoSeat);
    let number = request.sequence;
    room.seats.heard(ticket).map_err(lost)?;
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
