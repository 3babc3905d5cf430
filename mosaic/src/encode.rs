//! Pixels to entropy-coded data: forward DCT, quantisation, Huffman codes.
//!
//! The arithmetic is libjpeg's accurate integer DCT (`jfdctint.c`; C. Loeffler, A. Ligtenberg, G. Moschytz,
//! "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989), so that every bit can be
//! compared with an encoder that is not ours.

use std::borrow::Cow;

use crate::bits::BitWriter;
use crate::format::{MCU, Quality};
use crate::header::{self, marker_after};
use crate::huffman::{Encoder, MCU_BLOCKS};
use crate::picture::Picture;
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
        mcu_row(picture, row, &quantisers, &mut writer);
        writer.finish();
        out.extend_from_slice(&[0xFF, marker_after(row, rows)]);
        ends.push((out.len() - begin) as u32);
    }
    ends
}

/// Writes one row of MCUs, which is one restart interval.
fn mcu_row(picture: &Picture, row: usize, quantisers: &[Quantiser; 2], writer: &mut BitWriter<'_>) {
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
            let coefficients = quantisers[table].quantise(&forward_dct(samples, stride));
            encoders[table].block(writer, &coefficients, dc[component]);
            dc[component] = coefficients[0];
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

/// Fractional bits of the DCT's constants.
const CONST_BITS: i32 = 13;
/// Fractional bits that the first pass keeps for the second.
const PASS1_BITS: i32 = 2;

/// The DCT of 8x8 samples, eight times its true size, in natural order.
///
/// Each pass works on the eight columns side by side, one lane each, which compilers make vectors of.
#[inline]
fn forward_dct(samples: &[u8], stride: usize) -> [[i32; 8]; 8] {
    let mut lanes = [[0; 8]; 8];
    for (row, samples) in samples.chunks(stride).take(8).enumerate() {
        for (lane, &sample) in lanes.iter_mut().zip(samples) {
            lane[row] = i32::from(sample) - 128;
        }
    }
    pass(&mut lanes, CONST_BITS - PASS1_BITS, |sum| sum << PASS1_BITS);
    lanes = transposed(&lanes);
    pass(&mut lanes, CONST_BITS + PASS1_BITS, |sum| descale(sum, PASS1_BITS));
    lanes
}

#[inline]
fn transposed(lanes: &[[i32; 8]; 8]) -> [[i32; 8]; 8] {
    std::array::from_fn(|row| std::array::from_fn(|column| lanes[column][row]))
}

#[inline]
fn descale(value: i32, bits: i32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// One-dimensional DCTs over the first index, one for each lane of the second.
#[inline]
#[expect(clippy::needless_range_loop, reason = "a lane crosses all eight arrays")]
fn pass(lanes: &mut [[i32; 8]; 8], bits: i32, plain: impl Fn(i32) -> i32) {
    for lane in 0..8 {
        let d: [i32; 8] = std::array::from_fn(|n| lanes[n][lane]);
        let sum: [i32; 4] = std::array::from_fn(|n| d[n] + d[7 - n]);
        let difference: [i32; 4] = std::array::from_fn(|n| d[n] - d[7 - n]);

        let (outer, inner) = (sum[0] + sum[3], sum[1] + sum[2]);
        let (outer_odd, inner_odd) = (sum[0] - sum[3], sum[1] - sum[2]);
        lanes[0][lane] = plain(outer + inner);
        lanes[4][lane] = plain(outer - inner);
        let z1 = (outer_odd + inner_odd) * 4433; // 0.541196100
        lanes[2][lane] = descale(z1 + outer_odd * 6270, bits); // 0.765366865
        lanes[6][lane] = descale(z1 - inner_odd * 15137, bits); // 1.847759065

        let [t7, t6, t5, t4] = difference;
        let z5 = (t4 + t6 + t5 + t7) * 9633; // 1.175875602
        let z1 = (t4 + t7) * -7373; // 0.899976223
        let z2 = (t5 + t6) * -20995; // 2.562915447
        let z3 = (t4 + t6) * -16069 + z5; // 1.961570560
        let z4 = (t5 + t7) * -3196 + z5; // 0.390180644
        lanes[7][lane] = descale(t4 * 2446 + z1 + z3, bits); // 0.298631336
        lanes[5][lane] = descale(t5 * 16819 + z2 + z4, bits); // 2.053119869
        lanes[3][lane] = descale(t6 * 25172 + z2 + z3, bits); // 3.072711026
        lanes[1][lane] = descale(t7 * 12299 + z1 + z4, bits); // 1.501321110
    }
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
        // `forward_dct` is eight times too large.
        let divisors = table.map(|step| Divisor::new(u32::from(step) * 8));
        Self {
            half: divisors.map(|d| d.half),
            reciprocal: divisors.map(|d| d.reciprocal),
            scale: divisors.map(|d| d.scale),
        }
    }

    #[inline]
    fn quantise(&self, coefficients: &[[i32; 8]; 8]) -> [i16; 64] {
        let coefficients = coefficients.as_flattened();
        std::array::from_fn(|n| {
            let coefficient = coefficients[n] as i16;
            let rounded = coefficient.unsigned_abs().wrapping_add(self.half[n]);
            let quotient = high(high(rounded, self.reciprocal[n]), self.scale[n]).cast_signed();
            // The sign, without a branch.
            let sign = coefficient >> 15;
            (quotient ^ sign) - sign
        })
    }
}

/// The upper half of a product.
#[inline]
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
    use super::*;

    #[test]
    fn quantisation_is_division_rounded_to_the_nearest() {
        for step in 1..=255u8 {
            let quantiser = Quantiser::new(&[step; 64]);
            let divisor = i32::from(step) * 8;
            // The DCT of 8-bit samples is within 8 * 1024, eight times its true size.
            for coefficient in -8200..=8200 {
                let [quotient, ..] = quantiser.quantise(&[[coefficient; 8]; 8]);
                let expected = (coefficient.abs() + divisor / 2) / divisor * coefficient.signum();
                assert_eq!(i32::from(quotient), expected, "{coefficient} / {divisor}");
            }
        }
    }

    #[test]
    fn the_dct_is_the_cosine_transform_of_the_standard() {
        let samples: [u8; 64] = std::array::from_fn(|n| (n * n * 37 % 251) as u8);
        let coefficients = forward_dct(&samples, 8);
        for (n, &coefficient) in coefficients.as_flattened().iter().enumerate() {
            let expected = 8.0 * cosine_transform(&samples, n % 8, n / 8);
            assert!((f64::from(coefficient) - expected).abs() < 1.5, "{n}: {coefficient} for {expected}");
        }
    }

    /// T.81 A.3.3, as it stands there.
    fn cosine_transform(samples: &[u8; 64], u: usize, v: usize) -> f64 {
        let c = |n: usize| if n == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos();
        let sum: f64 = samples
            .iter()
            .enumerate()
            .map(|(n, &sample)| (f64::from(sample) - 128.0) * cosine(n % 8, u) * cosine(n / 8, v))
            .sum();
        c(u) * c(v) / 4.0 * sum
    }
}
