//! Entropy-coded bits: most significant first, a zero byte stuffed behind each 0xFF (T.81 F.1.2.3).

use memchr::memchr_iter;

/// Writes codes into a buffer that is long enough. Stuffing comes later: see [`write_stuffed`].
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    /// What has not been written.
    rest: &'a mut [u8],
    /// Bytes of the buffer.
    length: usize,
    /// The bits not yet written, at the top; zeros below them.
    bits: u64,
    /// How many; fewer than eight.
    pending: u32,
}

impl<'a> BitWriter<'a> {
    /// Bytes that a buffer must have more than what is written: so many are written at a time.
    pub(crate) const SPARE: usize = 8;

    /// Writes into `out`, over what was there.
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        Self { length: out.len(), rest: out, bits: 0, pending: 0 }
    }

    /// Appends the low `length` bits of `code`; `length` is at most 32 and the bits above it are zero.
    ///
    /// Whole bytes are written at once and always, so there is no branch on how many there are.
    #[inline(always)]
    pub(crate) fn put(&mut self, code: u32, length: u32) {
        debug_assert!(length <= 32 && u64::from(code) >> length == 0);
        self.pending += length;
        // A shift by 64 is one by 0, and then there is nothing to shift.
        self.bits |= u64::from(code).wrapping_shl(64 - self.pending);
        let rest = std::mem::take(&mut self.rest);
        rest[..8].copy_from_slice(&self.bits.to_be_bytes());
        self.rest = &mut rest[(self.pending / 8) as usize & 7..];
        self.bits <<= self.pending & !7;
        self.pending %= 8;
    }

    /// Fills the last byte with ones (T.81 F.1.2.3) and gives the number of bytes that were written.
    pub(crate) fn finish(mut self) -> usize {
        if self.pending > 0 {
            let padding = 8 - self.pending;
            self.put((1 << padding) - 1, padding);
        }
        self.length - self.rest.len()
    }
}

/// Appends `bytes` to `out` with a zero behind each 0xFF.
pub(crate) fn write_stuffed(bytes: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for at in memchr_iter(0xFF, bytes) {
        out.extend_from_slice(&bytes[copied..=at]);
        out.push(0);
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
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

    /// Takes `count` bits, at most 31.
    fn take(reader: &mut BitReader<'_>, count: u32) -> u32 {
        reader.refill();
        let value = if count == 0 { 0 } else { reader.peek(count) as u32 };
        reader.skip(count);
        value
    }

    /// What a writer makes of codes with their lengths.
    fn written(codes: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = vec![0x55; codes.len() * 4 + BitWriter::SPARE];
        let mut writer = BitWriter::new(&mut bytes);
        codes.iter().for_each(|&(code, length)| writer.put(code, length));
        let length = writer.finish();
        bytes.truncate(length);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(codes in prop::collection::vec((0u32..=u32::MAX, 0u32..=31), 0..400), ahead in 0usize..20) {
            let codes: Vec<_> = codes.into_iter().map(|(code, n)| (code & ((1 << n) - 1), n)).collect();
            let mut bytes = written(&codes);
            let length = bytes.len();
            bytes.extend(std::iter::repeat_n(0xA5, ahead));
            let mut reader = BitReader::new(&bytes, length);
            for (code, length) in codes {
                prop_assert_eq!(take(&mut reader, length), code);
                prop_assert!(!reader.is_overrun());
            }
            prop_assert!(reader.is_at_padding());
        }
    }

    #[test]
    fn the_last_byte_is_filled_with_ones() {
        assert_eq!(written(&[(0xFF00_FFFF, 32), (0b0, 1)]), [0xFF, 0, 0xFF, 0xFF, 0x7F]);
        assert_eq!(written(&[(0x0102, 16), (0x0304, 16)]), [1, 2, 3, 4]);
        assert!(written(&[]).is_empty());
    }

    #[test]
    fn bytes_of_ones_are_stuffed() {
        for (bytes, stuffed) in [
            (&[0xFF, 0, 0xFF, 0xFF, 1][..], &[0xFF, 0, 0, 0xFF, 0, 0xFF, 0, 1][..]),
            (&[1, 0xFF], &[1, 0xFF, 0]),
            (&[1, 2, 3], &[1, 2, 3]),
        ] {
            let mut out = vec![9];
            write_stuffed(bytes, &mut out);
            assert_eq!(out, [&[9], stuffed].concat());
        }
    }

    #[test]
    fn more_than_there_is_is_an_overrun() {
        for ahead in [&[0xA5][..], &[0xA5, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let mut reader = BitReader::new(ahead, 1);
            assert_eq!(take(&mut reader, 8), 0xA5);
            assert!(!reader.is_overrun());
            for _ in 0..100 {
                take(&mut reader, 1);
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
            take(&mut reader, 4);
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
            take(&mut reader, 4);
            assert_eq!(reader.is_at_padding(), is_padding);
        }
    }
}
