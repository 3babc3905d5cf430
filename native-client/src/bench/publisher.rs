//! One publisher by StreamFrames.

use std::time::Duration;

use tessera_wire::{FrameRequest, FrameResponse};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tonic::Status;

use super::BenchError;
use super::clock::Phases;
use super::crowd::Common;
use super::figures::Figures;
use super::reel::{Strip, usual_spec};
use crate::identity::Room;
use crate::link::Link;
use crate::pacing::{Pace, period_of};
use crate::tiles::tile_spec;

/// How long answers are waited for at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// When a publisher's frames go.
#[derive(Debug)]
pub(super) enum Beat {
    /// When all are in, which they are not.
    NotYet,
    /// When everything before is answered.
    Answered,
    /// When it is time; a frame that is not off by the next one's time is left out, as a camera's is.
    Timed(Interval),
}

impl Beat {
    /// Publisher `number` of `all` begins that part of a period later: cameras do not beat together.
    pub(super) fn new(pace: Pace, frame_rate: f64, number: u32, all: u32) -> Self {
        let period = match pace {
            Pace::Max => return Self::Answered,
            Pace::Source => period_of(frame_rate),
            Pace::Every(period) => period,
        };
        let mut interval = interval_at(Instant::now() + period * number / all.max(1), period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self::Timed(interval)
    }

    pub(super) fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet)
    }

    /// Waits for the next frame's time. `is_answered` says whether everything before is.
    pub(super) async fn next(&mut self, is_answered: bool) {
        match self {
            Self::Answered if is_answered => {}
            Self::NotYet | Self::Answered => std::future::pending().await,
            Self::Timed(interval) => drop(interval.tick().await),
        }
    }
}

/// Frames in their order, again from the first at their end.
#[derive(Debug)]
pub(super) struct Cut {
    strip: Strip,
    next: usize,
    sequence: u64,
}

impl Cut {
    /// Publishers begin at frames of their own, so that their tiles differ.
    pub(super) fn new(strip: Strip, number: u32) -> Self {
        let next = number as usize * 7;
        Self { strip, next, sequence: 0 }
    }

    pub(super) fn replace(&mut self, strip: Strip) {
        self.strip = strip;
    }

    pub(super) fn next(&mut self, captured_at_us: u64) -> FrameRequest {
        let frame_data = self.strip[self.next % self.strip.len()].clone();
        self.next += 1;
        self.sequence += 1;
        FrameRequest { frame_data, sequence: self.sequence, captured_at_us, ..FrameRequest::default() }
    }
}

/// A publisher that has its seat.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Link,
    cut: Cut,
    room: Room,
    number: u32,
}

impl Publisher {
    /// Joins `room` as publisher `number` of all.
    pub(super) async fn join(common: &Common, room: Room, number: u32) -> Result<Self, BenchError> {
        let (link, welcome) = join(common, &room, number).await?;
        if welcome.seat.is_none() && common.reel.needs_seat() {
            let why = "it was joined and gave no seat: with --full-size it can be measured all the same";
            return Err(BenchError::Strange(why.to_owned()));
        }
        let strip = strip_for(common, &welcome).await?.unwrap_or(common.reel.strip(usual_spec()).await?);
        Ok(Self { link, cut: Cut::new(strip, number), room, number })
    }

    /// Sends from when all are in until it is over.
    pub(super) async fn run(mut self, common: Common, mut phases: Phases) -> Result<Figures, BenchError> {
        let mut figures = Figures::new();
        let mut beat = Beat::NotYet;
        let mut begun = phases.clone();
        loop {
            let (is_answered, quiet_until) = (self.link.is_answered(), self.link.quiet_until());
            tokio::select! {
                biased;
                () = phases.over() => break,
                answer = self.link.next() => {
                    let gone = || Status::unavailable("the stream ended");
                    let answer = answer.and_then(|answer| answer.ok_or_else(gone));
                    let answer = answer.map_err(|status| common.end(&status, &self.room))?;
                    common.note(answer.response.refusal.as_ref());
                    if phases.counts() {
                        figures.add_mosaic(&answer.response);
                        if answer.is_of_frame {
                            figures.add_round_trip(answer.round_trip);
                        }
                    }
                    if let Some(strip) = strip_for(&common, &answer.response).await? {
                        self.cut.replace(strip);
                    }
                }
                () = begun.begun(), if beat.is_not_yet() => beat = common.beat(self.number),
                () = beat.next(is_answered) => {
                    if self.link.has_room() {
                        let request = self.cut.next(common.clock.now_us());
                        if phases.counts() {
                            figures.add_frame(request.frame_data.len());
                        }
                        self.link.send(request);
                    }
                }
                () = sleep_until(quiet_until), if is_answered => self.link.sign_of_life(),
            }
        }
        leave(self.link).await;
        Ok(figures)
    }
}

/// Takes a seat by a StreamFrames.
pub(super) async fn join(
    common: &Common,
    room: &Room,
    number: u32,
) -> Result<(Link, FrameResponse), BenchError> {
    let hello =
        FrameRequest { client_id: Common::id(number), room: room.to_string(), ..FrameRequest::default() };
    let joined = async {
        let mut client = common.server.connect().await?;
        Link::join(&mut client, hello).await
    };
    joined.await.map_err(|status: Status| common.failure(&status, room))
}

/// The frames for the tile that `response` announces, if it does.
pub(super) async fn strip_for(
    common: &Common,
    response: &FrameResponse,
) -> Result<Option<Strip>, BenchError> {
    let Some(seat) = &response.seat else { return Ok(None) };
    let spec = tile_spec(seat).map_err(BenchError::Strange)?;
    common.reel.strip(spec).await.map(Some)
}

/// Half-closes, and takes what is still answered: so the seat is free when the program ends.
pub(super) async fn leave(mut link: Link) {
    link.half_close();
    let answers = async { while let Ok(Some(_)) = link.next().await {} };
    drop(timeout(DRAIN_TIMEOUT, answers).await);
}
