//! The codec's loops, compiled once more for processors with wider vectors, and chosen at run time.
//!
//! There are no intrinsics: the same safe code is compiled twice, so both versions agree to the bit.

#![allow(unsafe_code)] // calling what was compiled for a processor that has to be asked for first

/// A loop that is worth compiling for each kind of processor.
///
/// `run` and whatever it spends its time in are to be `#[inline(always)]`: what is not inlined is compiled for
/// the oldest processor only.
pub(crate) trait Loop {
    /// What comes out.
    type Output;

    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Runs a loop with vectors of 256 bits and the newer bit instructions where the processor has them.
pub(crate) fn widest<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
    {
        // SAFETY: the processor has every feature that the function is compiled for, as was just asked.
        return unsafe { with_avx2(work) };
    }
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn with_avx2<L: Loop>(work: L) -> L::Output {
    work.run()
}
