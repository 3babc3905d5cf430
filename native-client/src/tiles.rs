//! From a source's frame to what is sent: a tile as the server wants it, or the frame as it is.

use bytes::Bytes;
use tessera_mosaic::{Fit, Ingest, Limits, Quality, TileFormat, TileSize, TileSpec, encode_jpeg};
use tessera_wire::{self as wire, Seat};
use thiserror::Error;

use crate::address::MAX_MESSAGE_BYTES;
use crate::source::Content;

/// The quality of pictures that are sent at their own size: as good as the original's.
const FULL_SIZE_QUALITY: u32 = 95;
/// What a source's own JPEGs may be. They are the user's, not a stranger's: a photograph of 50 megapixels
/// is made small here, where the server would refuse it.
const LIMITS: Limits = Limits { bytes: 64 << 20, side: 16_384, pixels: 120_000_000, scans: 100 };

/// Bytes of the largest frame that fits into a message with what stands beside it.
const MAX_FRAME_BYTES: usize = MAX_MESSAGE_BYTES - 1024;

/// A frame that no message can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {0} bytes is too large to send: {MAX_FRAME_BYTES} is the limit; leave --full-size out")]
pub struct FrameTooLarge(usize);

/// How large frames are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameSize {
    /// At the tile size that the server announces: costs the server next to nothing.
    Tile,
    /// As they are in the source.
    Full,
}

/// Makes frames ready to go. Blocking, and at its heaviest a whole decode, scale and encode.
#[derive(Debug)]
pub(crate) struct TileMaker {
    size: FrameSize,
    ingest: Ingest,
}

impl TileMaker {
    pub(crate) fn new(size: FrameSize) -> Self {
        Self { size, ingest: Ingest::new(LIMITS) }
    }

    /// The JPEG to send for `content` to a server that wants `spec`.
    ///
    /// A JPEG that cannot be read goes as it is: the server refuses it with the reason, and the count of
    /// frames and mosaics stays whole.
    pub(crate) fn make(&mut self, content: &Content, spec: TileSpec) -> Result<Bytes, FrameTooLarge> {
        let frame = self.make_any(content, spec);
        if frame.len() > MAX_FRAME_BYTES { Err(FrameTooLarge(frame.len())) } else { Ok(frame) }
    }

    fn make_any(&mut self, content: &Content, spec: TileSpec) -> Bytes {
        match (content, self.size) {
            (Content::Jpeg(jpeg), FrameSize::Full) => jpeg.clone(),
            (Content::Jpeg(jpeg), FrameSize::Tile) => match self.ingest.jpeg(jpeg, spec) {
                Ok(ingested) => ingested.tile.to_jpeg().into(),
                Err(_) => jpeg.clone(),
            },
            (Content::Picture(picture), FrameSize::Tile) => {
                self.ingest.picture(picture, spec).to_jpeg().into()
            }
            (Content::Picture(picture), FrameSize::Full) => {
                let quality = Quality::new(FULL_SIZE_QUALITY).unwrap_or(spec.format.quality);
                encode_jpeg(picture, quality).into()
            }
        }
    }
}

/// What `seat` says a frame should be, or in one line what is wrong with it.
pub(crate) fn tile_spec(seat: &Seat) -> Result<TileSpec, String> {
    let size = TileSize::new(seat.tile_width, seat.tile_height).map_err(|error| error.to_string())?;
    let quality =
        Quality::new(seat.quality).ok_or_else(|| format!("quality {} is not 1 to 100", seat.quality))?;
    let fit = match seat.fit() {
        wire::Fit::Unspecified | wire::Fit::Contain => Fit::Contain,
        wire::Fit::Cover => Fit::Cover,
        wire::Fit::Stretch => Fit::Stretch,
    };
    Ok(TileSpec { format: TileFormat { size, quality }, fit })
}

/// Whether `bytes` begin as a JPEG does: with SOI (T.81 section B.2.1).
pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8])
}

#[cfg(test)]
mod tests {
    use tessera_mosaic::{Picture, probe};

    use super::*;

    fn seat() -> Seat {
        Seat { tile_width: 320, tile_height: 240, quality: 80, fit: 3, ..Seat::default() }
    }

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let decoded = image::load_from_memory(jpeg).unwrap();
        (decoded.width(), decoded.height())
    }

    #[test]
    fn a_seat_says_what_a_tile_is() {
        let spec = tile_spec(&seat()).unwrap();
        assert_eq!(spec.format.size, TileSize::new(320, 240).unwrap());
        assert_eq!((spec.format.quality.get(), spec.fit), (80, Fit::Stretch));
    }

    #[test]
    fn a_seat_that_no_tile_can_have_is_an_error() {
        assert!(tile_spec(&Seat { tile_width: 7, ..seat() }).unwrap_err().contains("multiples of 16"));
        assert!(tile_spec(&Seat { quality: 0, ..seat() }).unwrap_err().contains("quality 0"));
    }

    #[test]
    fn pictures_become_tiles_of_the_size_asked_for() {
        let spec = tile_spec(&seat()).unwrap();
        let picture = Content::Picture(Picture::black(100, 50).unwrap());
        let tile = TileMaker::new(FrameSize::Tile).make(&picture, spec).unwrap();
        assert_eq!(size(&tile), (320, 240));
        let ingested = Ingest::new(Limits::default()).jpeg(&tile, spec).unwrap();
        assert_eq!(ingested.way, tessera_mosaic::Way::Accepted);
    }

    #[test]
    fn at_full_size_nothing_is_scaled_and_no_jpeg_is_touched() {
        let spec = tile_spec(&seat()).unwrap();
        let mut maker = TileMaker::new(FrameSize::Full);
        let jpeg = maker.make(&Content::Picture(Picture::black(100, 50).unwrap()), spec).unwrap();
        assert_eq!(size(&jpeg), (100, 50));
        assert_eq!(maker.make(&Content::Jpeg(jpeg.clone()), spec), Ok(jpeg));
    }

    #[test]
    fn a_jpeg_that_cannot_be_read_goes_as_it_is() {
        let spec = tile_spec(&seat()).unwrap();
        let broken = Bytes::from_static(b"no jpeg");
        assert!(probe(&broken, &LIMITS).is_err());
        assert_eq!(TileMaker::new(FrameSize::Tile).make(&Content::Jpeg(broken.clone()), spec), Ok(broken));
    }

    #[test]
    fn a_frame_that_no_message_can_carry_is_an_error() {
        let spec = tile_spec(&seat()).unwrap();
        let huge = Content::Jpeg(Bytes::from(vec![0; MAX_MESSAGE_BYTES]));
        let error = TileMaker::new(FrameSize::Full).make(&huge, spec).unwrap_err();
        assert!(error.to_string().contains("--full-size"), "{error}");
    }
}
