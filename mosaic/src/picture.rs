//! Pixels: what a frame is between decoding and encoding.

use thiserror::Error;

/// A picture as JPEG holds it: planar YCbCr, 4:2:0, 8 bit, full range, BT.601 (JFIF 1.02).
///
/// The luma plane has `width * height` samples, each chroma plane `(width + 1) / 2 * (height + 1) / 2`,
/// row by row with nothing between the rows. A chroma sample sits amid the four luma samples it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pub(crate) planes: [Vec<u8>; 3],
}

/// Planes or pixels that do not make a picture of the size given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PictureError {
    /// A side is zero or above [`Picture::MAX_SIDE`].
    #[error("a picture of {0}x{1} pixels cannot be: sides are 1 to {max}", max = Picture::MAX_SIDE)]
    Size(u32, u32),
    /// A buffer of another length than the size asks for.
    #[error("a buffer of {got} bytes where the picture's size asks for {expected}")]
    Length {
        /// Bytes that the size asks for.
        expected: usize,
        /// Bytes that were given.
        got: usize,
    },
}

impl Picture {
    /// The largest side in pixels: whole MCUs within the 16 bits that JPEG has for it.
    pub const MAX_SIDE: u32 = 65520;

    /// A black picture.
    ///
    /// # Errors
    ///
    /// [`PictureError::Size`] when a side is zero or above [`Picture::MAX_SIDE`].
    pub fn black(width: u32, height: u32) -> Result<Self, PictureError> {
        let [luma, chroma] = lengths(width, height)?;
        Ok(Self { width, height, planes: [vec![0; luma], vec![128; chroma], vec![128; chroma]] })
    }

    /// A picture of the planes Y, Cb and Cr.
    ///
    /// # Errors
    ///
    /// When a side cannot be, or a plane has another length than the size asks for.
    pub fn from_planes(width: u32, height: u32, planes: [Vec<u8>; 3]) -> Result<Self, PictureError> {
        let [luma, chroma] = lengths(width, height)?;
        for (plane, expected) in planes.iter().zip([luma, chroma, chroma]) {
            expect_length(expected, plane.len())?;
        }
        Ok(Self { width, height, planes })
    }

    /// A picture of a grey plane.
    ///
    /// # Errors
    ///
    /// When a side cannot be, or `luma` is not `width * height` bytes.
    pub fn from_gray(width: u32, height: u32, luma: Vec<u8>) -> Result<Self, PictureError> {
        let [_, chroma] = lengths(width, height)?;
        Self::from_planes(width, height, [luma, vec![128; chroma], vec![128; chroma]])
    }

    /// A picture of interleaved Y, Cb, Cr samples at full resolution, three bytes a pixel.
    ///
    /// # Errors
    ///
    /// When a side cannot be, or `pixels` is not `width * height * 3` bytes.
    pub fn from_ycbcr(width: u32, height: u32, pixels: &[u8]) -> Result<Self, PictureError> {
        Self::from_interleaved(width, height, pixels, |pixel| pixel)
    }

    /// A picture of interleaved R, G, B samples, three bytes a pixel, converted as JFIF 1.02 says.
    ///
    /// # Errors
    ///
    /// When a side cannot be, or `pixels` is not `width * height * 3` bytes.
    pub fn from_rgb(width: u32, height: u32, pixels: &[u8]) -> Result<Self, PictureError> {
        Self::from_interleaved(width, height, pixels, rgb_to_ycbcr)
    }

    fn from_interleaved(
        width: u32,
        height: u32,
        pixels: &[u8],
        convert: impl Fn([u8; 3]) -> [u8; 3],
    ) -> Result<Self, PictureError> {
        let [luma, _] = lengths(width, height)?;
        expect_length(luma * 3, pixels.len())?;
        let mut picture = Self::black(width, height)?;
        let [y_plane, cb_plane, cr_plane] = &mut picture.planes;
        let (width, chroma_width) = (width as usize, width.div_ceil(2) as usize);
        let (pixels, _) = pixels.as_chunks::<3>();
        let row_pairs = pixels.chunks(width * 2).zip(y_plane.chunks_mut(width * 2));
        let chroma_rows = cb_plane.chunks_mut(chroma_width).zip(cr_plane.chunks_mut(chroma_width));
        for ((pixels, luma), (cb_row, cr_row)) in row_pairs.zip(chroma_rows) {
            // A picture of odd height has a last row without a partner: it is its own.
            let (upper, lower) = pixels.split_at(width);
            let lower = if lower.is_empty() { upper } else { lower };
            let (luma_upper, luma_lower) = luma.split_at_mut(width);
            let quads = upper.chunks(2).zip(lower.chunks(2));
            // Halves are rounded up and down in turn, as libjpeg does: always up would tint the picture.
            let chroma = cb_row.iter_mut().zip(cr_row.iter_mut()).zip([1, 2].into_iter().cycle());
            for (((upper, lower), luma), ((cb, cr), bias)) in quads.zip(luma_upper.chunks_mut(2)).zip(chroma)
            {
                let quad = [upper[0], upper[upper.len() - 1], lower[0], lower[lower.len() - 1]].map(&convert);
                luma[0] = quad[0][0];
                if let Some(right) = luma.get_mut(1) {
                    *right = quad[1][0];
                }
                let mean = |c: usize| (quad.iter().map(|p| u16::from(p[c])).sum::<u16>() + bias) >> 2;
                (*cb, *cr) = (mean(1) as u8, mean(2) as u8);
            }
            for (to, pixel) in luma_lower.iter_mut().zip(lower) {
                *to = convert(*pixel)[0];
            }
        }
        Ok(picture)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The planes Y, Cb and Cr.
    pub fn planes(&self) -> &[Vec<u8>; 3] {
        &self.planes
    }

    /// The planes Y, Cb and Cr, to draw on: their lengths stay as they are.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        self.planes.each_mut().map(Vec::as_mut_slice)
    }

    /// Width and height of plane `index`: 0 is Y, 1 is Cb, 2 is Cr.
    pub(crate) fn plane_size(&self, index: usize) -> (u32, u32) {
        if index == 0 { (self.width, self.height) } else { (self.width.div_ceil(2), self.height.div_ceil(2)) }
    }
}

/// Samples in the luma plane and in a chroma plane.
fn lengths(width: u32, height: u32) -> Result<[usize; 2], PictureError> {
    if !(1..=Picture::MAX_SIDE).contains(&width) || !(1..=Picture::MAX_SIDE).contains(&height) {
        return Err(PictureError::Size(width, height));
    }
    let samples = |width: u32, height: u32| width as usize * height as usize;
    Ok([samples(width, height), samples(width.div_ceil(2), height.div_ceil(2))])
}

fn expect_length(expected: usize, got: usize) -> Result<(), PictureError> {
    if expected == got { Ok(()) } else { Err(PictureError::Length { expected, got }) }
}

/// JFIF 1.02, "Conversion to and from RGB", in fixed point with 16 fractional bits.
fn rgb_to_ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    const CENTRE: i32 = 128 << 16;
    let [r, g, b] = [r, g, b].map(i32::from);
    let y = 19595 * r + 38470 * g + 7471 * b + HALF;
    // HALF - 1: pure blue and red would round up to 256 otherwise.
    let cb = -11059 * r - 21709 * g + 32768 * b + CENTRE + HALF - 1;
    let cr = 32768 * r - 27439 * g - 5329 * b + CENTRE + HALF - 1;
    [y, cb, cr].map(|sample| (sample >> 16).cast_unsigned() as u8)
}

#[cfg(test)]
impl Picture {
    /// Noise of full contrast: every length of code comes up.
    pub(crate) fn noise(width: u32, height: u32) -> Self {
        let samples = (0..width * height * 3).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
        Self::from_rgb(width, height, &samples.collect::<Vec<_>>()).unwrap()
    }
}
