//! Codes to quantised coefficients (T.81 F.2.2).

use std::marker::PhantomData;

use super::{Flaw, codes, extend};
use crate::bits::BitReader;
use crate::tables::HuffmanSpec;

/// Bits that are looked up at once: two codes with what follows them, often.
const PREFIX: u32 = 10;

/// [`Code::advance`] of an end of block: more than any sum of others within a block.
pub(super) const END: usize = 80;

/// A code with what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    /// DC: the difference; AC: the coefficient, 0 where there is none.
    pub(super) value: i32,
    /// AC: how many coefficients further it is, or [`END`].
    pub(super) advance: usize,
    /// Bits of the code and of the value.
    pub(super) bits: u32,
}

/// What a symbol says of the value that follows its code.
trait Meaning {
    /// Bits of the value, and how many coefficients further it is.
    fn of(symbol: u8) -> (u32, usize);
}

/// A symbol of DC is a size (T.81 F.1.2.1).
#[derive(Debug)]
struct Dc;

impl Meaning for Dc {
    #[inline(always)]
    fn of(symbol: u8) -> (u32, usize) {
        (symbol.into(), 0)
    }
}

/// A symbol of AC is a run of zeros and a size (T.81 F.1.2.2).
#[derive(Debug)]
struct Ac;

impl Meaning for Ac {
    #[inline(always)]
    fn of(symbol: u8) -> (u32, usize) {
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        // No value: a run of 15 skips sixteen zeros, all others end the block.
        (size, if size == 0 && run < 15 { END } else { run + 1 })
    }
}

/// The symbols of one table by their codes.
#[derive(Debug)]
struct Symbols<M> {
    /// By length of code: the first 16 bits that no code so short begins with (T.81 F.2.2.3, MAXCODE).
    limits: [u32; 17],
    /// By length of code: the index of its first symbol, less its first code.
    offsets: [i32; 17],
    symbols: [u8; 256],
    meaning: PhantomData<M>,
}

impl<M: Meaning> Symbols<M> {
    /// `spec` is sound.
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let (mut limits, mut offsets, mut symbols) = ([0; 17], [0; 17], [0; 256]);
        for (index, (symbol, code, length)) in (0u8..=255).zip(codes(spec)) {
            symbols[usize::from(index)] = symbol;
            let bits = usize::from(length);
            if limits[bits] == 0 {
                offsets[bits] = i32::from(index) - i32::from(code);
            }
            limits[bits] = (u32::from(code) + 1) << (16 - length);
        }
        Self { limits, offsets, symbols, meaning: PhantomData }
    }

    /// The code that `bits`, the next 32 ones, begin with.
    #[cold]
    fn find(&self, bits: u32) -> Result<Code, Flaw> {
        let next = bits >> 16;
        let length = (1..=16).find(|&length| next < self.limits[length as usize]).ok_or(Flaw::NoCode)?;
        let index = (next >> (16 - length)).cast_signed() + self.offsets[length as usize];
        let (size, advance) = M::of(self.symbols[(index & 255).cast_unsigned() as usize]);
        if size > 15 {
            return Err(Flaw::DcOutOfRange);
        }
        // Two shifts, as a shift by 32 is none.
        let value = extend(bits << length >> 1 >> (31 - size), size);
        Ok(Code { value, advance, bits: length + size })
    }

    /// Every code that fits [`PREFIX`] bits with what follows it: where it begins in a table of them, and how many
    /// entries begin with it.
    fn each_short(spec: &HuffmanSpec<'_>, mut each: impl FnMut(std::ops::Range<usize>, Code)) {
        for (symbol, code, length) in codes(spec) {
            let (size, advance) = M::of(symbol);
            let bits = u32::from(length) + size;
            let Some(free) = PREFIX.checked_sub(bits) else { continue };
            for value in 0..1 << size {
                let first = (usize::from(code) << size | value as usize) << free;
                each(first..first + (1 << free), Code { value: extend(value, size), advance, bits });
            }
        }
    }
}

/// Decodes the codes of one table with what follows them.
#[derive(Debug)]
struct Table<M> {
    /// By the next [`PREFIX`] bits: `value << 16 | advance << 5 | bits`; zero where they are too few.
    short: [u32; 1 << PREFIX],
    symbols: Symbols<M>,
}

impl<M: Meaning> Table<M> {
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let mut short = [0; 1 << PREFIX];
        Symbols::<M>::each_short(spec, |entries, Code { value, advance, bits }| {
            short[entries].fill(value.cast_unsigned() << 16 | (advance as u32) << 5 | bits);
        });
        Self { short, symbols: Symbols::new(spec) }
    }

    /// Takes one code. Needs [`PREFIX`] bits to have been read ahead; if it takes more, it reads ahead anew.
    #[inline(always)]
    fn next(&self, reader: &mut BitReader<'_>) -> Result<Code, Flaw> {
        let entry = self.short[reader.peek(PREFIX)];
        if entry == 0 {
            reader.refill();
            let code = self.symbols.find(reader.peek(32) as u32)?;
            reader.skip(code.bits);
            reader.refill();
            return Ok(code);
        }
        let (value, advance, bits) = (entry.cast_signed() >> 16, (entry >> 5 & 0x7F) as usize, entry & 31);
        reader.skip(bits);
        Ok(Code { value, advance, bits })
    }
}

/// Where a block's AC coefficients go.
///
/// No closure: of those, compilers make functions of their own, and what one changes is no longer kept in registers.
pub(crate) trait Sink {
    /// The coefficient at a position in zigzag order, 1 to 63: all but zeros come, and now and then a zero.
    fn coefficient(&mut self, position: usize, value: i32);
}

/// The codes of one component of a scan: DC and AC.
#[derive(Debug)]
pub(crate) struct Decoder {
    dc: Table<Dc>,
    ac: Table<Ac>,
}

impl Decoder {
    /// A decoder of two sound tables.
    pub(crate) fn new(dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Self {
        Self { dc: Table::new(dc), ac: Table::new(ac) }
    }

    /// Takes a block's DC coefficient, given that of the component's block before it, or 0 (T.81 F.2.2.1).
    ///
    /// This and what follows read on behind the end of the segment: [`BitReader::is_overrun`] tells.
    #[inline(always)]
    pub(crate) fn dc(&self, reader: &mut BitReader<'_>, dc: &mut i32) -> Result<(), Flaw> {
        reader.refill();
        *dc += self.dc.next(reader)?.value;
        // 8-bit samples give DC coefficients within 11 bits (T.81 F.1.2.1.1).
        if (-2048..2048).contains(dc) { Ok(()) } else { Err(Flaw::DcOutOfRange) }
    }

    /// Takes the rest of a block (T.81 F.2.2.2): its AC coefficients go to `sink`.
    #[inline(always)]
    pub(crate) fn ac(&self, reader: &mut BitReader<'_>, sink: &mut impl Sink) -> Result<(), Flaw> {
        let mut position = 0;
        loop {
            reader.refill();
            // As many as fit what was read ahead, and no loop of them, whose end would be one more thing to guess.
            if self.ac_step(reader, &mut position, sink)?
                || self.ac_step(reader, &mut position, sink)?
                || self.ac_step(reader, &mut position, sink)?
                || self.ac_step(reader, &mut position, sink)?
                || self.ac_step(reader, &mut position, sink)?
            {
                return Ok(());
            }
        }
    }

    /// Takes one AC coefficient behind `position`, which then is its own; whether the block has ended.
    #[inline(always)]
    fn ac_step(
        &self,
        reader: &mut BitReader<'_>,
        position: &mut usize,
        sink: &mut impl Sink,
    ) -> Result<bool, Flaw> {
        let code = self.ac.next(reader)?;
        *position += code.advance;
        if *position < 63 {
            sink.coefficient(*position, code.value);
            return Ok(false);
        }
        if end(*position)? {
            sink.coefficient(63, code.value);
        }
        Ok(true)
    }

    /// Takes one AC code. Needs [`PREFIX`] bits to have been read ahead; if it takes more, it reads ahead anew.
    #[inline(always)]
    pub(super) fn ac_code(&self, reader: &mut BitReader<'_>) -> Result<Code, Flaw> {
        self.ac.next(reader)
    }
}

/// Whether a block that has come to `position`, 63 or above, ends with a last coefficient, or by its code.
#[inline(always)]
pub(super) fn end(position: usize) -> Result<bool, Flaw> {
    match position {
        63 => Ok(true),
        END.. => Ok(false),
        _ => Err(Flaw::TooManyCoefficients),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoder;
    use super::*;
    use crate::bits::BitWriter;
    use crate::tables::{CHROMA_AC, CHROMA_DC, LUMA_AC, LUMA_DC};

    /// Every code of a table, each with some values of its size.
    fn every_code<M: Meaning>(spec: &HuffmanSpec<'_>) -> (Vec<u8>, Vec<Code>) {
        let mut written = Vec::new();
        let mut bytes = vec![0; 8000];
        let mut writer = BitWriter::new(&mut bytes);
        for (symbol, code, length) in codes(spec) {
            let (size, advance) = M::of(symbol);
            for value in [0, 1, (1 << size) / 2, (1 << size) - 1] {
                let value = value & ((1 << size) - 1);
                writer.put(code.into(), length.into());
                if size > 0 {
                    writer.put(value, size);
                }
                written.push(Code { value: extend(value, size), advance, bits: u32::from(length) + size });
            }
        }
        let end = writer.finish();
        bytes.truncate(end);
        (bytes, written)
    }

    #[test]
    fn every_code_of_a_table_is_decoded_with_what_follows_it() {
        for (dc, ac) in [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)] {
            let decoder = Decoder::new(&dc, &ac);
            let (bytes, written) = every_code::<Dc>(&dc);
            let mut reader = BitReader::new(&bytes, bytes.len());
            for expected in written {
                reader.refill();
                assert_eq!(decoder.dc.next(&mut reader), Ok(expected));
            }
            let (bytes, written) = every_code::<Ac>(&ac);
            let mut reader = BitReader::new(&bytes, bytes.len());
            for expected in written {
                reader.refill();
                assert_eq!(decoder.ac.next(&mut reader), Ok(expected));
            }
        }
    }

    #[test]
    fn bits_that_are_no_code_are_a_flaw() {
        // The standard's tables leave the code of all ones free (T.81 C.2).
        let decoder = Decoder::new(&LUMA_DC, &LUMA_AC);
        let ones = [0xFF; 8];
        let mut reader = BitReader::new(&ones, 8);
        reader.refill();
        assert_eq!(decoder.ac.next(&mut reader), Err(Flaw::NoCode));
        assert_eq!(decoder.dc.next(&mut reader), Err(Flaw::NoCode));
    }

    #[test]
    fn a_block_of_more_than_64_coefficients_is_a_flaw() {
        let decoder = Decoder::new(&LUMA_DC, &LUMA_AC);
        let mut bytes = vec![0; 100];
        let mut writer = BitWriter::new(&mut bytes);
        let [encoder, _] = Encoder::standard();
        encoder.dc(&mut writer, 0);
        (0..5).for_each(|_| encoder.ac(&mut writer, 15, 1));
        writer.finish();
        let mut reader = BitReader::new(&bytes, bytes.len());
        struct Seen(Vec<(usize, i32)>);
        impl Sink for Seen {
            fn coefficient(&mut self, position: usize, value: i32) {
                self.0.push((position, value));
            }
        }
        let mut seen = Seen(Vec::new());
        assert_eq!(decoder.dc(&mut reader, &mut 0), Ok(()));
        let walked = decoder.ac(&mut reader, &mut seen);
        assert_eq!(walked, Err(Flaw::TooManyCoefficients));
        assert_eq!(seen.0, [(16, 1), (32, 1), (48, 1)]);
    }
}
