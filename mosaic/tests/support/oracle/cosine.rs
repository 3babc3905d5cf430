//! The inverse cosine transform as T.81 A.3.3 has it, in floating point.

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::sync::LazyLock;

/// Natural position of each coefficient in zigzag order (T.81 figure A.6).
static NATURAL: LazyLock<[usize; 64]> = LazyLock::new(|| {
    let mut positions: Vec<_> = (0..64).collect();
    // Diagonal by diagonal, every other one upwards.
    positions.sort_by_key(|n| {
        let (x, y) = (n % 8, n / 8);
        (x + y, if (x + y) % 2 == 0 { x } else { y })
    });
    positions.try_into().unwrap()
});

/// `COSINES[x][u]`, with the factor of u.
static COSINES: LazyLock<[[f64; 8]; 8]> = LazyLock::new(|| {
    let factor = |u: usize| if u == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
    let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos() * factor(u);
    std::array::from_fn(|x| std::array::from_fn(|u| cosine(x, u)))
});

/// The samples of a block, before they are rounded, by row.
pub fn samples(block: &[i32; 64], steps: &[u16; 64]) -> [[f64; 8]; 8] {
    transformed(block, steps).map(|row| row.map(|sample| sample.clamp(0.0, 255.0)))
}

/// A block at half its size in both directions, before its samples are rounded: each is what the filter of Catmull and Rom
/// makes of those around it, the outermost of which go on beyond the block.
pub fn halved(block: &[i32; 64], steps: &[u16; 64]) -> [[f64; 4]; 4] {
    let cubic = |x: f64| match x.abs() {
        x if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
        x if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
        _ => 0.0,
    };
    let weight = |n: usize, at: i32| cubic((f64::from(at) + 0.5) / 2.0 - n as f64 - 0.5) / 2.0;
    let whole = transformed(block, steps);
    let sample = |x: i32, y: i32| whole[y.clamp(0, 7) as usize][x.clamp(0, 7) as usize];
    let of = |n: usize, m: usize| -> f64 {
        let around = (-4..12).flat_map(|y| (-4..12).map(move |x| (x, y)));
        around.map(|(x, y)| weight(n, x) * weight(m, y) * sample(x, y)).sum()
    };
    std::array::from_fn(|y| std::array::from_fn(|x| of(x, y).clamp(0.0, 255.0)))
}

/// Whether no sample is further beyond what samples can be than they are from each other.
pub fn is_tame(block: &[i32; 64], steps: &[u16; 64]) -> bool {
    is_of_samples(block, steps)
        && transformed(block, steps).as_flattened().iter().all(|n| (-255.0..511.0).contains(n))
}

fn transformed(block: &[i32; 64], steps: &[u16; 64]) -> [[f64; 8]; 8] {
    let mut coefficients = [[0.0; 8]; 8];
    for (n, &at) in NATURAL.iter().enumerate() {
        coefficients[at / 8][at % 8] = f64::from(block[n]) * f64::from(steps[n]);
    }
    let rows: [[f64; 8]; 8] =
        std::array::from_fn(|v| std::array::from_fn(|x| dot(&coefficients[v], &COSINES[x])));
    let sample = |x: usize, y: usize| dot(&rows.map(|row| row[x]), &COSINES[y]) + 128.0;
    std::array::from_fn(|y| std::array::from_fn(|x| sample(x, y)))
}

fn dot(a: &[f64; 8], b: &[f64; 8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Whether coefficients are at most about twice as large as those of 8-bit samples: beyond that decoders cut what stands
/// between the transform of the columns and that of the rows.
///
/// libjpeg keeps 16 bits there, two of them fractions: 8191. A sum over a column is 1.387 times (the square root of two
/// times the cosine of a sixteenth of a half turn) its coefficients at most.
pub fn is_of_samples(block: &[i32; 64], steps: &[u16; 64]) -> bool {
    let mut columns = [0; 8];
    for (n, &at) in NATURAL.iter().enumerate() {
        columns[at % 8] += (block[n] * i32::from(steps[n])).unsigned_abs();
    }
    columns.iter().all(|&sum| sum <= 5900)
}
