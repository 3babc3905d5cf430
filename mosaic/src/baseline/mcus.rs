//! The MCUs of a restart segment: codes to coefficients, coefficients to samples, samples to planes.

use std::ops::Range;

use super::{Component, MAX_BLOCKS, Part};
use crate::bits::BitReader;
use crate::dct::{self, Samples};
use crate::huffman::{Flaw, Sink};
use crate::simd::{Loop, Vectors};
use crate::tables::ZIGZAG;

/// Decodes the MCUs of these numbers, which a restart segment holds; there are `across` in a row. Where a scan has one
/// component alone, an MCU is a block.
pub(super) struct Mcus<'a> {
    pub(super) components: &'a mut [Component],
    pub(super) parts: &'a mut [Part],
    pub(super) reader: BitReader<'a>,
    pub(super) numbers: Range<usize>,
    pub(super) across: usize,
}

impl Loop for Mcus<'_> {
    type Output = Result<(), Flaw>;

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> Self::Output {
        let Self { components, parts, mut reader, numbers, across } = self;
        let mut blocks = [Coefficients::default(); MAX_BLOCKS];
        let mut places = Places::new(components, parts, numbers.start, across);
        for _ in numbers {
            // All codes of an MCU first: what was stored number by number cannot be loaded as a vector at once.
            for (place, block) in places.all().iter().zip(&mut blocks) {
                parts[place.part].read(&mut reader, block).map_err(|flaw| flaw.or_overrun(&reader))?;
            }
            if reader.is_overrun() {
                return Err(Flaw::TooShort);
            }
            for (places, blocks) in places.all().chunks(2).zip(blocks.chunks(2)) {
                let (first, second) = (places[0], places[places.len() - 1]);
                let two = [&blocks[0], &blocks[places.len() - 1]];
                let steps = [&parts[first.part].steps, &parts[second.part].steps];
                if first.size == second.size {
                    let [left, right] = samples(vectors, two, steps, first.size);
                    first.put(&left, components);
                    second.put(&right, components);
                } else {
                    for (n, place) in [first, second].into_iter().enumerate() {
                        let [samples, _] = samples(vectors, [two[n]; 2], [steps[n]; 2], place.size);
                        place.put(&samples, components);
                    }
                }
            }
            places.go_on();
        }
        if reader.is_at_end() { Ok(()) } else { Err(Flaw::Trailing) }
    }
}

/// The samples of two blocks.
#[inline(always)]
fn samples<V: Vectors>(
    vectors: V,
    blocks: [&Coefficients; 2],
    steps: [&[i16; 64]; 2],
    size: (usize, usize),
) -> [Samples; 2] {
    if blocks.iter().all(|block| block.is_flat) {
        return [0, 1].map(|n| [[dct::inverse_dc(blocks[n].numbers[0].wrapping_mul(steps[n][0])); 8]; 8]);
    }
    vectors.inverse(blocks.map(|block| &block.numbers), steps, size)
}

/// Where the blocks of an MCU go.
struct Places {
    /// In the order of the scan (T.81 A.2.3); as many as there are.
    places: [Place; MAX_BLOCKS],
    count: usize,
    /// MCUs that are left in their row, and that a row has.
    left: usize,
    across: usize,
}

/// Where a block goes.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    part: usize,
    component: usize,
    /// Samples that it becomes, across and down.
    size: (usize, usize),
    /// Where in its plane.
    at: usize,
    stride: usize,
    /// How much further in the next MCU, and in the first one of the next row beyond that.
    step: usize,
    row_step: usize,
}

impl Places {
    /// The places of the MCU `number`; there are `across` in a row.
    fn new(components: &[Component], parts: &[Part], number: usize, across: usize) -> Self {
        let (column, row) = (number % across, number / across);
        let all = parts.iter().enumerate().flat_map(|(index, part)| {
            let Component { samples, stride, .. } = components[part.component];
            let (step, row_length) = (part.blocks.0 * samples.0, part.blocks.1 * samples.1 * stride);
            let first = Place {
                part: index,
                component: part.component,
                size: samples,
                at: row * row_length + column * step,
                stride,
                step,
                row_step: row_length - across * step,
            };
            let blocks = (0..part.blocks.1).flat_map(|y| (0..part.blocks.0).map(move |x| (x, y)));
            let offsets = blocks.map(move |(x, y)| y * samples.1 * stride + x * samples.0);
            offsets.map(move |offset| Place { at: first.at + offset, ..first })
        });
        let mut places = [Place::default(); MAX_BLOCKS];
        let count = places.iter_mut().zip(all).map(|(place, next)| *place = next).count();
        Self { places, count, left: across - column, across }
    }

    #[inline(always)]
    fn all(&self) -> &[Place] {
        &self.places[..self.count]
    }

    /// Goes on to the next MCU.
    #[inline(always)]
    fn go_on(&mut self) {
        self.left -= 1;
        let is_next_row = self.left == 0;
        for place in &mut self.places[..self.count] {
            place.at += place.step + if is_next_row { place.row_step } else { 0 };
        }
        if is_next_row {
            self.left = self.across;
        }
    }
}

impl Place {
    /// Puts the block's samples there.
    #[inline(always)]
    fn put(&self, samples: &Samples, components: &mut [Component]) {
        let plane = &mut components[self.component].plane[self.at..];
        if self.size == (8, 8) {
            // One check for all rows, and copies of a known length, which are a move each.
            let plane = &mut plane[..7 * self.stride + 8];
            for (n, samples) in samples.iter().enumerate() {
                plane[n * self.stride..][..8].copy_from_slice(samples);
            }
            return;
        }
        let (width, height) = self.size;
        for (n, samples) in samples.iter().enumerate().take(height) {
            let row = &mut plane[n * self.stride..];
            match width {
                4 => row[..4].copy_from_slice(&samples[..4]),
                _ => row[..width].copy_from_slice(&samples[..width]),
            }
        }
    }
}

/// Quantised coefficients of a block.
#[derive(Clone, Copy)]
struct Coefficients {
    /// In natural order.
    numbers: [i16; 64],
    /// All but the first are zero.
    is_flat: bool,
}

impl Default for Coefficients {
    fn default() -> Self {
        Self { numbers: [0; 64], is_flat: true }
    }
}

impl Part {
    /// Reads a block.
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader<'_>, block: &mut Coefficients) -> Result<(), Flaw> {
        *block = Coefficients::default();
        self.decoder.dc(reader, &mut self.dc)?;
        block.numbers[0] = self.dc as i16;
        self.decoder.ac(reader, block)
    }
}

impl Sink for Coefficients {
    #[inline(always)]
    fn coefficient(&mut self, position: usize, value: i32) {
        self.numbers[usize::from(ZIGZAG[position & 63]) & 63] = value as i16;
        self.is_flat = false;
    }
}
