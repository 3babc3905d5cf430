//! Asks for memory ahead of its use.
//!
//! Between two mosaics a server moves megabytes, so tiles are no longer near the processor when they are
//! spliced, and the hardware's own prefetching starts anew with every segment: without this a splice takes
//! twice as long as a memcpy, with it little longer.

#![allow(unsafe_code, reason = "the hint to the processor is an intrinsic; there is no safe one")]

/// Bytes that a processor fetches at a time, on all that have this hint.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Hints that `bytes` are going to be read soon. Nothing but time depends on it.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(super) fn prefetch(bytes: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in bytes.chunks(LINE) {
        // SAFETY: every x86-64 has SSE, and a prefetch reads nothing that a program could see, nor does it
        // fault, wherever the pointer points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}

/// Elsewhere the hardware has to guess.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prefetch(_bytes: &[u8]) {}
