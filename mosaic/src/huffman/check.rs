//! Every code of a canonical tile, checked: read, counted and forgotten.
//!
//! The standard's tables are the only ones, and no value is asked for. So several codes are looked up at once.

use std::sync::LazyLock;

use super::decoder::{Decoder, END, end};
use super::{Flaw, MCU_BLOCKS};
use crate::bits::BitReader;
use crate::segments::Segments;
use crate::simd::{self, Loop, Vectors};
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC};

/// Bits that are looked up at once: two codes with what follows them, mostly.
const STRIDE: u32 = 13;

/// As many AC codes as fit [`STRIDE`] bits, as one: `advance << 4 | bits`.
///
/// `advance` is how many coefficients they are; [`ENDED`] more if the last of them ends the block, and [`NONE`] if
/// not one fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Step(u16);

const NONE: usize = 64;
const ENDED: usize = 128;

impl Step {
    fn new(advance: usize, bits: u32) -> Self {
        Self((advance << 4) as u16 | bits as u16)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0 & 15)
    }

    #[inline(always)]
    fn advance(self) -> usize {
        usize::from(self.0 >> 4)
    }
}

/// The codes of one component.
struct Checker {
    decoder: Decoder,
    steps: [Step; 1 << STRIDE],
}

/// The checkers of luma and of chroma with the standard's tables.
static CHECKERS: LazyLock<[Checker; 2]> =
    LazyLock::new(|| [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC)].map(|(dc, ac)| Checker::new(&dc, &ac)));

impl Checker {
    fn new(dc: &HuffmanSpec<'_>, ac: &HuffmanSpec<'_>) -> Self {
        let decoder = Decoder::new(dc, ac);
        let steps = std::array::from_fn(|bits| step(&decoder, bits as u32));
        Self { decoder, steps }
    }

    /// Walks one block; `dc` is the component's DC coefficient before it and then its own.
    #[inline(always)]
    fn block(&self, reader: &mut BitReader<'_>, dc: &mut i32) -> Result<(), Flaw> {
        self.decoder.dc(reader, dc)?;
        let mut position = 0;
        loop {
            reader.refill();
            // As many as fit what was read ahead, and no loop of them, whose end would be one more thing to guess.
            if self.step(reader, &mut position)?
                || self.step(reader, &mut position)?
                || self.step(reader, &mut position)?
                || self.step(reader, &mut position)?
            {
                return Ok(());
            }
        }
    }

    /// Takes some AC codes behind `position`, which then is that of the last; whether the block has ended.
    #[inline(always)]
    fn step(&self, reader: &mut BitReader<'_>, position: &mut usize) -> Result<bool, Flaw> {
        let step = self.steps[reader.peek(STRIDE)];
        let next = *position + step.advance();
        if next < 63 {
            reader.skip(step.bits());
            *position = next;
            return Ok(false);
        }
        if next == 63 || (ENDED..ENDED + 63).contains(&next) {
            reader.skip(step.bits());
            return Ok(true);
        }
        // The block ends among these codes, or the first is a long one: one by one.
        *position += self.decoder.ac_code(reader)?.advance;
        reader.refill();
        if *position < 63 { Ok(false) } else { end(*position).map(|_| true) }
    }
}

/// What `bits`, of [`STRIDE`] bits, begin with.
fn step(decoder: &Decoder, bits: u32) -> Step {
    let bytes = (bits << (32 - STRIDE)).to_be_bytes();
    let mut reader = BitReader::new(&bytes, 4);
    let (mut advance, mut length) = (0, 0);
    loop {
        reader.refill();
        let Ok(code) = decoder.ac_code(&mut reader) else { break };
        if length + code.bits > STRIDE {
            break;
        }
        length += code.bits;
        if code.advance == END {
            return Step::new(advance + ENDED, length);
        }
        advance += code.advance;
    }
    if length == 0 { Step::new(NONE, 0) } else { Step::new(advance, length) }
}

/// Whether every restart segment of a canonical tile holds `mcus` MCUs, padding of ones, and no more.
pub(crate) fn is_sound(segments: &Segments, mcus: u32) -> bool {
    simd::widest(Check { segments, mcus })
}

struct Check<'a> {
    segments: &'a Segments,
    mcus: u32,
}

impl Loop for Check<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) -> bool {
        let [luma, chroma] = &*CHECKERS;
        for mut reader in self.segments.readers() {
            let mut dc = [0; 3];
            for _ in 0..self.mcus {
                for component in MCU_BLOCKS {
                    let checker = if component == 0 { luma } else { chroma };
                    if checker.block(&mut reader, &mut dc[component]).is_err() {
                        return false;
                    }
                }
                if reader.is_overrun() {
                    return false;
                }
            }
            if !reader.is_at_padding() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Quality, TileFormat, TileSize};
    use crate::picture::Picture;
    use crate::rows::RowWriter;
    use crate::simd::Plain;
    use crate::tile::Tile;

    /// The verdict of both.
    fn verdicts(scan: &[u8], rows: usize, mcus: u32) -> Option<[bool; 2]> {
        let mut segments = Segments::default();
        segments.read(scan, rows).ok()?;
        let check = || Check { segments: &segments, mcus };
        Some([check().run(Plain), simd::widest(check())])
    }

    #[test]
    fn plain_and_wide_vectors_agree_on_tiles_with_a_bit_that_is_wrong() {
        let size = TileSize::new(64, 64).unwrap();
        for quality in [1, 50, 85, 100] {
            let format = TileFormat { size, quality: Quality::new(quality).unwrap() };
            let tile = Tile::encode(&Picture::noise(64, 64), format, &mut RowWriter::default());
            // Without EOI, as a scan's data is.
            let mut scan = tile.segments().0.strip_suffix(&[0xFF, 0xD9]).unwrap().to_vec();
            assert_eq!(verdicts(&scan, 4, 4), Some([true, true]));
            let mut refused = 0;
            for bit in (0..scan.len() * 8).step_by(3) {
                scan[bit / 8] ^= 0x80 >> (bit % 8);
                if let Some([plain, wide]) = verdicts(&scan, 4, 4) {
                    assert_eq!(plain, wide, "quality {quality}, bit {bit}");
                    refused += u32::from(!plain);
                }
                scan[bit / 8] ^= 0x80 >> (bit % 8);
            }
            assert!(refused > 0);
        }
    }
}
