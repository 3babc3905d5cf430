//! Frames of the healthy.

use bytes::Bytes;
use tessera_mosaic::{Picture, Quality, encode_jpeg};

/// A picture with soft slopes; another for each seed.
///
/// # Panics
///
/// When a side is 0.
pub fn picture(width: u32, height: u32, seed: u32) -> Picture {
    let sample = |n: u32, plane: u32| {
        let (x, y) = (n % width, n / width);
        let edge = if (x * 8 / width + seed) % 8 == y * 8 / height { 90 } else { 0 };
        (x * 100 / width + y * 60 / height + plane * 20 + edge) as u8
    };
    let rgb: Vec<u8> = (0..width * height).flat_map(|n| [sample(n, 0), sample(n, 1), sample(n, 2)]).collect();
    Picture::from_rgb(width, height, &rgb).expect("three samples for each pixel")
}

/// The picture as a frame.
///
/// # Panics
///
/// When a side is 0.
pub fn frame(width: u32, height: u32, seed: u32) -> Bytes {
    encode_jpeg(&picture(width, height, seed), Quality::new(85).expect("1 to 100")).into()
}

/// Eight frames that differ.
pub fn reel(width: u32, height: u32) -> Vec<Bytes> {
    (0..8).map(|seed| frame(width, height, seed)).collect()
}
