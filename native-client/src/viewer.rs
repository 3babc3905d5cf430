//! A spectator's session: the mosaics of a room, over as many streams as it takes.

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use tessera_wire::{FrameResponse, WatchMosaicRequest};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::address::ServerAddress;
use crate::backoff::Backoff;
use crate::error::{Asked, SessionError, Verdict, judge};
use crate::identity::Room;
use crate::replies::Heard;
use crate::summary::Tally;
use crate::tiles::is_jpeg;

/// How long the server may take to open the stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing at all may come. The server says something every 5 seconds; a proxy whose server is gone says
/// nothing and answers pings.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(12);

/// What is watched, and how.
#[derive(Debug, Clone)]
pub struct ViewerConfig {
    /// The server.
    pub server: ServerAddress,
    /// The room.
    pub room: Room,
    /// At most so many mosaics a second; the server's limit if there is none.
    pub max_fps: Option<u32>,
    /// Whether a broken connection is made anew.
    pub reconnect: bool,
}

/// What happens to a spectator.
#[derive(Debug)]
pub enum View {
    /// The server shows us the room.
    Watching,
    /// A new mosaic, numbered from 1 on.
    Mosaic(u64, Bytes),
    /// The connection broke; the next try is after `wait`.
    Lost {
        /// What broke.
        why: String,
        /// Until the next try.
        wait: Duration,
    },
}

/// A spectator. [`Viewer::next`] drives it.
#[derive(Debug)]
pub struct Viewer {
    config: ViewerConfig,
    stop: CancellationToken,
    state: State,
    since: Option<Instant>,
    tally: Tally,
    backoff: Backoff,
}

#[derive(Debug)]
enum State {
    Apart(Duration),
    Watching(Box<Watched>),
    Over,
}

/// A stream that the server has opened.
#[derive(Debug)]
struct Watched {
    responses: Streaming<FrameResponse>,
    heard: Heard,
}

impl Watched {
    async fn open(config: &ViewerConfig) -> Result<Self, Status> {
        let mut client = config.server.connect().await?;
        let request = WatchMosaicRequest {
            room: config.room.to_string(),
            max_fps: config.max_fps.unwrap_or_default(),
            ..WatchMosaicRequest::default()
        };
        let opened = timeout(OPEN_TIMEOUT, client.watch_mosaic(request)).await;
        let reply = opened.unwrap_or_else(|_| Err(Status::unavailable("no answer")))?;
        let heard = Heard::of(reply.extensions());
        Ok(Self { responses: reply.into_inner(), heard })
    }

    async fn next(&mut self) -> Result<FrameResponse, Status> {
        let message = tokio::select! {
            biased;
            message = self.responses.message() => message,
            // From now on: nothing is taken while a mosaic waits for the disk.
            status = self.heard.silence(Instant::now(), SILENCE_TIMEOUT) => Err(status),
        };
        message?.ok_or_else(|| Status::unavailable("the stream ended"))
    }
}

impl Viewer {
    /// A spectator until `stop` says so.
    pub fn new(config: ViewerConfig, stop: CancellationToken) -> Self {
        let state = State::Apart(Duration::ZERO);
        Self { config, stop, state, since: None, tally: Tally::of_spectator(), backoff: Backoff::new() }
    }

    /// The figures so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// When the first stream began, if one did.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Waits until somebody says stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// What happens next; `None` when it was stopped.
    ///
    /// # Errors
    ///
    /// When it cannot go on. The tally still stands then.
    pub async fn next(&mut self) -> Result<Option<View>, SessionError> {
        let stop = self.stop.clone();
        loop {
            let state = mem::replace(&mut self.state, State::Over);
            let view = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                view = self.advance(state) => view?,
            };
            if view.is_some() || matches!(self.state, State::Over) {
                return Ok(view);
            }
        }
    }

    async fn advance(&mut self, state: State) -> Result<Option<View>, SessionError> {
        match state {
            State::Over => Ok(None),
            State::Apart(wait) => {
                sleep(wait).await;
                match Watched::open(&self.config).await {
                    Ok(stream) => Ok(Some(self.watching(stream))),
                    Err(status) => self.lost(&status).map(Some),
                }
            }
            State::Watching(mut stream) => match stream.next().await {
                Ok(response) => {
                    self.state = State::Watching(stream);
                    self.received(response)
                }
                Err(status) => self.lost(&status).map(Some),
            },
        }
    }

    fn watching(&mut self, stream: Watched) -> View {
        if self.since.is_some() {
            self.tally.add_reconnect();
        }
        self.since.get_or_insert_with(Instant::now);
        self.state = State::Watching(Box::new(stream));
        View::Watching
    }

    /// A response without a picture only says that the connection lives.
    fn received(&mut self, response: FrameResponse) -> Result<Option<View>, SessionError> {
        self.backoff = Backoff::new();
        if response.frame_data.is_empty() {
            return Ok(None);
        }
        if !is_jpeg(&response.frame_data) {
            let (server, what) =
                (Box::new(self.config.server.clone()), "it shows what is no JPEG".to_owned());
            return Err(SessionError::Foreign { server, what });
        }
        self.tally.add_mosaic(response.frame_data.len(), Instant::now());
        Ok(Some(View::Mosaic(self.tally.received(), response.frame_data)))
    }

    fn lost(&mut self, status: &Status) -> Result<View, SessionError> {
        let (server, room) = (&self.config.server, &self.config.room);
        let asked = Asked { server, room, id: None, was_in: self.since.is_some() };
        match judge(status, asked) {
            Verdict::TryAgain(why) if self.config.reconnect => {
                let wait = self.backoff.next_wait();
                self.state = State::Apart(wait);
                Ok(View::Lost { why, wait })
            }
            Verdict::TryAgain(why) => Err(SessionError::Lost { server: Box::new(server.clone()), why }),
            Verdict::GiveUp(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::{Act, FakeServer};

    fn config(server: &FakeServer) -> ViewerConfig {
        ViewerConfig { server: server.address(), room: Room::default(), max_fps: Some(5), reconnect: true }
    }

    async fn numbers(viewer: &mut Viewer, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let View::Mosaic(number, _) = viewer.next().await.unwrap().unwrap() {
                numbers.push(number);
            }
        }
        numbers
    }

    #[tokio::test]
    async fn a_response_without_a_picture_is_no_mosaic() {
        let server = FakeServer::start([]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        // The fake server shows nothing new in every second response.
        assert_eq!(numbers(&mut viewer, 3).await, [1, 2, 3]);
        assert_eq!(viewer.tally().received(), 3);
        let asked = server.watched();
        assert_eq!((asked[0].client_id.as_str(), asked[0].max_fps), ("", 5));
    }

    #[tokio::test]
    async fn what_is_no_jpeg_is_no_mosaic_and_the_servers_fault() {
        let server = FakeServer::start([Act::Answer(b"<html>")]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        assert!(matches!(viewer.next().await, Ok(Some(View::Watching))));
        let error = viewer.next().await.unwrap_err().to_string();
        assert!(error.contains(&server.address().to_string()) && error.contains("no JPEG"), "{error}");
        assert_eq!(viewer.tally().received(), 0);
    }

    #[tokio::test]
    async fn a_response_that_is_larger_than_any_mosaic_is_not_taken() {
        let server = FakeServer::start([Act::Answer(&[0xFF; (16 << 20) + 1])]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        assert!(matches!(viewer.next().await, Ok(Some(View::Watching))));
        let error = viewer.next().await.unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }

    #[tokio::test]
    async fn a_viewer_comes_back_when_the_stream_breaks() {
        let server = FakeServer::start([Act::Break { after: 2, status: Status::unavailable("stopping") }]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        assert_eq!(numbers(&mut viewer, 4).await, [1, 2, 3, 4]);
        assert_eq!(viewer.tally().reconnects(), 1);
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_any_more_is_a_lost_connection() {
        let server = FakeServer::start([Act::Fall { silent_after: 2 }]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        numbers(&mut viewer, 2).await;
        // Nobody waits twelve seconds here.
        tokio::time::pause();
        let begin = Instant::now();
        let Ok(Some(View::Lost { why, .. })) = viewer.next().await else { panic!() };
        assert_eq!(why, "nothing came for 12 s");
        assert!(begin.elapsed() >= SILENCE_TIMEOUT);
        tokio::time::resume();
        assert_eq!(numbers(&mut viewer, 1).await, [3]);
    }

    #[tokio::test]
    async fn a_server_that_does_not_open_the_stream_is_waited_for_ten_seconds() {
        let server = FakeServer::start([Act::Mute]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        let opening = viewer.next();
        tokio::pin!(opening);
        tokio::select! {
            _ = &mut opening => panic!("it was not opened"),
            () = server.asked_to_watch() => {}
        }
        tokio::time::pause();
        let begin = Instant::now();
        let error = opening.await.unwrap_err();
        assert!(matches!(error, SessionError::NoServer { .. }), "{error}");
        // It has waited for a moment before, and timers are late by up to a millisecond.
        assert!(begin.elapsed() <= OPEN_TIMEOUT + Duration::from_millis(1));
    }

    #[tokio::test]
    async fn a_room_that_is_private_is_an_error() {
        let server = FakeServer::start([Act::Deny(Status::unauthenticated("this server is private"))]);
        let mut viewer = Viewer::new(config(&server), CancellationToken::new());
        assert!(matches!(viewer.next().await, Err(SessionError::NotLetIn { .. })));
    }

    #[tokio::test]
    async fn a_viewer_that_is_told_to_stop_stops() {
        let server = FakeServer::start([]);
        let stop = CancellationToken::new();
        let mut viewer = Viewer::new(config(&server), stop.clone());
        numbers(&mut viewer, 1).await;
        stop.cancel();
        assert!(viewer.next().await.unwrap().is_none());
    }
}
