//! Huffman codes (T.81 Annex C and F): written by the encoder, checked in what others encoded.

use std::sync::LazyLock;

use thiserror::Error;

use crate::bits::{BitReader, BitWriter};
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
    #[inline]
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
#[inline]
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

/// Decodes the symbols of one table.
#[derive(Debug)]
struct Symbols {
    /// By the next 16 bits: the symbol and the length of its code; length 0 where no code begins so.
    by_prefix: Vec<(u8, u8)>,
}

impl Symbols {
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let mut by_prefix = vec![(0, 0); 1 << 16];
        for (symbol, code, length) in codes(spec) {
            let first = usize::from(code) << (16 - length);
            by_prefix[first..first + (1 << (16 - length))].fill((symbol, length));
        }
        Self { by_prefix }
    }

    /// Takes one code, which the reader must have been refilled for.
    #[inline]
    fn next(&self, reader: &mut BitReader<'_>) -> Result<u8, Flaw> {
        let (symbol, length) = self.by_prefix[reader.peek16()];
        if length == 0 {
            return Err(Flaw::NoCode);
        }
        reader.take(length.into()).ok_or(Flaw::TooShort)?;
        Ok(symbol)
    }
}

/// Walks the codes of one component without making coefficients of them.
#[derive(Debug)]
struct Checker {
    dc: Symbols,
    ac: Symbols,
}

/// The checkers of luma and of chroma with the standard's tables.
static CHECKERS: LazyLock<[Checker; 2]> = LazyLock::new(|| {
    [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)]
        .map(|(dc, ac)| Checker { dc: Symbols::new(&dc), ac: Symbols::new(&ac) })
});

impl Checker {
    /// Walks one block; `dc` is the component's DC coefficient before it and then its own.
    #[inline]
    fn block(&self, reader: &mut BitReader<'_>, dc: &mut i32) -> Result<(), Flaw> {
        reader.refill();
        let size = self.dc.next(reader)?;
        let bits = reader.take(size.into()).ok_or(Flaw::TooShort)?;
        *dc += difference(bits, size);
        // 8-bit samples give DC coefficients within 11 bits (T.81 F.1.2.1.1).
        if !(-2048..2048).contains(dc) {
            return Err(Flaw::DcOutOfRange);
        }
        self.coefficients(reader)
    }

    #[inline]
    fn coefficients(&self, reader: &mut BitReader<'_>) -> Result<(), Flaw> {
        let mut position = 0;
        while position < 63 {
            reader.refill();
            let symbol = self.ac.next(reader)?;
            position += match symbol {
                0x00 => return Ok(()),
                _ => u32::from(symbol >> 4) + 1,
            };
            reader.take(u32::from(symbol & 15)).ok_or(Flaw::TooShort)?;
        }
        if position > 63 { Err(Flaw::TooManyCoefficients) } else { Ok(()) }
    }
}

/// The signed value of `size` magnitude bits (T.81 F.2.2.1, EXTEND).
fn difference(bits: u32, size: u8) -> i32 {
    let value = bits.cast_signed();
    if size > 0 && bits >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}

/// Checks every code of a restart segment of a canonical tile: `segment` is what stands between two
/// markers and must hold `mcus` MCUs, padding, and no more.
pub(crate) fn check_segment(segment: &[u8], mcus: u32) -> Result<(), Flaw> {
    let [luma, chroma] = &*CHECKERS;
    let mut reader = BitReader::new(segment);
    let mut dc = [0; 3];
    for _ in 0..mcus {
        for component in MCU_BLOCKS {
            let checker = if component == 0 { luma } else { chroma };
            checker.block(&mut reader, &mut dc[component])?;
        }
    }
    if reader.is_at_padding() { Ok(()) } else { Err(Flaw::Trailing) }
}
