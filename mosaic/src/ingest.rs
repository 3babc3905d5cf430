//! From a frame to a tile, by the cheapest way that fits.
//!
//! 1. *accept*: it is a canonical tile already; every Huffman code is checked, nothing is encoded.
//! 2. *transcode*: a baseline 4:2:0 JPEG of the tile's size needs no DCT, only other Huffman codes. It
//!    would stand here, between the two; until it does, such frames are re-encoded.
//! 3. *re-encode*: anything else that we take is decoded, scaled and encoded.

use bytes::Bytes;

use crate::decode::decode;
use crate::format::{Fit, TileSize, TileSpec};
use crate::limits::{FrameError, Limits};
use crate::picture::Picture;
use crate::probe::probe;
use crate::scale::Scaler;
use crate::tile::Tile;

/// Makes tiles of frames; keeps its working memory from one frame to the next.
#[derive(Debug, Default)]
pub struct Ingest {
    limits: Limits,
    scaler: Scaler,
}

/// A tile and how it was made.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// The tile.
    pub tile: Tile,
    /// The way in that the frame took.
    pub way: Way,
}

/// How a frame became a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// It was one, and has been checked.
    Accepted,
    /// It was decoded, scaled and encoded.
    Reencoded,
}

impl Ingest {
    /// Takes frames within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, scaler: Scaler::default() }
    }

    /// Makes a tile of a JPEG.
    ///
    /// # Errors
    ///
    /// The [`FrameError`] that says whose fault it is and what to do.
    pub fn jpeg(&mut self, jpeg: &Bytes, spec: TileSpec) -> Result<Ingested, FrameError> {
        let header = probe(jpeg, &self.limits)?;
        if let Some(tile) = Tile::accept(jpeg, &header, spec.format) {
            return Ok(Ingested { tile, way: Way::Accepted });
        }
        // Transcoding would be tried here.
        let picture = decode(jpeg, &header, &self.limits)?;
        Ok(Ingested { tile: self.picture(&picture, spec), way: Way::Reencoded })
    }

    /// Makes a tile of pixels.
    pub fn picture(&mut self, picture: &Picture, spec: TileSpec) -> Tile {
        let size = spec.format.size;
        if (picture.width(), picture.height()) == (size.width(), size.height()) {
            return Tile::encode(picture, spec.format);
        }
        Tile::encode(&self.scale(picture, size, spec.fit), spec.format)
    }

    /// Scales a picture to a tile's size, with black where it does not reach.
    pub fn scale(&mut self, picture: &Picture, size: TileSize, fit: Fit) -> Picture {
        self.scaler.scale(picture, size, fit)
    }

    /// Decodes a JPEG to pixels, turned upright.
    ///
    /// # Errors
    ///
    /// As [`Ingest::jpeg`].
    pub fn decode(&self, jpeg: &Bytes) -> Result<Picture, FrameError> {
        decode(jpeg, &probe(jpeg, &self.limits)?, &self.limits)
    }
}
