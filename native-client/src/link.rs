//! One StreamFrames call: which request each response answers, and what is still unanswered.

use std::collections::VecDeque;
use std::time::Duration;

use tessera_wire::{FrameRequest, FrameResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::address::Client;
use crate::replies::Heard;

/// Requests on their way at once: enough to hide the way to the server and back, few enough that what is
/// seen is what was just sent.
pub(crate) const WINDOW: usize = 4;
/// After so long without a message comes one without a picture. The server marks whoever is silent for 3 s as stale and
/// ends the stream after 30 s, unless it is told otherwise: this leaves room for a slow way and a shorter limit.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// How long the server may take to answer a join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to answer the oldest request, or a half-close after the last answer. A busy one may
/// rightly take its time; behind a proxy, one that is gone looks just the same, and no ping finds it.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream that has been joined.
#[derive(Debug)]
pub(crate) struct Link {
    /// Holds at most the window, so that sending never waits; `None` after the half-close.
    requests: Option<mpsc::Sender<FrameRequest>>,
    responses: Streaming<FrameResponse>,
    heard: Heard,
    unanswered: VecDeque<Sent>,
    last_sent: Instant,
    half_closed: Option<Instant>,
}

/// A request that has no response yet.
#[derive(Debug)]
struct Sent {
    /// `None` is a sign of life.
    frame: Option<FrameRequest>,
    at: Instant,
}

/// A response and the time it took.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: FrameResponse,
    pub(crate) round_trip: Duration,
    /// Whether it answers a frame, and not a sign of life.
    pub(crate) is_of_frame: bool,
}

impl Link {
    /// Joins with `hello`, and waits for its answer.
    pub(crate) async fn join(
        client: &mut Client,
        hello: FrameRequest,
    ) -> Result<(Self, FrameResponse), Status> {
        let (requests, outbound) = mpsc::channel(WINDOW);
        // The channel is empty and open: there is room for one.
        drop(requests.try_send(hello));
        let joining = async {
            let reply = client.stream_frames(ReceiverStream::new(outbound)).await?;
            let heard = Heard::of(reply.extensions());
            let mut responses = reply.into_inner();
            let welcome = responses.message().await?;
            let welcome = welcome.ok_or_else(|| Status::unavailable("the stream ended before it began"))?;
            Ok((Self::new(requests, responses, heard), welcome))
        };
        let joined = timeout(JOIN_TIMEOUT, joining).await;
        joined.unwrap_or_else(|_| Err(Status::unavailable("no answer to the join")))
    }

    fn new(requests: mpsc::Sender<FrameRequest>, responses: Streaming<FrameResponse>, heard: Heard) -> Self {
        Self {
            requests: Some(requests),
            responses,
            heard,
            unanswered: VecDeque::new(),
            last_sent: Instant::now(),
            half_closed: None,
        }
    }

    /// Whether one more request may go.
    pub(crate) fn has_room(&self) -> bool {
        self.requests.is_some() && self.unanswered.len() < WINDOW
    }

    /// Whether everything sent has been answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Sends a frame, for which there is room.
    pub(crate) fn send(&mut self, frame: FrameRequest) {
        self.say(frame.clone(), Some(frame));
    }

    /// Says that we live and have no new picture, for which there is room.
    pub(crate) fn sign_of_life(&mut self) {
        self.say(FrameRequest::default(), None);
    }

    fn say(&mut self, request: FrameRequest, frame: Option<FrameRequest>) {
        if let Some(requests) = &self.requests {
            // The channel holds a window, so only a broken stream fails here; the responses tell that.
            drop(requests.try_send(request));
        }
        self.last_sent = Instant::now();
        self.unanswered.push_back(Sent { frame, at: self.last_sent });
    }

    /// When it is time for a sign of life, if nothing else is sent before.
    pub(crate) fn quiet_until(&self) -> Instant {
        self.last_sent + SIGN_OF_LIFE
    }

    /// Says that no more frames come; answers still do.
    pub(crate) fn half_close(&mut self) {
        self.requests = None;
        self.half_closed.get_or_insert_with(Instant::now);
    }

    /// Whether everything has been said and answered.
    pub(crate) fn is_done(&self) -> bool {
        self.requests.is_none() && self.is_answered()
    }

    /// The next answer; `None` at the end of a stream that was half-closed and is answered in full.
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, Status> {
        let since = self.waits_since();
        let message = tokio::select! {
            biased;
            message = self.responses.message() => message,
            status = overdue(&self.heard, since) => Err(status),
        };
        match message {
            Ok(Some(response)) => {
                let sent = self.unanswered.pop_front();
                let sent = sent.ok_or_else(|| Status::internal("more responses than requests"))?;
                let (round_trip, is_of_frame) = (sent.at.elapsed(), sent.frame.is_some());
                Ok(Some(Answer { response, round_trip, is_of_frame }))
            }
            _ if self.is_done() => Ok(None),
            Ok(None) => Err(Status::unavailable("the stream ended early")),
            Err(status) => Err(status),
        }
    }

    /// Since when the server owes us something: an answer to the oldest request, or the stream's end.
    fn waits_since(&self) -> Option<Instant> {
        self.unanswered.front().map(|sent| sent.at).or(self.half_closed)
    }

    /// The frames that were sent and not answered, in order.
    pub(crate) fn into_unanswered(self) -> VecDeque<FrameRequest> {
        self.unanswered.into_iter().filter_map(|sent| sent.frame).collect()
    }
}

/// Waits until what the server owes since `since` is overdue: for ever if it owes nothing. The oldest request's turn
/// comes when the one before is answered, so the time counts from then.
async fn overdue(heard: &Heard, since: Option<Instant>) -> Status {
    match since {
        Some(since) => heard.silence(since, ANSWER_TIMEOUT).await,
        None => std::future::pending().await,
    }
}
