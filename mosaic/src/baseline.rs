//! Decodes sequential Huffman-coded JPEG (T.81 Annex F) to planes, strictly: every restart segment must hold
//! its MCUs, padding and no more, so that a damaged frame is refused and not shown.
//!
//! More padding than there should be is taken, as cameras make it. Whoever wants fewer samples gets them from the
//! inverse DCT, which is then less work ([`Reduction`]).

mod mcus;

use std::sync::Arc;

use crate::huffman::{Decoder, Decoders, Flaw};
use crate::limits::FrameError;
use crate::picture::Picture;
use crate::probe::{Coding, Header, Scan, Tables};
use crate::segments::Segments;
use crate::simd;
use mcus::Mcus;

/// Working memory, kept from one frame to the next.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) segments: Segments,
    pub(crate) decoders: Decoders,
    /// Planes that nobody needs any more, to be written over.
    planes: Vec<Vec<u8>>,
}

impl Workspace {
    /// Takes a picture that nobody needs any more.
    pub(crate) fn recycle(&mut self, picture: Picture) {
        self.planes = picture.planes.into();
    }

    /// A plane of `length` samples, whatever they are, in not much more memory than they take: its picture may have to wait.
    fn plane(&mut self, length: usize) -> Vec<u8> {
        let is_alike = |plane: &Vec<u8>| (length..=length + length / 4).contains(&plane.capacity());
        let mut plane = match self.planes.iter().position(is_alike) {
            Some(index) => self.planes.swap_remove(index),
            None => Vec::with_capacity(length),
        };
        plane.resize(length, 0);
        plane
    }
}

/// How many samples become one: 1, 2, 4 or 8 in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reduction {
    pub(crate) across: u32,
    pub(crate) down: u32,
}

impl Reduction {
    /// Every sample stays.
    pub(crate) const NONE: Self = Self { across: 1, down: 1 };

    /// For rows that become columns.
    pub(crate) fn transposed(self) -> Self {
        Self { across: self.down, down: self.across }
    }

    /// The size that a picture of `width` times `height` has then.
    pub(crate) fn of(self, width: u32, height: u32) -> (u32, u32) {
        (width.div_ceil(self.across), height.div_ceil(self.down))
    }
}

/// The most blocks in an MCU (T.81 B.2.3).
const MAX_BLOCKS: usize = 10;

/// A JPEG that can be decoded here, and how.
pub(crate) struct Plan<'a> {
    header: &'a Header<'a>,
    components: Vec<Component>,
    /// MCUs of an interleaved scan, across and down.
    mcus: (usize, usize),
    /// Of the picture that comes out.
    size: (u32, u32),
}

/// One component: its place in an MCU and its samples.
struct Component {
    id: u8,
    /// Blocks in an MCU, across and down.
    blocks: (usize, usize),
    /// Blocks that hold some of the picture, across and down: what a scan of this component alone has.
    own_blocks: (usize, usize),
    /// Samples that a block becomes, across and down.
    samples: (usize, usize),
    quantisation: usize,
    /// Samples in a row of the plane, which is whole MCUs.
    stride: usize,
    rows: usize,
    plane: Vec<u8>,
    is_decoded: bool,
}

impl<'a> Plan<'a> {
    /// A plan for sequential YCbCr or grey JPEG in which luma has the most samples and chroma half, as many, or
    /// a quarter of them in each direction; `None` for any other.
    pub(crate) fn new(header: &'a Header<'a>, reduction: Reduction) -> Option<Self> {
        let frame = &header.frame;
        let tables = &header.scans[0].tables;
        let has_tables = frame
            .components
            .iter()
            .all(|&[_, _, table]| tables.quantisation.get(usize::from(table)).is_some_and(Option::is_some));
        if frame.coding == Coding::Progressive || !header.is_ycbcr || !has_tables {
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
        if !all_known || blocks_in_mcu as usize > MAX_BLOCKS {
            return None;
        }
        Some(Self::with_factors(header, &factors, reduction))
    }

    fn with_factors(header: &'a Header<'a>, factors: &[(u8, u8)], reduction: Reduction) -> Self {
        let wide = |(across, down): (u8, u8)| (usize::from(across), usize::from(down));
        let (width, height) = (header.width() as usize, header.height() as usize);
        let most = wide(factors[0]);
        let mcus = (width.div_ceil(most.0 * 8), height.div_ceil(most.1 * 8));
        // Chroma is wanted at half the resolution of luma: where it has as much, it is reduced once more.
        let samples = |index: usize, blocks: usize, most: usize, reduction: u32| {
            let extra = if index > 0 && blocks == most && reduction < 8 { 2 } else { 1 };
            8 / reduction as usize / extra
        };
        let component = |(index, (&[id, _, table], &factors)): (usize, (&[u8; 3], &(u8, u8)))| {
            let blocks = wide(factors);
            let samples = (
                samples(index, blocks.0, most.0, reduction.across),
                samples(index, blocks.1, most.1, reduction.down),
            );
            let stride = mcus.0 * blocks.0 * samples.0;
            let own = ((width * blocks.0).div_ceil(most.0), (height * blocks.1).div_ceil(most.1));
            Component {
                id,
                blocks,
                own_blocks: (own.0.div_ceil(8), own.1.div_ceil(8)),
                samples,
                quantisation: table.into(),
                stride,
                rows: mcus.1 * blocks.1 * samples.1,
                plane: Vec::new(),
                is_decoded: false,
            }
        };
        let components = header.frame.components.iter().zip(factors).enumerate().map(component).collect();
        Self { header, components, mcus, size: reduction.of(header.width(), header.height()) }
    }

    /// Decodes the picture.
    pub(crate) fn decode(mut self, jpeg: &[u8], workspace: &mut Workspace) -> Result<Picture, FrameError> {
        let header = self.header;
        for component in &mut self.components {
            component.plane = workspace.plane(component.stride * component.rows);
        }
        for scan in &header.scans {
            self.scan(jpeg, scan, workspace)?;
        }
        if !self.components.iter().all(|component| component.is_decoded) {
            return Err(malformed("a colour is missing"));
        }
        self.picture()
    }

    fn scan(&mut self, jpeg: &[u8], scan: &Scan<'_>, workspace: &mut Workspace) -> Result<(), FrameError> {
        let mut parts = self.parts(&jpeg[scan.parameters.clone()], &scan.tables, &mut workspace.decoders)?;
        let mcus = match parts[..] {
            [Part { component, .. }] => self.components[component].own_blocks,
            _ => self.mcus,
        };
        let count = mcus.0 * mcus.1;
        let interval = match scan.tables.restart_interval as usize {
            0 => count,
            interval => interval,
        };
        workspace.segments.read(&jpeg[scan.data.clone()], count.div_ceil(interval))?;
        for (first, reader) in (0..count).step_by(interval).zip(workspace.segments.readers()) {
            parts.iter_mut().for_each(|part| part.dc = 0);
            let numbers = first..count.min(first + interval);
            let components = &mut self.components;
            let parts = &mut parts;
            simd::widest(Mcus { components, parts, reader, numbers, across: mcus.0 }).map_err(damaged)?;
        }
        Ok(())
    }

    /// What a scan's parameters (T.81 B.2.3) say of its components.
    fn parts(
        &mut self,
        parameters: &[u8],
        tables: &Tables<'_>,
        decoders: &mut Decoders,
    ) -> Result<Vec<Part>, FrameError> {
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
            let steps = tables.quantisation[component.quantisation];
            parts.push(Part {
                component: index,
                blocks: if count == 1 { (1, 1) } else { component.blocks },
                decoder: decoders.find(tables, numbers)?,
                steps: steps.ok_or_else(|| malformed("a quantisation table is missing"))?.map(i16::from),
                dc: 0,
            });
        }
        Ok(parts)
    }

    /// The planes as a 4:2:0 picture.
    fn picture(self) -> Result<Picture, FrameError> {
        let (width, height) = self.size;
        let most = self.components[0].samples_in_mcu();
        let mut planes = self.components.into_iter().enumerate().map(|(index, component)| match index {
            0 => component.cropped(width as usize, height as usize),
            _ => component.halved(most, (width as usize, height as usize)),
        });
        let luma = planes.next().unwrap_or_default();
        let picture = match (planes.next(), planes.next()) {
            (Some(cb), Some(cr)) => Picture::from_planes(width, height, [luma, cb, cr]),
            _ => Picture::from_gray(width, height, luma),
        };
        picture.map_err(|error| malformed(&error.to_string()))
    }
}

impl Component {
    /// Samples in an MCU, across and down.
    fn samples_in_mcu(&self) -> (usize, usize) {
        (self.blocks.0 * self.samples.0, self.blocks.1 * self.samples.1)
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

    /// The plane at half the resolution of luma, which has `most` samples in an MCU and `luma` in the picture.
    fn halved(self, most: (usize, usize), luma: (usize, usize)) -> Vec<u8> {
        let own = self.samples_in_mcu();
        let (width, height) = (luma.0.div_ceil(2), luma.1.div_ceil(2));
        if (own.0 * 2, own.1 * 2) == most {
            return self.cropped(width, height);
        }
        // Samples of this plane for two of luma, the last of which may be missing: two, one, or half a one.
        let span = |own: usize, most: usize, luma: usize, at: usize| {
            at * 2 * own / most..((at * 2 + 2).min(luma) * own).div_ceil(most)
        };
        let mut out = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = span(own.1, most.1, luma.1, y);
            for x in 0..width {
                let columns = span(own.0, most.0, luma.0, x);
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
    decoder: Arc<Decoder>,
    /// Of its quantisation, in natural order.
    steps: [i16; 64],
    /// The DC coefficient of the block before; 0 at the start of a restart interval.
    dc: i32,
}

fn malformed(what: &str) -> FrameError {
    FrameError::Malformed(what.to_owned())
}

/// What is said of a flaw.
pub(crate) fn damaged(flaw: Flaw) -> FrameError {
    FrameError::Malformed(format!("its data is damaged: {flaw}"))
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;
    use crate::format::Quality;
    use crate::limits::Limits;
    use crate::simd::{Loop as _, Plain};
    use crate::{encode, probe};

    #[test]
    fn plain_and_wide_vectors_agree_to_the_bit() {
        let jpeg = encode::jpeg(&Picture::noise(80, 48), Quality::new(85).unwrap());
        let header = probe(&jpeg, &Limits::default()).unwrap();
        let scan = &header.scans[0];
        for (across, down) in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 2), (4, 4), (8, 8)] {
            let planes = [false, true].map(|is_wide| {
                let mut plan = Plan::new(&header, Reduction { across, down }).unwrap();
                let mut workspace = Workspace::default();
                plan.components.iter_mut().for_each(|c| c.plane = vec![0; c.stride * c.rows]);
                let parameters = &jpeg[scan.parameters.clone()];
                let mut parts = plan.parts(parameters, &scan.tables, &mut workspace.decoders).unwrap();
                workspace.segments.read(&jpeg[scan.data.clone()], 3).unwrap();
                for (row, reader) in workspace.segments.readers().enumerate() {
                    parts.iter_mut().for_each(|part| part.dc = 0);
                    let numbers = row * 5..row * 5 + 5;
                    let components = &mut plan.components;
                    let mcus = Mcus { components, parts: &mut parts, reader, numbers, across: 5 };
                    assert_eq!(if is_wide { simd::widest(mcus) } else { mcus.run(Plain) }, Ok(()));
                }
                plan.components.into_iter().map(|component| component.plane).collect::<Vec<_>>()
            });
            assert_eq!(planes[0], planes[1]);
        }
    }

    /// A slope in each component, to which padding adds nothing that is not in its last column and row.
    fn slopes(width: u16, height: u16, sampling: SamplingFactor) -> Vec<u8> {
        let sample = |at: u16, side: u16| (40 + u32::from(at) * 160 / u32::from(side)) as u8;
        let pixel = |x: u16, y: u16| [sample(x, width), sample(y, height), 240 - sample(x, width)];
        let pixels: Vec<_> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 95);
        encoder.set_sampling_factor(sampling);
        encoder.encode(&pixels, width, height, ColorType::Ycbcr).unwrap();
        jpeg
    }

    fn decoded(jpeg: &[u8], reduction: Reduction) -> Picture {
        let header = probe(jpeg, &Limits::default()).unwrap();
        Plan::new(&header, reduction).unwrap().decode(jpeg, &mut Workspace::default()).unwrap()
    }

    /// Where one sample of a block is left and a side is odd, two samples of luma have one of full chroma.
    #[test]
    fn a_reduced_picture_of_any_sampling_and_side_has_the_averages_of_the_whole_one() {
        use SamplingFactor::{F_1_1, F_1_2, F_1_4, F_2_1, F_2_2, F_2_4, F_4_1, F_4_2};
        let sizes = [(1, 1), (7, 9), (8, 24), (17, 40), (33, 15), (65, 23), (72, 56), (73, 129), (200, 137)];
        for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4] {
            for (width, height) in sizes {
                let jpeg = slopes(width, height, sampling);
                let whole = decoded(&jpeg, Reduction::NONE);
                for (across, down) in [1, 2, 4, 8].into_iter().flat_map(|a| [1, 2, 4, 8].map(|d| (a, d))) {
                    let reduced = decoded(&jpeg, Reduction { across, down });
                    for plane in 0..3 {
                        let label =
                            format!("{width}x{height} {sampling:?} by {across}x{down}, plane {plane}");
                        expect_averages(&whole, &reduced, plane, (across, down), &label);
                    }
                }
            }
        }
    }

    /// Each sample is the average of those it stands for, near enough for chroma that is as coarse as a whole MCU.
    fn expect_averages(whole: &Picture, reduced: &Picture, plane: usize, by: (u32, u32), label: &str) {
        let ((width, height), (columns, rows)) = (whole.plane_size(plane), reduced.plane_size(plane));
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let across = x * by.0..((x + 1) * by.0).min(width);
            let down = y * by.1..((y + 1) * by.1).min(height);
            let count = across.len() * down.len();
            let sum: u32 = down
                .flat_map(|y| across.clone().map(move |x| (y * width + x) as usize))
                .map(|at| u32::from(whole.planes[plane][at]))
                .sum();
            let (got, average) =
                (reduced.planes[plane][(y * columns + x) as usize], sum as f64 / count as f64);
            // Two pixels' worth of slope in small pictures are as much as their padding may shift.
            let slack = 4.0 + 160.0 * f64::from(by.0.max(by.1)) / f64::from(width.min(height));
            assert!((f64::from(got) - average).abs() <= slack, "{label} at {x}, {y}: {got} for {average}");
        }
    }
}
