//! A JPEG of the tile's size to a tile without a DCT: Huffman codes are read, coefficients requantised where the tables
//! differ, and Huffman codes written, with restart markers.
//!
//! What comes out is what decoding and encoding would give, less the rounding to samples between the two.

use std::sync::Arc;

use crate::baseline::{Workspace, damaged};
use crate::bits::{BitReader, BitWriter};
use crate::format::TileFormat;
use crate::huffman::{Decoder, Encoder, Flaw, MCU_BLOCKS, Sink};
use crate::limits::FrameError;
use crate::probe::{Coding, Header};
use crate::rows::RowWriter;
use crate::simd::{self, Loop, Vectors};
use crate::tables::{ZIGZAG, quantisation};
use crate::tile::Tile;

/// Makes a tile of `jpeg`; `None` when that takes more than other codes. `header` is what probing `jpeg` gave; `rows` is
/// working memory.
///
/// # Errors
///
/// [`FrameError::Malformed`] for what the decoder would refuse too.
pub(crate) fn transcode(
    jpeg: &[u8],
    header: &Header<'_>,
    format: TileFormat,
    workspace: &mut Workspace,
    rows: &mut RowWriter,
) -> Option<Result<Tile, FrameError>> {
    let requantisers = requantisers(jpeg, header, format)?;
    Some(transcode_scan(jpeg, header, format, &requantisers, workspace, rows))
}

/// How luma and chroma are requantised, if `header` is that of a frame that takes no more.
fn requantisers(jpeg: &[u8], header: &Header<'_>, format: TileFormat) -> Option<[Requantiser; 3]> {
    let (frame, scan) = (&header.frame, &header.scans[0]);
    let [first, second, third] = frame.components[..] else { return None };
    let size = (format.size.width(), format.size.height());
    // Ids are anything; the scan must name them in their order (T.81 B.2.3).
    let selectors = [first[0], second[0], third[0]];
    let parameters = &jpeg[scan.parameters.clone()];
    let is_420 = [first[1], second[1], third[1]] == [0x22, 0x11, 0x11];
    let is_sequential = frame.coding != Coding::Progressive && header.scans.len() == 1;
    let is_whole = matches!(*parameters, [3, a, _, b, _, c, _, 0, 63, 0] if [a, b, c] == selectors);
    let is_transcodable = is_420
        && is_sequential
        && is_whole
        && (frame.width, frame.height) == size
        && header.is_ycbcr
        && header.orientation.is_upright();
    if !is_transcodable {
        return None;
    }
    let [luma, chroma] = quantisation(format.quality);
    let of = |table: u8, to: &[u8; 64]| {
        let from = scan.tables.quantisation.get(usize::from(table))?.as_ref()?;
        Some(Requantiser::new(from, to))
    };
    Some([of(first[2], &luma)?, of(second[2], &chroma)?, of(third[2], &chroma)?])
}

fn transcode_scan(
    jpeg: &[u8],
    header: &Header<'_>,
    format: TileFormat,
    requantisers: &[Requantiser; 3],
    workspace: &mut Workspace,
    rows: &mut RowWriter,
) -> Result<Tile, FrameError> {
    let scan = &header.scans[0];
    let mcus = (format.size.mcus_per_row() as usize, format.size.mcu_rows() as usize);
    let parameters = &jpeg[scan.parameters.clone()];
    let mut decoder = |component: usize| workspace.decoders.find(&scan.tables, parameters[2 + 2 * component]);
    let decoders = [decoder(0)?, decoder(1)?, decoder(2)?];
    let count = mcus.0 * mcus.1;
    let interval = match scan.tables.restart_interval as usize {
        0 => count,
        interval => interval,
    };
    workspace.segments.read(&jpeg[scan.data.clone()], count.div_ceil(interval))?;
    let work = Transcode {
        readers: workspace.segments.readers(),
        interval,
        decoders: &decoders,
        requantisers,
        writer: rows,
        mcus,
    };
    simd::widest(work).map_err(damaged)?;
    Ok(Tile::written(format, rows))
}

/// Reads all MCUs and writes them again.
struct Transcode<'a, R> {
    /// The restart segments, of `interval` MCUs each.
    readers: R,
    interval: usize,
    decoders: &'a [Arc<Decoder>; 3],
    requantisers: &'a [Requantiser; 3],
    writer: &'a mut RowWriter,
    /// Across and down.
    mcus: (usize, usize),
}

impl<'a, R: Iterator<Item = BitReader<'a>>> Loop for Transcode<'a, R> {
    type Output = Result<(), Flaw>;

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) -> Self::Output {
        let Self { mut readers, interval, decoders, requantisers, writer, mcus } = self;
        let encoders = Encoder::standard();
        let mut reader = readers.next().ok_or(Flaw::TooShort)?;
        let (mut left, mut read) = (interval, [0; 3]);
        writer.begin(mcus.1, mcus.0);
        for _ in 0..mcus.1 {
            let (mut codes, mut written) = (writer.codes(), [0; 3]);
            for _ in 0..mcus.0 {
                if left == 0 {
                    expect_end(&reader)?;
                    reader = readers.next().ok_or(Flaw::TooShort)?;
                    (left, read) = (interval, [0; 3]);
                }
                left -= 1;
                for component in MCU_BLOCKS {
                    let way = Way {
                        decoder: &decoders[component],
                        requantiser: &requantisers[component],
                        encoder: &encoders[usize::from(component > 0)],
                    };
                    let (read, written) = (&mut read[component], &mut written[component]);
                    let block = way.block(&mut reader, codes, read, written);
                    codes = block.map_err(|flaw| flaw.or_overrun(&reader))?;
                }
                if reader.is_overrun() {
                    return Err(Flaw::TooShort);
                }
            }
            let length = codes.finish();
            writer.end_row(length);
        }
        expect_end(&reader)
    }
}

fn expect_end(reader: &BitReader<'_>) -> Result<(), Flaw> {
    if reader.is_at_end() { Ok(()) } else { Err(Flaw::Trailing) }
}

/// How the blocks of one component go.
struct Way<'a> {
    decoder: &'a Decoder,
    requantiser: &'a Requantiser,
    encoder: &'a Encoder,
}

impl Way<'_> {
    /// One block. `read` and `written` are the DC coefficients before it and then its own.
    #[inline(always)]
    fn block<'w>(
        &self,
        reader: &mut BitReader<'_>,
        mut codes: BitWriter<'w>,
        read: &mut i32,
        written: &mut i32,
    ) -> Result<BitWriter<'w>, Flaw> {
        let Self { decoder, requantiser, encoder } = *self;
        decoder.dc(reader, read)?;
        let dc = requantiser.dc(*read);
        encoder.dc(&mut codes, dc - std::mem::replace(written, dc));
        let mut ac = Ac { requantiser, encoder, codes, before: 0 };
        decoder.ac(reader, &mut ac)?;
        if ac.before < 63 {
            encoder.end_of_block(&mut ac.codes);
        }
        Ok(ac.codes)
    }
}

/// Writes the AC coefficients of a block.
struct Ac<'a, 'w> {
    requantiser: &'a Requantiser,
    encoder: &'a Encoder,
    codes: BitWriter<'w>,
    /// The position of the last one that was written.
    before: usize,
}

impl Sink for Ac<'_, '_> {
    #[inline(always)]
    fn coefficient(&mut self, position: usize, value: i32) {
        let coefficient = self.requantiser.requantise(position, value);
        // Many become zero, and nobody can guess which: a zero is written too, as nothing.
        self.encoder.ac(&mut self.codes, (position - self.before) as u32 - 1, coefficient);
        self.before = if coefficient == 0 { self.before } else { position };
    }
}

/// Gives coefficients other steps, rounding to the nearest, and halves towards zero: most of those that a half stands for
/// were smaller, and small numbers have short codes.
///
/// Division by multiplication: T. Granlund, P. Montgomery, "Division by invariant integers using multiplication",
/// PLDI 1994. A dividend has less than 23 bits and a divisor 8, so 32 bits of reciprocal, rounded up, are exact.
#[derive(Debug)]
struct Requantiser {
    /// In zigzag order.
    steps: [Step; 64],
}

#[derive(Debug, Clone, Copy)]
struct Step {
    from: u32,
    /// Of what it is divided by, or less.
    half: u32,
    reciprocal: u64,
}

impl Requantiser {
    /// From one quantisation table to another, both in natural order.
    fn new(from: &[u8; 64], to: &[u8; 64]) -> Self {
        let steps = ZIGZAG.map(|natural| {
            let (from, to) = (from[usize::from(natural)], u64::from(to[usize::from(natural)]));
            Step { from: from.into(), half: ((to - 1) / 2) as u32, reciprocal: (1u64 << 32).div_ceil(to) }
        });
        Self { steps }
    }

    /// A DC coefficient, within what 8-bit samples have: so differences have 11 bits (T.81 F.1.2.1.1).
    #[inline(always)]
    fn dc(&self, coefficient: i32) -> i32 {
        self.requantise(0, coefficient).clamp(-1024, 1023)
    }

    /// The coefficient at a position in zigzag order; it has 16 bits.
    #[inline(always)]
    fn requantise(&self, position: usize, coefficient: i32) -> i32 {
        let Step { from, half, reciprocal } = self.steps[position & 63];
        let dividend = coefficient.unsigned_abs().wrapping_mul(from).wrapping_add(half);
        let quotient = ((u64::from(dividend) * reciprocal) >> 32) as u32;
        let sign = coefficient >> 31;
        (quotient.cast_signed() ^ sign) - sign
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Quality;
    use crate::limits::Limits;
    use crate::picture::Picture;
    use crate::segments::Segments;
    use crate::simd::Plain;
    use crate::tables::{CHROMA_AC, CHROMA_DC, LUMA_AC, LUMA_DC};
    use crate::{encode, probe::probe};

    #[test]
    fn plain_and_wide_vectors_agree_on_frames_with_a_bit_that_is_wrong() {
        let decoders = [(LUMA_DC, LUMA_AC), (CHROMA_DC, CHROMA_AC), (CHROMA_DC, CHROMA_AC)]
            .map(|(dc, ac)| Arc::new(Decoder::new(&dc, &ac)));
        for (from, to) in [(85, 85), (95, 50), (50, 100)] {
            let [from, to] = [from, to].map(|quality| Quality::new(quality).unwrap());
            let jpeg = encode::jpeg(&Picture::noise(64, 64), from);
            let data = probe(&jpeg, &Limits::default()).unwrap().scans[0].data.clone();
            let mut data = jpeg[data].to_vec();
            let [luma, chroma] = [0, 1].map(|n| (quantisation(from)[n], quantisation(to)[n]));
            let requantisers = [luma, chroma, chroma].map(|(from, to)| Requantiser::new(&from, &to));
            let transcoded = |segments: &Segments, is_wide: bool| {
                let mut writer = RowWriter::default();
                let work = Transcode {
                    readers: segments.readers(),
                    interval: 4,
                    decoders: &decoders,
                    requantisers: &requantisers,
                    writer: &mut writer,
                    mcus: (4, 4),
                };
                let result = if is_wide { simd::widest(work) } else { work.run(Plain) };
                (result, writer.scan().to_vec(), writer.ends().to_vec())
            };
            let mut segments = Segments::default();
            let (mut taken, mut refused) = (0, 0);
            for bit in (0..data.len() * 8).step_by(13) {
                data[bit / 8] ^= 0x80 >> (bit % 8);
                if segments.read(&data, 4).is_ok() {
                    let plain = transcoded(&segments, false);
                    assert_eq!(plain, transcoded(&segments, true), "from {from:?} to {to:?}, bit {bit}");
                    *if plain.0.is_ok() { &mut taken } else { &mut refused } += 1;
                }
                data[bit / 8] ^= 0x80 >> (bit % 8);
            }
            assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
        }
    }

    #[test]
    fn requantisation_is_multiplication_and_division_rounded_to_the_nearest_and_halves_towards_zero() {
        for from in [1, 2, 3, 7, 16, 99, 128, 254, 255u8] {
            for to in 1..=255u8 {
                let requantiser = Requantiser::new(&[from; 64], &[to; 64]);
                for coefficient in (-32768..=32767).step_by(37).chain(-300..300) {
                    let (from, to) = (i32::from(from), i32::from(to));
                    let expected = (coefficient * from).abs() + (to - 1) / 2;
                    let expected = expected / to * coefficient.signum();
                    assert_eq!(
                        requantiser.requantise(5, coefficient),
                        expected,
                        "{coefficient}: {from} to {to}"
                    );
                    assert_eq!(requantiser.dc(coefficient), expected.clamp(-1024, 1023));
                }
            }
        }
    }
}
