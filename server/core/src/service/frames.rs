//! StreamFrames: one response for each request, in order.

use std::sync::Arc;

use tessera_wire::FrameRequest;
use tonic::{Status, Streaming};

use super::message::Message;
use super::reply::{self, Told};
use super::{Application, Service, Taken, Wanted, status};
use crate::lobby::OpenRoom;
use crate::names::ClientId;
use crate::peer::Peer;
use crate::room::Departure;
use crate::seat::{End, Seat};

/// One call of StreamFrames.
pub(super) struct Frames {
    service: Service,
    peer: Peer,
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
    room: Arc<OpenRoom>,
    seat: Seat,
}

/// What a stream that waits for its next request may get instead.
enum Event {
    Request(Result<Option<FrameRequest>, Status>),
    Ended(End),
    Stopping,
}

impl Frames {
    pub(super) fn new(service: Service, peer: Peer, requests: Streaming<FrameRequest>) -> Self {
        Self { service, peer, requests, place: None, told: Told::default(), is_over: false }
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
        let place = &mut self.place;
        let ended = async {
            match place {
                Some(place) => place.seat.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.service.stopping.cancelled() => Event::Stopping,
            end = ended => Event::Ended(end),
            request = self.requests.message() => Event::Request(request),
        }
    }

    async fn answer(&mut self, request: FrameRequest) -> Result<Message, Status> {
        let Taker { id, room, seat } = match &mut self.place {
            Some(place) => place,
            empty => empty.insert(join(&self.service, &self.peer, &request)?),
        };
        check_sender(&self.service, &request, id, room)?;
        let ticket = seat.ticket();
        let taken = self.service.take_in(room, ticket, request, Wanted::Now, || Ok(true)).await;
        let Ok(taken) = taken else { return Err(gone(seat)) };

        let (stale, _) = room.seats.stale();
        let mosaic = room.fanout.newest().await;
        let seat = self.told.seat(seat, mosaic.tile(room.fit));
        let refusal = match &taken {
            Taken::Refused(error) => Some(reply::refusal(error)),
            Taken::Used | Taken::Superseded => None,
        };
        Ok(self.told.mosaic(&mosaic, &stale, seat, refusal))
    }
}

fn join(service: &Service, peer: &Peer, request: &FrameRequest) -> Result<Taker, Status> {
    let room = service.room(&request.room)?;
    let application = Application {
        client_id: &request.client_id,
        display_name: &request.display_name,
        session: &request.session,
        preferred_slot: request.preferred_slot,
    };
    let join = application.join()?;
    let id = join.id.clone();
    let seat = room.seats.take(join, peer.clone()).map_err(status::join)?;
    Ok(Taker { id, room, seat })
}

/// Later messages repeat the first one's client and room, or leave them empty.
fn check_sender(
    service: &Service,
    request: &FrameRequest,
    id: &ClientId,
    room: &Arc<OpenRoom>,
) -> Result<(), Status> {
    if !request.client_id.is_empty() && ClientId::new(&request.client_id).ok().as_ref() != Some(id) {
        return Err(status::other_client());
    }
    let is_other = || service.room(&request.room).map_or(true, |other| !Arc::ptr_eq(&other, room));
    if !request.room.is_empty() && is_other() {
        return Err(status::other_room());
    }
    Ok(())
}

/// The status of a seat that was lost while a frame was in work.
fn gone(seat: &Seat) -> Status {
    status::end(seat.end().unwrap_or(End::TakenOver))
}
