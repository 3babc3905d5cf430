//! Codes to quantised coefficients (T.81 F.2.2).

use super::{Flaw, codes, extend};
use crate::bits::BitReader;
use crate::tables::HuffmanSpec;

/// Bits that are looked up at once: a code and what follows it, mostly. Eight kilobytes for a table.
const PREFIX: u32 = 11;

/// A code with what follows it, read as one: `value << 16 | advance << 5 | bits`.
///
/// Where both do not fit [`PREFIX`] bits, `bits` is zero, and the symbol and the length of its code stand in place
/// of the value and the advance; a length of zero says that the code alone does not fit.
#[derive(Debug, Clone, Copy, Default)]
struct Entry(u32);

/// [`Entry::advance`] of an end of block: more than any sum of others within a block.
pub(super) const END: usize = 80;

impl Entry {
    fn whole(value: i32, advance: usize, bits: u32) -> Self {
        Self((value as u32) << 16 | (advance as u32) << 5 | bits)
    }

    fn symbol(symbol: u8, length: u8) -> Self {
        Self(u32::from(symbol) << 16 | u32::from(length) << 5)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0 & 31
    }

    /// How many coefficients further the value is, or [`END`].
    #[inline(always)]
    fn advance(self) -> usize {
        (self.0 >> 5 & 0x7F) as usize
    }

    #[inline(always)]
    fn value(self) -> i32 {
        self.0.cast_signed() >> 16
    }
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

/// Decodes the symbols of one table.
#[derive(Debug)]
struct Symbols<M> {
    by_prefix: [Entry; 1 << PREFIX],
    /// By length of code: the first 16 bits that no code so short begins with (T.81 F.2.2.3, MAXCODE).
    limits: [u32; 17],
    /// By length of code: the index of its first symbol, less its first code.
    offsets: [i32; 17],
    symbols: [u8; 256],
    meaning: std::marker::PhantomData<M>,
}

impl<M: Meaning> Symbols<M> {
    /// `spec` is sound.
    fn new(spec: &HuffmanSpec<'_>) -> Self {
        let (mut by_prefix, mut symbols) = ([Entry::default(); 1 << PREFIX], [0; 256]);
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
                fill::<M>(&mut by_prefix[first..first + (1 << free)], symbol, length);
            }
        }
        Self { by_prefix, limits, offsets, symbols, meaning: std::marker::PhantomData }
    }

    /// Takes one code and what follows it: the value, and how many coefficients further it is. The reader has been
    /// refilled for it, and is again if that took more than [`PREFIX`] bits.
    #[inline(always)]
    fn next(&self, reader: &mut BitReader<'_>) -> Result<(i32, usize), Flaw> {
        let entry = self.by_prefix[reader.peek(PREFIX)];
        if entry.bits() == 0 {
            return self.next_long(entry, reader);
        }
        reader.skip(entry.bits());
        Ok((entry.value(), entry.advance()))
    }

    #[inline(always)]
    fn next_long(&self, entry: Entry, reader: &mut BitReader<'_>) -> Result<(i32, usize), Flaw> {
        reader.refill();
        let (symbol, length) = match entry.advance() {
            0 => self.find_long(reader.peek(16)).ok_or(Flaw::NoCode)?,
            length => ((entry.0 >> 16) as u8, length as u32),
        };
        reader.skip(length);
        let (size, advance) = M::of(symbol);
        if size > 15 {
            return Err(Flaw::DcOutOfRange);
        }
        let value = extend(reader.take(size), size);
        reader.refill();
        Ok((value, advance))
    }

    /// The symbol and length of a code of more than [`PREFIX`] bits.
    #[cold]
    fn find_long(&self, next: usize) -> Option<(u8, u32)> {
        let next = next as u32;
        let length = (PREFIX + 1..=16).find(|&length| next < self.limits[length as usize])?;
        let index = (next >> (16 - length)).cast_signed() + self.offsets[length as usize];
        Some((self.symbols[(index & 255).cast_unsigned() as usize], length))
    }
}

/// Fills in what begins with a symbol's code.
fn fill<M: Meaning>(entries: &mut [Entry], symbol: u8, length: u8) {
    let (size, advance) = M::of(symbol);
    let values = if size > 15 { 0 } else { 1usize << size };
    match entries.len().checked_div(values) {
        None | Some(0) => entries.fill(Entry::symbol(symbol, length)),
        Some(each) => {
            for (bits, entries) in (0..).zip(entries.chunks_mut(each)) {
                entries.fill(Entry::whole(extend(bits, size), advance, u32::from(length) + size));
            }
        }
    }
}

/// The codes of one component of a scan: DC and AC.
#[derive(Debug)]
pub(crate) struct Decoder {
    dc: Symbols<Dc>,
    ac: Symbols<Ac>,
}

impl Decoder {
    /// A decoder of two sound tables.
    pub(crate) fn new(dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Self {
        Self { dc: Symbols::new(dc), ac: Symbols::new(ac) }
    }

    /// Takes a block's DC coefficient, given that of the component's block before it, or 0 (T.81 F.2.2.1).
    ///
    /// This and [`Decoder::ac`] read on behind the end of the segment: [`BitReader::is_overrun`] tells.
    #[inline(always)]
    pub(crate) fn dc(&self, reader: &mut BitReader<'_>, dc: &mut i32) -> Result<(), Flaw> {
        reader.refill();
        *dc += self.dc.next(reader)?.0;
        // 8-bit samples give DC coefficients within 11 bits (T.81 F.1.2.1.1).
        if (-2048..2048).contains(dc) { Ok(()) } else { Err(Flaw::DcOutOfRange) }
    }

    /// Takes the rest of a block (T.81 F.2.2.2). AC coefficients go to `each` with their places in zigzag order, 1 to
    /// 63: all but zeros, and now and then a zero.
    #[inline(always)]
    pub(crate) fn ac(
        &self,
        reader: &mut BitReader<'_>,
        mut each: impl FnMut(usize, i32),
    ) -> Result<(), Flaw> {
        let mut position = 0;
        loop {
            reader.refill();
            // As many as fit what was read ahead.
            for _ in 0..56 / PREFIX {
                let (value, advance) = self.ac.next(reader)?;
                position += advance;
                if position >= 63 {
                    if end(position)? {
                        each(63, value);
                    }
                    return Ok(());
                }
                each(position, value);
            }
        }
    }

    /// Takes one AC coefficient or what ends them: the value, and how many coefficients further it is, or [`END`].
    #[inline(always)]
    pub(super) fn ac_next(&self, reader: &mut BitReader<'_>) -> Result<(i32, usize), Flaw> {
        self.ac.next(reader)
    }

    /// Takes one AC coefficient or what ends them, given the place of the one before it. Gives its own; `None` at
    /// the end of the block.
    #[inline(always)]
    pub(super) fn ac_from(&self, reader: &mut BitReader<'_>, position: usize) -> Result<Option<usize>, Flaw> {
        let position = position + self.ac_next(reader)?.1;
        if position < 63 { Ok(Some(position)) } else { end(position).map(|_| None) }
    }
}

/// Whether a block that has come to `position`, 63 or above, ends with a last coefficient, or by its code.
#[inline(always)]
fn end(position: usize) -> Result<bool, Flaw> {
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

    /// Every code of a table, each with every value of that size that is worth a look.
    fn every_code<M: Meaning>(spec: &HuffmanSpec<'_>) {
        let symbols = Symbols::<M>::new(spec);
        let mut written = Vec::new();
        let mut bytes = vec![0; 8000];
        let mut writer = BitWriter::new(&mut bytes);
        for (symbol, code, length) in codes(spec) {
            let (size, advance) = M::of(symbol);
            for bits in [0, 1, (1 << size) / 2, (1 << size) - 1] {
                let bits = bits & ((1 << size) - 1);
                writer.put(code.into(), length.into());
                if size > 0 {
                    writer.put(bits, size);
                }
                written.push((extend(bits, size), advance));
            }
        }
        let end = writer.finish();
        bytes.truncate(end);
        let mut reader = BitReader::new(&bytes, bytes.len());
        for expected in written {
            reader.refill();
            assert_eq!(symbols.next(&mut reader), Ok(expected));
        }
    }

    #[test]
    fn every_code_of_a_table_is_decoded_with_what_follows_it() {
        every_code::<Dc>(&LUMA_DC);
        every_code::<Dc>(&CHROMA_DC);
        every_code::<Ac>(&LUMA_AC);
        every_code::<Ac>(&CHROMA_AC);
    }

    #[test]
    fn bits_that_are_no_code_are_a_flaw() {
        // The standard's tables leave the code of all ones free (T.81 C.2).
        let symbols = Symbols::<Ac>::new(&LUMA_AC);
        let ones = [0xFF; 8];
        let mut reader = BitReader::new(&ones, 8);
        reader.refill();
        assert_eq!(symbols.next(&mut reader), Err(Flaw::NoCode));
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
        let mut seen = Vec::new();
        assert_eq!(decoder.dc(&mut reader, &mut 0), Ok(()));
        let walked = decoder.ac(&mut reader, |position, value| seen.push((position, value)));
        assert_eq!(walked, Err(Flaw::TooManyCoefficients));
        assert_eq!(seen, [(16, 1), (32, 1), (48, 1)]);
    }
}
