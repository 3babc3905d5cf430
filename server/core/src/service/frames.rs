//! StreamFrames: one response for each request, in order.

use std::time::Duration;

use tessera_wire::FrameRequest;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};

use super::caller::Caller;
use super::message::Message;
use super::reply::{self, Told};
use super::{Application, Service, Taken, Wanted, status};
use crate::lobby::Stay;
use crate::names::{ClientId, RoomId};
use crate::room::Departure;
use crate::seat::{End, Seat};

/// One call of StreamFrames.
pub(super) struct Frames {
    service: Service,
    caller: Caller,
    opened: Instant,
    requests: Streaming<FrameRequest>,
    /// From the first message on.
    place: Option<Taker>,
    told: Told,
    /// A status was given: nothing follows it.
    is_over: bool,
}

/// Who the stream is for.
struct Taker {
    id: ClientId,
    seat: Seat,
    room: Stay,
}

/// What a stream that waits for its next request may get instead.
enum Event {
    Request(Result<Option<FrameRequest>, Status>),
    Ended(End),
    /// The caller's time is over, or its token is good no more.
    Over(Status),
    /// Nothing has come for so long.
    Silent(Duration),
    Stopping,
}

impl Frames {
    pub(super) fn new(service: Service, caller: Caller, requests: Streaming<FrameRequest>) -> Self {
        let (opened, told) = (Instant::now(), Told::default());
        Self { service, caller, opened, requests, place: None, told, is_over: false }
    }

    /// The next response; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Status>> {
        if self.is_over {
            return None;
        }
        let response = match self.event().await {
            Event::Request(Ok(Some(request))) => self.answer(request).await,
            Event::Request(Ok(None)) => return self.depart(Departure::Goodbye),
            Event::Request(Err(status)) => Err(status),
            Event::Ended(end) => Err(status::end(end)),
            Event::Over(status) => Err(status),
            Event::Silent(time) => Err(status::silent(time)),
            Event::Stopping => Err(status::stopping()),
        };
        if response.is_err() {
            self.is_over = true;
            self.depart(Departure::Broken);
        }
        Some(response)
    }

    /// Gives the seat back, so that the next mosaic is without it.
    fn depart(&mut self, departure: Departure) -> Option<Result<Message, Status>> {
        if let Some(mut place) = self.place.take() {
            place.seat.depart(departure);
        }
        None
    }

    async fn event(&mut self) -> Event {
        let (place, opened, most) = (self.place.as_ref(), self.opened, self.service.limits.silent_after);
        let ended = async {
            match place {
                Some(place) => place.seat.ended().await,
                None => std::future::pending().await,
            }
        };
        let silent = async {
            match place {
                Some(place) => place.seat.silent().await,
                None => sleep_until(opened + most).await,
            }
        };
        tokio::select! {
            biased;
            () = self.service.stopping.cancelled() => Event::Stopping,
            end = ended => Event::Ended(end),
            status = self.caller.over() => Event::Over(status),
            request = self.requests.message() => Event::Request(request),
            () = silent => Event::Silent(most),
        }
    }

    async fn answer(&mut self, request: FrameRequest) -> Result<Message, Status> {
        let Taker { id, room, seat } = match &mut self.place {
            Some(place) => place,
            empty => empty.insert(join(&self.service, &self.caller, &request)?),
        };
        check_sender(&request, id, room)?;
        let ticket = seat.ticket();
        let taken = self.service.take_in(room, ticket, request, Wanted::Now, || Ok(true)).await;
        let Ok(taken) = taken else { return Err(gone(seat)) };

        let (stale, _) = room.seats.stale();
        let mosaic = self.service.mosaic(room).await?;
        let seat = self.told.seat(seat, mosaic.tile(room.fit));
        let refusal = match &taken {
            Taken::Refused(error) => Some(reply::refusal(error)),
            Taken::Used | Taken::Superseded => None,
        };
        Ok(self.told.mosaic(&mosaic, &stale, seat, refusal))
    }
}

fn join(service: &Service, caller: &Caller, request: &FrameRequest) -> Result<Taker, Status> {
    let application = Application {
        room: &request.room,
        client_id: &request.client_id,
        display_name: &request.display_name,
        session: &request.session,
        preferred_slot: request.preferred_slot,
    };
    let (id, room, seat) = service.seat(caller, &application)?;
    Ok(Taker { id, seat, room })
}

/// Later messages repeat the first one's client and room, or leave them empty.
fn check_sender(request: &FrameRequest, id: &ClientId, room: &Stay) -> Result<(), Status> {
    if !request.client_id.is_empty() && ClientId::new(&request.client_id).ok().as_ref() != Some(id) {
        return Err(status::other_client());
    }
    if !request.room.is_empty() && RoomId::new(&request.room).ok().as_ref() != Some(room.id()) {
        return Err(status::other_room());
    }
    Ok(())
}

/// The status of a seat that was lost while a frame was in work.
fn gone(seat: &Seat) -> Status {
    status::end(seat.end().unwrap_or(End::TakenOver))
}
