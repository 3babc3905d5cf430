//! From a video's colours to a JPEG's: full range, BT.601.
//!
//! Where the chroma samples lie is left as it is: H.264 puts them half a luma sample further left than JFIF.

use tessera_mosaic::Picture;

/// How a video codes colours (ITU-T H.273).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// Black is 0 and white 255, not 16 and 235 (VideoFullRangeFlag).
    pub(super) full_range: bool,
    /// How Y, Cb and Cr were made from R, G and B.
    pub(super) matrix: Matrix,
}

/// MatrixCoefficients (H.273 §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matrix {
    /// Standard definition, JPEG, and everything that says nothing.
    Bt601,
    /// High definition.
    Bt709,
    /// Ultra-high definition, non-constant luminance.
    Bt2020,
}

impl Matrix {
    /// The matrix with this MatrixCoefficients number. What no camera writes counts as BT.601.
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Bt709,
            9 => Self::Bt2020,
            _ => Self::Bt601,
        }
    }

    /// The weights of red and blue in luma: K_R and K_B.
    fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Turns pictures of one [`Coding`] into full-range BT.601, by tables made once.
#[derive(Debug)]
pub(super) enum Conversion {
    /// There is nothing to do.
    Nothing,
    /// The range alone: one table for luma, one for both chromas.
    Range(Box<RangeTables>),
    /// Range and matrix: every output takes from all three inputs.
    Matrix(Box<MatrixTables>),
}

/// A sample for each sample.
#[derive(Debug)]
pub(super) struct RangeTables {
    luma: [u8; 256],
    chroma: [u8; 256],
}

/// Sums of three entries, with 16 fractional bits, give the samples.
#[derive(Debug)]
pub(super) struct MatrixTables {
    /// What Y gives to Y, the rounding included.
    luma: [i32; 256],
    /// What Cb gives to Y, Cb and Cr.
    cb: [[i32; 3]; 256],
    /// What Cr gives to Y, Cb and Cr.
    cr: [[i32; 3]; 256],
}

impl Conversion {
    /// The conversion from `coding`.
    pub(super) fn new(coding: Coding) -> Self {
        match (coding.matrix, coding.full_range) {
            (Matrix::Bt601, true) => Self::Nothing,
            (Matrix::Bt601, false) => Self::Range(Box::new(RangeTables {
                luma: table(|sample| byte(fixed(expand_luma(sample, false)) + HALF)),
                chroma: table(|sample| byte(fixed(expand_chroma(sample, false)) + CENTRE)),
            })),
            (matrix, full_range) => Self::Matrix(Box::new(MatrixTables::new(matrix, full_range))),
        }
    }

    /// Converts `picture` in place.
    pub(super) fn apply(&self, picture: &mut Picture) {
        match self {
            Self::Nothing => {}
            Self::Range(tables) => {
                let [y, cb, cr] = picture.planes_mut();
                look_up(&tables.luma, y);
                look_up(&tables.chroma, cb);
                look_up(&tables.chroma, cr);
            }
            Self::Matrix(tables) => tables.apply(picture),
        }
    }
}

impl MatrixTables {
    fn new(matrix: Matrix, full_range: bool) -> Self {
        let (cb, cr) = chroma_weights(matrix);
        let scaled = |weights: [f64; 3]| {
            table(|sample| weights.map(|weight| fixed(weight * expand_chroma(sample, full_range))))
        };
        Self {
            luma: table(|sample| fixed(expand_luma(sample, full_range)) + HALF),
            cb: scaled(cb),
            cr: scaled(cr),
        }
    }

    fn apply(&self, picture: &mut Picture) {
        let width = picture.width() as usize;
        let chroma_width = width.div_ceil(2);
        let [y, cb, cr] = picture.planes_mut();
        let chroma_rows = cb.chunks_mut(chroma_width).zip(cr.chunks_mut(chroma_width));
        for (luma, (cb, cr)) in y.chunks_mut(width * 2).zip(chroma_rows) {
            let (upper, lower) = luma.split_at_mut(width);
            self.apply_rows(upper, lower, cb, cr);
        }
    }

    /// A row of chroma and the two rows of luma that it is for; `lower` is empty below an odd picture.
    fn apply_rows(&self, upper: &mut [u8], lower: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
        let mut lower = lower.chunks_mut(2);
        for ((upper, cb), cr) in upper.chunks_mut(2).zip(cb).zip(cr) {
            let [from_cb, from_cr] = [self.cb[usize::from(*cb)], self.cr[usize::from(*cr)]];
            for luma in upper.iter_mut().chain(lower.next().into_iter().flatten()) {
                *luma = byte(self.luma[usize::from(*luma)] + from_cb[0] + from_cr[0]);
            }
            *cb = byte(from_cb[1] + from_cr[1] + CENTRE);
            *cr = byte(from_cb[2] + from_cr[2] + CENTRE);
        }
    }
}

/// What a unit of Cb and a unit of Cr of `matrix` give to Y, Cb and Cr of BT.601.
fn chroma_weights(matrix: Matrix) -> ([f64; 3], [f64; 3]) {
    let (from_kr, from_kb) = matrix.weights();
    let (kr, kb) = Matrix::Bt601.weights();
    // R = Y + red * Cr, B = Y + blue * Cb; green follows from Y being their weighted sum.
    let (red, blue) = (2.0 * (1.0 - from_kr), 2.0 * (1.0 - from_kb));
    let green = (1.0 - kr - kb) / (1.0 - from_kr - from_kb);
    let cb_to_y = blue * (kb - green * from_kb);
    let cr_to_y = red * (kr - green * from_kr);
    let (cb_scale, cr_scale) = (0.5 / (1.0 - kb), 0.5 / (1.0 - kr));
    (
        [cb_to_y, (blue - cb_to_y) * cb_scale, -cb_to_y * cr_scale],
        [cr_to_y, -cr_to_y * cb_scale, (red - cr_to_y) * cr_scale],
    )
}

/// A luma sample as 0 (black) to 255 (white).
fn expand_luma(sample: u8, full_range: bool) -> f64 {
    let sample = f64::from(sample);
    if full_range { sample } else { (sample - 16.0) * 255.0 / 219.0 }
}

/// A chroma sample as -128 to 127, grey being 0.
fn expand_chroma(sample: u8, full_range: bool) -> f64 {
    let sample = f64::from(sample) - 128.0;
    if full_range { sample } else { sample * 255.0 / 224.0 }
}

const FRACTION_BITS: u32 = 16;
const HALF: i32 = 1 << (FRACTION_BITS - 1);
/// Grey, and the rounding.
const CENTRE: i32 = (128 << FRACTION_BITS) + HALF;

fn fixed(value: f64) -> i32 {
    (value * f64::from(1 << FRACTION_BITS)).round() as i32
}

fn byte(fixed: i32) -> u8 {
    (fixed >> FRACTION_BITS).clamp(0, 255).unsigned_abs() as u8
}

fn table<T>(entry: impl Fn(u8) -> T) -> [T; 256] {
    std::array::from_fn(|index| entry(index as u8))
}

fn look_up(table: &[u8; 256], samples: &mut [u8]) {
    for sample in samples {
        *sample = table[usize::from(*sample)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R'G'B' to Y'CbCr of `matrix`, in floating point, as H.273 §8.3 says it.
    fn encode(rgb: [f64; 3], coding: Coding) -> [f64; 3] {
        let (kr, kb) = coding.matrix.weights();
        let y = kr * rgb[0] + (1.0 - kr - kb) * rgb[1] + kb * rgb[2];
        let (cb, cr) = ((rgb[2] - y) / (2.0 * (1.0 - kb)), (rgb[0] - y) / (2.0 * (1.0 - kr)));
        if coding.full_range {
            [y * 255.0, cb * 255.0 + 128.0, cr * 255.0 + 128.0]
        } else {
            [y * 219.0 + 16.0, cb * 224.0 + 128.0, cr * 224.0 + 128.0]
        }
    }

    fn converted(samples: [u8; 3], coding: Coding, (width, height): (u32, u32)) -> Picture {
        let luma = (width * height) as usize;
        let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
        let planes = [vec![samples[0]; luma], vec![samples[1]; chroma], vec![samples[2]; chroma]];
        let mut picture = Picture::from_planes(width, height, planes).unwrap();
        Conversion::new(coding).apply(&mut picture);
        picture
    }

    fn every_coding() -> impl Iterator<Item = Coding> {
        [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020]
            .into_iter()
            .flat_map(|matrix| [false, true].map(|full_range| Coding { full_range, matrix }))
    }

    #[test]
    fn every_coding_of_a_colour_becomes_full_range_bt601_within_rounding() {
        let target = Coding { full_range: true, matrix: Matrix::Bt601 };
        let levels = [0.0, 0.2, 0.5, 0.8, 1.0];
        for coding in every_coding() {
            for n in 0..125 {
                let rgb = [levels[n % 5], levels[n / 5 % 5], levels[n / 25]];
                let input = encode(rgb, coding).map(|sample| byte(fixed(sample) + HALF));
                let want = encode(rgb, target);
                let got = converted(input, coding, (2, 2));
                for (plane, want) in got.planes().iter().zip(want) {
                    // The input was rounded, and expanding its range widens that error.
                    assert!((f64::from(plane[0]) - want).abs() < 1.8, "{coding:?} {rgb:?}: {plane:?} {want}");
                }
            }
        }
    }

    #[test]
    fn black_grey_and_white_stay_free_of_colour_in_every_coding() {
        for coding in every_coding() {
            let (black, white) = if coding.full_range { (0, 255) } else { (16, 235) };
            for (luma, want) in [(black, 0), (white, 255)] {
                let picture = converted([luma, 128, 128], coding, (3, 3));
                assert_eq!(picture.planes(), &[vec![want; 9], vec![128; 4], vec![128; 4]]);
            }
        }
    }

    #[test]
    fn every_sample_of_a_picture_with_odd_sides_is_converted() {
        for coding in every_coding() {
            let even = converted([90, 200, 60], coding, (2, 2));
            for size in [(1, 1), (1, 4), (5, 1), (7, 3)] {
                let odd = converted([90, 200, 60], coding, size);
                for (plane, even) in odd.planes().iter().zip(even.planes()) {
                    assert!(plane.iter().all(|sample| *sample == even[0]));
                }
            }
        }
    }
}
