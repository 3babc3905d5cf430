//! What the codec has to agree with, written from the standard (ITU-T T.81) alone, slow and plain. The fuzz targets use
//! it too.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "each user takes its part"
)]

pub mod coefficients;
pub mod cosine;

use coefficients::{Coefficients, Component};

/// Each coefficient of `tile` is nearest to that of `frame`, of those that a baseline JPEG of 8 bits holds. Of two that
/// are as near, either will do.
pub fn expect_requantised(frame: &Coefficients, tile: &Coefficients) {
    for (from, to) in frame.components.iter().zip(&tile.components) {
        for (from_block, to_block) in from.blocks.iter().zip(&to.blocks) {
            for n in 0..64 {
                let (step, exact) = (i32::from(to.steps[n]), from_block[n] * i32::from(from.steps[n]));
                let (least, most) = if n == 0 { (-1024, 1023) } else { (-1023, 1023) };
                let within = exact.clamp(least * step, most * step);
                let off = to_block[n] * step - within;
                assert!(2 * off.abs() <= step, "coefficient {n}: {} by {step} for {exact}", to_block[n]);
            }
        }
    }
}

/// A plane, of so many samples across and down, is that of the cosine transform, to one step of a sample: so far may
/// integers be from it. What lies beyond the coefficients of 8-bit samples is passed over.
pub fn expect_cosine(component: &Component, plane: &[u8], (width, height): (usize, usize)) {
    for (n, block) in component.blocks.iter().enumerate() {
        let (left, top) = (n % component.across * 8, n / component.across * 8);
        if left >= width || top >= height || !cosine::is_of_samples(block, &component.steps) {
            continue;
        }
        let exact = cosine::samples(block, &component.steps);
        for (y, row) in exact.iter().enumerate().take(height - top) {
            for (x, &exact) in row.iter().enumerate().take(width - left) {
                let ours = f64::from(plane[(top + y) * width + left + x]);
                assert!((ours - exact).abs() <= 1.0, "block {n} at {x}, {y}: {ours} for {exact}");
            }
        }
    }
}

/// A plane, of so many samples across and down, is that of the cosine transform at half its size, to two steps of a sample.
pub fn expect_halved(component: &Component, plane: &[u8], (width, height): (usize, usize)) {
    for (n, block) in component.blocks.iter().enumerate() {
        let (left, top) = (n % component.across * 4, n / component.across * 4);
        if left >= width || top >= height || !cosine::is_of_samples(block, &component.steps) {
            continue;
        }
        let exact = cosine::halved(block, &component.steps);
        for (y, row) in exact.iter().enumerate().take(height - top) {
            for (x, &exact) in row.iter().enumerate().take(width - left) {
                let ours = f64::from(plane[(top + y) * width + left + x]);
                assert!((ours - exact).abs() <= 2.0, "block {n} at {x}, {y}: {ours} for {exact}");
            }
        }
    }
}

impl Component {
    /// Whether no coefficient is larger than those of 8-bit samples.
    pub fn is_of_samples(&self) -> bool {
        self.blocks.iter().all(|block| cosine::is_of_samples(block, &self.steps))
    }
    /// Whether no sample is far beyond white or black, before it is cut: there decoders differ.
    pub fn is_tame(&self) -> bool {
        self.blocks.iter().all(|block| cosine::is_tame(block, &self.steps))
    }
}
