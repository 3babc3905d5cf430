//! Entropy-coded bits: most significant first, a zero byte stuffed behind each 0xFF (T.81 F.1.2.3).

/// Writes codes into a buffer, stuffing included.
///
/// The buffer is longer than what is written: whoever has a bound of what follows calls [`BitWriter::reserve`] with
/// it, and no write in between has to ask for room.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the next byte goes.
    at: usize,
    /// The bits not yet written are the low `64 - free` ones; those above are old.
    bits: u64,
    /// Never 0 between calls.
    free: u32,
}

impl<'a> BitWriter<'a> {
    /// Writes into `out` from `at` on; what was there is overwritten.
    pub(crate) fn new(out: &'a mut Vec<u8>, at: usize) -> Self {
        Self { out, at, bits: 0, free: 64 }
    }

    /// Makes room for `bytes` more, stuffing not counted.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, bytes: usize) {
        // All of them may be stuffed, and eight are in `bits`.
        let end = self.at + 2 * (bytes + 8);
        if self.out.len() < end {
            self.out.resize(2 * end, 0);
        }
    }

    /// Appends the low `length` bits of `code`; `length` is at most 32 and the bits above it are zero.
    #[inline(always)]
    pub(crate) fn put(&mut self, code: u32, length: u32) {
        debug_assert!(length <= 32 && u64::from(code) >> length == 0);
        if length < self.free {
            self.bits = self.bits << length | u64::from(code);
            self.free -= length;
        } else {
            let rest = length - self.free;
            self.write_word(self.bits << self.free | u64::from(code) >> rest);
            // What was written of the code stands above the rest, and is old.
            self.bits = u64::from(code);
            self.free = 64 - rest;
        }
    }

    #[inline(always)]
    fn write_word(&mut self, word: u64) {
        if has_ff(word) {
            self.at = write_stuffed(self.out, self.at, &word.to_be_bytes());
        } else {
            self.out[self.at..][..8].copy_from_slice(&word.to_be_bytes());
            self.at += 8;
        }
    }

    /// Fills the last byte with ones (T.81 F.1.2.3), writes what is left and then `marker`.
    pub(crate) fn finish_segment(&mut self, marker: [u8; 2]) {
        self.reserve(2);
        let padding = self.free % 8;
        self.put((1 << padding) - 1, padding);
        let whole = self.bits << 1 << (self.free - 1);
        self.at = write_stuffed(self.out, self.at, &whole.to_be_bytes()[..(8 - self.free as usize / 8)]);
        self.out[self.at..][..2].copy_from_slice(&marker);
        self.at += 2;
        self.free = 64;
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }
}

/// Writes `bytes` from `at` on, with their stuffing, and gives where that ends.
// Not a method: whose address is taken does not stay in a register.
#[cold]
fn write_stuffed(out: &mut [u8], mut at: usize, bytes: &[u8]) -> usize {
    for &byte in bytes {
        out[at] = byte;
        at += 1;
        if byte == 0xFF {
            out[at] = 0;
            at += 1;
        }
    }
    at
}

/// Whether a byte of `word` is 0xFF: only such a one carries into its neighbour when one is added to it.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    word & 0x8080_8080_8080_8080 & !word.wrapping_add(0x0101_0101_0101_0101) != 0
}

/// Bytes behind the end of a segment that [`BitReader`] may look at.
pub(crate) const LOOKAHEAD: usize = 8;

/// Reads codes from one restart segment, stuffing taken out.
///
/// It never fails: behind the end it reads what stands there, or zeros, and [`BitReader::is_overrun`] tells. So
/// nothing has to be asked for each code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitReader<'a> {
    /// The segment and what follows it.
    bytes: &'a [u8],
    /// Bits of the segment.
    length: usize,
    /// The next byte to be read ahead.
    at: usize,
    /// The bits not yet taken, at the top; below them some of those that come next, or zeros.
    bits: u64,
    /// How many of `bits` count as read.
    available: u32,
}

impl<'a> BitReader<'a> {
    /// Reads the first `length` bytes of `bytes`, and is quicker if [`LOOKAHEAD`] more follow them.
    pub(crate) fn new(bytes: &'a [u8], length: usize) -> Self {
        Self { bytes, length: length * 8, at: 0, bits: 0, available: 0 }
    }

    /// Reads ahead until at least 56 bits are there.
    ///
    /// F. Giesen, "Reading bits in far too many ways (part 2)", 2018: his variant 4, without a branch.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let ahead = match self.bytes.get(self.at..self.at.wrapping_add(8)) {
            Some(ahead) => u64::from_be_bytes(ahead.try_into().unwrap_or_default()),
            None => ahead_at_end(self.bytes, self.at),
        };
        self.bits |= ahead >> self.available;
        self.at += ((63 - self.available) / 8) as usize;
        self.available |= 56;
    }

    /// The next `count` bits, from 1 to 63; those beyond what was read ahead may be anything.
    #[inline(always)]
    pub(crate) fn peek(&self, count: u32) -> usize {
        (self.bits >> (64 - count)) as usize
    }

    /// Takes `count` bits, which have been read ahead, unseen.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        debug_assert!(count <= self.available);
        self.bits <<= count;
        self.available = self.available.wrapping_sub(count);
    }

    /// Takes `count` bits, at most 31, which have been read ahead.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        // Two shifts, as a shift by 64 is none.
        let value = self.bits >> 1 >> (63 - count);
        self.skip(count);
        value as u32
    }

    /// Bits that were taken.
    #[inline(always)]
    pub(crate) fn taken(&self) -> usize {
        self.at * 8 - self.available as usize
    }

    /// Whether more was taken than there is.
    #[inline(always)]
    pub(crate) fn is_overrun(&self) -> bool {
        self.taken() > self.length
    }

    /// Whether nothing is left but fewer than eight bits of padding, all ones as they should be.
    pub(crate) fn is_at_padding(&mut self) -> bool {
        self.refill();
        match self.length.checked_sub(self.taken()) {
            Some(left @ 0..8) => self.bits >> 1 >> (63 - left) == (1 << left) - 1,
            _ => false,
        }
    }

    /// Whether nothing is left but fewer than eight bits of any padding, and then bytes of zero: cameras fill
    /// their buffers with them.
    pub(crate) fn is_at_end(&self) -> bool {
        let rest = self.taken().div_ceil(8)..self.length / 8;
        rest.start <= rest.end && self.bytes[rest].iter().all(|&byte| byte == 0)
    }
}

/// The bytes of `bytes` from `at` on, of which there are fewer than eight, and zeros.
// Not a method: whose address is taken does not stay in a register.
#[cold]
fn ahead_at_end(bytes: &[u8], at: usize) -> u64 {
    let mut ahead = [0; 8];
    let rest = bytes.get(at..).unwrap_or_default();
    ahead.iter_mut().zip(rest).for_each(|(ahead, &byte)| *ahead = byte);
    u64::from_be_bytes(ahead)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn without_stuffing(bytes: &[u8]) -> Vec<u8> {
        let follows_ff = |at: usize| at > 0 && bytes[at - 1] == 0xFF;
        (0..bytes.len()).filter(|&at| !(bytes[at] == 0 && follows_ff(at))).map(|at| bytes[at]).collect()
    }

    /// What a writer makes of codes with their lengths.
    fn written(codes: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = BitWriter::new(&mut bytes, 0);
        for &(code, length) in codes {
            writer.reserve(4);
            writer.put(code, length);
        }
        writer.finish_segment([0xFF, 0xD9]);
        let end = writer.position();
        bytes.truncate(end);
        assert_eq!(bytes.split_off(end - 2), [0xFF, 0xD9]);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(codes in prop::collection::vec((0u32..=u32::MAX, 0u32..=31), 0..400), ahead in 0usize..20) {
            let codes: Vec<_> = codes.into_iter().map(|(code, n)| (code & ((1 << n) - 1), n)).collect();
            let mut bytes = without_stuffing(&written(&codes));
            let length = bytes.len();
            bytes.extend(std::iter::repeat_n(0xA5, ahead));
            let mut reader = BitReader::new(&bytes, length);
            for (code, length) in codes {
                reader.refill();
                prop_assert_eq!(reader.take(length), code);
                prop_assert!(!reader.is_overrun());
            }
            prop_assert!(reader.is_at_padding());
        }
    }

    #[test]
    fn bytes_of_ones_are_stuffed() {
        let codes = [(0xFF00_FFFF, 32), (0b1, 1)];
        assert_eq!(written(&codes), [0xFF, 0, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0]);
        // A word in one piece, and one that is stuffed.
        assert_eq!(written(&[(0x0102_0304, 32), (0x0506_0708, 32)]), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(written(&[(0x0102_0304, 32), (0x0506_FF08, 32)]), [1, 2, 3, 4, 5, 6, 0xFF, 0, 8]);
    }

    #[test]
    fn every_word_is_looked_through_for_bytes_of_ones() {
        for at in 0..8 {
            assert!(has_ff(0xFF << (8 * at)));
            assert!(!has_ff(0xFE << (8 * at)) && !has_ff(!(0xFF << (8 * at)) & 0x7F7F_7F7F_7F7F_7F7F));
        }
    }

    #[test]
    fn more_than_there_is_is_an_overrun() {
        for ahead in [&[0xA5][..], &[0xA5, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let mut reader = BitReader::new(ahead, 1);
            reader.refill();
            assert_eq!(reader.take(8), 0xA5);
            assert!(!reader.is_overrun());
            for _ in 0..100 {
                reader.refill();
                reader.take(1);
                assert!(reader.is_overrun() && !reader.is_at_end() && !reader.is_at_padding());
            }
        }
    }

    #[test]
    fn an_end_may_be_filled_with_zeros() {
        for (bytes, is_end) in
            [(&[0b1010_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], true), (&[0xA0, 0, 1], false), (&[0xA0], true)]
        {
            let mut reader = BitReader::new(bytes, bytes.len());
            reader.refill();
            reader.take(4);
            assert_eq!(reader.is_at_end(), is_end, "{bytes:?}");
        }
    }

    #[test]
    fn padding_is_ones_and_shorter_than_a_byte() {
        assert!(BitReader::new(&[], 0).is_at_padding());
        assert!(!BitReader::new(&[0xFF], 1).is_at_padding());
        for (byte, is_padding) in [(0b1010_1111, true), (0b1010_1110, false)] {
            let bytes = [byte, 0xFF];
            let mut reader = BitReader::new(&bytes, 1);
            reader.refill();
            reader.take(4);
            assert_eq!(reader.is_at_padding(), is_padding);
        }
    }
}
