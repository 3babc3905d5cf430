//! One viewer: takes mosaics and looks only at what they say of their tiles.

use std::time::Duration;

use tessera_wire::{FrameResponse, Seat, WatchMosaicRequest};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::BenchError;
use super::clock::Phases;
use super::crowd::Common;
use super::figures::{Figures, Seen};
use crate::address::Client;
use crate::identity::Room;

/// How long the server may take to show the first mosaic.
const FIRST_TIMEOUT: Duration = Duration::from_secs(30);

/// A WatchMosaic that has its first response.
#[derive(Debug)]
pub(super) struct Watcher {
    responses: Streaming<FrameResponse>,
    room: Room,
    /// Told of every new seat, if this stream holds one.
    seat: Option<watch::Sender<Seat>>,
}

impl Watcher {
    /// A spectator of `room`, with a connection of its own.
    pub(super) async fn spectate(common: &Common, room: Room) -> Result<Self, BenchError> {
        let request = WatchMosaicRequest {
            room: room.to_string(),
            max_fps: common.max_fps.unwrap_or_default(),
            ..WatchMosaicRequest::default()
        };
        let client = common.client(&room).await?;
        Ok(Self::open(common, client, request, room).await?.0)
    }

    /// Opens the stream and waits until the server shows something.
    pub(super) async fn open(
        common: &Common,
        mut client: Client,
        request: WatchMosaicRequest,
        room: Room,
    ) -> Result<(Self, FrameResponse), BenchError> {
        let first = async {
            let mut responses = client.watch_mosaic(request).await?.into_inner();
            let first = responses.message().await?.ok_or_else(gone)?;
            Ok((responses, first))
        };
        let first = timeout(FIRST_TIMEOUT, first).await;
        let first = first.map_err(|_| common.silence("a viewer", FIRST_TIMEOUT))?;
        let (responses, first) = first.map_err(|status: Status| common.failure(&status, &room))?;
        Ok((Self { responses, room, seat: None }, first))
    }

    /// Lets `seat` know of every new seat.
    pub(super) fn telling(self, seat: watch::Sender<Seat>) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// Watches until it is over.
    pub(super) async fn run(mut self, common: Common, mut phases: Phases) -> Result<Figures, BenchError> {
        let (mut figures, mut seen) = (Figures::new(), Seen::default());
        loop {
            let response = tokio::select! {
                biased;
                () = phases.over() => return Ok(figures),
                response = self.responses.message() => response,
            };
            let response = response.and_then(|response| response.ok_or_else(gone));
            let response = response.map_err(|status| common.end(&status, &self.room))?;
            let ages = seen.fresh(&response.tiles, common.clock);
            if phases.counts() {
                figures.add_mosaic(&response);
                ages.into_iter().for_each(|age| figures.add_latency(age));
            }
            if let (Some(teller), Some(seat)) = (&self.seat, response.seat) {
                teller.send_replace(seat);
            }
        }
    }
}

fn gone() -> Status {
    Status::unavailable("the stream ended")
}
