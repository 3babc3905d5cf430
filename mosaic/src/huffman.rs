//! Huffman codes of sequential JPEG (T.81 Annex C and F): written, read, checked.

mod check;
mod decoder;
mod decoders;
mod encoder;

use thiserror::Error;

use crate::bits::BitReader;
use crate::tables::HuffmanSpec;

pub(crate) use check::is_sound;
pub(crate) use decoder::{Decoder, Sink};
pub(crate) use decoders::Decoders;
pub(crate) use encoder::Encoder;

/// Blocks of an MCU in the order of the scan: four of luma, then one of each chroma (T.81 A.2.3).
/// The number is the component's.
pub(crate) const MCU_BLOCKS: [usize; 6] = [0, 0, 0, 0, 1, 2];

/// What is wrong with a restart segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Flaw {
    #[error("bits that are no Huffman code")]
    NoCode,
    #[error("too few blocks")]
    TooShort,
    #[error("more than 64 coefficients in a block")]
    TooManyCoefficients,
    #[error("a DC coefficient that no picture has")]
    DcOutOfRange,
    #[error("more than its blocks")]
    Trailing,
}

impl Flaw {
    /// What is read behind the end of a segment is wrong, though not always in a way that says so.
    #[inline(always)]
    pub(crate) fn or_overrun(self, reader: &BitReader<'_>) -> Self {
        if reader.is_overrun() { Self::TooShort } else { self }
    }
}

/// Every symbol of a table with its code and the code's length: in order of length, as T.81 Annex C numbers them.
fn codes<'a>(spec: &HuffmanSpec<'a>) -> impl Iterator<Item = (u8, u16, u8)> + use<'a> {
    let lengths = spec.counts.iter().zip(1u8..).flat_map(|(&n, length)| (0..n).map(move |_| length));
    let mut next = 0u32;
    let mut last_length = 0;
    spec.symbols.iter().zip(lengths).map(move |(&symbol, length)| {
        next <<= length - last_length;
        last_length = length;
        let code = next;
        next += 1;
        (symbol, code as u16, length)
    })
}

/// The bits that follow a code, and their number (T.81 F.1.2.1): a negative value is stored less one.
#[inline(always)]
fn magnitude(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = value + (value >> 31);
    (bits.cast_unsigned() & ((1 << size) - 1), size)
}

/// The signed value of `size` magnitude bits, at most 16 (T.81 F.2.2.1, EXTEND). Signs are as good as random, so
/// there is no branch on them.
#[inline(always)]
fn extend(bits: u32, size: u32) -> i32 {
    // All ones when the highest bit is zero, which says that the value is negative.
    let negative = ((bits << 1 >> size) & 1).cast_signed() - 1;
    bits.cast_signed() + (negative & (1 - (1 << size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_extended_as_the_standards_table_says() {
        // T.81 table F.1 and F.2: size, bits, value.
        let cases =
            [(0, 0, 0), (1, 0, -1), (1, 1, 1), (2, 0, -3), (2, 1, -2), (2, 2, 2), (2, 3, 3), (11, 0, -2047)];
        for (size, bits, value) in cases {
            assert_eq!(extend(bits, size), value, "{size} bits of {bits:b}");
        }
        for value in -2047..=2047 {
            let (bits, size) = magnitude(value);
            assert_eq!(extend(bits, size), value);
        }
    }
}
