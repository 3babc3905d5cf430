//! Decoders by their tables: most frames of a stream have the tables of the one before.

use std::sync::{Arc, LazyLock};

use super::Decoder;
use crate::limits::FrameError;
use crate::probe::Tables;
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC};

/// So many are remembered: two for a picture, of two streams.
const REMEMBERED: usize = 4;

/// The decoders that were made last.
#[derive(Debug, Default)]
pub(crate) struct Decoders {
    /// The latest at the end.
    known: Vec<(Key, Arc<Decoder>)>,
}

/// Two tables as their segments hold them.
#[derive(Debug, PartialEq, Eq)]
struct Key([([u8; 16], Box<[u8]>); 2]);

impl Key {
    fn new(specs: [&HuffmanSpec<'_>; 2]) -> Self {
        Self(specs.map(|spec| (*spec.counts, spec.symbols.into())))
    }

    fn is(&self, specs: [&HuffmanSpec<'_>; 2]) -> bool {
        self.0
            .iter()
            .zip(specs)
            .all(|((counts, symbols), spec)| counts == spec.counts && **symbols == *spec.symbols)
    }
}

static STANDARD: LazyLock<[Arc<Decoder>; 2]> = LazyLock::new(|| {
    [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)].map(|(dc, ac)| Arc::new(Decoder::new(&dc, &ac)))
});

impl Decoders {
    /// The decoder of the tables with these numbers: the high digit is DC's, the low one AC's (T.81 B.2.3). Tables that
    /// nobody defined are the standard's: cameras leave them out of motion JPEG.
    pub(crate) fn find(&mut self, tables: &Tables<'_>, numbers: u8) -> Result<Arc<Decoder>, FrameError> {
        let find = |class: usize, number: u8, standard: [HuffmanSpec<'static>; 2]| {
            let defined = tables.huffman[class].get(usize::from(number)).copied().flatten();
            defined.or_else(|| standard.get(usize::from(number)).copied())
        };
        let dc = find(0, numbers >> 4, [LUMA_DC, CHROMA_DC]);
        let ac = find(1, numbers & 15, [LUMA_AC, CHROMA_AC]);
        let missing = || FrameError::Malformed("a Huffman table is missing".to_owned());
        let (dc, ac) = dc.zip(ac).ok_or_else(missing)?;
        Ok(self.of(&dc, &ac))
    }

    fn of(&mut self, dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Arc<Decoder> {
        match (*dc, *ac) {
            (LUMA_DC, LUMA_AC) => return Arc::clone(&STANDARD[0]),
            (CHROMA_DC, CHROMA_AC) => return Arc::clone(&STANDARD[1]),
            _ => {}
        }
        if let Some(at) = self.known.iter().position(|(key, _)| key.is([dc, ac])) {
            self.known[at..].rotate_left(1);
        } else {
            if self.known.len() == REMEMBERED {
                self.known.remove(0);
            }
            self.known.push((Key::new([dc, ac]), Arc::new(Decoder::new(dc, ac))));
        }
        Arc::clone(&self.known[self.known.len() - 1].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one code of one bit.
    fn single(symbol: &[u8; 1]) -> HuffmanSpec<'_> {
        HuffmanSpec { counts: &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], symbols: symbol }
    }

    #[test]
    fn the_latest_are_remembered() {
        let mut decoders = Decoders::default();
        let first = decoders.of(&LUMA_DC, &single(&[0]));
        for symbol in 1..REMEMBERED as u8 {
            decoders.of(&LUMA_DC, &single(&[symbol]));
        }
        assert!(Arc::ptr_eq(&first, &decoders.of(&LUMA_DC, &single(&[0]))));
        decoders.of(&LUMA_DC, &single(&[77]));
        assert!(Arc::ptr_eq(&first, &decoders.of(&LUMA_DC, &single(&[0]))));
        for symbol in 1..=REMEMBERED as u8 {
            decoders.of(&LUMA_DC, &single(&[symbol]));
        }
        assert!(!Arc::ptr_eq(&first, &decoders.of(&LUMA_DC, &single(&[0]))));
        assert_eq!(decoders.known.len(), REMEMBERED);
    }

    #[test]
    fn the_standards_own_are_made_once() {
        let mut decoders = Decoders::default();
        assert!(Arc::ptr_eq(&decoders.of(&LUMA_DC, &LUMA_AC), &Decoders::default().of(&LUMA_DC, &LUMA_AC)));
        assert!(decoders.known.is_empty());
    }
}
