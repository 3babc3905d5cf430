//! Bytes to frames: bytes alone seldom come as far as a scan's data. So they are a JPEG, or say how one is changed, or
//! are its data, or its coefficients.

use std::sync::LazyLock;

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::oracle::coefficients::{self, Coefficients, Component, Huffman, Tables};

/// A frame to be tried.
pub struct Made {
    pub jpeg: Bytes,
    /// Nobody may refuse it.
    pub is_sound: bool,
}

/// What `data` stands for.
pub fn make(data: &[u8]) -> Made {
    let mut bytes = Source(data);
    if data.starts_with(&[0xFF, 0xD8]) {
        return unsound(data.to_vec());
    }
    match bytes.next() % 4 {
        0 | 1 => of_coefficients(bytes),
        2 => edited(bytes),
        _ => with_data(bytes),
    }
}

fn unsound(jpeg: Vec<u8>) -> Made {
    Made { jpeg: jpeg.into(), is_sound: false }
}

/// The fuzzer's bytes, one after the other, and zeros when there are no more.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn next(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    fn pair(&mut self) -> usize {
        usize::from(self.next()) << 8 | usize::from(self.next())
    }

    fn choice<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::from(self.next()) % of.len()].clone()
    }
}

/// Small frames of each kind, made by a stranger.
static BASES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    use SamplingFactor::*;
    let mut bases = Vec::new();
    for (side, sampling, interval, is_progressive, is_optimised) in [
        (64, F_2_2, 4, false, false),
        (64, F_2_2, 0, false, false),
        (64, F_2_2, 3, false, false),
        (64, F_2_2, 0, false, true),
        (21, F_2_2, 1, false, false),
        (33, F_1_1, 2, false, false),
        (40, F_2_1, 0, false, false),
        (40, F_4_1, 0, false, true),
        (33, F_1_2, 5, false, false),
        (130, F_2_2, 0, false, false),
        (24, F_2_2, 0, true, false),
    ] {
        let pixels: Vec<_> = (0..side * side * 3).map(|n: u32| (n / 7 * 5) as u8).collect();
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 85);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(is_progressive);
        encoder.set_optimized_huffman_tables(is_optimised);
        if interval > 0 {
            encoder.set_restart_interval(interval);
        }
        encoder.encode(&pixels, side as u16, side as u16, ColorType::Ycbcr).unwrap();
        bases.push(jpeg);
    }
    let mut grey = Vec::new();
    Encoder::new(&mut grey, 60).encode(&[77; 20 * 20], 20, 20, ColorType::Luma).unwrap();
    bases.push(grey);
    bases
});

/// One of the bases with bytes set, put in, taken out, or a segment put in.
fn edited(mut bytes: Source<'_>) -> Made {
    let mut jpeg = bytes.choice(&BASES);
    while !bytes.0.is_empty() {
        let kind = bytes.next();
        // From the front or from the back: both ends are worth reaching.
        let at = bytes.pair() % jpeg.len().max(1);
        match kind % 5 {
            0 if at < jpeg.len() => jpeg[at] = bytes.next(),
            1 => jpeg.insert(at, bytes.next()),
            2 => _ = jpeg.drain(at..(at + usize::from(bytes.next() % 16)).min(jpeg.len())),
            3 => {
                let marker = bytes.choice(&[0xDB, 0xC4, 0xDD, 0xEE, 0xE1, 0xFE, 0xC0, 0xDA]);
                let (body, rest) = bytes.0.split_at(bytes.0.len().min(usize::from(kind)));
                bytes.0 = rest;
                let mut segment = Vec::new();
                coefficients::segment(&mut segment, marker, body);
                let at = jpeg.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap_or(at);
                jpeg.splice(at..at, segment);
            }
            _ => jpeg.truncate(jpeg.len() - at.min(jpeg.len()) / 64),
        }
    }
    unsound(jpeg)
}

/// The header of one of the bases, and data: stuffed, and with the restart markers that are due if wanted.
fn with_data(mut bytes: Source<'_>) -> Made {
    let base = bytes.choice(&BASES);
    let segments = usize::from(bytes.next() % 17);
    let scan = base.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap();
    let mut jpeg = base[..scan + 2 + usize::from(base[scan + 3])].to_vec();
    if segments == 0 {
        jpeg.extend_from_slice(bytes.0);
    }
    let length = bytes.0.len().div_ceil(segments.max(1)).max(1);
    for (n, segment) in bytes.0.chunks(length).enumerate().take(segments) {
        if n > 0 {
            jpeg.extend([0xFF, 0xD0 + (n - 1) as u8 % 8]);
        }
        for &byte in segment {
            jpeg.push(byte);
            jpeg.extend((byte == 0xFF).then_some(0));
        }
    }
    jpeg.extend([0xFF, 0xD9]);
    unsound(jpeg)
}

/// The tables of a canonical tile, and its steps.
static CANONICAL: LazyLock<(Tables, Vec<[u16; 64]>)> = LazyLock::new(|| {
    let tables = coefficients::tables(&BASES[0]).unwrap();
    let read = coefficients::read(&BASES[0]).unwrap();
    (tables, read.components.iter().map(|component| component.steps).collect())
});

/// A sound frame of coefficients that are anything.
fn of_coefficients(mut bytes: Source<'_>) -> Made {
    let kind = bytes.next();
    let is_canonical = kind & 3 == 0;
    let (width, height) = if kind & 4 == 0 {
        (64, 64)
    } else {
        // The larger ones are reduced to a half, a quarter and an eighth of their samples, to odd numbers of them too.
        bytes.choice(&[
            (16, 16),
            (21, 9),
            (1, 1),
            (150, 40),
            (130, 130),
            (128, 128),
            (522, 514),
            (1028, 24),
            (24, 1028),
            (2056, 16),
            (16, 2056),
        ])
    };
    let factors: &[(usize, usize)] = match kind >> 3 & 7 {
        _ if kind & 4 == 0 => &[(2, 2), (1, 1), (1, 1)],
        0 | 1 => &[(1, 1)],
        2 => &[(1, 1), (1, 1), (1, 1)],
        3 => &[(2, 1), (1, 1), (1, 1)],
        4 => &[(1, 2), (1, 1), (1, 1)],
        5 => &[(4, 1), (1, 1), (1, 1)],
        6 => &[(2, 2), (1, 2), (2, 1)],
        _ => &[(2, 2), (1, 1), (1, 1)],
    };
    let interval = if is_canonical { 4 } else { bytes.next().into() };
    let (tables, largest) = tables(&mut bytes, is_canonical);
    let steps = if is_canonical { CANONICAL.1.clone() } else { steps(&mut bytes) };
    let most = (factors[0].0.max(1), factors[0].1.max(1));
    let mcus = (usize::from(width).div_ceil(8 * most.0), usize::from(height).div_ceil(8 * most.1));
    let mut components: Vec<_> = (0..factors.len())
        .map(|n| Component {
            factors: factors[n],
            steps: steps[n],
            across: mcus.0 * factors[n].0,
            blocks: vec![[0; 64]; mcus.0 * factors[n].0 * mcus.1 * factors[n].1],
        })
        .collect();
    // A block's bytes are where it is and what is in it; a picture has few that are not zero.
    while bytes.0.len() > 1 {
        let component = usize::from(bytes.next()) % components.len();
        let at = bytes.pair() % components[component].blocks.len();
        fill(&mut components[component].blocks[at], &mut bytes, largest);
    }
    let frame = Coefficients { width, height, components };
    Made { jpeg: frame.write(&tables, interval).into(), is_sound: true }
}

/// Huffman tables, and the largest values of DC and AC that they and the standard allow.
fn tables(bytes: &mut Source<'_>, is_canonical: bool) -> (Tables, (i32, i32)) {
    if is_canonical || bytes.next().is_multiple_of(2) {
        return (CANONICAL.0.clone(), (1023, 1023));
    }
    let turn = bytes.next();
    let mut tables = [Huffman::of_every_symbol(), Huffman::of_every_symbol()];
    // Which symbol has which code is another each time, and so the decoder's tables are.
    tables[0][0].symbols.rotate_left(usize::from(turn % 16));
    tables[0][1].symbols.rotate_left(turn.into());
    (tables, (2047, 32767))
}

fn steps(bytes: &mut Source<'_>) -> Vec<[u16; 64]> {
    let mut table = || match bytes.next() {
        0 => std::array::from_fn(|_| u16::from(bytes.next().max(1))),
        step => [u16::from(step); 64],
    };
    let (luma, chroma) = (table(), table());
    vec![luma, chroma, chroma]
}

/// Some coefficients of a block.
fn fill(block: &mut [i32; 64], bytes: &mut Source<'_>, (dc, ac): (i32, i32)) {
    for _ in 0..bytes.next() % 16 {
        let at = usize::from(bytes.next() % 64);
        let value = (bytes.pair() as u16).cast_signed();
        // Small ones mostly.
        let value = i32::from(value) >> (bytes.next() % 16);
        let most = if at == 0 { dc } else { ac };
        block[at] = value.clamp(-most, most);
    }
}
