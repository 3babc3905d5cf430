//! Where frames come from: a video file, pictures, a camera, a pattern made here.

use std::time::Duration;

use bytes::Bytes;
use tessera_mosaic::Picture;

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
