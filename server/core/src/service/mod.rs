//! The gRPC service: the wire on one side, rooms and tiles on the other.
//!
//! Every way of a frame is one type with a `next`: [`frames::Frames`] answers requests one by one,
//! [`watch::Watch`] sends mosaics as they change, [`push`] takes single frames. Streams are pulled: nothing is
//! read while the answer before has not been taken.

mod calls;
mod frames;
mod held;
mod message;
mod push;
mod reply;
mod status;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use tessera_mosaic::TileSpec;
use tessera_wire::FrameRequest;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::lobby::{Lobby, OpenRoom};
use crate::names::{ClientId, DisplayName, RoomId, Session};
use crate::peer::Peer;
use crate::pool::{Pool, PoolError};
use crate::room::{Gone, Join, Stamp, Ticket};

pub(crate) use calls::Calls;
pub(crate) use reply::envelope;

/// What all calls share.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) pool: Arc<Pool>,
    /// The most mosaics a second for a viewer.
    pub(crate) max_fps: u32,
    /// Cancelled when the server stops: streams end first.
    pub(crate) stopping: CancellationToken,
}

/// The other end of the request's connection.
fn peer<T>(request: &Request<T>) -> Result<Peer, Status> {
    request.extensions().get::<Peer>().cloned().ok_or_else(status::no_peer)
}

/// The fields of a message that takes a seat.
struct Application<'a> {
    client_id: &'a str,
    display_name: &'a str,
    session: &'a str,
    preferred_slot: Option<u32>,
}

impl Application<'_> {
    fn join(&self) -> Result<Join, Status> {
        let id = ClientId::new(self.client_id).map_err(|error| status::name("client_id", error))?;
        let name =
            DisplayName::new(self.display_name, &id).map_err(|error| status::name("display_name", error))?;
        let preferred = self.preferred_slot.and_then(|slot| usize::try_from(slot).ok());
        Ok(Join { id, name, session: Session::parse(self.session), preferred })
    }
}

impl Service {
    /// The room of that name.
    fn room(&self, name: &str) -> Result<Arc<OpenRoom>, Status> {
        let id = RoomId::new(name).map_err(|error| status::name("room", error))?;
        self.lobby.find(&id).map_err(|error| status::no_such_room(&error))
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
        // A camera that shows the same again costs a comparison.
        let last = room.seats.last_frame(ticket).filter(|(last, _)| last == jpeg);
        let mut pieces = last.map(|(_, pieces)| pieces).unwrap_or_default();
        while let Some(missing) = room.seats.show(ticket, jpeg, stamp, &pieces)? {
            let spec = TileSpec { format: missing.format, fit: room.fit };
            let made = match wanted {
                Wanted::Now => self.pool.tile(jpeg.clone(), spec).await,
                Wanted::Later => self.pool.receive(jpeg.clone(), spec).await,
            };
            match made {
                Ok(piece) => pieces.push(piece),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
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
