//! Memory that is given back to the system.

#![allow(unsafe_code, reason = "glibc's allocator is told by calls of C")]

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::counters::Counters;

/// Larger pieces of memory are the system's again as soon as they are free: frames of a megabyte and more, pictures of many
/// pixels. Mosaics and frames of ordinary calls are smaller, and are quicker to have where they are kept.
///
/// Forty guests with frames of 1 MB left 42 MB with this, and 75 to 97 MB with 2 MiB: what is freed between pieces that
/// are in use stays with the program.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 512 << 10;

/// Has large pieces of memory given back at once.
///
/// glibc would do so by itself, until the first of up to 32 MiB is free: then it keeps all up to that size, between
/// others that are in use, and for ever (`M_MMAP_THRESHOLD` in mallopt(3), "dynamic mmap threshold"). Forty guests with
/// frames of 4 MiB left a server with 300 MB when they were gone, and leave 40 MB with this.
pub(crate) fn give_large_pieces_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two numbers, which are of its manual, and may be called at any time by any thread. That it
    // refuses is no harm: then all is as before.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// How often it is looked whether many have left.
const LOOK: Duration = Duration::from_secs(1);
/// So many connections fewer than there were are worth looking for what they left.
const MANY: usize = 64;

/// Has the pages between small pieces given back when many have left, for as long as the future is polled.
///
/// A connection with 128 requests in work has a quarter of a megabyte in small pieces. glibc keeps their pages when they are
/// free, unless they are the last ones (`M_TRIM_THRESHOLD` in mallopt(3)): 250 such connections left 62 MB.
pub(crate) async fn tidy_up(counters: Counters) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut most = 0;
    loop {
        looks.tick().await;
        let now = counters.held().connections;
        most = most.max(now);
        if most - now >= MANY {
            most = now;
            // That it failed is no harm: then all is as before.
            drop(tokio::task::spawn_blocking(give_free_pages_back).await);
        }
    }
}

fn give_free_pages_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number of bytes to keep, and may be called at any time by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
