//! WatchMosaic: the newest mosaic at once, then one for each change, never a queue.

use std::sync::Arc;
use std::time::Duration;

use tessera_mosaic::Slot;
use tessera_wire::WatchMosaicRequest;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::caller::Caller;
use super::message::Message;
use super::reply::{self, Told};
use super::{Application, Service, room_id, status};
use crate::access::Wish;
use crate::fanout::Mosaic;
use crate::lobby::{OpenRoom, Spectator, Stay};
use crate::names::ClientId;
use crate::room::{Change, Departure, JoinError};
use crate::seat::{End, Seat};

/// After so long without a change comes a response without a picture.
const IDLE: Duration = Duration::from_secs(5);

/// One call of WatchMosaic.
pub(super) struct Watch {
    service: Service,
    caller: Caller,
    place: Place,
    room: Stay,
    changes: watch::Receiver<Change>,
    /// The least time between two mosaics.
    interval: Duration,
    /// None before the first response.
    last: Option<Last>,
    told: Told,
    is_over: bool,
}

/// What the viewer has in the room.
enum Place {
    Seat(Seat),
    Spectator {
        /// What a token names them; none of hosts.
        id: Option<ClientId>,
        _place: Spectator,
    },
}

impl Place {
    fn seat(&self) -> Option<&Seat> {
        match self {
            Self::Seat(seat) => Some(seat),
            Self::Spectator { .. } => None,
        }
    }

    /// Whether a host has ended a seat of whoever watches.
    fn is_barred(&self, room: &OpenRoom) -> bool {
        match self {
            Self::Spectator { id: Some(id), .. } => room.seats.bars(id),
            Self::Seat(_) | Self::Spectator { id: None, .. } => false,
        }
    }
}

/// What this viewer saw last.
struct Last {
    mosaic: Arc<Mosaic>,
    /// When the next one may come.
    next_at: Instant,
    stale: Vec<Slot>,
    response_at: Instant,
}

/// Why there is something to say.
enum Event {
    Mosaic,
    /// The picture is the one before, but the stale slots are others or it is time for a sign of life.
    Unchanged,
    Ended(End),
    /// The caller's time is over, or its token is good no more.
    Over(Status),
    /// The seat's holder has said nothing for too long.
    Silent,
    Stopping,
}

impl Watch {
    pub(super) fn new(
        service: &Service,
        caller: Caller,
        request: &WatchMosaicRequest,
    ) -> Result<Self, Status> {
        let (room, place) = match request.client_id.as_str() {
            "" => spectate(service, &caller, request)?,
            _ => sit_down(service, &caller, request)?,
        };
        let fps = match request.max_fps {
            0 => service.max_fps,
            wanted => wanted.min(service.max_fps),
        };
        Ok(Self {
            service: service.clone(),
            caller,
            changes: room.seats.changes(),
            place,
            room,
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
            Event::Mosaic | Event::Unchanged if self.place.is_barred(&self.room) => {
                self.fail(status::join(JoinError::Barred))
            }
            Event::Mosaic => match self.mosaic().await {
                Ok(message) => Some(Ok(message)),
                Err(status) => self.fail(status),
            },
            Event::Unchanged => self.unchanged().map(Ok),
            Event::Ended(end) => self.fail(status::end(end)),
            Event::Over(status) => self.fail(status),
            Event::Silent => self.fail(status::silent(self.service.limits.silent_after)),
            Event::Stopping => self.fail(status::stopping()),
        }
    }

    fn fail(&mut self, status: Status) -> Option<Result<Message, Status>> {
        self.is_over = true;
        if let Place::Seat(seat) = &mut self.place {
            seat.depart(Departure::Broken);
        }
        Some(Err(status))
    }

    async fn event(&mut self) -> Event {
        let seat = self.place.seat();
        let of_seat = async {
            let Some(seat) = seat else { return std::future::pending().await };
            tokio::select! {
                end = seat.ended() => Event::Ended(end),
                () = seat.silent() => Event::Silent,
            }
        };
        tokio::select! {
            biased;
            () = self.service.stopping.cancelled() => Event::Stopping,
            event = of_seat => event,
            status = self.caller.over() => Event::Over(status),
            event = due(&self.room, &mut self.changes, self.last.as_ref()) => event,
        }
    }

    async fn mosaic(&mut self) -> Result<Message, Status> {
        let (stale, _) = self.room.seats.stale();
        let mosaic = self.service.mosaic(&self.room).await?;
        let seat = self.place.seat().and_then(|seat| self.told.seat(seat, mosaic.tile(self.room.fit)));
        let response = self.told.mosaic(&mosaic, &stale, seat, None);
        let now = Instant::now();
        let due = self.last.as_ref().map_or(now, |last| last.next_at);
        self.last =
            Some(Last { mosaic, next_at: following(due, now, self.interval), stale, response_at: now });
        Ok(response)
    }

    fn unchanged(&mut self) -> Option<Message> {
        let last = self.last.as_mut()?;
        (last.stale, _) = self.room.seats.stale();
        last.response_at = Instant::now();
        Some(reply::unchanged(&last.mosaic, &last.stale))
    }
}

/// When the mosaic after one that was due then, and came now, may come. A little lateness is made up for, or timers that
/// are late by a millisecond would make 29 a second of 30; a pause is not.
fn following(due: Instant, now: Instant, interval: Duration) -> Instant {
    due.max(now.checked_sub(interval / 4).unwrap_or(now)) + interval
}

/// Waits until there is something to say. Everything is looked at anew after each wait, so nothing is missed
/// and nothing is said twice.
async fn due(room: &OpenRoom, changes: &mut watch::Receiver<Change>, last: Option<&Last>) -> Event {
    let Some(last) = last else { return Event::Mosaic };
    let idle_at = last.response_at + IDLE;
    loop {
        let is_new = changes.borrow_and_update().sequence != last.mosaic.sequence;
        let (stale, next_stale) = room.seats.stale();
        let now = Instant::now();
        if is_new && now >= last.next_at {
            return Event::Mosaic;
        }
        if stale != last.stale || now >= idle_at {
            return Event::Unchanged;
        }
        let quiet_until = next_stale.map_or(idle_at, |at| idle_at.min(at.into()));
        let wait = if is_new { last.next_at.min(quiet_until) } else { quiet_until };
        tokio::select! {
            () = sleep_until(wait) => {}
            // The sender is the room's, which outlives its viewers.
            _ = changes.changed(), if !is_new => {}
        }
    }
}

fn spectate(
    service: &Service,
    caller: &Caller,
    request: &WatchMosaicRequest,
) -> Result<(Stay, Place), Status> {
    let id = room_id(&request.room)?;
    caller.may(Wish::Watch, &id)?;
    let name = caller.badge.id().filter(|_| !caller.badge.is_host(&id));
    if let Some(room) = service.lobby.find(&id).filter(|_| !caller.badge.is_host(&id)) {
        // Before the room is entered: whoever may not come in does not keep it either.
        if name.is_some_and(|name| room.seats.bars(name)) {
            return Err(status::join(JoinError::Barred));
        }
        if room.seats.is_locked() {
            return Err(status::join(JoinError::Locked));
        }
    }
    let visit = caller.peer.visit();
    let room = service.lobby.enter(&id, visit).map_err(status::too_many_rooms)?;
    let place = room.spectate(visit).map_err(status::too_many_spectators)?;
    Ok((room, Place::Spectator { id: name.cloned(), _place: place }))
}

fn sit_down(
    service: &Service,
    caller: &Caller,
    request: &WatchMosaicRequest,
) -> Result<(Stay, Place), Status> {
    let application = Application {
        room: &request.room,
        client_id: &request.client_id,
        display_name: &request.display_name,
        session: &request.session,
        preferred_slot: request.preferred_slot,
    };
    let (_, room, seat) = service.seat(caller, &application)?;
    Ok((room, Place::Seat(seat)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_made_up_for_and_a_pause_is_not() {
        let (begin, interval) = (Instant::now() + Duration::from_secs(9), Duration::from_millis(40));
        let after = |late| following(begin, begin + Duration::from_millis(late), interval) - begin;
        assert_eq!(after(0), interval);
        assert_eq!(after(10), interval);
        assert_eq!(after(11), Duration::from_millis(41));
        assert_eq!(after(1000), Duration::from_millis(1030));
    }
}
