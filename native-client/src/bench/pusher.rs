//! One publisher by PushFrame, as a browser is, and what holds its seat.

use std::time::Duration;

use tessera_wire::{FrameRequest, Seat, WatchMosaicRequest};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::{Code, Status};

use super::BenchError;
use super::clock::Phases;
use super::crowd::Common;
use super::figures::Figures;
use super::publisher::{Beat, Cut, join, leave};
use super::watcher::Watcher;
use crate::address::Client;
use crate::identity::Room;
use crate::link::{Link, SIGN_OF_LIFE};
use crate::text::excerpt;
use crate::tiles::tile_spec;

/// How long a push may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the end of a seat's stream may be under way when a push already finds the seat gone.
const HOLDERS_WORD: Duration = Duration::from_secs(1);

/// A publisher whose seat is held.
#[derive(Debug)]
pub(super) struct Pusher {
    client: Client,
    cut: Cut,
    seat: watch::Receiver<Seat>,
    room: Room,
    number: u32,
}

/// What holds the seat of a publisher that sees nothing.
#[derive(Debug)]
pub(super) struct Holder {
    link: Link,
    room: Room,
    seat: watch::Sender<Seat>,
}

impl Pusher {
    /// Joins as a browser does: a WatchMosaic holds the seat. It runs beside.
    pub(super) async fn join(
        common: &Common,
        room: Room,
        number: u32,
    ) -> Result<(Self, Watcher), BenchError> {
        let client = common.client(&room).await?;
        let request = WatchMosaicRequest {
            client_id: Common::id(number),
            room: room.to_string(),
            max_fps: common.max_fps.unwrap_or_default(),
            ..WatchMosaicRequest::default()
        };
        let (watcher, first) = Watcher::open(common, client.clone(), request, room.clone()).await?;
        let (teller, seat) = watch::channel(first.seat.ok_or_else(no_seat)?);
        Ok((Self::new(common, client, seat, room, number).await?, watcher.telling(teller)))
    }

    /// Joins so that no mosaics come down: a StreamFrames holds the seat. It runs beside.
    pub(super) async fn join_blind(
        common: &Common,
        room: Room,
        number: u32,
    ) -> Result<(Self, Holder), BenchError> {
        let client = common.client(&room).await?;
        let (link, welcome) = join(common, &room, number).await?;
        let (teller, seat) = watch::channel(welcome.seat.ok_or_else(no_seat)?);
        let holder = Holder { link, room: room.clone(), seat: teller };
        Ok((Self::new(common, client, seat, room, number).await?, holder))
    }

    async fn new(
        common: &Common,
        client: Client,
        seat: watch::Receiver<Seat>,
        room: Room,
        number: u32,
    ) -> Result<Self, BenchError> {
        let spec = tile_spec(&seat.borrow()).map_err(BenchError::Strange)?;
        let cut = Cut::new(common.reel.strip(spec).await?, number);
        Ok(Self { client, cut, seat, room, number })
    }

    /// Pushes from when all are in until it is over, one frame at a time.
    pub(super) async fn run(mut self, common: Common, mut phases: Phases) -> Result<Figures, BenchError> {
        let mut figures = Figures::new();
        let mut beat = Beat::NotYet;
        let mut begun = phases.clone();
        let mut last_push = Instant::now();
        loop {
            let request = tokio::select! {
                biased;
                () = phases.over() => return Ok(figures),
                // When the holder of the seat ends, it says why.
                Ok(()) = self.seat.changed() => {
                    self.learn(&common).await?;
                    continue;
                }
                () = begun.begun(), if beat.is_not_yet() => {
                    beat = common.beat(self.number);
                    continue;
                }
                () = beat.next(true) => self.cut.next(common.clock.now_us()),
                // Unnumbered and without a picture: a sign of life.
                () = sleep_until(last_push + SIGN_OF_LIFE) => FrameRequest::default(),
            };
            last_push = Instant::now();
            let counts = phases.counts() && !request.frame_data.is_empty();
            tokio::select! {
                biased;
                // The seat is given up then, and what is on its way is too late.
                () = phases.over() => return Ok(figures),
                pushed = self.push(&common, request, counts, &mut figures) => pushed?,
            }
        }
    }

    /// The tile has changed.
    async fn learn(&mut self, common: &Common) -> Result<(), BenchError> {
        let spec = tile_spec(&self.seat.borrow_and_update()).map_err(BenchError::Strange)?;
        self.cut.replace(common.reel.strip(spec).await?);
        Ok(())
    }

    async fn push(
        &mut self,
        common: &Common,
        request: FrameRequest,
        counts: bool,
        figures: &mut Figures,
    ) -> Result<(), BenchError> {
        let request = FrameRequest {
            client_id: Common::id(self.number),
            room: self.room.to_string(),
            session: self.seat.borrow().session.clone(),
            ..request
        };
        let bytes = request.frame_data.len();
        let begin = Instant::now();
        let answer = timeout(PUSH_TIMEOUT, self.client.push_frame(request)).await;
        let answer = answer.map_err(|_| common.silence("a push", PUSH_TIMEOUT))?;
        let answer = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Err(self.refused(common, &status).await),
        };
        common.note(answer.refusal.as_ref());
        if counts {
            figures.add_frame(bytes);
            figures.add_round_trip(begin.elapsed());
            figures.superseded += u64::from(answer.superseded);
            figures.refused += u64::from(answer.refusal.is_some());
        }
        Ok(())
    }

    /// What it means that a push was answered with `status`.
    async fn refused(&self, common: &Common, status: &Status) -> BenchError {
        if status.code() == Code::FailedPrecondition {
            // The seat is gone. What held it knows why, and has the first word.
            sleep(HOLDERS_WORD).await;
        }
        match status.code() {
            Code::ResourceExhausted => BenchError::TooFast(excerpt(status.message())),
            _ => common.end(status, &self.room),
        }
    }
}

impl Holder {
    /// Asks once, when everybody is in, what a tile is then; beside that it says nothing, as the pushes do.
    pub(super) async fn run(mut self, common: Common, mut phases: Phases) -> Result<Figures, BenchError> {
        let mut begun = phases.clone();
        let mut has_asked = false;
        loop {
            tokio::select! {
                biased;
                () = phases.over() => break,
                () = begun.begun(), if !has_asked => {
                    has_asked = true;
                    self.link.sign_of_life();
                }
                answer = self.link.next() => {
                    let answer = answer.map_err(|status| common.end(&status, &self.room))?;
                    let ended = || BenchError::Broke("the stream of a seat ended".to_owned());
                    if let Some(seat) = answer.ok_or_else(ended)?.response.seat {
                        self.seat.send_replace(seat);
                    }
                }
            }
        }
        leave(self.link).await;
        Ok(Figures::new())
    }
}

fn no_seat() -> BenchError {
    BenchError::Strange("it gave no seat".to_owned())
}
