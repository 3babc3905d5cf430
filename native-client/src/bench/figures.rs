//! What one publisher or viewer counts.

use std::time::Duration;

use hdrhistogram::Histogram;
use tessera_wire::{FrameResponse, TileInfo};

use super::clock::Clock;

/// The longest time that is told from longer ones, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Everything that one counts, or all of them together.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) frames: u64,
    pub(super) frame_bytes: u64,
    pub(super) refused: u64,
    pub(super) superseded: u64,
    pub(super) mosaics: u64,
    pub(super) mosaic_bytes: u64,
    /// From a frame's capture to a viewer, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// From a frame's sending to its answer, in microseconds.
    pub(super) round_trip: Histogram<u64>,
}

impl Figures {
    pub(super) fn new() -> Self {
        // Two digits, for there is one of these for each viewer.
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 2).expect("1 to a minute with 2 digits");
        Self {
            frames: 0,
            frame_bytes: 0,
            refused: 0,
            superseded: 0,
            mosaics: 0,
            mosaic_bytes: 0,
            latency: histogram(),
            round_trip: histogram(),
        }
    }

    pub(super) fn add_frame(&mut self, bytes: usize) {
        self.frames += 1;
        self.frame_bytes += bytes as u64;
    }

    /// A response without a picture only says that the connection lives.
    pub(super) fn add_mosaic(&mut self, response: &FrameResponse) {
        self.mosaics += u64::from(!response.frame_data.is_empty());
        self.mosaic_bytes += response.frame_data.len() as u64;
        self.refused += u64::from(response.refusal.is_some());
    }

    pub(super) fn add_round_trip(&mut self, time: Duration) {
        record(&mut self.round_trip, time);
    }

    pub(super) fn add_latency(&mut self, time: Duration) {
        record(&mut self.latency, time);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.frame_bytes += other.frame_bytes;
        self.refused += other.refused;
        self.superseded += other.superseded;
        self.mosaics += other.mosaics;
        self.mosaic_bytes += other.mosaic_bytes;
        self.latency.add(&other.latency).expect("all have the same bounds");
        self.round_trip.add(&other.round_trip).expect("all have the same bounds");
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

/// The newest frame that a viewer has seen of each slot: only its first sight counts.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    /// The ages of the frames in a mosaic that were in none before.
    pub(super) fn fresh(&mut self, tiles: &[TileInfo], clock: Clock) -> Vec<Duration> {
        tiles.iter().filter_map(|tile| self.age(tile, clock)).collect()
    }

    fn age(&mut self, tile: &TileInfo, clock: Clock) -> Option<Duration> {
        let slot = tile.slot as usize;
        // No grid has so many.
        if slot >= 64 {
            return None;
        }
        if slot >= self.0.len() {
            self.0.resize(slot + 1, 0);
        }
        let age = clock.since(tile.captured_at_us)?;
        let is_new = std::mem::replace(&mut self.0[slot], tile.captured_at_us) != tile.captured_at_us;
        is_new.then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_two_mosaics_show_counts_once() {
        let (clock, mut seen) = (Clock::start(), Seen::default());
        let tiles = |captured_at_us| [TileInfo { slot: 3, captured_at_us, ..TileInfo::default() }];
        let first = clock.now_us();
        assert_eq!(seen.fresh(&tiles(first), clock).len(), 1);
        assert!(seen.fresh(&tiles(first), clock).is_empty());
        std::thread::sleep(Duration::from_micros(10));
        assert_eq!(seen.fresh(&tiles(clock.now_us()), clock).len(), 1);
    }
}
