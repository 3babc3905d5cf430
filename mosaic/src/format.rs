//! What a tile is: its size, its quality, and how a frame of another shape fills it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Pixels a side of an MCU, the block in which a 4:2:0 JPEG is coded (T.81 A.2).
pub(crate) const MCU: u32 = 16;

/// A tile's size in pixels: both sides multiples of 16, from [`TileSize::MIN`] to [`TileSize::MAX`].
///
/// A tile is spliced MCU row by MCU row, so it can hold whole MCUs only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileSize {
    width: u16,
    height: u16,
}

impl TileSize {
    /// The smallest side, in pixels.
    pub const MIN: u32 = 64;
    /// The largest side, in pixels.
    pub const MAX: u32 = 1920;

    /// A size of `width` x `height` pixels.
    ///
    /// # Errors
    ///
    /// When a side is no multiple of 16 or out of range; the error names the nearest allowed size.
    pub fn new(width: u32, height: u32) -> Result<Self, TileSizeError> {
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Self { width, height }),
            _ => Err(TileSizeError { width, height }),
        }
    }

    /// Width in pixels.
    pub fn width(self) -> u32 {
        self.width.into()
    }

    /// Height in pixels.
    pub fn height(self) -> u32 {
        self.height.into()
    }

    /// MCUs in a row, which is the tile's restart interval.
    pub fn mcus_per_row(self) -> u32 {
        self.width() / MCU
    }

    /// Rows of MCUs, which is the number of restart segments of a tile.
    pub fn mcu_rows(self) -> u32 {
        self.height() / MCU
    }
}

/// `length` as a tile's side, if it can be one.
fn side(length: u32) -> Option<u16> {
    let fits = (TileSize::MIN..=TileSize::MAX).contains(&length) && length.is_multiple_of(MCU);
    u16::try_from(length).ok().filter(|_| fits)
}

impl fmt::Display for TileSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for TileSize {
    type Err = ParseTileSizeError;

    /// Reads `WIDTHxHEIGHT`, for example `640x480`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = text.split_once('x').ok_or(ParseTileSizeError::Form)?;
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| ParseTileSizeError::Form);
        Ok(Self::new(number(width)?, number(height)?)?)
    }
}

/// A size that no tile can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileSizeError {
    width: u32,
    height: u32,
}

impl fmt::Display for TileSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = |length: u32| {
            let length = length.clamp(TileSize::MIN, TileSize::MAX);
            let below = length / MCU * MCU;
            if length - below < MCU / 2 { below } else { below + MCU }
        };
        write!(
            f,
            "a tile cannot be {}x{}: sides are multiples of {MCU} from {} to {}; the nearest is {}x{}",
            self.width,
            self.height,
            TileSize::MIN,
            TileSize::MAX,
            nearest(self.width),
            nearest(self.height),
        )
    }
}

impl std::error::Error for TileSizeError {}

/// Why a text is no tile size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseTileSizeError {
    /// Not two numbers with an `x` between them.
    #[error("a tile size is WIDTHxHEIGHT in pixels, for example 640x480")]
    Form,
    /// Two numbers that no tile can have.
    #[error(transparent)]
    Size(#[from] TileSizeError),
}

/// JPEG quality from 1 to 100, in libjpeg's sense: the tables of T.81 Annex K.1, scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u8);

impl Quality {
    /// The quality `value`, or `None` outside 1 to 100.
    pub fn new(value: u32) -> Option<Self> {
        u8::try_from(value).ok().filter(|quality| (1..=100).contains(quality)).map(Self)
    }

    /// The number, 1 to 100.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What all tiles of one mosaic have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileFormat {
    /// The size of each tile.
    pub size: TileSize,
    /// The quality of each tile, which decides the quantisation tables in the mosaic's header.
    pub quality: Quality,
}

/// How a frame of another shape fills its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fit {
    /// All of the frame, its shape kept, black bars where it does not reach.
    #[default]
    Contain,
    /// All of the tile, the frame's shape kept, what hangs over cut evenly.
    Cover,
    /// All of the frame on all of the tile, the frame's shape lost.
    Stretch,
}

/// Everything that making a tile from a frame needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileSpec {
    /// Size and quality.
    pub format: TileFormat,
    /// How a frame of another shape fills the tile.
    pub fit: Fit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_size_is_whole_mcus_within_range() {
        assert_eq!(TileSize::new(640, 480).unwrap().to_string(), "640x480");
        for (width, height) in [(0, 480), (48, 64), (1936, 64), (641, 480), (640, u32::MAX)] {
            assert!(TileSize::new(width, height).is_err(), "{width}x{height}");
        }
    }

    #[test]
    fn a_wrong_size_is_answered_with_the_nearest_right_one() {
        let message = "647x489".parse::<TileSize>().unwrap_err().to_string();
        assert!(message.contains("nearest is 640x496"), "{message}");
        let message = TileSize::new(1, u32::MAX).unwrap_err().to_string();
        assert!(message.contains("nearest is 64x1920"), "{message}");
    }

    #[test]
    fn a_text_that_is_no_size_is_told_the_form() {
        for text in ["", "640", "640*480", "x", "-1x480", "640x480x2"] {
            assert_eq!(text.parse::<TileSize>(), Err(ParseTileSizeError::Form), "{text}");
        }
    }

    #[test]
    fn quality_is_1_to_100() {
        assert_eq!(Quality::new(0), None);
        assert_eq!(Quality::new(101), None);
        assert_eq!(Quality::new(85).unwrap().get(), 85);
    }
}
