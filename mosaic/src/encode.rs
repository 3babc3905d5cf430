//! Pixels to entropy-coded data: forward DCT, quantisation, Huffman codes.

use std::borrow::Cow;

use crate::bits::BitWriter;
use crate::dct::{self, Block};
use crate::format::{MCU, Quality};
use crate::header::{self, marker_after};
use crate::huffman::{Encoder, MCU_BLOCKS};
use crate::picture::Picture;
use crate::simd::{self, Loop};
use crate::tables::quantisation;

/// Encodes `picture`, of any size, as a baseline 4:2:0 JPEG with the standard's tables and one restart
/// interval for each row of MCUs: what a canonical tile is, at sizes that no tile can have too.
pub fn jpeg(picture: &Picture, quality: Quality) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.planes[0].len() / 4);
    // A picture's sides fit 16 bits.
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    header::write(&mut out, width, height, quality, width.div_ceil(MCU as u16));
    scan(&padded(picture), quality, &mut out);
    out
}

/// Appends the scan's data of `picture`: a restart segment for each row of MCUs, each with the marker
/// behind it, the last of which is EOI. Gives the end of each segment, marker included, as an offset into
/// what was appended. The picture's sides are whole MCUs: see [`padded`].
pub(crate) fn scan(picture: &Picture, quality: Quality, out: &mut Vec<u8>) -> Vec<u32> {
    let begin = out.len();
    let quantisers = quantisation(quality).map(|table| Quantiser::new(&table));
    let rows = (picture.height() / MCU) as usize;
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut writer = BitWriter::new(out);
        simd::widest(McuRow { picture, row, quantisers: &quantisers, writer: &mut writer });
        writer.finish();
        out.extend_from_slice(&[0xFF, marker_after(row, rows)]);
        ends.push((out.len() - begin) as u32);
    }
    ends
}

/// Writes one row of MCUs, which is one restart interval.
struct McuRow<'a, 'w> {
    picture: &'a Picture,
    row: usize,
    quantisers: &'a [Quantiser; 2],
    writer: &'a mut BitWriter<'w>,
}

impl Loop for McuRow<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { picture, row, quantisers, writer } = self;
        let encoders = Encoder::standard();
        let strides = [0, 1, 2].map(|plane| picture.plane_size(plane).0 as usize);
        let mut dc = [0; 3];
        for column in 0..(picture.width() / MCU) as usize {
            for (component, block) in MCU_BLOCKS.into_iter().zip(0..) {
                let (x, y) = if component == 0 {
                    (2 * column + (block & 1), 2 * row + (block >> 1))
                } else {
                    (column, row)
                };
                let stride = strides[component];
                let samples = &picture.planes[component][y * 8 * stride + x * 8..];
                let table = usize::from(component > 0);
                let coefficients = quantisers[table].quantise(&dct::forward(samples, stride));
                encoders[table].block(writer, &coefficients, dc[component]);
                dc[component] = coefficients[0];
            }
        }
    }
}

/// `picture` continued to whole MCUs by its last column and row: what a decoder cuts off again.
fn padded(picture: &Picture) -> Cow<'_, Picture> {
    let [width, height] = [picture.width(), picture.height()].map(|side| side.next_multiple_of(MCU));
    if (width, height) == (picture.width(), picture.height()) {
        return Cow::Borrowed(picture);
    }
    let planes = [0, 1, 2].map(|index| {
        let divisor = if index == 0 { 1 } else { 2 };
        let (from_width, _) = picture.plane_size(index);
        let to = [width / divisor, height / divisor].map(|side| side as usize);
        continued(&picture.planes[index], from_width as usize, to)
    });
    let padded = Picture::from_planes(width, height, planes);
    Cow::Owned(padded.expect("the largest side of a picture is whole MCUs"))
}

/// A plane of rows of `from_width` samples, continued to `width` x `height`.
fn continued(plane: &[u8], from_width: usize, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(width * height);
    for row in plane.chunks(from_width) {
        out.extend_from_slice(row);
        out.extend(std::iter::repeat_n(row[from_width - 1], width - from_width));
    }
    while out.len() < width * height {
        out.extend_from_within(out.len() - width..);
    }
    out
}

/// Divides DCT coefficients by the steps of one quantisation table, rounding to the nearest.
///
/// Division by multiplication: T. Granlund, P. Montgomery, "Division by invariant integers using
/// multiplication", PLDI 1994. In 16 bits, so that eight coefficients fit a vector of the oldest kind.
#[derive(Debug)]
struct Quantiser {
    half: [u16; 64],
    reciprocal: [u16; 64],
    scale: [u16; 64],
}

impl Quantiser {
    fn new(table: &[u8; 64]) -> Self {
        // `dct::forward` is eight times too large.
        let divisors = table.map(|step| Divisor::new(u32::from(step) * 8));
        Self {
            half: divisors.map(|d| d.half),
            reciprocal: divisors.map(|d| d.reciprocal),
            scale: divisors.map(|d| d.scale),
        }
    }

    #[inline(always)]
    fn quantise(&self, coefficients: &Block) -> [i16; 64] {
        let coefficients = coefficients.as_flattened();
        std::array::from_fn(|n| {
            let coefficient = coefficients[n].0 as i16;
            let rounded = coefficient.unsigned_abs().wrapping_add(self.half[n]);
            let quotient = high(high(rounded, self.reciprocal[n]), self.scale[n]).cast_signed();
            // The sign, without a branch.
            let sign = coefficient >> 15;
            (quotient ^ sign) - sign
        })
    }
}

/// The upper half of a product.
#[inline(always)]
fn high(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

/// One divisor as two multiplications: `x / divisor`, rounded, is `high(high(x + half, reciprocal), scale)`.
#[derive(Debug, Clone, Copy)]
struct Divisor {
    half: u16,
    reciprocal: u16,
    scale: u16,
}

impl Divisor {
    /// `divisor` is from 8 to 2040.
    fn new(divisor: u32) -> Self {
        let mut shift = 16 + divisor.ilog2();
        let (quotient, remainder) = ((1 << shift) / divisor, (1 << shift) % divisor);
        let mut half = divisor / 2;
        let reciprocal = match remainder {
            0 => {
                // A power of two: the reciprocal would need one bit more than there is.
                shift -= 1;
                quotient / 2
            }
            _ if remainder <= divisor / 2 => {
                // The reciprocal is rounded down, so the dividend is rounded up.
                half += 1;
                quotient
            }
            _ => quotient + 1,
        };
        Self { half: half as u16, reciprocal: reciprocal as u16, scale: (1u32 << (32 - shift)) as u16 }
    }
}

#[cfg(test)]
mod tests {
    use std::num::Wrapping;

    use super::*;

    #[test]
    fn quantisation_is_division_rounded_to_the_nearest() {
        for step in 1..=255u8 {
            let quantiser = Quantiser::new(&[step; 64]);
            let divisor = i32::from(step) * 8;
            // The DCT of 8-bit samples is within 8 * 1024, eight times its true size.
            for coefficient in -8200..=8200 {
                let [quotient, ..] = quantiser.quantise(&[[Wrapping(coefficient); 8]; 8]);
                let expected = (coefficient.abs() + divisor / 2) / divisor * coefficient.signum();
                assert_eq!(i32::from(quotient), expected, "{coefficient} / {divisor}");
            }
        }
    }

    #[test]
    fn plain_and_wide_vectors_agree_to_the_bit() {
        let samples =
            (0..64 * 64 * 3).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
        let picture = Picture::from_rgb(64, 64, &samples).unwrap();
        let quantisers = quantisation(Quality::new(85).unwrap()).map(|table| Quantiser::new(&table));
        for row in 0..4 {
            let (mut plain, mut wide) = (Vec::new(), Vec::new());
            let (picture, quantisers) = (&picture, &quantisers);
            McuRow { picture, row, quantisers, writer: &mut BitWriter::new(&mut plain) }.run();
            simd::widest(McuRow { picture, row, quantisers, writer: &mut BitWriter::new(&mut wide) });
            assert!(!plain.is_empty() && plain == wide);
        }
    }
}
