//! EndSeat and LockRoom: what a host may do to a room.

use std::sync::Arc;

use tessera_wire::{EndSeatRequest, EndSeatResponse, LockRoomRequest, LockRoomResponse};
use tonic::Status;
use tracing::info;

use super::caller::Caller;
use super::{Service, room_id, status};
use crate::access::Wish;
use crate::lobby::OpenRoom;
use crate::names::{ClientId, RoomId};

pub(super) fn end_seat(
    service: &Service,
    caller: &Caller,
    request: &EndSeatRequest,
) -> Result<EndSeatResponse, Status> {
    let (id, room) = ruled(service, caller, &request.room)?;
    let whose = ClientId::new(&request.client_id).map_err(|error| status::name("client_id", error))?;
    room.seats.end_seat(&whose).map_err(|_| status::no_such_seat(&whose))?;
    info!(room = %id, peer = %caller.peer.address(), "a host ended the seat of {whose}");
    Ok(EndSeatResponse {})
}

pub(super) fn lock_room(
    service: &Service,
    caller: &Caller,
    request: &LockRoomRequest,
) -> Result<LockRoomResponse, Status> {
    let (id, room) = ruled(service, caller, &request.room)?;
    room.seats.set_locked(request.locked);
    let what = if request.locked { "locked" } else { "unlocked" };
    info!(room = %id, peer = %caller.peer.address(), "a host {what} the room");
    Ok(LockRoomResponse {})
}

/// The room that a host wants to rule.
fn ruled(service: &Service, caller: &Caller, name: &str) -> Result<(RoomId, Arc<OpenRoom>), Status> {
    let id = room_id(name)?;
    caller.may(Wish::Rule, &id)?;
    let room = service.lobby.find(&id).ok_or_else(|| status::no_such_room(&id))?;
    Ok((id, room))
}
