//! The codec's loops, compiled once more for processors with wider vectors, and chosen at run time.
//!
//! Most of it is the same safe code compiled twice. What compilers make no good vectors of is a method of [`Vectors`]:
//! [`Plain`] has it in plain Rust, `avx2` by the processor's own instructions, and both agree to the bit.

#[cfg(target_arch = "x86_64")]
mod avx2;

use crate::dct::{self, Quantised, Quantiser, Samples};

/// What is written anew for each kind of processor.
pub(crate) trait Vectors: Copy {
    /// [`dct::forward`] of two blocks.
    fn forward(self, samples: [&[u8]; 2], stride: usize, quantiser: &Quantiser) -> [Quantised; 2];

    /// [`dct::inverse`] of two blocks, which may have steps of their own.
    fn inverse(
        self,
        coefficients: [&[i16; 64]; 2],
        steps: [&[i16; 64]; 2],
        size: (usize, usize),
    ) -> [Samples; 2];
}

/// Any processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl Vectors for Plain {
    #[inline(always)]
    fn forward(self, samples: [&[u8]; 2], stride: usize, quantiser: &Quantiser) -> [Quantised; 2] {
        samples.map(|samples| dct::forward(samples, stride, quantiser))
    }

    #[inline(always)]
    fn inverse(
        self,
        coefficients: [&[i16; 64]; 2],
        steps: [&[i16; 64]; 2],
        size: (usize, usize),
    ) -> [Samples; 2] {
        [0, 1].map(|n| dct::inverse(coefficients[n], steps[n], size))
    }
}

/// A loop that is worth compiling for each kind of processor.
///
/// `run` and whatever it spends its time in are to be `#[inline(always)]`: what is not inlined is compiled for
/// the oldest processor only.
pub(crate) trait Loop {
    /// What comes out.
    type Output;

    /// Runs the loop.
    fn run<V: Vectors>(self, vectors: V) -> Self::Output;
}

/// Runs a loop with vectors of 256 bits and the newer bit instructions where the processor has them.
pub(crate) fn widest<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = avx2::Avx2::new() {
        return avx2.run(work);
    }
    work.run(Plain)
}
