//! Making frames ready to go, one at a time, off the async threads.

use std::mem;

use tessera_mosaic::TileSpec;
use tessera_wire::FrameRequest;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::frames::{DueFrame, FramesError};
use crate::tiles::{FrameSize, FrameTooLarge, TileMaker};

/// The one who makes tiles, on a thread of the blocking pool while it works.
#[derive(Debug)]
pub(crate) enum Making {
    /// Waits for a frame.
    Idle(Box<TileMaker>),
    /// Makes one.
    Busy(JoinHandle<(Box<TileMaker>, Result<FrameRequest, FrameTooLarge>)>),
    /// Lost in a crash, or between the two for a moment.
    Gone,
}

impl Making {
    pub(crate) fn new(size: FrameSize) -> Self {
        Self::Idle(Box::new(TileMaker::new(size)))
    }

    /// Whether the next frame may come.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    /// Whether a frame is in the making.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }

    /// Starts to make `frame` the request `sequence` to a server that wants `spec`. It must be idle.
    pub(crate) fn start(&mut self, frame: DueFrame, spec: TileSpec, sequence: u64) {
        let Self::Idle(mut maker) = mem::replace(self, Self::Gone) else { return };
        *self = Self::Busy(spawn_blocking(move || {
            let captured_at_us = frame.captured_at.as_micros();
            let made = maker.make(&frame.content, spec);
            let request =
                |frame_data| FrameRequest { frame_data, sequence, captured_at_us, ..FrameRequest::default() };
            (maker, made.map(request))
        }));
    }

    /// Waits until the frame is made, or for ever if none is in the making. Nothing is lost when the
    /// future is dropped.
    pub(crate) async fn done(&mut self) -> Result<FrameRequest, FramesError> {
        let Self::Busy(handle) = self else { return std::future::pending().await };
        let Ok((maker, made)) = handle.await else {
            // A bug of ours in the codec: there is no maker any more, and no next frame.
            *self = Self::Gone;
            return Err(FramesError::Crashed);
        };
        *self = Self::Idle(maker);
        Ok(made?)
    }
}
