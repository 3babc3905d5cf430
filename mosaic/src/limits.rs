//! What a frame may cost, checked from its header before anything is allocated for it; and why a frame is
//! refused.

use thiserror::Error;

/// Bounds of the frames that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of JPEG.
    pub bytes: usize,
    /// Pixels a side.
    pub side: u32,
    /// Pixels in all.
    pub pixels: u32,
    /// Scans: a progressive picture is decoded once more for each.
    pub scans: usize,
}

impl Default for Limits {
    /// 4 MiB, 4096 pixels a side, 9.5 megapixels, 20 scans.
    fn default() -> Self {
        Self { bytes: 4 << 20, side: 4096, pixels: 9_500_000, scans: 20 }
    }
}

impl Limits {
    /// Refuses `got` of `what` when it is above `limit`.
    pub(crate) fn hold(what: &'static str, got: usize, limit: usize) -> Result<(), FrameError> {
        if got > limit { Err(FrameError::OverLimit { what, got, limit }) } else { Ok(()) }
    }
}

/// Why a frame cannot become a tile. The messages say what was wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// It does not begin as a JPEG does.
    #[error("not a JPEG: it begins with {begin} where a JPEG begins with FF D8 FF; send JPEG frames")]
    NotJpeg {
        /// The first bytes, in hexadecimal.
        begin: String,
    },
    /// It is cut off or breaks the rules of JPEG.
    #[error("a broken JPEG: {0}")]
    Malformed(String),
    /// A kind of JPEG that is not taken here.
    #[error("{0} is not supported: send baseline or progressive JPEG of 8 bits, grey or colour")]
    Unsupported(String),
    /// More of something than the limits allow.
    #[error("too large: {got} {what} where {limit} is the limit; send a smaller frame")]
    OverLimit {
        /// Of what.
        what: &'static str,
        /// How much the frame has.
        got: usize,
        /// How much is allowed.
        limit: usize,
    },
}
