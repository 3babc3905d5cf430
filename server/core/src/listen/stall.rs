//! Streams whose viewer takes nothing are ended.
//!
//! While HTTP/2's window is closed, or HTTP/1's buffer is full, nobody asks a response's body for more, so it cannot
//! notice that nothing moves. What does not depend on the body is this: what it gave is a [`Parcel`](super::outgoing::Parcel),
//! which the transport moves forward byte by byte as they are written, and drops. The [`Progress`] of a stream is when
//! that was last. A timer, which runs beside the stream and is set anew only when it has run out, compares.
//!
//! PINGs and other streams' bytes move no parcel of this stream, so they save nobody.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::limits::ConnectionLimits;
use crate::peer::{Address, StreamState};

/// Whoever wakes so late was asleep with all of this machine, or was stopped (SIGSTOP): a busy one is not as late.
const LATE: Duration = Duration::from_secs(2);

tokio::task_local! {
    static PROGRESS: Arc<Progress>;
}

/// How long a viewer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For one byte.
    byte: Duration,
    /// For one piece of a message. (A mosaic goes in at most three, and only the picture is more than a few bytes.)
    piece: Duration,
}

impl From<&ConnectionLimits> for Patience {
    fn from(limits: &ConnectionLimits) -> Self {
        Self { byte: limits.write_stall, piece: limits.mosaic_stall }
    }
}

/// How what a stream gave to the transport moves: of one HTTP/2 stream, or of an HTTP/1 connection, which has one
/// response at a time.
#[derive(Debug)]
pub(super) struct Progress {
    opened: Instant,
    /// Parcels in the transport's hands.
    parcels: AtomicUsize,
    /// Milliseconds from `opened` to when the viewer last took a byte, or could have.
    moved: AtomicU64,
    /// And to when the transport began with the parcel that it is at.
    begun: AtomicU64,
    /// Whether a piece must be taken in a given time: a picture of long ago is of no use. (The page is.)
    is_call: AtomicBool,
    /// Whom it is for.
    peer: Mutex<Option<Address>>,
    state: StreamState,
}

/// Why a stream was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stall {
    Byte(Duration),
    Piece(Duration),
}

impl fmt::Display for Stall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(time) => write!(formatter, "it took no byte for {time:?} (--write-stall)"),
            Self::Piece(time) => {
                write!(formatter, "it took more than {time:?} for a mosaic (--mosaic-stall)")
            }
        }
    }
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            parcels: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            is_call: AtomicBool::new(false),
            peer: Mutex::default(),
            state: StreamState::default(),
        })
    }

    /// Of the stream whose task this is.
    pub(super) fn current() -> Arc<Self> {
        // Whoever serves without a watchdog is not watched.
        PROGRESS.try_with(Arc::clone).unwrap_or_else(|_| Self::new())
    }

    /// Notes that a response begins.
    pub(super) fn respond(&self, peer: Address, is_call: bool) {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
        self.is_call.store(is_call, Ordering::Release);
    }

    /// What is known of the stream, as whether it was ended from here.
    pub(super) fn state(&self) -> &StreamState {
        &self.state
    }

    /// Notes that the transport was given a parcel.
    pub(super) fn give(&self) {
        if self.parcels.load(Ordering::Acquire) == 0 {
            self.begin();
        }
        self.parcels.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that bytes of a parcel were written.
    pub(super) fn advance(&self) {
        self.moved.store(self.now(), Ordering::Release);
    }

    /// Notes that the transport let go of a parcel.
    pub(super) fn let_go(&self) {
        self.begin();
        self.parcels.fetch_sub(1, Ordering::AcqRel);
    }

    fn begin(&self) {
        let now = self.now();
        self.moved.store(now, Ordering::Release);
        self.begun.store(now, Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When it will be a stall, and which, if nothing moves until then; `None` if there is nothing to move.
    fn due(&self, patience: Patience) -> Option<(Instant, Stall)> {
        if self.parcels.load(Ordering::Acquire) == 0 {
            return None;
        }
        let at = |since: &AtomicU64, time| {
            self.opened + Duration::from_millis(since.load(Ordering::Acquire)) + time
        };
        let byte = (at(&self.moved, patience.byte), Stall::Byte(patience.byte));
        let piece = (at(&self.begun, patience.piece), Stall::Piece(patience.piece));
        let has_time = !self.is_call.load(Ordering::Acquire) || byte.0 <= piece.0;
        Some(if has_time { byte } else { piece })
    }

    /// Waits until nothing has moved for too long, and notes it.
    async fn stalled(&self, patience: Patience) {
        loop {
            let wake_at = match self.due(patience) {
                // Whatever is given from now on is due later than that.
                None => Instant::now() + patience.byte.min(patience.piece),
                Some((at, stall)) if at <= Instant::now() => return self.give_up(stall),
                Some((at, _)) => at,
            };
            sleep_until(wake_at).await;
            // It was not the viewer who stood still: it gets its time anew.
            if wake_at.elapsed() >= LATE {
                self.begin();
            }
        }
    }

    fn give_up(&self, stall: Stall) {
        self.state.give_up();
        let room = self.state.room();
        let peer = *self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        warn!(
            viewer = peer.map(tracing::field::display),
            room = room.map(tracing::field::display),
            reason = %stall,
            "ended a stream that is not read"
        );
    }
}

/// `work`, which answers on `progress`, unless its viewer takes too long. Then it is dropped.
pub(super) async fn unless_stalled<F: Future>(
    progress: Arc<Progress>,
    patience: Patience,
    work: F,
) -> Option<F::Output> {
    let work = PROGRESS.scope(Arc::clone(&progress), work);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = progress.stalled(patience) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::peer::Peer;

    const PATIENCE: Patience = Patience { byte: Duration::from_secs(10), piece: Duration::from_secs(60) };

    fn peer() -> Address {
        Peer::new(([127, 0, 0, 1], 1).into(), std::time::Instant::now()).address()
    }

    async fn seconds(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// After how many seconds a stream is ended that does as `viewer` says, and then nothing.
    async fn ended_after(is_call: bool, viewer: impl AsyncFnOnce(Arc<Progress>)) -> u64 {
        let (progress, begin) = (Progress::new(), Instant::now());
        progress.respond(peer(), is_call);
        let viewed = async {
            viewer(Progress::current()).await;
            pending::<()>().await;
        };
        assert_eq!(unless_stalled(Arc::clone(&progress), PATIENCE, viewed).await, None);
        assert!(progress.state().is_given_up());
        begin.elapsed().as_secs()
    }

    #[test]
    fn a_viewer_whose_stream_is_ended_is_named_with_its_room() {
        let progress = Progress::new();
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), std::time::Instant::now());
        peer.of_stream(progress.state().clone()).enter(&"kitchen".parse().unwrap());
        progress.respond(self::peer(), true);
        let line = crate::log::logged(tracing::Level::WARN, || progress.give_up(Stall::Byte(PATIENCE.byte)));
        assert!(line.contains("viewer=127.0.0.1:1 room=kitchen reason="), "{line}");
        assert!(progress.state().is_given_up());
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_no_byte_is_ended_after_the_write_stall_whenever_it_begins() {
        assert_eq!(ended_after(true, async |stream| stream.give()).await, 10);
        let late = async |stream: Arc<Progress>| {
            seconds(13).await;
            stream.give();
        };
        assert_eq!(ended_after(true, late).await, 23);
        let stops = async |stream: Arc<Progress>| {
            stream.give();
            seconds(7).await;
            stream.advance();
        };
        assert_eq!(ended_after(true, stops).await, 17);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_is_not_ended_for_the_time_in_which_the_server_stood_still() {
        let stands_still = async |stream: Arc<Progress>| {
            stream.give();
            seconds(5).await;
            tokio::time::advance(Duration::from_secs(20)).await;
        };
        assert_eq!(ended_after(true, stands_still).await, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_byte_for_byte_has_a_minute_for_a_mosaic_and_for_ever_for_the_page() {
        let trickle = async |stream: Arc<Progress>| {
            stream.give();
            for _ in 0..20 {
                seconds(9).await;
                stream.advance();
            }
        };
        assert_eq!(ended_after(true, trickle).await, 60);
        assert_eq!(ended_after(false, trickle).await, 190);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_its_mosaics_is_left_alone_and_so_is_one_that_has_none_to_take() {
        let viewer = async {
            let stream = Progress::current();
            for _ in 0..10 {
                stream.give();
                seconds(8).await;
                stream.let_go();
                seconds(100).await;
            }
        };
        let progress = Progress::new();
        assert_eq!(unless_stalled(Arc::clone(&progress), PATIENCE, viewer).await, Some(()));
        assert!(!progress.state().is_given_up());
    }
}
