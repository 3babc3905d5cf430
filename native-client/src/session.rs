//! A participant's session: one seat, over as many streams as it takes.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use bytes::Bytes;
use tessera_mosaic::TileSpec;
use tessera_wire::{FrameRequest, FrameResponse, Refusal, Seat};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::address::ServerAddress;
use crate::backoff::Backoff;
use crate::error::{Asked, SessionError, Verdict, judge};
use crate::frames::{DueFrame, Frames, FramesError};
use crate::identity::{ClientId, DisplayName, Room};
use crate::link::{Answer, Link};
use crate::making::Making;
use crate::summary::Tally;
use crate::text::excerpt;
use crate::tiles::{FrameSize, is_jpeg, tile_spec};

/// How long outstanding answers are waited for after the user said stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Who joins, where and how.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The server.
    pub server: ServerAddress,
    /// The room.
    pub room: Room,
    /// The participant's id.
    pub id: ClientId,
    /// The name to show; the id if there is none.
    pub name: Option<DisplayName>,
    /// How large frames are sent.
    pub frame_size: FrameSize,
    /// Whether a broken connection is made anew.
    pub reconnect: bool,
}

/// What happens in a session.
#[derive(Debug)]
pub enum Event {
    /// The seat was taken, or taken again.
    Seated(Seat),
    /// A frame was answered.
    Mosaic(Mosaic),
    /// The connection broke; the next try is after `wait`.
    Lost {
        /// What broke.
        why: String,
        /// Until the next try.
        wait: Duration,
    },
}

/// The answer to one frame.
#[derive(Debug)]
pub struct Mosaic {
    /// From 1 on, without a gap: the number of the frame that it answers.
    pub number: u64,
    /// The picture.
    pub jpeg: Bytes,
    /// From the frame's sending to here.
    pub round_trip: Duration,
    /// Why the frame could not be used, and whether that reason is new.
    pub refusal: Option<(Refusal, bool)>,
}

/// A session. [`Session::next`] drives it: nothing happens between the calls.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    stop: CancellationToken,
    state: State,
    /// The frames, until they end.
    frames: Option<Frames>,
    /// Why they ended, if that was an error: told when everything sent is answered.
    frames_error: Option<FramesError>,
    making: Making,
    /// Frames that a broken stream left unanswered: they go first on the next.
    again: VecDeque<FrameRequest>,
    seat: Option<Seated>,
    sequence: u64,
    tally: Tally,
    /// What the server said of the last frame that it could not use.
    last_refusal: Option<String>,
    backoff: Backoff,
}

/// What is known of our seat.
#[derive(Debug)]
struct Seated {
    seat: Seat,
    spec: TileSpec,
    since: Instant,
}

/// Where a session stands.
#[derive(Debug)]
enum State {
    /// Without a stream; the next try is after the time given.
    Apart(Duration),
    /// On a stream.
    Joined(Link),
    /// On a stream that ends at the time given, answered in full or not.
    Stopping(Link, Instant),
    /// At its end.
    Over,
}

/// What a session waits for.
enum Happened {
    Answer(Result<Option<Answer>, Status>),
    Frame(Option<Result<DueFrame, FramesError>>),
    Made(Result<FrameRequest, FramesError>),
    /// Nothing was sent for a while.
    Quiet,
    Stop,
    TimeOver,
}

impl Session {
    /// A session that sends `frames` until they end or `stop` says so.
    pub fn new(config: SessionConfig, frames: Frames, stop: CancellationToken) -> Self {
        Self {
            making: Making::new(config.frame_size),
            config,
            stop,
            state: State::Apart(Duration::ZERO),
            frames: Some(frames),
            frames_error: None,
            again: VecDeque::new(),
            seat: None,
            sequence: 0,
            tally: Tally::of_participant(),
            last_refusal: None,
            backoff: Backoff::new(),
        }
    }

    /// The figures so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// When the seat was first taken, if it was.
    pub fn since(&self) -> Option<Instant> {
        self.seat.as_ref().map(|seated| seated.since)
    }

    /// What happens next; `None` when everything was sent and answered, or the session was stopped.
    ///
    /// # Errors
    ///
    /// When the session cannot go on. The tally still stands then.
    pub async fn next(&mut self) -> Result<Option<Event>, SessionError> {
        loop {
            let event = match mem::replace(&mut self.state, State::Over) {
                State::Apart(wait) => self.join_after(wait).await?,
                State::Joined(link) => self.step(link, None).await?,
                State::Stopping(link, end) => self.step(link, Some(end)).await?,
                State::Over => return self.frames_error.take().map_or(Ok(None), |error| Err(error.into())),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Lets the source go.
    pub async fn close(self) {
        if let Some(frames) = self.frames {
            frames.close().await;
        }
    }

    /// Joins after a wait, unless the user says stop before.
    async fn join_after(&mut self, wait: Duration) -> Result<Option<Event>, SessionError> {
        let joined = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(None),
            joined = async { sleep(wait).await; self.join().await } => joined,
        };
        match joined {
            Ok((link, welcome)) => self.seated(link, welcome).map(Some),
            Err(status) => self.lost(&status).map(Some),
        }
    }

    /// One try to connect and to say hello.
    async fn join(&self) -> Result<(Link, FrameResponse), Status> {
        let mut client = self.config.server.connect().await?;
        Link::join(&mut client, self.hello()).await
    }

    /// The first message of a stream, which asks for our seat.
    fn hello(&self) -> FrameRequest {
        let seat = self.seat.as_ref().map(|seated| &seated.seat);
        FrameRequest {
            client_id: self.config.id.to_string(),
            room: self.config.room.to_string(),
            display_name: self.config.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            session: seat.map(|seat| seat.session.clone()).unwrap_or_default(),
            preferred_slot: seat.map(|seat| seat.slot),
            ..FrameRequest::default()
        }
    }

    /// On a stream: what was left unanswered goes first.
    fn seated(&mut self, mut link: Link, welcome: FrameResponse) -> Result<Event, SessionError> {
        let seat = welcome.seat.ok_or_else(|| self.foreign("the join was answered without a seat"))?;
        if self.seat.is_some() {
            self.tally.add_reconnect();
        }
        self.learn(seat.clone())?;
        for request in mem::take(&mut self.again) {
            self.tally.add_bytes_up(request.frame_data.len());
            link.send(request);
        }
        self.state = State::Joined(link);
        Ok(Event::Seated(seat))
    }

    /// Remembers the seat; frames are made for it from now on.
    fn learn(&mut self, seat: Seat) -> Result<(), SessionError> {
        let spec = tile_spec(&seat).map_err(|what| self.foreign(&what))?;
        let since = self.seat.as_ref().map_or_else(Instant::now, |seated| seated.since);
        self.seat = Some(Seated { seat, spec, since });
        Ok(())
    }

    /// After a break: an error, or the wait before the next try.
    fn lost(&mut self, status: &Status) -> Result<Event, SessionError> {
        let asked = Asked {
            server: &self.config.server,
            room: &self.config.room,
            id: Some(&self.config.id),
            was_in: self.seat.is_some(),
        };
        match judge(status, asked) {
            Verdict::TryAgain(why) if self.config.reconnect => {
                let wait = self.backoff.next_wait();
                self.state = State::Apart(wait);
                Ok(Event::Lost { why, wait })
            }
            Verdict::TryAgain(why) => {
                Err(SessionError::Lost { server: Box::new(self.config.server.clone()), why })
            }
            Verdict::GiveUp(SessionError::Invalid(message)) => Err(self.invalid(message)),
            Verdict::GiveUp(error) => Err(error),
        }
    }

    /// The server took nothing more: if it was the frames, it has said why before.
    fn invalid(&self, message: String) -> SessionError {
        SessionError::Invalid(match &self.last_refusal {
            Some(refusal) => format!("{message}; the last one because: {refusal}"),
            None => message,
        })
    }

    fn foreign(&self, what: &str) -> SessionError {
        SessionError::Foreign { server: Box::new(self.config.server.clone()), what: what.to_owned() }
    }

    /// One thing that happens on a stream; `end` is when it is to be over.
    async fn step(&mut self, mut link: Link, end: Option<Instant>) -> Result<Option<Event>, SessionError> {
        if self.frames.is_none() && !self.making.is_busy() {
            link.half_close();
        }
        let happened = self.wait(&mut link, end).await;
        match happened {
            Happened::Answer(Ok(Some(answer))) => {
                let mosaic = self.received(answer)?;
                self.stay(link, end);
                return Ok(mosaic.map(Event::Mosaic));
            }
            Happened::Answer(Ok(None)) | Happened::TimeOver => return Ok(None),
            // The stream broke while the user waits for its end: that is it, then.
            Happened::Answer(Err(_)) if end.is_some() => return Ok(None),
            Happened::Answer(Err(status)) => {
                self.again = link.into_unanswered();
                return self.lost(&status).map(Some);
            }
            Happened::Frame(Some(Ok(frame))) => self.make(frame),
            Happened::Frame(Some(Err(error))) => self.end_frames(Some(error)),
            Happened::Frame(None) => self.end_frames(None),
            Happened::Made(request) => self.send(&mut link, request),
            Happened::Quiet => link.sign_of_life(),
            Happened::Stop => {
                link.half_close();
                self.stay(link, Some(Instant::now() + STOP_TIMEOUT));
                return Ok(None);
            }
        }
        self.stay(link, end);
        Ok(None)
    }

    fn stay(&mut self, link: Link, end: Option<Instant>) {
        self.state = match end {
            Some(end) => State::Stopping(link, end),
            None => State::Joined(link),
        };
    }

    /// Waits for whatever comes first. Nothing is lost of what comes later.
    async fn wait(&mut self, link: &mut Link, end: Option<Instant>) -> Happened {
        let stopping = end.is_some();
        let may_say = !stopping && link.has_room();
        // The next frame may take the last room while it is made: a sign of life must not.
        let (may_make, may_sign) = (may_say && self.making.is_idle(), may_say && link.is_answered());
        let quiet_until = link.quiet_until();
        tokio::select! {
            biased;
            () = self.stop.cancelled(), if !stopping => Happened::Stop,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if stopping => Happened::TimeOver,
            answer = link.next() => Happened::Answer(answer),
            made = self.making.done(), if !stopping => Happened::Made(made),
            frame = next_frame(&mut self.frames), if may_make => Happened::Frame(frame),
            () = sleep_until(quiet_until), if may_sign => Happened::Quiet,
        }
    }

    /// Counts an answer and takes its news; one to a sign of life is no mosaic of a frame.
    fn received(&mut self, answer: Answer) -> Result<Option<Mosaic>, SessionError> {
        let Answer { response, round_trip, is_of_frame } = answer;
        if let Some(seat) = response.seat {
            self.learn(seat)?;
        }
        // The connection carries frames again: the next break starts with a short wait.
        self.backoff = Backoff::new();
        if !is_of_frame {
            return Ok(None);
        }
        if !is_jpeg(&response.frame_data) {
            return Err(self.foreign("it answered a frame with what is no JPEG"));
        }
        self.tally.add_mosaic(response.frame_data.len(), Instant::now());
        self.tally.add_round_trip(round_trip);
        let refusal = response.refusal.map(|mut refusal| {
            refusal.message = excerpt(&refusal.message);
            let is_new = self.tally.add_refusal(refusal.reason());
            self.last_refusal = Some(refusal.message.clone());
            (refusal, is_new)
        });
        let number = self.tally.received();
        Ok(Some(Mosaic { number, jpeg: response.frame_data, round_trip, refusal }))
    }

    fn end_frames(&mut self, error: Option<FramesError>) {
        self.frames = None;
        self.frames_error = error;
    }

    /// Starts to make `frame` what the server wants now.
    fn make(&mut self, frame: DueFrame) {
        let Some(seated) = &self.seat else { return };
        self.sequence += 1;
        self.making.start(frame, seated.spec, self.sequence);
    }

    /// Sends what was made, or ends where it could not be made.
    fn send(&mut self, link: &mut Link, made: Result<FrameRequest, FramesError>) {
        match made {
            Ok(request) => {
                self.tally.add_frame();
                self.tally.add_bytes_up(request.frame_data.len());
                link.send(request);
            }
            Err(error) => self.end_frames(Some(error)),
        }
    }
}

/// The next frame, or `None` at the end of them.
async fn next_frame(frames: &mut Option<Frames>) -> Option<Result<DueFrame, FramesError>> {
    match frames {
        Some(frames) => frames.next().await,
        // Nothing to wait for: the stream is half-closed already.
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
