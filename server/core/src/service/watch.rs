//! WatchMosaic: the newest mosaic at once, then one for each change, never a queue.

use std::sync::Arc;
use std::time::Duration;

use tessera_mosaic::Slot;
use tessera_wire::WatchMosaicRequest;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::message::Message;
use super::reply::{self, Told};
use super::{Application, Service, status};
use crate::fanout::Mosaic;
use crate::lobby::OpenRoom;
use crate::peer::Peer;
use crate::room::{Change, Departure};
use crate::seat::{End, Seat};

/// After so long without a change comes a response without a picture.
const IDLE: Duration = Duration::from_secs(5);

/// One call of WatchMosaic.
pub(super) struct Watch {
    service: Service,
    room: Arc<OpenRoom>,
    /// None for a spectator.
    seat: Option<Seat>,
    changes: watch::Receiver<Change>,
    /// The least time between two mosaics.
    interval: Duration,
    /// None before the first response.
    last: Option<Last>,
    told: Told,
    is_over: bool,
}

/// What this viewer saw last.
struct Last {
    mosaic: Arc<Mosaic>,
    mosaic_at: Instant,
    stale: Vec<Slot>,
    response_at: Instant,
}

/// Why there is something to say.
enum Event {
    Mosaic,
    /// The picture is the one before, but the stale slots are others or it is time for a sign of life.
    Unchanged,
    Ended(End),
    Stopping,
}

impl Watch {
    pub(super) fn new(service: &Service, peer: Peer, request: &WatchMosaicRequest) -> Result<Self, Status> {
        let room = service.room(&request.room)?;
        let seat = match request.client_id.as_str() {
            "" => None,
            _ => Some(take_seat(&room, peer, request)?),
        };
        let fps = match request.max_fps {
            0 => service.max_fps,
            wanted => wanted.min(service.max_fps),
        };
        Ok(Self {
            service: service.clone(),
            changes: room.seats.changes(),
            room,
            seat,
            interval: Duration::from_secs(1) / fps.max(1),
            last: None,
            told: Told::default(),
            is_over: false,
        })
    }

    /// The next response; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Status>> {
        if self.is_over {
            return None;
        }
        match self.event().await {
            Event::Mosaic => Some(Ok(self.mosaic().await)),
            Event::Unchanged => self.unchanged().map(Ok),
            Event::Ended(end) => self.fail(status::end(end)),
            Event::Stopping => self.fail(status::stopping()),
        }
    }

    fn fail(&mut self, status: Status) -> Option<Result<Message, Status>> {
        self.is_over = true;
        if let Some(mut seat) = self.seat.take() {
            seat.depart(Departure::Broken);
        }
        Some(Err(status))
    }

    async fn event(&mut self) -> Event {
        let seat = &mut self.seat;
        let ended = async {
            match seat {
                Some(seat) => seat.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.service.stopping.cancelled() => Event::Stopping,
            end = ended => Event::Ended(end),
            event = due(&self.room, &mut self.changes, self.last.as_ref(), self.interval) => event,
        }
    }

    async fn mosaic(&mut self) -> Message {
        let (stale, _) = self.room.seats.stale();
        let mosaic = self.room.fanout.newest().await;
        let seat = self.seat.as_ref().and_then(|seat| self.told.seat(seat, mosaic.tile(self.room.fit)));
        let response = self.told.mosaic(&mosaic, &stale, seat, None);
        let now = Instant::now();
        self.last = Some(Last { mosaic, mosaic_at: now, stale, response_at: now });
        response
    }

    fn unchanged(&mut self) -> Option<Message> {
        let last = self.last.as_mut()?;
        (last.stale, _) = self.room.seats.stale();
        last.response_at = Instant::now();
        Some(reply::unchanged(&last.mosaic, &last.stale))
    }
}

/// Waits until there is something to say. Everything is looked at anew after each wait, so nothing is missed
/// and nothing is said twice.
async fn due(
    room: &OpenRoom,
    changes: &mut watch::Receiver<Change>,
    last: Option<&Last>,
    interval: Duration,
) -> Event {
    let Some(last) = last else { return Event::Mosaic };
    let idle_at = last.response_at + IDLE;
    let mosaic_at = last.mosaic_at + interval;
    loop {
        let is_new = changes.borrow_and_update().sequence != last.mosaic.sequence;
        let (stale, next_stale) = room.seats.stale();
        let now = Instant::now();
        if is_new && now >= mosaic_at {
            return Event::Mosaic;
        }
        if stale != last.stale || now >= idle_at {
            return Event::Unchanged;
        }
        let quiet_until = next_stale.map_or(idle_at, |at| idle_at.min(at.into()));
        let wait = if is_new { mosaic_at.min(quiet_until) } else { quiet_until };
        tokio::select! {
            () = sleep_until(wait) => {}
            // The sender is the room's, which outlives its viewers.
            _ = changes.changed(), if !is_new => {}
        }
    }
}

fn take_seat(room: &OpenRoom, peer: Peer, request: &WatchMosaicRequest) -> Result<Seat, Status> {
    let application = Application {
        client_id: &request.client_id,
        display_name: &request.display_name,
        session: &request.session,
        preferred_slot: request.preferred_slot,
    };
    room.seats.take(application.join()?, peer).map_err(status::join)
}
