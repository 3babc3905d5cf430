//! Pictures to test with, and an encoder and a decoder that are not ours.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod oracle;
pub mod programs;

use bytes::Bytes;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use tessera_mosaic::{Fit, Grid, Layout, Picture, Quality, TileFormat, TileSize, TileSpec};

pub fn format(width: u32, height: u32, quality: u32) -> TileFormat {
    TileFormat { size: TileSize::new(width, height).unwrap(), quality: Quality::new(quality).unwrap() }
}

pub fn spec(width: u32, height: u32) -> TileSpec {
    TileSpec { format: format(width, height, 85), fit: Fit::Stretch }
}

pub fn layout(side: u32, format: TileFormat) -> Layout {
    Layout { grid: Grid::new(side).unwrap(), format }
}

/// A picture with slopes, edges and noise; another for each seed.
pub fn picture(width: u32, height: u32, seed: u32) -> Picture {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut sample = |x: u32, y: u32, plane: u32| {
        let slope = x * (seed % 3 + 1) + y * 2 + plane * 80;
        let edge = if (x / 9 + y / 13 + seed).is_multiple_of(4) { 90 } else { 0 };
        (slope.wrapping_add(edge + noise() % 24) % 256) as u8
    };
    let mut plane = |width: u32, height: u32, plane: u32| {
        (0..width * height).map(|n| sample(n % width, n / width, plane)).collect::<Vec<_>>()
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let planes =
        [plane(width, height, 0), plane(half_width, half_height, 1), plane(half_width, half_height, 2)];
    Picture::from_planes(width, height, planes).unwrap()
}

/// The mosaic of pictures of one size, as pixels.
pub fn joined(pictures: &[Picture], side: u32) -> Picture {
    let (width, height) = (pictures[0].width(), pictures[0].height());
    let planes = [0, 1, 2].map(|plane| {
        let width = if plane == 0 { width } else { width / 2 } as usize;
        let mut out = Vec::new();
        for row in pictures.chunks(side as usize) {
            let rows = row[0].planes()[plane].len() / width;
            for y in 0..rows {
                row.iter().for_each(|p| out.extend_from_slice(&p.planes()[plane][y * width..][..width]));
            }
        }
        out
    });
    Picture::from_planes(width * side, height * side, planes).unwrap()
}

/// Interleaved Y, Cb, Cr with each chroma sample repeated for its four pixels.
pub fn interleaved(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let [y_plane, cb, cr] = picture.planes();
    let chroma_width = width.div_ceil(2);
    (0..width * height)
        .flat_map(|n| {
            let chroma = n / width / 2 * chroma_width + n % width / 2;
            [y_plane[n], cb[chroma], cr[chroma]]
        })
        .collect()
}

/// What to ask of the foreign encoder.
#[derive(Clone, Copy)]
pub struct Foreign {
    pub quality: u8,
    /// In MCUs; 0 for none.
    pub restart_interval: u16,
    pub sampling: SamplingFactor,
    pub progressive: bool,
    pub optimised: bool,
}

impl Foreign {
    /// Baseline 4:2:0 with the standard's tables and no restart markers.
    pub fn plain(quality: u8) -> Self {
        Self {
            quality,
            restart_interval: 0,
            sampling: SamplingFactor::F_2_2,
            progressive: false,
            optimised: false,
        }
    }

    /// A canonical tile, made by a stranger.
    pub fn tile(quality: u8, width: u32) -> Self {
        Self { restart_interval: (width / 16) as u16, ..Self::plain(quality) }
    }

    /// Encodes with the jpeg-encoder crate.
    pub fn encode(self, picture: &Picture) -> Bytes {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, self.quality);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.set_progressive(self.progressive);
        encoder.set_optimized_huffman_tables(self.optimised);
        if self.restart_interval > 0 {
            encoder.set_restart_interval(self.restart_interval);
        }
        let pixels = interleaved(picture);
        encoder.encode(&pixels, picture.width() as u16, picture.height() as u16, ColorType::Ycbcr).unwrap();
        out.into()
    }
}

/// The JPEG, whose first segment is JFIF's, with an Adobe segment of this transform behind or in place of that.
pub fn with_adobe(jpeg: &[u8], transform: Option<u8>, keeps_jfif: bool) -> Vec<u8> {
    assert_eq!(jpeg[2..11], *b"\xFF\xE0\0\x10JFIF\0");
    let mut adobe = Vec::new();
    if let Some(transform) = transform {
        oracle::coefficients::segment(&mut adobe, 0xEE, &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat());
    }
    [&jpeg[..if keeps_jfif { 20 } else { 2 }], &adobe, &jpeg[20..]].concat()
}

/// Luma as the `image` crate decodes it.
pub fn decoded_luma(jpeg: &[u8]) -> image::GrayImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap().into_luma8()
}

/// Peak signal-to-noise ratio of two planes, in dB.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1) as f64).log10()
}

/// Pictures of all sorts: flat ones, slopes, noise, edges, and samples as far apart as they can be.
pub fn pictures(width: u32, height: u32) -> Vec<Picture> {
    let of = |sample: &dyn Fn(u32, u32) -> u32| {
        let plane = |width: u32, height: u32, add: u32| {
            (0..width * height).map(|n| (sample(n % width, n / width) + add) as u8).collect::<Vec<_>>()
        };
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let planes = [
            plane(width, height, 0),
            plane(half_width, half_height, 50),
            plane(half_width, half_height, 255),
        ];
        Picture::from_planes(width, height, planes).unwrap()
    };
    let noise = |x: u32, y: u32| (x * 7919 + y * 104_729 + 1).wrapping_mul(2_654_435_761) >> 24;
    vec![
        of(&|_, _| 0),
        of(&|_, _| 201),
        of(&|x, y| x + 2 * y),
        of(&|x, y| (x * x / 16 + y * y / 7) / 4),
        of(&noise),
        of(&|x, y| noise(x, y) / 16 + x),
        of(&|x, y| (x + y) % 2 * 255),
        of(&|x, y| (x / 8 + y / 8) % 2 * 255),
        of(&|x, y| (noise(x, y) & 1) * 255),
        picture(width, height, 1),
        picture(width, height, 5),
    ]
}

/// Changes of bytes that a seed decides.
pub struct Changes(u32);

impl Changes {
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761) | 1)
    }

    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % below
    }

    /// `bytes` with one to four of them changed, in half of the cases by a bit.
    pub fn of(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            bytes[at] = if self.next(2) == 0 { bytes[at] ^ 1 << self.next(8) } else { self.next(256) as u8 };
        }
        bytes
    }
}
