//! x86-64 with AVX2 and the bit instructions that came with it.
//!
//! A pass of the DCT works on eight columns of two blocks side by side. Each output is a sum of products of 16 bits, of
//! which one instruction makes two and adds them: so the constants of the plain version's steps are multiplied out here.
//! Integers wrap, so the sums are the same.

#![allow(unsafe_code)] // calling what was compiled for a processor that has to be asked for first; loads and stores

use std::arch::x86_64::*;

use super::{Loop, Vectors};
use crate::dct::cosine::*;
use crate::dct::{CONST_BITS, FOUR_EVEN, FOUR_ODD, PASS1_BITS, Quantised, Quantiser, Samples};

/// A processor that has been asked and has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The processor, if it has them.
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        has.then_some(Self(()))
    }

    /// Runs a loop that is compiled for it.
    pub(super) fn run<L: Loop>(self, work: L) -> L::Output {
        // SAFETY: an `Avx2` is proof that the processor has every feature that the function is compiled for.
        unsafe { run(self, work) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn run<L: Loop>(vectors: Avx2, work: L) -> L::Output {
    work.run(vectors)
}

impl Vectors for Avx2 {
    #[inline(always)]
    fn forward(self, samples: [&[u8]; 2], stride: usize, quantiser: &Quantiser) -> [Quantised; 2] {
        // SAFETY: an `Avx2` is proof that the processor has what the function is compiled for.
        unsafe { forward(samples, stride, quantiser) }
    }

    #[inline(always)]
    fn inverse(
        self,
        coefficients: [&[i16; 64]; 2],
        steps: [&[i16; 64]; 2],
        size: (usize, usize),
    ) -> [Samples; 2] {
        // SAFETY: an `Avx2` is proof that the processor has what the function is compiled for.
        unsafe { inverse(coefficients, steps, size) }
    }
}

/// Fractional bits that are taken off after each pass.
const FIRST: i32 = (CONST_BITS - PASS1_BITS) as i32;
const SECOND: i32 = (CONST_BITS + PASS1_BITS) as i32;
/// Fractional bits that the first pass keeps.
const KEPT: i32 = PASS1_BITS as i32;

/// Two blocks of eight times eight integers of 16 bits, row by row: the first block in the lower halves.
type Blocks = [__m256i; 8];

/// Both blocks at once: most instructions treat the halves of a vector alike.
#[inline]
#[target_feature(enable = "avx2")]
fn forward(samples: [&[u8]; 2], stride: usize, quantiser: &Quantiser) -> [Quantised; 2] {
    let [sum, one, two, three, difference, five, six, seven] =
        forward_pass::<FIRST>(&transposed_samples(samples, stride));
    // The middle is zero (T.81 A.3.1). In all sums but this one it cancels out.
    let sum = _mm256_slli_epi16::<KEPT>(_mm256_sub_epi16(sum, _mm256_set1_epi16(8 * 128)));
    let difference = _mm256_slli_epi16::<KEPT>(difference);
    let mut rows =
        forward_pass::<SECOND>(&transposed_blocks([sum, one, two, three, difference, five, six, seven]));
    let half = _mm256_set1_epi16(1 << (KEPT - 1));
    for row in [0, 4] {
        rows[row] = _mm256_srai_epi16::<KEPT>(_mm256_add_epi16(rows[row], half));
    }
    quantise(&rows, quantiser)
}

/// Eight rows of samples as eight columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed_samples(samples: [&[u8]; 2], stride: usize) -> Blocks {
    // One check for all rows.
    let samples = samples.map(|samples| &samples[..7 * stride + 8]);
    let row = |n: usize| {
        let [first, second] = samples.map(|samples| load_eight(samples, n * stride));
        _mm256_set_epi64x(0, second, 0, first)
    };
    let pair = |n: usize| _mm256_unpacklo_epi8(row(n), row(n + 1));
    let (a, b, c, d) = (pair(0), pair(2), pair(4), pair(6));
    let (left, right) = (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b));
    let (left_below, right_below) = (_mm256_unpacklo_epi16(c, d), _mm256_unpackhi_epi16(c, d));
    let two = [
        _mm256_unpacklo_epi32(left, left_below),
        _mm256_unpackhi_epi32(left, left_below),
        _mm256_unpacklo_epi32(right, right_below),
        _mm256_unpackhi_epi32(right, right_below),
    ];
    let zero = _mm256_setzero_si256();
    let (low, high) =
        (|n: usize| _mm256_unpacklo_epi8(two[n], zero), |n: usize| _mm256_unpackhi_epi8(two[n], zero));
    [low(0), high(0), low(1), high(1), low(2), high(2), low(3), high(3)]
}

/// `dct::forward_pass`, but for what it makes of plain sums: the first and the fifth row are as they are.
#[inline]
#[target_feature(enable = "avx2")]
fn forward_pass<const BITS: i32>(d: &Blocks) -> Blocks {
    let sum = |n: usize| _mm256_add_epi16(d[n], d[7 - n]);
    let difference = |n: usize| _mm256_sub_epi16(d[n], d[7 - n]);
    let (s0, s1, s2, s3) = (sum(0), sum(1), sum(2), sum(3));
    let (outer, inner) = (_mm256_add_epi16(s0, s3), _mm256_add_epi16(s1, s2));

    let even = Pairs::new(_mm256_sub_epi16(s0, s3), _mm256_sub_epi16(s1, s2));
    let two = even.products(F0_541 + F0_765, F0_541).rounded::<BITS>();
    let six = even.products(F0_541, F0_541 - F1_847).rounded::<BITS>();

    let low = Pairs::new(difference(3), difference(2));
    let high = Pairs::new(difference(1), difference(0));
    let odd = |t4: i16, t5: i16, t6: i16, t7: i16| {
        low.products(t4, t5).plus(high.products(t6, t7)).rounded::<BITS>()
    };
    let seven = odd(F0_298 - F0_899 + F1_175 - F1_961, F1_175, F1_175 - F1_961, F1_175 - F0_899);
    let five = odd(F1_175, F2_053 - F2_562 + F1_175 - F0_390, F1_175 - F2_562, F1_175 - F0_390);
    let three = odd(F1_175 - F1_961, F1_175 - F2_562, F3_072 - F2_562 + F1_175 - F1_961, F1_175);
    let one = odd(F1_175 - F0_899, F1_175 - F0_390, F1_175, F1_501 - F0_899 + F1_175 - F0_390);
    [_mm256_add_epi16(outer, inner), one, two, three, _mm256_sub_epi16(outer, inner), five, six, seven]
}

/// Two rows of two blocks as pairs, one of each column: those of the left half of the columns, then the right.
#[derive(Clone, Copy)]
struct Pairs(__m256i, __m256i);

/// A row of two blocks in 32 bits: the left half of the columns, then the right.
#[derive(Clone, Copy)]
struct Wide(__m256i, __m256i);

impl Pairs {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(a: __m256i, b: __m256i) -> Self {
        Self(_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b))
    }

    /// The sum of a pair's products with two constants, for each column.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn products(self, a: i16, b: i16) -> Wide {
        let constants = _mm256_set1_epi32(i32::from(b) << 16 | i32::from(a) & 0xFFFF);
        Wide(_mm256_madd_epi16(self.0, constants), _mm256_madd_epi16(self.1, constants))
    }
}

impl Wide {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn plus(self, other: Self) -> Self {
        Self(_mm256_add_epi32(self.0, other.0), _mm256_add_epi32(self.1, other.1))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn minus(self, other: Self) -> Self {
        Self(_mm256_sub_epi32(self.0, other.0), _mm256_sub_epi32(self.1, other.1))
    }

    /// Sum and difference, rounded.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn butterfly<const BITS: i32>(self, odd: Self) -> (__m256i, __m256i) {
        (self.plus(odd).rounded::<BITS>(), self.minus(odd).rounded::<BITS>())
    }

    /// Without so many fractional bits, in 16 bits: what does not fit is the nearest that does.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rounded<const BITS: i32>(self) -> __m256i {
        let half = _mm256_set1_epi32(1 << (BITS - 1));
        let rounded = |row| _mm256_srai_epi32::<BITS>(_mm256_add_epi32(row, half));
        _mm256_packs_epi32(rounded(self.0), rounded(self.1))
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn quantise(rows: &Blocks, quantiser: &Quantiser) -> [Quantised; 2] {
    let mut blocks = [Quantised { coefficients: [0; 64], nonzero: 0 }; 2];
    let zeros: [__m256i; 8] = std::array::from_fn(|n| {
        let constant = |table: &[u16; 64]| _mm256_broadcastsi128_si256(load_row(table, n));
        let rounded = _mm256_add_epi16(_mm256_abs_epi16(rows[n]), constant(&quantiser.half));
        let quotient = _mm256_mulhi_epu16(rounded, constant(&quantiser.reciprocal));
        // Both are below 15 bits: signed or not is the same. Of two multiplications of a kind compilers make a detour.
        let quotient = _mm256_mulhi_epi16(quotient, constant(&quantiser.scale));
        let quotient = _mm256_sign_epi16(quotient, rows[n]);
        let [first, second] = &mut blocks;
        store_row(&mut first.coefficients, n, _mm256_castsi256_si128(quotient));
        store_row(&mut second.coefficients, n, _mm256_extracti128_si256::<1>(quotient));
        _mm256_cmpeq_epi16(quotient, _mm256_setzero_si256())
    });
    for n in [6, 4, 2, 0] {
        // A byte for each coefficient, two rows of a block in each half.
        let bytes = _mm256_packs_epi16(zeros[n], zeros[n + 1]);
        let bits = !_mm256_movemask_epi8(bytes).cast_unsigned();
        let [first, second] = &mut blocks;
        first.nonzero = first.nonzero << 16 | u64::from(bits & 0xFFFF);
        second.nonzero = second.nonzero << 16 | u64::from(bits >> 16);
    }
    blocks
}

/// `dct::transposed` of both.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed_blocks(rows: Blocks) -> Blocks {
    let [a, b, c, d, e, f, g, h] = rows;
    let low = |a, b| _mm256_unpacklo_epi16(a, b);
    let high = |a, b| _mm256_unpackhi_epi16(a, b);
    // Columns 0 to 3, then 4 to 7, of two rows each.
    let (ab, cd, ef, gh) = (low(a, b), low(c, d), low(e, f), low(g, h));
    let (ab4, cd4, ef4, gh4) = (high(a, b), high(c, d), high(e, f), high(g, h));
    let four = |ab, cd, ef, gh| {
        let (upper, lower) = (_mm256_unpacklo_epi32(ab, cd), _mm256_unpacklo_epi32(ef, gh));
        let (upper2, lower2) = (_mm256_unpackhi_epi32(ab, cd), _mm256_unpackhi_epi32(ef, gh));
        [
            _mm256_unpacklo_epi64(upper, lower),
            _mm256_unpackhi_epi64(upper, lower),
            _mm256_unpacklo_epi64(upper2, lower2),
            _mm256_unpackhi_epi64(upper2, lower2),
        ]
    };
    let ([a, b, c, d], [e, f, g, h]) = (four(ab, cd, ef, gh), four(ab4, cd4, ef4, gh4));
    [a, b, c, d, e, f, g, h]
}

/// Both blocks at once.
#[inline]
#[target_feature(enable = "avx2")]
fn inverse(
    coefficients: [&[i16; 64]; 2],
    steps: [&[i16; 64]; 2],
    (width, height): (usize, usize),
) -> [Samples; 2] {
    let row = |blocks: [&[i16; 64]; 2], n| _mm256_set_m128i(load_row(blocks[1], n), load_row(blocks[0], n));
    let rows = std::array::from_fn(|n| _mm256_mullo_epi16(row(coefficients, n), row(steps, n)));
    let columns = transposed_blocks(inverse_pass::<FIRST, { FIRST + 1 }, { FIRST + 2 }>(&rows, height));
    level(&inverse_pass::<{ SECOND + 3 }, { SECOND + 4 }, { SECOND + 5 }>(&columns, width))
}

/// `dct::inverse_pass`, and what fits 16 bits of it. The numbers of bits are those for 8, 4 and 2 samples.
#[inline]
#[target_feature(enable = "avx2")]
fn inverse_pass<const EIGHT: i32, const FOUR: i32, const TWO: i32>(d: &Blocks, count: usize) -> Blocks {
    const ONE: i16 = 1 << CONST_BITS;
    let zero = _mm256_setzero_si256();
    let (first, last) = (Pairs::new(d[1], d[3]), Pairs::new(d[5], d[7]));
    let odd = |d1: i16, d3: i16, d5: i16, d7: i16| first.products(d1, d3).plus(last.products(d5, d7));
    match count {
        8 => {
            let (outer, inner) = (Pairs::new(d[0], d[4]), Pairs::new(d[2], d[6]));
            let (even0, even1) = (outer.products(ONE, ONE), outer.products(ONE, -ONE));
            let even2 = inner.products(F0_541, F0_541 - F1_847);
            let even3 = inner.products(F0_541 + F0_765, F0_541);
            let (n0, n7) = even0.plus(even3).butterfly::<EIGHT>(odd(
                F1_501 - F0_899 + F1_175 - F0_390,
                F1_175,
                F1_175 - F0_390,
                F1_175 - F0_899,
            ));
            let (n1, n6) = even1.plus(even2).butterfly::<EIGHT>(odd(
                F1_175,
                F3_072 - F2_562 + F1_175 - F1_961,
                F1_175 - F2_562,
                F1_175 - F1_961,
            ));
            let (n2, n5) = even1.minus(even2).butterfly::<EIGHT>(odd(
                F1_175 - F0_390,
                F1_175 - F2_562,
                F2_053 - F2_562 + F1_175 - F0_390,
                F1_175,
            ));
            let (n3, n4) = even0.minus(even3).butterfly::<EIGHT>(odd(
                F1_175 - F0_899,
                F1_175 - F1_961,
                F1_175,
                F0_298 - F0_899 + F1_175 - F1_961,
            ));
            [n0, n1, n2, n3, n4, n5, n6, n7]
        }
        4 => {
            let (outer, inner) = (Pairs::new(d[0], d[4]), Pairs::new(d[2], d[6]));
            let even = |[c2, c4, c6]: [i16; 3]| outer.products(2 * ONE, c4).plus(inner.products(c2, c6));
            let sums = |n: usize| {
                let [c1, c3, c5, c7] = FOUR_ODD[n];
                even(FOUR_EVEN[n]).butterfly::<FOUR>(odd(c1, c3, c5, c7))
            };
            let ((n0, n3), (n1, n2)) = (sums(0), sums(1));
            [n0, n1, n2, n3, zero, zero, zero, zero]
        }
        2 => {
            let even = Pairs::new(d[0], zero).products(2 * ONE, 0);
            let (n0, n1) = even.plus(even).butterfly::<TWO>(odd(F3_624, -F1_272, F0_850, -F0_720));
            [n0, n1, zero, zero, zero, zero, zero, zero]
        }
        _ => {
            let only = Pairs::new(d[0], zero).products(ONE, 0).rounded::<EIGHT>();
            [only, zero, zero, zero, zero, zero, zero, zero]
        }
    }
}

/// Columns of differences from the middle as rows of samples.
#[inline]
#[target_feature(enable = "avx2")]
fn level(columns: &Blocks) -> [Samples; 2] {
    let middle = _mm256_set1_epi16(128);
    let column = |n: usize| _mm256_adds_epi16(columns[n], middle);
    let four_apart = |n: usize| _mm256_packus_epi16(column(n), column(n + 4));
    let (a, b, c, d) = (four_apart(0), four_apart(1), four_apart(2), four_apart(3));
    let (ab, ab4) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
    let (cd, cd4) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
    let (upper, lower) = (_mm256_unpacklo_epi16(ab, cd), _mm256_unpackhi_epi16(ab, cd));
    let (upper4, lower4) = (_mm256_unpacklo_epi16(ab4, cd4), _mm256_unpackhi_epi16(ab4, cd4));
    let two_rows = [
        _mm256_unpacklo_epi32(upper, upper4),
        _mm256_unpackhi_epi32(upper, upper4),
        _mm256_unpacklo_epi32(lower, lower4),
        _mm256_unpackhi_epi32(lower, lower4),
    ];
    let mut samples = [Samples::default(); 2];
    let [first, second] = &mut samples;
    for (n, two) in two_rows.into_iter().enumerate() {
        store_two(first, n, _mm256_castsi256_si128(two));
        store_two(second, n, _mm256_extracti128_si256::<1>(two));
    }
    samples
}

/// Eight bytes from a place on.
#[inline]
#[target_feature(enable = "avx2")]
fn load_eight(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

/// An integer of 16 bits, whatever its sign.
trait Word {}
impl Word for i16 {}
impl Word for u16 {}

/// Row `n` of a block's numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn load_row<T: Word>(numbers: &[T; 64], n: usize) -> __m128i {
    let row = &numbers.as_chunks::<8>().0[n];
    // SAFETY: it reads the 16 bytes of eight numbers, wherever they are.
    unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
}

/// Stores row `n` of a block's numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn store_row(numbers: &mut [i16; 64], n: usize, value: __m128i) {
    let row = &mut numbers.as_chunks_mut::<8>().0[n];
    // SAFETY: it writes the 16 bytes of eight numbers, wherever they are.
    unsafe { _mm_storeu_si128(row.as_mut_ptr().cast(), value) }
}

/// Stores the `n`th two of eight rows.
#[inline]
#[target_feature(enable = "avx2")]
fn store_two(rows: &mut [[u8; 8]; 8], n: usize, value: __m128i) {
    let two = &mut rows.as_chunks_mut::<2>().0[n];
    // SAFETY: it writes the 16 bytes of two rows, wherever they are.
    unsafe { _mm_storeu_si128(two.as_mut_ptr().cast(), value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dct;

    /// Numbers that look random, others for each seed.
    fn noise(seed: u32) -> impl FnMut() -> u32 {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        }
    }

    #[test]
    fn forward_agrees_with_the_plain_version_to_the_bit() {
        let Some(avx2) = Avx2::new() else { return };
        for seed in 0..3000 {
            let mut next = noise(seed);
            let reach = 1 << (seed % 9);
            let extreme = seed % 7 == 0;
            let samples: [u8; 8 * 23] = std::array::from_fn(|_| {
                let sample = (next() >> 8) % reach + (256 - reach) / 2;
                if extreme { if sample.is_multiple_of(2) { 0 } else { 255 } } else { sample as u8 }
            });
            let steps = std::array::from_fn(|_| (next() >> 24).max(1) as u8);
            let quantiser = Quantiser::new(if seed % 2 == 0 { &[1; 64] } else { &steps });
            let two = [&samples[..7 * 23 + 8], &samples[9..]];
            let expected = two.map(|samples| dct::forward(samples, 23, &quantiser));
            assert_eq!(avx2.forward(two, 23, &quantiser), expected, "seed {seed}");
        }
    }

    #[test]
    fn inverse_agrees_with_the_plain_version_to_the_bit() {
        let Some(avx2) = Avx2::new() else { return };
        let sizes = [8, 4, 2, 1].map(|across| [8, 4, 2, 1].map(|down| (across, down)));
        for seed in 0..3000 {
            let mut next = noise(seed);
            // From what pictures have to what none has.
            let shift = 16 + seed % 16;
            let mut blocks = || std::array::from_fn(|_| (next().cast_signed() >> shift) as i16);
            let coefficients = [blocks(), blocks()];
            let steps = [seed, seed + 1].map(|seed| {
                let mut next = noise(seed);
                std::array::from_fn(|_| (next() >> 24).max(1) as i16)
            });
            for &size in sizes.as_flattened() {
                let got = avx2.inverse(coefficients.each_ref(), steps.each_ref(), size);
                for n in 0..2 {
                    let expected = dct::inverse(&coefficients[n], &steps[n], size);
                    for (got, expected) in got[n].iter().zip(expected).take(size.1) {
                        assert_eq!(got[..size.0], expected[..size.0], "seed {seed}, {size:?}");
                    }
                }
            }
        }
    }
}
