//! x86-64 with AVX2 and the bit instructions that came with it.

use super::{Loop, Plain, Vectors};
use crate::dct::{Quantised, Quantiser};

/// A processor that has been asked and has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The processor, if it has them.
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        has.then_some(Self(()))
    }

    /// Runs a loop that is compiled for it.
    pub(super) fn run<L: Loop>(self, work: L) -> L::Output {
        // SAFETY: an `Avx2` is proof that the processor has every feature that the function is compiled for.
        unsafe { run(self, work) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn run<L: Loop>(vectors: Avx2, work: L) -> L::Output {
    work.run(vectors)
}

impl Vectors for Avx2 {
    #[inline(always)]
    fn forward(self, samples: &[u8], stride: usize, quantiser: &Quantiser) -> Quantised {
        Plain.forward(samples, stride, quantiser)
    }

    #[inline(always)]
    fn inverse(self, coefficients: &[i16; 64], steps: &[i16; 64], size: (usize, usize)) -> [[u8; 8]; 8] {
        Plain.inverse(coefficients, steps, size)
    }
}
