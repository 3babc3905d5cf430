//! The discrete cosine transform of 8x8 samples, forward and inverse (T.81 A.3.3), and quantisation.
//!
//! The arithmetic is that of libjpeg's accurate integer DCT (`jfdctint.c`, `jidctint.c`, and `jidctred.c` where eight
//! samples become two or one; C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast
//! 1-D DCT algorithms with 11 multiplications", ICASSP 1989), so that every bit can be compared with a codec that is
//! not ours.
//!
//! This is the plain version, which `simd/` has others of: they agree to the bit, for coefficients too that no
//! picture has. Between the passes stands what fits 16 bits; 32-bit integers wrap.

use std::array;
use std::num::Wrapping;

/// Eight by eight numbers, row by row.
type Block = [[Wrapping<i32>; 8]; 8];

/// Fractional bits of the constants.
pub(crate) const CONST_BITS: usize = 13;
/// Fractional bits that the first pass keeps for the second.
pub(crate) const PASS1_BITS: usize = 2;

/// Cosines with [`CONST_BITS`] fractional bits, as libjpeg names them.
pub(crate) mod cosine {
    pub(crate) const F0_298: i16 = 2446;
    pub(crate) const F0_390: i16 = 3196;
    pub(crate) const F0_541: i16 = 4433;
    pub(crate) const F0_720: i16 = 5906;
    pub(crate) const F0_765: i16 = 6270;
    pub(crate) const F0_850: i16 = 6967;
    pub(crate) const F0_899: i16 = 7373;
    pub(crate) const F1_175: i16 = 9633;
    pub(crate) const F1_272: i16 = 10426;
    pub(crate) const F1_501: i16 = 12299;
    pub(crate) const F1_847: i16 = 15137;
    pub(crate) const F1_961: i16 = 16069;
    pub(crate) const F2_053: i16 = 16819;
    pub(crate) const F2_562: i16 = 20995;
    pub(crate) const F3_072: i16 = 25172;
    pub(crate) const F3_624: i16 = 29692;
}
use cosine::*;

/// What the coefficients 2, 4 and 6 are to the outer and the inner two of four samples: the sum over the filter's weights
/// (64, 55.5, 14.5, -4.5 and -1.5, and -6, 14.5, 55.5, 55.5, 14.5, -4.5 and -1.5, of 128) times the coefficient's
/// cosines, times the square root of 8, with [`CONST_BITS`] fractional bits.
pub(crate) const FOUR_EVEN: [[i16; 3]; 2] = [[14547, -1536, -2008], [-15343, 0, 1090]];
/// The same of the coefficients 1, 3, 5 and 7.
pub(crate) const FOUR_ODD: [[i16; 4]; 2] = [[21068, 5400, -3357, -606], [8825, -16244, 4846, -69]];

/// A constant, to be multiplied with.
const fn by(constant: i16) -> Wrapping<i32> {
    Wrapping(constant as i32)
}

/// Eight by eight samples, row by row.
pub(crate) type Samples = [[u8; 8]; 8];

/// Quantised coefficients of a block, in natural order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantised {
    pub(crate) coefficients: [i16; 64],
    /// A bit for each that is not zero.
    pub(crate) nonzero: u64,
}

/// The quantised coefficients of 8x8 samples in rows of `stride`.
#[inline(always)]
pub(crate) fn forward(samples: &[u8], stride: usize, quantiser: &Quantiser) -> Quantised {
    quantiser.quantise(&transform(samples, stride))
}

/// The coefficients of 8x8 samples in rows of `stride`, eight times their true size, in natural order.
#[inline(always)]
fn transform(samples: &[u8], stride: usize) -> Block {
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

/// The samples of quantised coefficients in natural order, with the steps of their quantisation: `size` of them, across
/// and down, each 8, 4, 2 or 1, from the left and the top. One or two are the averages of what eight would be, four are
/// sharper. What is beyond them means nothing.
#[inline(always)]
pub(crate) fn inverse(coefficients: &[i16; 64], steps: &[i16; 64], size: (usize, usize)) -> Samples {
    let block = array::from_fn(|row| {
        array::from_fn(|column| {
            let at = row * 8 + column;
            Wrapping(i32::from(coefficients[at].wrapping_mul(steps[at])))
        })
    });
    let columns = inverse_pass(&block, size.1, CONST_BITS - PASS1_BITS);
    let kept =
        columns.map(|row| row.map(|sample| Wrapping(sample.0.clamp(i16::MIN.into(), i16::MAX.into()))));
    let rows = transposed(&inverse_pass(&transposed(&kept), size.0, CONST_BITS + PASS1_BITS + 3));
    rows.map(|row| row.map(|sample| level(sample.0)))
}

/// The one sample value of a block whose only dequantised coefficient is `dc`: what [`inverse`] gives.
#[inline(always)]
pub(crate) fn inverse_dc(dc: i16) -> u8 {
    // The first pass keeps what fits 16 bits.
    let kept = (i32::from(dc) << PASS1_BITS).clamp(i16::MIN.into(), i16::MAX.into());
    level(descale(Wrapping(kept), PASS1_BITS + 3).0)
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
        let z1 = (outer_odd + inner_odd) * by(F0_541);
        block[2][lane] = descale(z1 + outer_odd * by(F0_765), bits);
        block[6][lane] = descale(z1 - inner_odd * by(F1_847), bits);

        let z5 = (t4 + t6 + t5 + t7) * by(F1_175);
        let z1 = -(t4 + t7) * by(F0_899);
        let z2 = -(t5 + t6) * by(F2_562);
        let z3 = z5 - (t4 + t6) * by(F1_961);
        let z4 = z5 - (t5 + t7) * by(F0_390);
        block[7][lane] = descale(t4 * by(F0_298) + z1 + z3, bits);
        block[5][lane] = descale(t5 * by(F2_053) + z2 + z4, bits);
        block[3][lane] = descale(t6 * by(F3_072) + z2 + z3, bits);
        block[1][lane] = descale(t7 * by(F1_501) + z1 + z4, bits);
    }
}

/// One-dimensional inverse transforms over the first index, one for each lane of the second, to `count` samples.
#[inline(always)]
fn inverse_pass(block: &Block, count: usize, bits: usize) -> Block {
    let mut samples = Block::default();
    match count {
        8 => {
            for lane in 0..8 {
                let (even, odd) = eight(array::from_fn(|n| block[n][lane]));
                for n in 0..4 {
                    samples[n][lane] = descale(even[n] + odd[n], bits);
                    samples[7 - n][lane] = descale(even[n] - odd[n], bits);
                }
            }
        }
        4 => {
            for lane in 0..8 {
                let (even, odd) = four(array::from_fn(|n| block[n][lane]));
                for n in 0..2 {
                    samples[n][lane] = descale(even[n] + odd[n], bits + 1);
                    samples[3 - n][lane] = descale(even[n] - odd[n], bits + 1);
                }
            }
        }
        2 => {
            for lane in 0..8 {
                let (even, odd) = two(array::from_fn(|n| block[n][lane]));
                samples[0][lane] = descale(even + odd, bits + 2);
                samples[1][lane] = descale(even - odd, bits + 2);
            }
        }
        _ => samples[0] = block[0].map(|dc| descale(dc << CONST_BITS, bits)),
    }
    samples
}

/// Even and odd parts of eight samples.
#[inline(always)]
fn eight(d: [Wrapping<i32>; 8]) -> ([Wrapping<i32>; 4], [Wrapping<i32>; 4]) {
    let z1 = (d[2] + d[6]) * by(F0_541);
    let (even2, even3) = (z1 - d[6] * by(F1_847), z1 + d[2] * by(F0_765));
    let (even0, even1) = ((d[0] + d[4]) << CONST_BITS, (d[0] - d[4]) << CONST_BITS);
    let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];

    let z5 = (d[7] + d[3] + d[5] + d[1]) * by(F1_175);
    let z1 = -(d[7] + d[1]) * by(F0_899);
    let z2 = -(d[5] + d[3]) * by(F2_562);
    let z3 = z5 - (d[7] + d[3]) * by(F1_961);
    let z4 = z5 - (d[5] + d[1]) * by(F0_390);
    let odd = [
        d[1] * by(F1_501) + z1 + z4,
        d[3] * by(F3_072) + z2 + z3,
        d[5] * by(F2_053) + z2 + z4,
        d[7] * by(F0_298) + z1 + z3,
    ];
    (even, odd)
}

/// Even and odd parts of four samples: what the filter of Catmull and Rom makes of eight, the first and the last of which
/// go on beyond the block.
#[inline(always)]
fn four(d: [Wrapping<i32>; 8]) -> ([Wrapping<i32>; 2], [Wrapping<i32>; 2]) {
    let even =
        |[c2, c4, c6]: [i16; 3]| (d[0] << (CONST_BITS + 1)) + d[2] * by(c2) + d[4] * by(c4) + d[6] * by(c6);
    let odd = |[c1, c3, c5, c7]: [i16; 4]| d[1] * by(c1) + d[3] * by(c3) + d[5] * by(c5) + d[7] * by(c7);
    (FOUR_EVEN.map(even), FOUR_ODD.map(odd))
}

/// Even and odd parts of two samples, the averages of four each.
#[inline(always)]
fn two(d: [Wrapping<i32>; 8]) -> (Wrapping<i32>, Wrapping<i32>) {
    let odd = d[1] * by(F3_624) - d[3] * by(F1_272) + d[5] * by(F0_850) - d[7] * by(F0_720);
    (d[0] << (CONST_BITS + 2), odd)
}

/// Divides DCT coefficients by the steps of one quantisation table, rounding to the nearest.
///
/// Division by multiplication: T. Granlund, P. Montgomery, "Division by invariant integers using
/// multiplication", PLDI 1994. In 16 bits, so that eight coefficients fit a vector of the oldest kind.
#[derive(Debug)]
pub(crate) struct Quantiser {
    pub(crate) half: [u16; 64],
    pub(crate) reciprocal: [u16; 64],
    pub(crate) scale: [u16; 64],
}

impl Quantiser {
    /// A quantiser by a table in natural order.
    pub(crate) fn new(table: &[u8; 64]) -> Self {
        // `transform` is eight times too large.
        let divisors = table.map(|step| Divisor::new(u32::from(step) * 8));
        Self {
            half: divisors.map(|d| d.half),
            reciprocal: divisors.map(|d| d.reciprocal),
            scale: divisors.map(|d| d.scale),
        }
    }

    #[inline(always)]
    fn quantise(&self, block: &Block) -> Quantised {
        let block = block.as_flattened();
        let coefficients = array::from_fn(|n| {
            let coefficient = block[n].0 as i16;
            let rounded = coefficient.unsigned_abs().wrapping_add(self.half[n]);
            let quotient = high(high(rounded, self.reciprocal[n]), self.scale[n]).cast_signed();
            // The sign, without a branch.
            let sign = coefficient >> 15;
            (quotient ^ sign) - sign
        });
        let nonzero = coefficients.iter().rev().fold(0, |bits, &n| bits << 1 | u64::from(n != 0));
        Quantised { coefficients, nonzero }
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

    /// The coefficients of samples, by steps of 1.
    fn coefficients(samples: &[u8; 64]) -> [i16; 64] {
        forward(samples, 8, &Quantiser::new(&[1; 64])).coefficients
    }

    #[test]
    fn forward_is_the_cosine_transform_of_the_standard() {
        let samples: [u8; 64] = array::from_fn(|n| (n * n * 37 % 251) as u8);
        for (n, coefficient) in transform(&samples, 8).as_flattened().iter().enumerate() {
            let expected = 8.0 * cosine_transform(&samples, n % 8, n / 8);
            assert!((f64::from(coefficient.0) - expected).abs() < 1.5, "{n}: {coefficient} for {expected}");
        }
    }

    #[test]
    fn inverse_undoes_forward() {
        let samples: [u8; 64] = array::from_fn(|n| (n * n * 53 % 256) as u8);
        let back = inverse(&coefficients(&samples), &[1; 64], (8, 8));
        for (&sample, back) in samples.iter().zip(back.as_flattened()) {
            assert!(sample.abs_diff(*back) <= 2, "{sample} {back}");
        }
    }

    /// The weights of eight samples in each of `count`.
    fn weights(count: usize) -> Vec<[f64; 8]> {
        let cubic = |x: f64| match x.abs() {
            x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            x if x < 2.0 => ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0,
            _ => 0.0,
        };
        let filtered = |n: usize| {
            let mut weights = [0.0; 8];
            // Far enough beyond the block on both sides.
            for at in -8..16i32 {
                let distance = (f64::from(at) + 0.5) / 2.0 - (n as f64 + 0.5);
                weights[at.clamp(0, 7).cast_unsigned() as usize] += cubic(distance) / 2.0;
            }
            weights
        };
        let average =
            |n: usize| array::from_fn(|at| if at * count / 8 == n { count as f64 / 8.0 } else { 0.0 });
        (0..count).map(|n| if count == 4 { filtered(n) } else { average(n) }).collect()
    }

    #[test]
    fn fewer_samples_are_the_averages_of_more_or_four_of_them_filtered() {
        let samples: [u8; 64] = array::from_fn(|n| 60 + (n * n * 53 % 140) as u8);
        let sizes = [8, 4, 2, 1].map(|across| [8, 4, 2, 1].map(|down| (across, down)));
        for &size in sizes.as_flattened() {
            let few = inverse(&coefficients(&samples), &[1; 64], size);
            for (y, down) in weights(size.1).iter().enumerate() {
                for (x, across) in weights(size.0).iter().enumerate() {
                    let weighted = samples
                        .iter()
                        .enumerate()
                        .map(|(n, &sample)| across[n % 8] * down[n / 8] * f64::from(sample));
                    let (expected, got) = (weighted.sum::<f64>().clamp(0.0, 255.0), f64::from(few[y][x]));
                    assert!((got - expected).abs() <= 2.5, "{size:?} at {x}, {y}: {got} for {expected}");
                }
            }
        }
    }

    #[test]
    fn a_block_of_dc_alone_is_flat() {
        for dc in i16::MIN..=i16::MAX {
            let mut block = [0; 64];
            block[0] = dc;
            assert_eq!(inverse(&block, &[1; 64], (8, 8)), [[inverse_dc(dc); 8]; 8], "{dc}");
            assert_eq!(inverse(&block, &[1; 64], (4, 2))[1][..4], [inverse_dc(dc); 4], "{dc}");
        }
    }

    #[test]
    fn coefficients_that_no_picture_has_do_no_harm() {
        inverse(&[i16::MAX; 64], &[1; 64], (8, 8));
        inverse(&[i16::MIN; 64], &[255; 64], (4, 4));
    }

    #[test]
    fn quantisation_is_division_rounded_to_the_nearest() {
        for step in 1..=255u8 {
            let quantiser = Quantiser::new(&[step; 64]);
            let divisor = i32::from(step) * 8;
            // The DCT of 8-bit samples is within 8 * 1024, eight times its true size.
            for coefficient in -8200..=8200 {
                let quantised = quantiser.quantise(&[[Wrapping(coefficient); 8]; 8]);
                let expected = (coefficient.abs() + divisor / 2) / divisor * coefficient.signum();
                assert_eq!(i32::from(quantised.coefficients[0]), expected, "{coefficient} / {divisor}");
                assert_eq!(quantised.nonzero, if expected == 0 { 0 } else { u64::MAX });
            }
        }
    }
}
