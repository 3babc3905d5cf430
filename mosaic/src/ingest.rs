//! From a frame to a tile, by the cheapest way that fits.
//!
//! 1. *accept*: it is a canonical tile already; every Huffman code is checked, nothing is encoded.
//! 2. *transcode*: a baseline 4:2:0 JPEG of the tile's size needs no DCT, only other Huffman codes.
//! 3. *re-encode*: anything else that we take is decoded, scaled and encoded.

use bytes::Bytes;

use crate::baseline::{Reduction, Workspace};
use crate::decode::decode;
use crate::format::{Fit, TileFormat, TileSize, TileSpec};
use crate::limits::{FrameError, Limits};
use crate::picture::Picture;
use crate::probe::probe;
use crate::rows::RowWriter;
use crate::scale::{Placement, Scaler};
use crate::tile::Tile;
use crate::transcode::transcode;

/// Makes tiles of frames; keeps its working memory from one frame to the next.
#[derive(Debug, Default)]
pub struct Ingest {
    limits: Limits,
    workspace: Workspace,
    scaler: Scaler,
    rows: RowWriter,
}

/// A frame that is good, on its way to a tile: it has been decoded as far as it takes to know that. What is left to do,
/// [`Ingest::finish`] does, if the tile is wanted at all.
#[derive(Debug, Clone)]
pub struct Received {
    spec: TileSpec,
    progress: Progress,
}

#[derive(Debug, Clone)]
enum Progress {
    /// It is a tile already.
    Tile(Ingested),
    /// To be scaled and encoded.
    Picture { picture: Picture, placement: Placement },
}

impl Received {
    /// What the tile will be.
    pub fn spec(&self) -> TileSpec {
        self.spec
    }

    /// The tile, if nothing is left to do.
    pub fn tile(&self) -> Option<&Tile> {
        match &self.progress {
            Progress::Tile(ingested) => Some(&ingested.tile),
            Progress::Picture { .. } => None,
        }
    }
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
    /// Its coefficients were coded anew.
    Transcoded,
    /// It was decoded, scaled and encoded.
    Reencoded,
}

/// A picture of more samples than so many tiles have is not kept until its tile is wanted.
const MOST_KEPT: u64 = 4;

impl Ingest {
    /// Takes frames within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Makes a tile of a JPEG.
    ///
    /// # Errors
    ///
    /// The [`FrameError`] that says whose fault it is and what to do.
    pub fn jpeg(&mut self, jpeg: &Bytes, spec: TileSpec) -> Result<Ingested, FrameError> {
        let received = self.receive(jpeg, spec)?;
        Ok(self.finish(received))
    }

    /// Takes a JPEG far enough to know that it is good.
    ///
    /// # Errors
    ///
    /// As [`Ingest::jpeg`].
    pub fn receive(&mut self, jpeg: &Bytes, spec: TileSpec) -> Result<Received, FrameError> {
        let progress = self.progress(jpeg, spec)?;
        let is_large = |picture: &Picture| {
            let (pixels, tile) = (area(picture.width(), picture.height()), spec.format.size);
            pixels > MOST_KEPT * area(tile.width(), tile.height())
        };
        let received = Received { spec, progress };
        match &received.progress {
            Progress::Picture { picture, .. } if is_large(picture) => {
                let ingested = self.finish(received);
                Ok(Received { spec, progress: Progress::Tile(ingested) })
            }
            _ => Ok(received),
        }
    }

    fn progress(&mut self, jpeg: &Bytes, spec: TileSpec) -> Result<Progress, FrameError> {
        let header = probe(jpeg, &self.limits)?;
        let TileSpec { format, fit } = spec;
        let is_natural = |tile: &Tile| tile.compressed_len() as u64 <= most_bytes(format);
        if let Some(tile) = Tile::accept(jpeg, &header, format, &mut self.workspace.segments) {
            if is_natural(&tile) {
                return Ok(Progress::Tile(Ingested { tile, way: Way::Accepted }));
            }
        } else if let Some(tile) = transcode(jpeg, &header, format, &mut self.workspace, &mut self.rows) {
            let tile = tile?;
            if is_natural(&tile) {
                return Ok(Progress::Tile(Ingested { tile, way: Way::Transcoded }));
            }
        }
        let placement = Placement::new(header.upright_size(), format.size, fit);
        let (picture, reduction) =
            decode(jpeg, &header, &self.limits, placement.reduction(), &mut self.workspace)?;
        let placement = placement.after(reduction, header.orientation);
        Ok(Progress::Picture { picture, placement })
    }

    /// Makes the tile of a frame that was received, here or by another.
    pub fn finish(&mut self, received: Received) -> Ingested {
        match received.progress {
            Progress::Tile(ingested) => ingested,
            Progress::Picture { picture, placement } => {
                let tile = self.place(&picture, received.spec, &placement);
                self.workspace.recycle(picture);
                Ingested { tile, way: Way::Reencoded }
            }
        }
    }

    /// Makes a tile of pixels.
    pub fn picture(&mut self, picture: &Picture, spec: TileSpec) -> Tile {
        let placement = Placement::new((picture.width(), picture.height()), spec.format.size, spec.fit);
        self.place(picture, spec, &placement)
    }

    fn place(&mut self, picture: &Picture, spec: TileSpec, placement: &Placement) -> Tile {
        if placement.is_nothing() {
            return Tile::encode(picture, spec.format, &mut self.rows);
        }
        let picture = self.scaler.scale(picture, spec.format.size, placement);
        Tile::encode(picture, spec.format, &mut self.rows)
    }

    /// Scales a picture to a tile's size, with black where it does not reach.
    pub fn scale(&mut self, picture: &Picture, size: TileSize, fit: Fit) -> Picture {
        let placement = Placement::new((picture.width(), picture.height()), size, fit);
        self.scaler.scale(picture, size, &placement).clone()
    }

    /// Decodes a JPEG to pixels, turned upright.
    ///
    /// # Errors
    ///
    /// As [`Ingest::jpeg`].
    pub fn decode(&mut self, jpeg: &Bytes) -> Result<Picture, FrameError> {
        let header = probe(jpeg, &self.limits)?;
        let (picture, _) = decode(jpeg, &header, &self.limits, Reduction::NONE, &mut self.workspace)?;
        Ok(picture)
    }
}

/// More bytes than this no encoder makes of a picture: pure noise has two thirds of it (0.83 a pixel at quality 85, 1.22 at
/// 95, 1.98 at 100). Codes may be sound and of any size all the same, seven bytes for each pixel and more, which all viewers
/// would have to take: such a frame is decoded, and what samples can show of it is encoded.
fn most_bytes(format: TileFormat) -> u64 {
    let pixels = area(format.size.width(), format.size.height());
    let eighths = match format.quality.get() {
        0..=85 => 10,
        86..=95 => 15,
        _ => 24,
    };
    pixels * eighths / 8
}

/// Pixels of a picture.
fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;
    use crate::format::Quality;

    fn frame(width: u32, height: u32) -> Bytes {
        encode::jpeg(&Picture::black(width, height).unwrap(), Quality::new(85).unwrap()).into()
    }

    fn progressive(width: u16, height: u16) -> Bytes {
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 85);
        encoder.set_progressive(true);
        let pixels = vec![0; usize::from(width) * usize::from(height) * 3];
        encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Ycbcr).unwrap();
        jpeg.into()
    }

    fn spec() -> TileSpec {
        let format =
            TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
        TileSpec { format, fit: Fit::Contain }
    }

    fn planes(received: &Received) -> &[Vec<u8>; 3] {
        match &received.progress {
            Progress::Picture { picture, .. } => &picture.planes,
            Progress::Tile(ingested) => panic!("{ingested:?}"),
        }
    }

    /// Whoever sends a large frame and then small ones would fill the memory otherwise.
    #[test]
    fn a_picture_that_waits_for_its_tile_has_not_much_more_memory_than_samples() {
        let mut ingest = Ingest::default();
        for large in [frame(3840, 2160), progressive(2000, 1000), frame(200, 190), progressive(321, 245)] {
            for small in [frame(176, 144), frame(170, 130), frame(320, 240), progressive(176, 144)] {
                let received = ingest.receive(&large, spec()).unwrap();
                ingest.finish(received);
                let received = ingest.receive(&small, spec()).unwrap();
                for plane in planes(&received) {
                    let (length, capacity) = (plane.len(), plane.capacity());
                    assert!(capacity <= 2 * length, "{capacity} bytes for {length} samples");
                }
            }
        }
    }

    #[test]
    fn the_planes_of_a_frame_are_those_of_the_one_before_it() {
        let mut ingest = Ingest::default();
        let jpeg = frame(320, 240);
        let mut addresses = || {
            let received = ingest.receive(&jpeg, spec()).unwrap();
            let mut addresses: Vec<_> = planes(&received).iter().map(|plane| plane.as_ptr().addr()).collect();
            addresses.sort_unstable();
            ingest.finish(received);
            addresses
        };
        assert_eq!(addresses(), addresses());
    }
}
