//! The discrete cosine transform of 8x8 samples, forward and inverse (T.81 A.3.3).
//!
//! The arithmetic is that of libjpeg's accurate integer DCT (`jfdctint.c`, `jidctint.c`; C. Loeffler,
//! A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989), so
//! that every bit can be compared with a codec that is not ours.
//!
//! Each pass works on eight columns side by side, one lane each, which compilers make vectors of. Integers
//! wrap: no picture makes them, but coefficients that no picture has are to give odd pixels, not a panic.

use std::array;
use std::num::Wrapping;

/// Eight by eight numbers, row by row.
pub(crate) type Block = [[Wrapping<i32>; 8]; 8];

/// Fractional bits of the constants.
const CONST_BITS: usize = 13;
/// Fractional bits that the first pass keeps for the second.
const PASS1_BITS: usize = 2;

// Cosines with 13 fractional bits, as libjpeg names them.
const F0_298: Wrapping<i32> = Wrapping(2446);
const F0_390: Wrapping<i32> = Wrapping(3196);
const F0_541: Wrapping<i32> = Wrapping(4433);
const F0_765: Wrapping<i32> = Wrapping(6270);
const F0_899: Wrapping<i32> = Wrapping(7373);
const F1_175: Wrapping<i32> = Wrapping(9633);
const F1_501: Wrapping<i32> = Wrapping(12299);
const F1_847: Wrapping<i32> = Wrapping(15137);
const F1_961: Wrapping<i32> = Wrapping(16069);
const F2_053: Wrapping<i32> = Wrapping(16819);
const F2_562: Wrapping<i32> = Wrapping(20995);
const F3_072: Wrapping<i32> = Wrapping(25172);

/// The coefficients of 8x8 samples in rows of `stride`, eight times their true size, in natural order.
#[inline(always)]
pub(crate) fn forward(samples: &[u8], stride: usize) -> Block {
    let mut block = Block::default();
    for (row, samples) in samples.chunks(stride).take(8).enumerate() {
        for (lane, &sample) in block.iter_mut().zip(samples) {
            lane[row] = Wrapping(i32::from(sample) - 128);
        }
    }
    forward_pass(&mut block, CONST_BITS - PASS1_BITS, |sum| sum << PASS1_BITS);
    block = transposed(&block);
    forward_pass(&mut block, CONST_BITS + PASS1_BITS, |sum| descale(sum, PASS1_BITS));
    block
}

/// The samples, row by row, of dequantised coefficients in natural order.
#[inline(always)]
pub(crate) fn inverse(mut block: Block) -> [[u8; 8]; 8] {
    inverse_pass(&mut block, CONST_BITS - PASS1_BITS);
    block = transposed(&block);
    inverse_pass(&mut block, CONST_BITS + PASS1_BITS + 3);
    let block = transposed(&block);
    array::from_fn(|row| array::from_fn(|column| level(block[row][column].0)))
}

/// The one sample value of a block whose only dequantised coefficient is `dc`: what [`inverse`] gives.
#[inline(always)]
pub(crate) fn inverse_dc(dc: i32) -> u8 {
    level(descale(Wrapping(dc), 3).0)
}

/// A sample of a difference from the middle (T.81 A.3.1).
#[inline(always)]
fn level(difference: i32) -> u8 {
    difference.saturating_add(128).clamp(0, 255).cast_unsigned() as u8
}

#[inline(always)]
fn transposed(block: &Block) -> Block {
    array::from_fn(|row| array::from_fn(|column| block[column][row]))
}

#[inline(always)]
fn descale(value: Wrapping<i32>, bits: usize) -> Wrapping<i32> {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

/// One-dimensional transforms over the first index, one for each lane of the second.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane crosses all eight arrays")]
fn forward_pass(block: &mut Block, bits: usize, plain: impl Fn(Wrapping<i32>) -> Wrapping<i32>) {
    for lane in 0..8 {
        let d: [_; 8] = array::from_fn(|n| block[n][lane]);
        let sum: [_; 4] = array::from_fn(|n| d[n] + d[7 - n]);
        let [t7, t6, t5, t4] = array::from_fn(|n| d[n] - d[7 - n]);

        let (outer, inner) = (sum[0] + sum[3], sum[1] + sum[2]);
        let (outer_odd, inner_odd) = (sum[0] - sum[3], sum[1] - sum[2]);
        block[0][lane] = plain(outer + inner);
        block[4][lane] = plain(outer - inner);
        let z1 = (outer_odd + inner_odd) * F0_541;
        block[2][lane] = descale(z1 + outer_odd * F0_765, bits);
        block[6][lane] = descale(z1 - inner_odd * F1_847, bits);

        let z5 = (t4 + t6 + t5 + t7) * F1_175;
        let z1 = -(t4 + t7) * F0_899;
        let z2 = -(t5 + t6) * F2_562;
        let z3 = z5 - (t4 + t6) * F1_961;
        let z4 = z5 - (t5 + t7) * F0_390;
        block[7][lane] = descale(t4 * F0_298 + z1 + z3, bits);
        block[5][lane] = descale(t5 * F2_053 + z2 + z4, bits);
        block[3][lane] = descale(t6 * F3_072 + z2 + z3, bits);
        block[1][lane] = descale(t7 * F1_501 + z1 + z4, bits);
    }
}

/// One-dimensional inverse transforms over the first index, one for each lane of the second.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane crosses all eight arrays")]
fn inverse_pass(block: &mut Block, bits: usize) {
    for lane in 0..8 {
        let d: [_; 8] = array::from_fn(|n| block[n][lane]);

        let z1 = (d[2] + d[6]) * F0_541;
        let (even2, even3) = (z1 - d[6] * F1_847, z1 + d[2] * F0_765);
        let (even0, even1) = ((d[0] + d[4]) << CONST_BITS, (d[0] - d[4]) << CONST_BITS);
        let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];

        let z5 = (d[7] + d[3] + d[5] + d[1]) * F1_175;
        let z1 = -(d[7] + d[1]) * F0_899;
        let z2 = -(d[5] + d[3]) * F2_562;
        let z3 = z5 - (d[7] + d[3]) * F1_961;
        let z4 = z5 - (d[5] + d[1]) * F0_390;
        let odd = [
            d[1] * F1_501 + z1 + z4,
            d[3] * F3_072 + z2 + z3,
            d[5] * F2_053 + z2 + z4,
            d[7] * F0_298 + z1 + z3,
        ];
        for n in 0..4 {
            block[n][lane] = descale(even[n] + odd[n], bits);
            block[7 - n][lane] = descale(even[n] - odd[n], bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn forward_is_the_cosine_transform_of_the_standard() {
        let samples: [u8; 64] = array::from_fn(|n| (n * n * 37 % 251) as u8);
        for (n, coefficient) in forward(&samples, 8).as_flattened().iter().enumerate() {
            let expected = 8.0 * cosine_transform(&samples, n % 8, n / 8);
            assert!((f64::from(coefficient.0) - expected).abs() < 1.5, "{n}: {coefficient} for {expected}");
        }
    }

    #[test]
    fn inverse_undoes_forward() {
        let samples: [u8; 64] = array::from_fn(|n| (n * n * 53 % 256) as u8);
        let block = forward(&samples, 8).map(|row| row.map(|coefficient| descale(coefficient, 3)));
        for (&sample, back) in samples.iter().zip(inverse(block).as_flattened()) {
            assert!(sample.abs_diff(*back) <= 2, "{sample} {back}");
        }
    }

    #[test]
    fn a_block_of_dc_alone_is_flat() {
        for dc in -2100..2100 {
            let mut block = Block::default();
            block[0][0] = Wrapping(dc);
            assert_eq!(inverse(block), [[inverse_dc(dc); 8]; 8], "{dc}");
        }
    }

    #[test]
    fn coefficients_that_no_picture_has_do_no_harm() {
        inverse([[Wrapping(i32::MAX); 8]; 8]);
        inverse([[Wrapping(i32::MIN); 8]; 8]);
    }
}
