//! The gRPC service: the wire on one side, rooms and tiles on the other.
//!
//! Every way of a frame is one type with a `next`: [`frames::Frames`] answers requests one by one,
//! [`watch::Watch`] sends mosaics as they change, [`push`] takes single frames. Streams are pulled: nothing is
//! read while the answer before has not been taken.

mod caller;
mod calls;
mod frames;
mod held;
mod message;
mod push;
mod reply;
mod rule;
mod status;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use tessera_mosaic::TileSpec;
use tessera_wire::FrameRequest;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::access::{Access, Wish};
use crate::fanout::{Mosaic, share};
use crate::limits::CallLimits;
use crate::lobby::{Lobby, OpenRoom, Stay};
use crate::names::{ClientId, DisplayName, RoomId, Session};
use crate::pool::{Pool, PoolError};
use crate::room::{Gone, Join, Stamp, Ticket};
use crate::seat::Seat;
use caller::Caller;

pub(crate) use calls::Calls;
pub(crate) use reply::envelope;

/// What all calls share.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) access: Access,
    pub(crate) limits: CallLimits,
    /// The most mosaics a second for a viewer.
    pub(crate) max_fps: u32,
    /// Cancelled when the server stops: streams end first.
    pub(crate) stopping: CancellationToken,
}

/// The fields of a message that takes a seat.
struct Application<'a> {
    room: &'a str,
    client_id: &'a str,
    display_name: &'a str,
    session: &'a str,
    preferred_slot: Option<u32>,
}

impl Application<'_> {
    /// The join that `caller` may make of it.
    fn join(&self, caller: &Caller, room: &RoomId) -> Result<Join, Status> {
        caller.may(Wish::Join, room)?;
        let id = match (self.client_id, caller.badge.id()) {
            ("", Some(own)) => own.clone(),
            (asked, _) => ClientId::new(asked).map_err(|error| status::name("client_id", error))?,
        };
        caller.badge.may_be(&id).map_err(|error| status::access(&error))?;
        let name = DisplayName::new(self.display_name, &id);
        let name = name.map_err(|error| status::name("display_name", error))?;
        Ok(Join {
            name: caller.badge.name().cloned().unwrap_or(name),
            id,
            session: Session::parse(self.session),
            preferred: self.preferred_slot.and_then(|slot| usize::try_from(slot).ok()),
            is_named: caller.badge.id().is_some(),
            is_host: caller.badge.is_host(room),
        })
    }
}

impl Service {
    /// Gives the caller a seat, in a room that is made if need be.
    fn seat(&self, caller: &Caller, application: &Application<'_>) -> Result<(ClientId, Stay, Seat), Status> {
        let room = room_id(application.room)?;
        let join = application.join(caller, &room)?;
        let id = join.id.clone();
        if let Some(room) = self.lobby.find(&room) {
            // Whoever may not come in does not keep the room either.
            room.seats.admit(&join).map_err(status::join)?;
        }
        let stay = self.lobby.enter(&room, caller.peer.visit()).map_err(status::too_many_rooms)?;
        let seat = stay.seats.take(join, caller.peer.clone()).map_err(status::join)?;
        Ok((id, stay, seat))
    }

    /// The mosaic of this moment, if it is not too large to be sent.
    async fn mosaic(&self, room: &OpenRoom) -> Result<Arc<Mosaic>, Status> {
        let mosaic = room.fanout.newest().await;
        let (bytes, limit) = (mosaic.jpeg().len(), self.limits.max_mosaic_bytes);
        if bytes > limit as usize { Err(status::large_mosaic(bytes, limit)) } else { Ok(mosaic) }
    }

    /// Takes in one message of a seat's holder: a sign of life, a camera that is off, or a frame. Gives why
    /// the frame was refused, if it was. `is_wanted` is asked when it is the frame's turn.
    async fn take_in(
        &self,
        room: &OpenRoom,
        ticket: Ticket,
        request: FrameRequest,
        wanted: Wanted,
        is_wanted: impl FnOnce() -> Result<bool, Gone>,
    ) -> Result<Taken, Gone> {
        let _work = room.seats.work(ticket).await?;
        if !is_wanted()? {
            return Ok(Taken::Superseded);
        }
        if request.video_off || request.frame_data.is_empty() {
            room.seats.set_video_off(ticket, request.video_off)?;
            return Ok(Taken::Used);
        }
        let stamp = Stamp { sequence: request.sequence, captured_at_us: request.captured_at_us };
        match self.show(room, ticket, &request.frame_data, stamp, wanted).await? {
            Ok(()) => Ok(Taken::Used),
            Err(error @ PoolError::NoRoom(_)) => {
                // It is none of the frame's faults: others may have used the room up.
                room.seats.heard(ticket)?;
                Ok(Taken::Refused(error))
            }
            Err(error) => {
                room.seats.refuse(ticket)?;
                Ok(Taken::Refused(error))
            }
        }
    }

    /// Makes a piece of a frame and shows it. While the grid changes, it takes one for each of the two.
    async fn show(
        &self,
        room: &OpenRoom,
        ticket: Ticket,
        jpeg: &Bytes,
        stamp: Stamp,
        wanted: Wanted,
    ) -> Result<Result<(), PoolError>, Gone> {
        let account = room.seats.account(ticket)?;
        // A camera that shows the same again costs a comparison.
        let last = room.seats.last_frame(ticket);
        let in_place_of = last.as_ref().map_or(0, |(last, _)| last.len());
        let (jpeg, mut pieces) = match last.filter(|(last, _)| last == jpeg) {
            Some(last) => last,
            None => match room.seats.keeper(ticket)?.keep(jpeg, in_place_of) {
                Ok(jpeg) => (jpeg, Vec::new()),
                Err(error) => return Ok(Err(error.into())),
            },
        };
        let most = |layout| share(layout, self.limits.max_mosaic_bytes);
        while let Some(missing) = room.seats.show(ticket, &jpeg, stamp, &pieces)? {
            let spec = TileSpec { format: missing.format, fit: room.fit };
            let made = match wanted {
                Wanted::Now => self.pool.tile(jpeg.clone(), spec, &account).await,
                Wanted::Later => self.pool.receive(jpeg.clone(), spec, &account).await,
            };
            match made {
                Ok(piece) if piece.tile().is_some_and(|tile| tile.compressed_len() > most(missing)) => {
                    return Ok(Err(PoolError::TooLargeTile(most(missing))));
                }
                Ok(piece) => pieces.push(piece),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

/// The room of that name.
fn room_id(name: &str) -> Result<RoomId, Status> {
    RoomId::new(name).map_err(|error| status::name("room", error))
}

/// Whether a mosaic with the frame is wanted at once, as its answer, or when somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Now,
    Later,
}

/// What became of a message.
#[derive(Debug)]
enum Taken {
    Used,
    /// A newer frame took its place before it was used.
    Superseded,
    Refused(PoolError),
}

#[cfg(test)]
mod tests;
