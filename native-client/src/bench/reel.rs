//! The frames that are sent, made ready before they are needed and shared by all publishers.

use std::sync::Arc;

use bytes::Bytes;
use tessera_mosaic::{Fit, Quality, TileFormat, TileSize, TileSpec};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::BenchError;
use crate::source::{Content, SourceSpec};
use crate::tiles::{FrameSize, FrameTooLarge, TileMaker};

/// Frames that are sent over and over: enough that nothing learns them by heart.
const FRAMES: usize = 48;

/// Frames, ready to go.
pub(super) type Strip = Arc<[Bytes]>;

/// The first frames of a source.
#[derive(Debug)]
pub(super) struct Reel {
    content: Arc<[Content]>,
    size: FrameSize,
    frame_rate: f64,
    /// The newest strip, for the grid may change while people come in, and that for all.
    made: Mutex<Option<(TileSpec, Strip)>>,
}

impl Reel {
    pub(super) async fn open(source: SourceSpec, size: FrameSize) -> Result<Self, BenchError> {
        let read = spawn_blocking(move || read(&source)).await;
        let (content, frame_rate) = read.map_err(|_| BenchError::Crashed)??;
        if content.is_empty() {
            return Err(BenchError::Empty);
        }
        Ok(Self { content: content.into(), size, frame_rate, made: Mutex::new(None) })
    }

    pub(super) fn frame_rate(&self) -> f64 {
        self.frame_rate
    }

    /// Whether a server must say what a tile is before anything can be sent.
    pub(super) fn needs_seat(&self) -> bool {
        self.size == FrameSize::Tile
    }

    /// The frames for a server that wants `spec`.
    pub(super) async fn strip(&self, spec: TileSpec) -> Result<Strip, BenchError> {
        // Held while they are made: whoever else wants them waits for the same.
        let mut made = self.made.lock().await;
        if let Some((made_for, strip)) = &*made
            && (*made_for == spec || self.size == FrameSize::Full)
        {
            return Ok(Arc::clone(strip));
        }
        let (content, size) = (Arc::clone(&self.content), self.size);
        let strip = spawn_blocking(move || make(&content, size, spec)).await;
        let strip = strip.map_err(|_| BenchError::Crashed)??;
        *made = Some((spec, Arc::clone(&strip)));
        Ok(strip)
    }
}

/// What a server that says nothing of tiles gets: the usual ones.
pub(super) fn usual_spec() -> TileSpec {
    let size = TileSize::new(640, 480).expect("sides are multiples of 16");
    let quality = Quality::new(85).expect("85 is between 1 and 100");
    TileSpec { format: TileFormat { size, quality }, fit: Fit::Contain }
}

fn read(source: &SourceSpec) -> Result<(Vec<Content>, f64), BenchError> {
    let mut source = source.open()?;
    let mut content = Vec::with_capacity(FRAMES);
    while content.len() < FRAMES {
        let Some(frame) = source.next_frame()? else { break };
        content.push(frame.content);
    }
    Ok((content, source.frame_rate()))
}

fn make(content: &[Content], size: FrameSize, spec: TileSpec) -> Result<Strip, FrameTooLarge> {
    let mut maker = TileMaker::new(size);
    content.iter().map(|content| maker.make(content, spec)).collect()
}
