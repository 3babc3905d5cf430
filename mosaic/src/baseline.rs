//! Decodes sequential Huffman-coded JPEG (T.81 Annex F) to planes, strictly: every restart segment must hold
//! its MCUs, padding and no more, so that a damaged frame is refused and not shown.
//!
//! More padding than there should be is taken, as cameras make it.

use std::num::Wrapping;
use std::ops::Range;

use memchr::memchr_iter;

use crate::bits::BitReader;
use crate::dct::{self, Block};
use crate::header::marker;
use crate::huffman::{Decoder, Flaw};
use crate::limits::FrameError;
use crate::picture::Picture;
use crate::probe::{Coding, Header, Scan, Tables};
use crate::simd::{self, Loop};
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC, ZIGZAG};

/// A JPEG that can be decoded here, and how.
pub(crate) struct Plan<'a> {
    header: &'a Header<'a>,
    components: Vec<Component>,
    /// MCUs of an interleaved scan, across and down.
    mcus: (usize, usize),
}

/// One component: its place in an MCU and its samples.
struct Component {
    id: u8,
    /// Blocks in an MCU, across and down.
    blocks: (usize, usize),
    /// Blocks that hold some of the picture, across and down: what a scan of this component alone has.
    own_blocks: (usize, usize),
    quantisation: usize,
    /// Samples in a row of the plane, which is whole MCUs.
    stride: usize,
    plane: Vec<u8>,
    is_decoded: bool,
}

impl<'a> Plan<'a> {
    /// A plan for sequential YCbCr or grey JPEG in which luma has the most samples and chroma half, as many, or
    /// a quarter of them in each direction; `None` for any other.
    pub(crate) fn new(header: &'a Header<'a>) -> Option<Self> {
        let frame = &header.frame;
        let is_ycbcr = frame.components.len() == 1
            || matches!(header.adobe_transform, None | Some(1)) && frame.components[0][0] != b'R';
        let tables = &header.scans[0].tables;
        let has_tables = frame
            .components
            .iter()
            .all(|&[_, _, table]| tables.quantisation.get(usize::from(table)).is_some_and(Option::is_some));
        if frame.coding == Coding::Progressive || !is_ycbcr || !has_tables {
            return None;
        }
        let factors: Vec<_> =
            frame.components.iter().map(|[_, factors, _]| (factors >> 4, factors & 15)).collect();
        // A component alone is not interleaved, whatever its factors say (T.81 A.2.2).
        let factors = if factors.len() == 1 { vec![(1, 1)] } else { factors };
        let luma = factors[0];
        let is_known = |whole: u8, part: u8| part > 0 && [1, 2, 4].map(|n| n * part).contains(&whole);
        let all_known = factors.iter().all(|part| is_known(luma.0, part.0) && is_known(luma.1, part.1));
        let blocks_in_mcu: u32 =
            factors.iter().map(|&(across, down)| u32::from(across) * u32::from(down)).sum();
        // T.81 B.2.3: at most ten blocks in an MCU.
        if !all_known || blocks_in_mcu > 10 {
            return None;
        }
        Some(Self::with_factors(header, &factors))
    }

    fn with_factors(header: &'a Header<'a>, factors: &[(u8, u8)]) -> Self {
        let wide = |(across, down): (u8, u8)| (usize::from(across), usize::from(down));
        let (width, height) = (header.width() as usize, header.height() as usize);
        let most = wide(factors[0]);
        let mcus = (width.div_ceil(most.0 * 8), height.div_ceil(most.1 * 8));
        let component = |(&[id, _, table], &factors): (&[u8; 3], &(u8, u8))| {
            let blocks = wide(factors);
            let stride = mcus.0 * blocks.0 * 8;
            let samples = ((width * blocks.0).div_ceil(most.0), (height * blocks.1).div_ceil(most.1));
            Component {
                id,
                blocks,
                own_blocks: (samples.0.div_ceil(8), samples.1.div_ceil(8)),
                quantisation: table.into(),
                stride,
                plane: vec![0; stride * mcus.1 * blocks.1 * 8],
                is_decoded: false,
            }
        };
        let components = header.frame.components.iter().zip(factors).map(component).collect();
        Self { header, components, mcus }
    }

    /// Decodes the picture.
    pub(crate) fn decode(mut self, jpeg: &[u8]) -> Result<Picture, FrameError> {
        let header = self.header;
        for scan in &header.scans {
            self.scan(jpeg, scan)?;
        }
        if !self.components.iter().all(|component| component.is_decoded) {
            return Err(malformed("a colour is missing"));
        }
        self.picture()
    }

    fn scan(&mut self, jpeg: &[u8], scan: &Scan<'_>) -> Result<(), FrameError> {
        let mut parts = self.parts(&jpeg[scan.parameters.clone()], &scan.tables)?;
        let mcus = match parts[..] {
            [Part { component, .. }] => self.components[component].own_blocks,
            _ => self.mcus,
        };
        let count = mcus.0 * mcus.1;
        let interval = match scan.tables.restart_interval as usize {
            0 => count,
            interval => interval,
        };
        let mut segments = Segments::new(&jpeg[scan.data.clone()]);
        for first in (0..count).step_by(interval) {
            let mut reader = BitReader::new(segments.next()?);
            parts.iter_mut().for_each(|part| part.dc = 0);
            let numbers = first..count.min(first + interval);
            let components = &mut self.components;
            let mcus = Mcus { components, parts: &mut parts, reader: &mut reader, numbers, across: mcus.0 };
            simd::widest(mcus).map_err(damaged)?;
            if !reader.is_at_end() {
                return Err(damaged(Flaw::Trailing));
            }
        }
        segments.finish()
    }

    /// What a scan's parameters (T.81 B.2.3) say of its components.
    fn parts(&mut self, parameters: &[u8], tables: &Tables<'_>) -> Result<Vec<Part>, FrameError> {
        let broken = || malformed("a broken scan header");
        let (&count, rest) = parameters.split_first().ok_or_else(broken)?;
        let (selectors, spectrum) = rest.split_at_checked(usize::from(count) * 2).ok_or_else(broken)?;
        if count == 0 || spectrum != [0, 63, 0] {
            return Err(broken());
        }
        let mut parts = Vec::new();
        for &[id, numbers] in selectors.as_chunks().0 {
            let index = self.components.iter().position(|component| component.id == id).ok_or_else(broken)?;
            let component = &mut self.components[index];
            if std::mem::replace(&mut component.is_decoded, true) {
                return Err(malformed("a colour is there twice"));
            }
            let quantisation = tables.quantisation[component.quantisation];
            parts.push(Part {
                component: index,
                blocks: if count == 1 { (1, 1) } else { component.blocks },
                decoder: decoder(tables, usize::from(numbers >> 4), usize::from(numbers & 15))?,
                quantisation: quantisation.ok_or_else(|| malformed("a quantisation table is missing"))?,
                dc: 0,
            });
        }
        Ok(parts)
    }

    /// The planes as a 4:2:0 picture.
    fn picture(self) -> Result<Picture, FrameError> {
        let (width, height) = (self.header.width(), self.header.height());
        let (chroma_width, chroma_height) = (width.div_ceil(2) as usize, height.div_ceil(2) as usize);
        let most = self.components[0].blocks;
        let mut planes = self.components.into_iter().enumerate().map(|(index, component)| match index {
            0 => component.cropped(width as usize, height as usize),
            _ => component.halved(most, chroma_width, chroma_height),
        });
        let luma = planes.next().unwrap_or_default();
        let picture = match (planes.next(), planes.next()) {
            (Some(cb), Some(cr)) => Picture::from_planes(width, height, [luma, cb, cr]),
            _ => Picture::from_gray(width, height, luma),
        };
        picture.map_err(|error| malformed(&error.to_string()))
    }
}

/// Decodes the MCUs of these numbers, of which there are `across` in a row. Where a scan has one component
/// alone, an MCU is a block.
struct Mcus<'a, 'r> {
    components: &'a mut [Component],
    parts: &'a mut [Part],
    reader: &'a mut BitReader<'r>,
    numbers: Range<usize>,
    across: usize,
}

impl Loop for Mcus<'_, '_> {
    type Output = Result<(), Flaw>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        for number in self.numbers {
            let (column, row) = (number % self.across, number / self.across);
            for part in &mut *self.parts {
                for y in 0..part.blocks.1 {
                    for x in 0..part.blocks.0 {
                        let place = (column * part.blocks.0 + x, row * part.blocks.1 + y);
                        self.components[part.component].block(self.reader, part, place)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Component {
    /// Decodes the block at column `x` and row `y`.
    #[inline(always)]
    fn block(
        &mut self,
        reader: &mut BitReader<'_>,
        part: &mut Part,
        (x, y): (usize, usize),
    ) -> Result<(), Flaw> {
        let mut block = Block::default();
        let mut is_flat = true;
        let steps = &part.quantisation;
        part.decoder.block(reader, &mut part.dc, |position, value| {
            let natural = usize::from(ZIGZAG[position & 63]) & 63;
            block.as_flattened_mut()[natural] = Wrapping(value * i32::from(steps[natural]));
            is_flat = false;
        })?;
        let dc = part.dc * i32::from(steps[0]);
        let rows = self.plane[y * 8 * self.stride + x * 8..].chunks_mut(self.stride).take(8);
        if is_flat {
            let sample = dct::inverse_dc(dc);
            rows.for_each(|row| row[..8].fill(sample));
        } else {
            block[0][0] = Wrapping(dc);
            rows.zip(dct::inverse(block)).for_each(|(row, samples)| row[..8].copy_from_slice(&samples));
        }
        Ok(())
    }

    /// The plane without what continues it to whole MCUs.
    fn cropped(self, width: usize, height: usize) -> Vec<u8> {
        if self.stride == width {
            let mut plane = self.plane;
            plane.truncate(width * height);
            return plane;
        }
        self.plane.chunks(self.stride).take(height).flat_map(|row| &row[..width]).copied().collect()
    }

    /// The plane at half the resolution of luma, which has `most` blocks in an MCU.
    fn halved(self, most: (usize, usize), width: usize, height: usize) -> Vec<u8> {
        if (self.blocks.0 * 2, self.blocks.1 * 2) == most {
            return self.cropped(width, height);
        }
        // Samples of this plane for two of luma: two, one, or half a one.
        let span = |blocks: usize, most: usize, at: usize| {
            let first = at * 2 * blocks / most;
            first..((at * 2 + 2) * blocks).div_ceil(most).max(first + 1)
        };
        let mut out = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = span(self.blocks.1, most.1, y);
            for x in 0..width {
                let columns = span(self.blocks.0, most.0, x);
                let samples = rows.clone().flat_map(|row| {
                    self.plane[row * self.stride..][columns.clone()].iter().map(|&sample| u32::from(sample))
                });
                let count = (rows.len() * columns.len()) as u32;
                out.push(((samples.sum::<u32>() + count / 2) / count) as u8);
            }
        }
        out
    }
}

/// One component's part in a scan.
struct Part {
    /// Its index in the frame.
    component: usize,
    /// Blocks in an MCU of this scan, across and down.
    blocks: (usize, usize),
    decoder: Decoder,
    quantisation: [u8; 64],
    /// The DC coefficient of the block before; 0 at the start of a restart interval.
    dc: i32,
}

/// The decoder of two tables. Tables that nobody defined are the standard's: cameras leave them out of
/// motion JPEG.
fn decoder(tables: &Tables<'_>, dc: usize, ac: usize) -> Result<Decoder, FrameError> {
    let find = |class: usize, number: usize, standard: [HuffmanSpec<'static>; 2]| {
        let defined = tables.huffman[class].get(number).copied().flatten();
        defined.or_else(|| standard.get(number).copied())
    };
    let tables = find(0, dc, [LUMA_DC, CHROMA_DC]).zip(find(1, ac, [LUMA_AC, CHROMA_AC]));
    let (dc, ac) = tables.ok_or_else(|| malformed("a Huffman table is missing"))?;
    Ok(Decoder::new(&dc, &ac))
}

/// The restart segments of a scan, with the markers between them.
struct Segments<'a> {
    data: &'a [u8],
    /// Where the markers are.
    markers: memchr::Memchr<'a>,
    /// Where the next segment begins; `None` behind the last.
    begin: Option<usize>,
    index: usize,
}

impl<'a> Segments<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, markers: memchr_iter(0xFF, data), begin: Some(0), index: 0 }
    }

    /// The next segment, once the marker behind it has been seen to be the one that is due.
    fn next(&mut self) -> Result<&'a [u8], FrameError> {
        let begin = self.begin.ok_or_else(|| malformed("a restart segment is missing"))?;
        let restart = self.markers.find_map(|at| match self.data.get(at + 1) {
            Some(&kind @ marker::RST0..marker::SOI) => Some((at, kind)),
            _ => None,
        });
        let Some((end, kind)) = restart else {
            self.begin = None;
            return Ok(without_fill(&self.data[begin..]));
        };
        if kind != marker::RST0 + (self.index & 7) as u8 {
            return Err(malformed("a restart marker is not the one that is due"));
        }
        self.index += 1;
        self.begin = Some(end + 2);
        Ok(without_fill(&self.data[begin..end]))
    }

    /// Whether that was all.
    fn finish(self) -> Result<(), FrameError> {
        if self.begin.is_some() { Err(malformed("a restart segment too many")) } else { Ok(()) }
    }
}

/// A segment without the bytes of 0xFF that may stand in front of a marker (T.81 B.1.1.2). One that belongs
/// to the data is followed by a zero.
fn without_fill(segment: &[u8]) -> &[u8] {
    let fill = segment.iter().rev().take_while(|&&byte| byte == 0xFF).count();
    &segment[..segment.len() - fill]
}

fn malformed(what: &str) -> FrameError {
    FrameError::Malformed(what.to_owned())
}

fn damaged(flaw: Flaw) -> FrameError {
    FrameError::Malformed(format!("its data is damaged: {flaw}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Quality;
    use crate::limits::Limits;
    use crate::{encode, probe};

    #[test]
    fn plain_and_wide_vectors_agree_to_the_bit() {
        let samples =
            (0..80 * 48 * 3).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
        let picture = Picture::from_rgb(80, 48, &samples).unwrap();
        let jpeg = encode::jpeg(&picture, Quality::new(85).unwrap());
        let header = probe(&jpeg, &Limits::default()).unwrap();
        let scan = &header.scans[0];
        let planes = [false, true].map(|is_wide| {
            let mut plan = Plan::new(&header).unwrap();
            let mut parts = plan.parts(&jpeg[scan.parameters.clone()], &scan.tables).unwrap();
            let mut segments = Segments::new(&jpeg[scan.data.clone()]);
            for row in 0..3 {
                let mut reader = BitReader::new(segments.next().unwrap());
                parts.iter_mut().for_each(|part| part.dc = 0);
                let numbers = row * 5..row * 5 + 5;
                let components = &mut plan.components;
                let mcus = Mcus { components, parts: &mut parts, reader: &mut reader, numbers, across: 5 };
                assert_eq!(if is_wide { simd::widest(mcus) } else { mcus.run() }, Ok(()));
            }
            plan.components.into_iter().map(|component| component.plane).collect::<Vec<_>>()
        });
        assert_eq!(planes[0], planes[1]);
    }
}
