//! How near a mosaic's quadrants are to the frames that they show.

use anyhow::Context;
use bytes::Bytes;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use tessera_mosaic::{Ingest, Picture};

/// Which frames a mosaic shows, each in the quadrant of its number modulo 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Mosaic n shows frame n and the three before it.
    OneNew,
    /// Mosaic n shows frames 4n to 4n + 3.
    AllNew,
}

/// Peak signal-to-noise ratio in dB of the luma of the quadrants of all mosaics that have four new ones, on average.
///
/// What a quadrant should be is the decoded frame, scaled by a Lanczos filter: neither we nor OpenCV nor ffmpeg
/// scale with that one.
///
/// # Errors
///
/// When a JPEG cannot be decoded.
pub fn mean_psnr(mosaics: &[Bytes], frames: &[Bytes], shown: Shown) -> anyhow::Result<f64> {
    let full: Vec<_> = match shown {
        Shown::OneNew => (3..mosaics.len()).step_by(4).map(|n| (&mosaics[n], n)).collect(),
        Shown::AllNew => mosaics.iter().enumerate().map(|(n, mosaic)| (mosaic, 4 * n + 3)).collect(),
    };
    let sum: f64 =
        full.iter().map(|(mosaic, last)| quadrants_psnr(mosaic, frames, *last)).sum::<anyhow::Result<_>>()?;
    Ok(sum / full.len() as f64)
}

/// Of the four quadrants of a mosaic that shows frame `n`, 3 or more, and the three before it.
fn quadrants_psnr(mosaic: &Bytes, frames: &[Bytes], n: usize) -> anyhow::Result<f64> {
    let mut ingest = Ingest::default();
    let mosaic = ingest.decode(mosaic).context("a mosaic cannot be decoded")?;
    let (width, height) = (mosaic.width() / 2, mosaic.height() / 2);
    let mut sum = 0.0;
    for shown in n - 3..=n {
        let frame = ingest.decode(&frames[shown % frames.len()]).context("a frame cannot be decoded")?;
        let expected = scaled_luma(&frame, width, height)?;
        sum += psnr(&quadrant(&mosaic, shown % 4), &expected);
    }
    Ok(sum / 4.0)
}

/// The luma of one quadrant, row by row.
fn quadrant(mosaic: &Picture, slot: usize) -> Vec<u8> {
    let stride = mosaic.width() as usize;
    let (width, height) = (stride / 2, mosaic.height() as usize / 2);
    let (left, top) = (slot % 2 * width, slot / 2 * height);
    let rows = mosaic.planes()[0].chunks(stride).skip(top).take(height);
    rows.flat_map(|row| &row[left..left + width]).copied().collect()
}

fn scaled_luma(picture: &Picture, width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let source = TypedImageRef::<U8>::from_buffer(picture.width(), picture.height(), &picture.planes()[0])?;
    let mut luma = vec![0; width as usize * height as usize];
    let mut target = TypedImage::<U8>::from_buffer(width, height, &mut luma)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize_typed(&source, &mut target, &options)?;
    Ok(luma)
}

/// Of two planes of the same length, in dB.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1) as f64).log10()
}
