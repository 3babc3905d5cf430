//! Quantised coefficients to codes (T.81 F.1.2).

use std::sync::LazyLock;

use super::{codes, magnitude};
use crate::bits::BitWriter;
use crate::dct::Quantised;
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC, ZIGZAG};

/// The codes of one component: DC and AC.
#[derive(Debug)]
pub(crate) struct Encoder {
    dc: [Code; 256],
    ac: [Code; 256],
    /// By a small coefficient and the zeros before it: its code with its bits.
    small: [Code; 2 * SMALL * 16],
}

/// Coefficients are small from `-SMALL` up to below `SMALL`: nearly all are.
const SMALL: usize = 16;

/// A symbol's code with room for the bits that follow it: `(code << size) << 5 | length + size`.
type Code = u32;

/// The encoders of luma and of chroma with the standard's tables.
static ENCODERS: LazyLock<[Encoder; 2]> =
    LazyLock::new(|| [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)].map(|(dc, ac)| Encoder::new(&dc, &ac)));

impl Encoder {
    /// Bytes that a block has at most: a DC code and 63 AC codes with the bits that follow them.
    pub(crate) const MAX_BLOCK: usize = (64 * 26usize).div_ceil(8);

    /// The largest AC coefficient that has a code in the standard's tables (T.81 F.1.2.2: 10 bits).
    const MAX_AC: i32 = 1023;

    /// The encoders of luma and of chroma.
    pub(crate) fn standard() -> &'static [Self; 2] {
        &ENCODERS
    }

    fn new(dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Self {
        let table = |spec: &HuffmanSpec<'_>| {
            let mut table = [0; 256];
            for (symbol, code, length) in codes(spec) {
                // A DC symbol is a size, an AC symbol ends with one.
                let size = u32::from(symbol) & 15;
                table[usize::from(symbol)] = u32::from(code) << size << 5 | (u32::from(length) + size);
            }
            table
        };
        let (dc, ac) = (table(dc), table(ac));
        let small = std::array::from_fn(|index| match magnitude((index / 16) as i32 - SMALL as i32) {
            (_, 0) => 0,
            (bits, size) => ac[(index % 16) << 4 | size as usize] | bits << 5,
        });
        Self { dc, ac, small }
    }

    /// Writes one block. `dc_before` is the DC coefficient of the component's block before, 0 at the start of a
    /// restart interval. There is room for [`Encoder::MAX_BLOCK`].
    ///
    /// DC differences are those of 8-bit samples: within 11 bits.
    #[inline(always)]
    pub(crate) fn block(&self, writer: &mut BitWriter<'_>, block: &Quantised, dc_before: i16) {
        self.dc(writer, i32::from(block.coefficients[0]) - i32::from(dc_before));
        let mut before = 0;
        let mut rest = zigzag_mask(block.nonzero) & !1;
        while rest != 0 {
            let position = rest.trailing_zeros();
            rest &= rest - 1;
            let natural = usize::from(ZIGZAG[position as usize & 63]);
            self.ac(writer, position - before - 1, block.coefficients[natural & 63].into());
            before = position;
        }
        if before < 63 {
            self.end_of_block(writer);
        }
    }

    /// Writes the difference of a DC coefficient from the one before, within 11 bits.
    #[inline(always)]
    pub(crate) fn dc(&self, writer: &mut BitWriter<'_>, difference: i32) {
        let (bits, size) = magnitude(difference);
        put(writer, self.dc[size as usize & 0xFF], bits);
    }

    /// Writes an AC coefficient behind a run of `zeros`. Of a zero nothing is written, and of what is beyond
    /// [`Encoder::MAX_AC`] that.
    #[inline(always)]
    pub(crate) fn ac(&self, writer: &mut BitWriter<'_>, mut zeros: u32, coefficient: i32) {
        let small = coefficient.wrapping_add(SMALL as i32).cast_unsigned();
        // One question for both: whether a small coefficient stands behind fewer than 16 zeros.
        if (small | zeros << 1) < 2 * SMALL as u32 {
            let code = self.small[(small << 4 | zeros) as usize % (2 * SMALL * 16)];
            return writer.put(code >> 5, code & 31);
        }
        if coefficient == 0 {
            return;
        }
        while zeros >= 16 {
            put(writer, self.ac[0xF0], 0);
            zeros -= 16;
        }
        let (bits, size) = magnitude(coefficient.clamp(-Self::MAX_AC, Self::MAX_AC));
        put(writer, self.ac[(zeros << 4 | size) as usize & 0xFF], bits);
    }

    /// Says that all coefficients that follow are zero.
    #[inline(always)]
    pub(crate) fn end_of_block(&self, writer: &mut BitWriter<'_>) {
        put(writer, self.ac[0], 0);
    }
}

#[inline(always)]
fn put(writer: &mut BitWriter<'_>, code: Code, bits: u32) {
    writer.put(code >> 5 | bits, code & 31);
}

/// By row of a block and by the bits of its eight coefficients: their bits in zigzag order.
static ZIGZAG_MASKS: [[u64; 256]; 8] = {
    let mut masks = [[0; 256]; 8];
    let mut position = 0;
    while position < 64 {
        let natural = ZIGZAG[position] as usize;
        let mut bits = 0;
        while bits < 256 {
            if bits >> (natural % 8) & 1 == 1 {
                masks[natural / 8][bits] |= 1 << position;
            }
            bits += 1;
        }
        position += 1;
    }
    masks
};

/// A bit for each coefficient, from natural to zigzag order: sixty-four bits are quicker to turn than coefficients.
#[inline(always)]
fn zigzag_mask(natural: u64) -> u64 {
    let rows = natural.to_le_bytes();
    ZIGZAG_MASKS.iter().zip(rows).fold(0, |mask, (table, row)| mask | table[usize::from(row)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_turned_bit_by_bit() {
        for (position, &natural) in ZIGZAG.iter().enumerate() {
            assert_eq!(zigzag_mask(1 << natural), 1 << position);
            assert_eq!(zigzag_mask(!(1 << natural)), !(1 << position));
        }
        assert_eq!(zigzag_mask(0), 0);
    }
}
