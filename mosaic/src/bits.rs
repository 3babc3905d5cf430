//! Entropy-coded bits: most significant first, a zero byte stuffed behind each 0xFF (T.81 F.1.2.3).

/// Writes codes to the end of a buffer.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// The bits not yet written are the low `pending` ones; those above are old.
    bits: u64,
    /// Fewer than 32 between calls.
    pending: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, bits: 0, pending: 0 }
    }

    /// Appends the low `length` bits of `code`; `length` is at most 32 and the bits above it are zero.
    #[inline(always)]
    pub(crate) fn put(&mut self, code: u32, length: u32) {
        debug_assert!(length <= 32 && u64::from(code) >> length == 0);
        self.bits = self.bits << length | u64::from(code);
        self.pending += length;
        if self.pending >= 32 {
            self.pending -= 32;
            self.write_word((self.bits >> self.pending) as u32);
        }
    }

    #[inline(always)]
    fn write_word(&mut self, word: u32) {
        // A byte of ones carries into its neighbour when one is added: no byte is 0xFF if none does.
        if word & 0x8080_8080 & !word.wrapping_add(0x0101_0101) == 0 {
            self.out.extend_from_slice(&word.to_be_bytes());
        } else {
            word.to_be_bytes().into_iter().for_each(|byte| self.write_byte(byte));
        }
    }

    fn write_byte(&mut self, byte: u8) {
        self.out.push(byte);
        if byte == 0xFF {
            self.out.push(0);
        }
    }

    /// Fills the last byte with ones (T.81 F.1.2.3) and writes what is left.
    pub(crate) fn finish(mut self) {
        let padding = (8 - self.pending % 8) % 8;
        self.put((1 << padding) - 1, padding);
        for byte in (0..self.pending / 8).rev() {
            self.write_byte((self.bits >> (byte * 8)) as u8);
        }
    }
}

/// Reads codes from one restart segment: the bytes between two markers, stuffing included.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The bits not yet taken, at the top; zero below them.
    bits: u64,
    available: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(segment: &'a [u8]) -> Self {
        Self { bytes: segment, bits: 0, available: 0 }
    }

    /// Reads ahead until at least 32 bits are there, or all that are left.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if self.available >= 32 {
            return;
        }
        if let Some((word, rest)) = self.bytes.split_first_chunk::<4>() {
            let word = u32::from_be_bytes(*word);
            if word & 0x8080_8080 & !word.wrapping_add(0x0101_0101) == 0 {
                self.bits |= u64::from(word) << (32 - self.available);
                self.available += 32;
                self.bytes = rest;
                return;
            }
        }
        self.refill_bytewise();
    }

    fn refill_bytewise(&mut self) {
        while self.available <= 56 {
            let Some((&byte, mut rest)) = self.bytes.split_first() else { return };
            if byte == 0xFF {
                // A segment is cut at its markers, so what follows 0xFF here is its stuffing.
                rest = rest.strip_prefix(&[0]).unwrap_or(rest);
            }
            self.bits |= u64::from(byte) << (56 - self.available);
            self.available += 8;
            self.bytes = rest;
        }
    }

    /// The next 16 bits, with zeros where there are none left.
    #[inline(always)]
    pub(crate) fn peek16(&self) -> usize {
        (self.bits >> 48) as usize
    }

    /// Takes `count` bits, at most 32, or none and `None` if there are not so many.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> Option<u32> {
        let left = self.available.checked_sub(count)?;
        // Two shifts, as a shift by 64 is none.
        let value = self.bits >> 32 >> (32 - count);
        self.bits = if count == 0 { self.bits } else { self.bits << count };
        self.available = left;
        Some(value as u32)
    }

    /// Whether nothing is left but fewer than eight bits of padding, all ones as they should be.
    pub(crate) fn is_at_padding(&mut self) -> bool {
        self.refill();
        self.bytes.is_empty()
            && self.available < 8
            && self.bits >> 32 >> (32 - self.available) == (1 << self.available) - 1
    }

    /// Whether nothing is left but fewer than eight bits of any padding, and then bytes of zero: cameras fill
    /// their buffers with them.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.refill();
        self.take(self.available % 8);
        loop {
            self.refill();
            match self.take(8) {
                None => return true,
                Some(0) => {}
                Some(_) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(codes in prop::collection::vec((0u32..=u32::MAX, 0u32..=27), 0..400)) {
            let codes: Vec<_> = codes.into_iter().map(|(code, n)| ((u64::from(code) & ((1 << n) - 1)) as u32, n)).collect();
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            codes.iter().for_each(|&(code, length)| writer.put(code, length));
            writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (code, length) in codes {
                reader.refill();
                prop_assert_eq!(reader.take(length), Some(code));
            }
            prop_assert!(reader.is_at_padding());
        }
    }

    #[test]
    fn bytes_of_ones_are_stuffed() {
        let mut bytes = Vec::new();
        let mut writer = BitWriter::new(&mut bytes);
        writer.put(0xFF00_FFFF, 32);
        writer.put(0b1, 1);
        writer.finish();
        assert_eq!(bytes, [0xFF, 0, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0]);
    }

    #[test]
    fn more_than_there_is_cannot_be_taken() {
        let mut reader = BitReader::new(&[0xA5]);
        reader.refill();
        assert_eq!(reader.take(9), None);
        assert_eq!(reader.take(8), Some(0xA5));
        assert_eq!(reader.take(1), None);
    }

    #[test]
    fn an_end_may_be_filled_with_zeros() {
        for (bytes, is_end) in
            [(&[0b1010_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], true), (&[0xA0, 0, 1], false), (&[0xA0], true)]
        {
            let mut reader = BitReader::new(bytes);
            reader.refill();
            reader.take(4);
            assert_eq!(reader.is_at_end(), is_end, "{bytes:?}");
        }
    }

    #[test]
    fn padding_is_ones_and_shorter_than_a_byte() {
        assert!(BitReader::new(&[]).is_at_padding());
        assert!(!BitReader::new(&[0xFF, 0]).is_at_padding());
        let mut reader = BitReader::new(&[0b1010_1111]);
        reader.refill();
        reader.take(4);
        assert!(reader.is_at_padding());
        let mut reader = BitReader::new(&[0b1010_1110]);
        reader.refill();
        reader.take(4);
        assert!(!reader.is_at_padding());
    }
}
