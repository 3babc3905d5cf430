//! Huffman codes (T.81 Annex C and F): written by the encoder, checked in what others encoded.

use std::sync::LazyLock;

use thiserror::Error;

use crate::bits::{BitReader, BitWriter};
use crate::simd::{self, Loop};
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC, ZIGZAG};

/// Blocks of an MCU in the order of the scan: four of luma, then one of each chroma (T.81 A.2.3).
/// The number is the component's.
pub(crate) const MCU_BLOCKS: [usize; 6] = [0, 0, 0, 0, 1, 2];

/// A table's codes by symbol.
#[derive(Debug)]
struct Codes {
    /// Code and length in bits; length 0 where the symbol has no code.
    by_symbol: [(u16, u8); 256],
}

impl Codes {
    /// Codes in order of length, as T.81 Annex C numbers them.
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let mut by_symbol = [(0, 0); 256];
        for (symbol, code, length) in codes(spec) {
            by_symbol[usize::from(symbol)] = (code, length);
        }
        Self { by_symbol }
    }
}

/// Every symbol of a table with its code and the code's length.
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

/// The codes of one component: DC and AC.
#[derive(Debug)]
pub(crate) struct Encoder {
    dc: Codes,
    ac: Codes,
}

/// The encoders of Y, Cb and Cr with the standard's tables.
static ENCODERS: LazyLock<[Encoder; 2]> = LazyLock::new(|| {
    [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)]
        .map(|(dc, ac)| Encoder { dc: Codes::new(&dc), ac: Codes::new(&ac) })
});

impl Encoder {
    /// The encoders of luma and of chroma.
    pub(crate) fn standard() -> &'static [Self; 2] {
        &ENCODERS
    }

    /// Writes one block of quantised coefficients in natural order (T.81 F.1.2). `dc_before` is the DC
    /// coefficient of the component's block before, 0 at the start of a restart interval.
    ///
    /// Coefficients are those of 8-bit samples: DC differences within 11 bits, AC within 10.
    #[inline(always)]
    pub(crate) fn block(&self, writer: &mut BitWriter<'_>, coefficients: &[i16; 64], dc_before: i16) {
        let (bits, size) = magnitude(coefficients[0] - dc_before);
        let (code, length) = self.dc.by_symbol[size as usize];
        writer.put(u32::from(code) << size | bits, u32::from(length) + size);

        let mut zeros = 0;
        for position in &ZIGZAG[1..] {
            let coefficient = coefficients[usize::from(*position) & 63];
            if coefficient == 0 {
                zeros += 1;
                continue;
            }
            while zeros >= 16 {
                self.ac_symbol(writer, 0xF0);
                zeros -= 16;
            }
            let (bits, size) = magnitude(coefficient);
            let (code, length) = self.ac.by_symbol[((zeros << 4 | size) & 0xFF) as usize];
            writer.put(u32::from(code) << size | bits, u32::from(length) + size);
            zeros = 0;
        }
        if zeros > 0 {
            self.ac_symbol(writer, 0);
        }
    }

    fn ac_symbol(&self, writer: &mut BitWriter<'_>, symbol: u8) {
        let (code, length) = self.ac.by_symbol[usize::from(symbol)];
        writer.put(code.into(), length.into());
    }
}

/// The bits that follow a code, and their number (T.81 F.1.2.1): a negative value is stored less one.
#[inline(always)]
fn magnitude(value: i16) -> (u32, u32) {
    let value = i32::from(value);
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = value + (value >> 31);
    ((bits & ((1 << size) - 1)).cast_unsigned(), size)
}

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

/// Bits of a code that are looked up at once; longer codes are rare.
const PREFIX: u32 = 10;

/// Decodes the symbols of one table.
#[derive(Debug)]
struct Symbols {
    /// By the next [`PREFIX`] bits: the symbol and the length of its code; length 0 for a longer code or none.
    by_prefix: [(u8, u8); 1 << PREFIX],
    /// By length of code: the first 16 bits that no code so short begins with (T.81 F.2.2.3, MAXCODE).
    limits: [u32; 17],
    /// By length of code: the index of its first symbol, less its first code.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Symbols {
    /// `spec` is sound.
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let (mut by_prefix, mut symbols) = ([(0, 0); 1 << PREFIX], [0; 256]);
        let (mut limits, mut offsets) = ([0; 17], [0; 17]);
        for (index, (symbol, code, length)) in (0u8..=255).zip(codes(spec)) {
            symbols[usize::from(index)] = symbol;
            let bits = usize::from(length);
            if limits[bits] == 0 {
                offsets[bits] = i32::from(index) - i32::from(code);
            }
            limits[bits] = (u32::from(code) + 1) << (16 - length);
            if let Some(free) = PREFIX.checked_sub(length.into()) {
                let first = usize::from(code) << free;
                by_prefix[first..first + (1 << free)].fill((symbol, length));
            }
        }
        Self { by_prefix, limits, offsets, symbols }
    }

    /// Takes one code, which the reader must have been refilled for.
    #[inline(always)]
    fn next(&self, reader: &mut BitReader<'_>) -> Result<u8, Flaw> {
        let next = reader.peek16();
        let (symbol, length) = self.by_prefix[next >> (16 - PREFIX)];
        if length == 0 {
            return self.next_long(next as u32, reader);
        }
        reader.take(length.into()).ok_or(Flaw::TooShort)?;
        Ok(symbol)
    }

    fn next_long(&self, next: u32, reader: &mut BitReader<'_>) -> Result<u8, Flaw> {
        let length =
            (PREFIX + 1..=16).find(|&length| next < self.limits[length as usize]).ok_or(Flaw::NoCode)?;
        reader.take(length).ok_or(Flaw::TooShort)?;
        let index = (next >> (16 - length)).cast_signed() + self.offsets[length as usize];
        Ok(self.symbols[(index & 255).cast_unsigned() as usize])
    }
}

/// The codes of one component of a scan: DC and AC.
#[derive(Debug)]
pub(crate) struct Decoder {
    dc: Symbols,
    ac: Symbols,
}

/// The decoders of luma and of chroma with the standard's tables.
static DECODERS: LazyLock<[Decoder; 2]> =
    LazyLock::new(|| [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)].map(|(dc, ac)| Decoder::new(&dc, &ac)));

impl Decoder {
    /// A decoder of two sound tables.
    pub(crate) fn new(dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Self {
        Self { dc: Symbols::new(dc), ac: Symbols::new(ac) }
    }

    /// Walks one block (T.81 F.2.2). `dc` is the component's DC coefficient before it and then its own;
    /// every AC coefficient but those of zero goes to `ac` with its place in zigzag order.
    #[inline(always)]
    pub(crate) fn block(
        &self,
        reader: &mut BitReader<'_>,
        dc: &mut i32,
        mut ac: impl FnMut(usize, i32),
    ) -> Result<(), Flaw> {
        reader.refill();
        let size = self.dc.next(reader)?;
        // 8-bit samples give DC coefficients within 11 bits (T.81 F.1.2.1.1).
        if size > 11 {
            return Err(Flaw::DcOutOfRange);
        }
        *dc += extend(reader.take(size.into()).ok_or(Flaw::TooShort)?, size);
        if !(-2048..2048).contains(dc) {
            return Err(Flaw::DcOutOfRange);
        }
        let mut position = 0;
        while position < 63 {
            reader.refill();
            let symbol = self.ac.next(reader)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            // End of block; but a run of 15 without a value skips sixteen zeros.
            if size == 0 && run < 15 {
                break;
            }
            position += run + 1;
            if position > 63 {
                return Err(Flaw::TooManyCoefficients);
            }
            let bits = reader.take(size.into()).ok_or(Flaw::TooShort)?;
            if size > 0 {
                ac(position, extend(bits, size));
            }
        }
        Ok(())
    }
}

/// The signed value of `size` magnitude bits, at most 16 (T.81 F.2.2.1, EXTEND). Signs are as good as random, so
/// there is no branch on them.
#[inline(always)]
fn extend(bits: u32, size: u8) -> i32 {
    // All ones when the highest bit is zero, which says that the value is negative.
    let negative = ((bits << 1 >> size) & 1).cast_signed() - 1;
    bits.cast_signed() + (negative & (1 - (1 << size)))
}

/// Checks every code of a restart segment of a canonical tile: `segment` is what stands between two
/// markers and must hold `mcus` MCUs, padding of ones, and no more.
pub(crate) fn is_sound_segment(segment: &[u8], mcus: u32) -> bool {
    simd::widest(Check { segment, mcus })
}

struct Check<'a> {
    segment: &'a [u8],
    mcus: u32,
}

impl Loop for Check<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let [luma, chroma] = &*DECODERS;
        let mut reader = BitReader::new(self.segment);
        let mut dc = [0; 3];
        for _ in 0..self.mcus {
            for component in MCU_BLOCKS {
                let decoder = if component == 0 { luma } else { chroma };
                if decoder.block(&mut reader, &mut dc[component], |_, _| {}).is_err() {
                    return false;
                }
            }
        }
        reader.is_at_padding()
    }
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
        for value in -2047..=2047i16 {
            let (bits, size) = magnitude(value);
            assert_eq!(extend(bits, size as u8), i32::from(value));
        }
    }

    #[test]
    fn every_code_of_a_table_is_decoded_as_its_symbol() {
        for spec in [LUMA_DC, LUMA_AC, CHROMA_DC, CHROMA_AC] {
            let (table, symbols) = (Codes::new(&spec), Symbols::new(&spec));
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            for &symbol in spec.symbols {
                let (code, length) = table.by_symbol[usize::from(symbol)];
                writer.put(code.into(), length.into());
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes);
            for &symbol in spec.symbols {
                reader.refill();
                assert_eq!(symbols.next(&mut reader), Ok(symbol));
            }
        }
    }

    #[test]
    fn bits_that_are_no_code_are_a_flaw() {
        // The standard's tables leave the code of all ones free (T.81 C.2).
        let symbols = Symbols::new(&LUMA_AC);
        let mut reader = BitReader::new(&[0xFF, 0, 0xFF, 0, 0xFF, 0]);
        reader.refill();
        assert_eq!(symbols.next(&mut reader), Err(Flaw::NoCode));
    }
}
