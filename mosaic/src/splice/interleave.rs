//! The copying that a splice is.
//!
//! A segment is one or two kilobytes, too short for the library's memcpy to be at its best, and there are a
//! hundred of them. So they are copied in blocks, without asking how long they are: the last block of each
//! reaches a little beyond its end, and what it leaves there is overwritten by the next.

#![allow(unsafe_code)] // a buffer that is written from front to end need not be cleared before

use std::mem::MaybeUninit;

use crate::header::marker_after;
use crate::simd::{self, Loop, Vectors};
use crate::tile::Tile;

/// Bytes that are copied at a time: a cache line, on the processors that matter.
const LINE: usize = 64;
/// Bytes that are copied between two questions whether that was all.
const BLOCK: usize = 2 * LINE;

/// The free capacity that [`interleave`] needs: blocks reach beyond the end.
pub(super) fn capacity(tiles: &[&Tile]) -> usize {
    length(tiles) + LINE + BLOCK
}

/// Bytes that [`interleave`] appends.
pub(super) fn length(tiles: &[&Tile]) -> usize {
    tiles.iter().map(|tile| tile.compressed_len()).sum()
}

/// Appends the restart segments of `tiles`, which are of one format and lie in rows of `side`, row by row of
/// MCUs through the grid, with the markers behind them numbered anew.
pub(super) fn interleave(tiles: &[&Tile], side: usize, out: &mut Vec<u8>) {
    out.reserve(capacity(tiles));
    let written = simd::widest(Interleave { tiles, side, out: out.spare_capacity_mut() });
    assert_eq!(written, length(tiles), "every segment was copied");
    // SAFETY: `Interleave` has written every byte from the end of what was there on: it copies one segment
    // behind the other, `written` bytes in all, and slices the spare capacity with bounds checks.
    unsafe { out.set_len(out.len() + written) };
}

struct Interleave<'a> {
    tiles: &'a [&'a Tile],
    side: usize,
    out: &'a mut [MaybeUninit<u8>],
}

impl Loop for Interleave<'_> {
    /// Bytes from the front of `out` that have been written.
    type Output = usize;

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) -> usize {
        let Self { tiles, side, out } = self;
        let rows = tiles.first().map_or(0, |tile| tile.segments().1.len());
        let count = rows * tiles.len();
        let (mut written, mut index) = (0, 0);
        for grid_row in tiles.chunks(side) {
            for row in 0..rows {
                for tile in grid_row {
                    let (segments, ends) = tile.segments();
                    let begin = row.checked_sub(1).map_or(0, |before| ends[before] as usize);
                    let length = ends[row] as usize - begin;
                    copy(&segments[begin..], length, &mut out[written..]);
                    written += length;
                    out[written - 1].write(marker_after(index, count));
                    index += 1;
                }
            }
        }
        written
    }
}

/// Copies the first `length` bytes of `from`, and what follows them up to the end of a block.
#[inline(always)]
fn copy(from: &[u8], length: usize, to: &mut [MaybeUninit<u8>]) {
    // Lines are written whole where `to` has its cache lines; the first one covers what is before that.
    let skew = to.as_ptr().align_offset(LINE).min(LINE);
    let rest = length.saturating_sub(skew).next_multiple_of(BLOCK);
    if from.len() < skew + rest.max(LINE) {
        // The last segment of a tile has little or nothing behind it to be read.
        to[..length].iter_mut().zip(&from[..length]).for_each(|(to, &byte)| _ = to.write(byte));
        return;
    }
    copy_line(&mut to.as_chunks_mut().0[0], &from.as_chunks().0[0]);
    let blocks = to[skew..skew + rest].as_chunks_mut::<BLOCK>().0.iter_mut();
    for (to, from) in blocks.zip(from[skew..].as_chunks::<BLOCK>().0) {
        for (to, from) in to.as_chunks_mut().0.iter_mut().zip(from.as_chunks().0) {
            copy_line(to, from);
        }
    }
}

#[inline(always)]
fn copy_line(to: &mut [MaybeUninit<u8>; LINE], from: &[u8; LINE]) {
    *to = from.map(MaybeUninit::new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Fit, Quality, TileFormat, TileSize, TileSpec};
    use crate::ingest::Ingest;
    use crate::picture::Picture;

    /// The same with safe and plain means.
    fn plain(tiles: &[&Tile], side: usize, out: &mut Vec<u8>) {
        let rows = tiles[0].segments().1.len();
        let mut index = 0;
        for grid_row in tiles.chunks(side) {
            for row in 0..rows {
                for tile in grid_row {
                    let (segments, ends) = tile.segments();
                    let begin = if row == 0 { 0 } else { ends[row - 1] as usize };
                    out.extend_from_slice(&segments[begin..ends[row] as usize - 1]);
                    out.push(marker_after(index, rows * tiles.len()));
                    index += 1;
                }
            }
        }
    }

    #[test]
    fn blocks_give_the_bytes_that_plain_copies_give() {
        let format = TileFormat { size: TileSize::new(96, 80).unwrap(), quality: Quality::new(60).unwrap() };
        let tiles: Vec<_> = (0..49u32)
            .map(|seed| {
                // From flat to noisy, so that segments are of all lengths.
                let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 24) * seed / 49;
                let rgb: Vec<_> = (0..96 * 80 * 3).map(|n| noise(n + seed) as u8).collect();
                let picture = Picture::from_rgb(96, 80, &rgb).unwrap();
                Ingest::default().picture(&picture, TileSpec { format, fit: Fit::Stretch })
            })
            .collect();
        let tiles: Vec<_> = tiles.iter().collect();
        for side in 1..=7 {
            let tiles = &tiles[..side * side];
            let (mut blocks, mut expected) = (b"header".to_vec(), b"header".to_vec());
            interleave(tiles, side, &mut blocks);
            plain(tiles, side, &mut expected);
            assert!(blocks == expected, "{side}x{side}");
        }
    }
}
