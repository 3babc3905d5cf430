//! Where frames come from: a video file, pictures, a camera, a pattern made here.
//!
//! [`SourceSpec`] says what an argument means and opens it; a [`Source`] then gives its frames one by one.

mod boxes;
mod colour;
mod error;
mod ffmpeg;
mod h264;
mod mjpeg;
mod mp4;
mod orientation;
mod pattern;
mod pictures;
mod spec;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use tessera_mosaic::Picture;

pub use error::SourceError;
pub use pattern::PatternSpec;
pub use spec::SourceSpec;

/// Ends the programs that sources still run, for one that ends without waiting for its threads.
pub fn end_programs() {
    ffmpeg::end_all();
}

/// One frame of a source.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it is to be shown, counted from the source's first frame.
    pub at: Duration,
    /// What it shows.
    pub content: Content,
}

/// What a frame is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// A JPEG as the source holds it.
    Jpeg(Bytes),
    /// Pixels.
    Picture(Picture),
}

/// Frames in the order in which they are shown, read one at a time.
///
/// Reading blocks on files, decoders and cameras: give a source a thread of its own.
pub trait Source: Send {
    /// The next frame, or `None` after the last. [`Frame::at`] never goes back.
    ///
    /// # Errors
    ///
    /// When what is next cannot be read or decoded. The source is of no further use then.
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError>;

    /// Frames per second, on average; above zero.
    fn frame_rate(&self) -> f64;

    /// How many frames the source holds, if that is known before the end: for a progress bar.
    fn frame_count(&self) -> Option<u64>;
}

/// Frames per second of sources that do not tell: pictures and files of JPEGs.
const DEFAULT_FRAME_RATE: f64 = 25.0;

/// The most bytes that one compressed frame may have. Cameras' largest pictures have a third of it; a broken length
/// must not take the machine's memory.
pub(crate) const MAX_FRAME_BYTES: u64 = 64 << 20;

/// When frame `index`, counted from 0, is shown at `frame_rate` frames per second.
fn shown_at(index: u64, frame_rate: f64) -> Duration {
    Duration::from_secs_f64(index as f64 / frame_rate)
}
