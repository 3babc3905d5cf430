//! Frames from a source, each at its time: a thread reads, a bounded channel carries, a schedule paces.

use std::thread;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::pacing::{Pace, Schedule, period_of};
use crate::source::{Content, Frame, Source, SourceError, SourceSpec};
use crate::tiles::FrameTooLarge;

/// Frames read ahead: enough that reading one and sending another go on side by side, few enough that
/// a camera's pictures are not old when they leave.
const READ_AHEAD: usize = 2;
/// How long a source may take to let go of its device or its program at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is sent of a source, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// How fast frames follow each other.
    pub pace: Pace,
    /// Whether it starts again at its end.
    pub repeat: bool,
    /// At most so many frames.
    pub max_frames: Option<u64>,
}

/// Why there are no more frames, other than the source's end.
#[derive(Debug, Error)]
pub enum FramesError {
    /// The source could not be opened or read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It was opened and ended at once.
    #[error("the source has no frame in it")]
    Empty,
    /// One frame is too large.
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    /// A decoder's bug.
    #[error("the source's reader crashed: the file may be damaged; ffmpeg may repair it")]
    Crashed,
    /// No thread could be started.
    #[error("no thread for the source: {0}")]
    Thread(std::io::Error),
}

/// When a frame was captured, in microseconds of the Unix epoch: programs of one machine share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CapturedAt(u64);

impl CapturedAt {
    fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    /// As the wire carries it.
    pub(crate) fn as_micros(self) -> u64 {
        self.0
    }
}

/// A frame whose time has come.
#[derive(Debug)]
pub(crate) struct DueFrame {
    pub(crate) content: Content,
    pub(crate) captured_at: CapturedAt,
}

/// The frames of one source.
#[derive(Debug)]
pub struct Frames {
    read: mpsc::Receiver<Result<Frame, FramesError>>,
    reader: Option<thread::JoinHandle<()>>,
    schedule: Schedule,
    /// The frame that is here already, and when it is due.
    waiting: Option<(Content, Instant)>,
    /// How many more may go.
    left: Option<u64>,
    total: Option<u64>,
}

/// What a source says of itself when it is opened.
#[derive(Debug)]
struct Opened {
    frame_rate: f64,
    frame_count: Option<u64>,
}

impl Frames {
    /// Opens `source` on a thread of its own and waits until it is known to work.
    ///
    /// # Errors
    ///
    /// When the source cannot be opened.
    pub async fn open(source: SourceSpec, playback: Playback) -> Result<Self, FramesError> {
        Self::read_from(move || source.open(), playback).await
    }

    /// Reads what `open` opens, again and again if it is to repeat.
    async fn read_from<O>(open: O, playback: Playback) -> Result<Self, FramesError>
    where
        O: Fn() -> Result<Box<dyn Source>, SourceError> + Send + 'static,
    {
        let (opened_sender, opened) = oneshot::channel();
        let (sender, read) = mpsc::channel(READ_AHEAD);
        let reader = thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || read_all(&open, playback.repeat, opened_sender, &sender))
            .map_err(FramesError::Thread)?;
        let opened = opened.await.map_err(|_| FramesError::Crashed)??;
        let endless = playback.repeat || opened.frame_count.is_none();
        let total = if endless { None } else { opened.frame_count };
        Ok(Self {
            read,
            reader: Some(reader),
            schedule: Schedule::new(playback.pace, opened.frame_rate),
            waiting: None,
            left: playback.max_frames,
            total: match (total, playback.max_frames) {
                (Some(total), Some(most)) => Some(total.min(most)),
                (total, most) => total.or(most),
            },
        })
    }

    /// How many there will be, if that is known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next frame, at its time; `None` at the end. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Result<DueFrame, FramesError>> {
        if self.left == Some(0) {
            return None;
        }
        if self.waiting.is_none() {
            match self.read.recv().await {
                Some(Ok(frame)) => {
                    let due = self.schedule.next(frame.at, Instant::now());
                    self.waiting = Some((frame.content, due));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => return self.crash().map(Err),
            }
        }
        if let Some((_, due)) = &self.waiting {
            sleep_until(*due).await;
        }
        let (content, _) = self.waiting.take()?;
        self.left = self.left.map(|left| left - 1);
        Some(Ok(DueFrame { content, captured_at: CapturedAt::now() }))
    }

    /// Whether the thread that has ended ended in a panic.
    fn crash(&mut self) -> Option<FramesError> {
        let reader = self.reader.take()?;
        reader.join().err().map(|_| FramesError::Crashed)
    }

    /// Lets the source go, and waits for it a moment: it may hold a camera or a program.
    pub async fn close(mut self) {
        self.read.close();
        while self.read.try_recv().is_ok() {}
        if let Some(reader) = self.reader.take() {
            let joined = tokio::task::spawn_blocking(move || reader.join().is_ok());
            // Whoever hangs is left behind: the process ends soon.
            drop(tokio::time::timeout(CLOSE_TIMEOUT, joined).await);
        }
    }
}

/// The reader's thread: ends at the source's end, at an error, or when nobody listens any more.
fn read_all(
    open: &dyn Fn() -> Result<Box<dyn Source>, SourceError>,
    repeat: bool,
    opened: oneshot::Sender<Result<Opened, FramesError>>,
    sender: &mpsc::Sender<Result<Frame, FramesError>>,
) {
    let mut source = match open() {
        Ok(source) => source,
        Err(error) => return drop(opened.send(Err(error.into()))),
    };
    let facts = Opened { frame_rate: source.frame_rate(), frame_count: source.frame_count() };
    if opened.send(Ok(facts)).is_err() {
        return;
    }
    let mut offset = Duration::ZERO;
    let ended = loop {
        match read_once(source.as_mut(), offset, sender) {
            Ok(Pass::Unheard) => return,
            Ok(Pass::Ended(None)) => break Err(FramesError::Empty),
            Ok(Pass::Ended(Some(last))) if repeat => offset = last + period_of(source.frame_rate()),
            Ok(Pass::Ended(Some(_))) => break Ok(()),
            Err(error) => break Err(error),
        }
        source = match open() {
            Ok(source) => source,
            Err(error) => break Err(error.into()),
        };
    };
    if let Err(error) = ended {
        drop(sender.blocking_send(Err(error)));
    }
}

/// How one pass through a source went.
enum Pass {
    /// To its end; the time of the last frame if there was one.
    Ended(Option<Duration>),
    /// Nobody wants more frames.
    Unheard,
}

/// Sends every frame of `source`, `offset` later than it says.
fn read_once(
    source: &mut dyn Source,
    offset: Duration,
    sender: &mpsc::Sender<Result<Frame, FramesError>>,
) -> Result<Pass, FramesError> {
    let mut last = None;
    while let Some(Frame { at, content }) = source.next_frame()? {
        let at = at + offset;
        last = Some(at);
        if sender.blocking_send(Ok(Frame { at, content })).is_err() {
            return Ok(Pass::Unheard);
        }
    }
    Ok(Pass::Ended(last))
}

#[cfg(test)]
pub(crate) mod tests;
