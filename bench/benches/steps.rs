//! Each step from a frame to a mosaic, timed alone and together; then the splice beside a memcpy.
//!
//! Frames are those of the sample clips, eight in turn, so that nothing learns one by heart.

#![allow(clippy::print_stdout, reason = "its results are what it is for")]
#![allow(missing_docs, reason = "divan's macros make items without")]

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use divan::Bencher;
use tessera_bench::frames::{CAMERA_QUALITY, camera_jpeg, pictures};
use tessera_bench::stats::median;
use tessera_mosaic::{
    Fit, Grid, Ingest, Layout, Picture, Quality, Splicer, Tile, TileFormat, TileSize, TileSpec, Way,
};

/// Pictures, frames and tiles, each of all four clips.
struct Samples {
    large: Vec<Picture>,
    large_jpegs: Vec<Bytes>,
    small: Vec<Picture>,
    /// 640x480 by another encoder.
    small_jpegs: Vec<Bytes>,
    tiles: Vec<Arc<Tile>>,
    /// 640x480 as canonical tiles.
    tile_jpegs: Vec<Bytes>,
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let of = |width, height| {
        let size = TileSize::new(width, height).expect("a tile's size");
        let pictures = pictures(size, 8).expect("the sample clips are in the repository");
        let jpegs: Vec<_> = pictures.iter().map(|picture| camera_jpeg(picture, CAMERA_QUALITY)).collect();
        (pictures, jpegs)
    };
    let (large, large_jpegs) = of(1280, 720);
    let (small, small_jpegs) = of(640, 480);
    let mut ingest = Ingest::default();
    let tiles: Vec<_> = small.iter().map(|picture| Arc::new(ingest.picture(picture, spec()))).collect();
    let tile_jpegs = tiles.iter().map(|tile| tile.to_jpeg().into()).collect();
    Samples { large, large_jpegs, small, small_jpegs, tiles, tile_jpegs }
});

fn spec() -> TileSpec {
    let size = TileSize::new(640, 480).expect("a tile's size");
    let quality = Quality::new(85).expect("a quality");
    TileSpec { format: TileFormat { size, quality }, fit: Fit::Stretch }
}

fn splicer() -> Splicer {
    Splicer::new(Layout { grid: Grid::new(2).expect("a grid"), format: spec().format })
}

fn main() {
    divan::main();
    println!("{}", splice_beside_memcpy());
}

/// Times `step` on the samples in turn. What it makes is freed within the time, as the server does.
fn in_turn<'a, T, R>(bencher: Bencher<'_, '_>, samples: &'a [T], mut step: impl FnMut(&'a T) -> R) {
    let mut samples = samples.iter().cycle();
    bencher.bench_local(|| {
        if let Some(sample) = samples.next() {
            drop(black_box(step(sample)));
        }
    });
}

#[divan::bench]
fn a1_decode_1280x720(bencher: Bencher<'_, '_>) {
    let ingest = Ingest::default();
    in_turn(bencher, &SAMPLES.large_jpegs, |jpeg| ingest.decode(jpeg));
}

#[divan::bench]
fn a2_decode_640x480(bencher: Bencher<'_, '_>) {
    let ingest = Ingest::default();
    in_turn(bencher, &SAMPLES.small_jpegs, |jpeg| ingest.decode(jpeg));
}

#[divan::bench]
fn b_scale_1280x720_to_640x480(bencher: Bencher<'_, '_>) {
    let (mut ingest, TileSpec { format, fit }) = (Ingest::default(), spec());
    in_turn(bencher, &SAMPLES.large, |picture| ingest.scale(picture, format.size, fit));
}

#[divan::bench]
fn c_encode_640x480(bencher: Bencher<'_, '_>) {
    let mut ingest = Ingest::default();
    in_turn(bencher, &SAMPLES.small, |picture| ingest.picture(picture, spec()));
}

#[divan::bench]
fn d_check_640x480(bencher: Bencher<'_, '_>) {
    let mut ingest = Ingest::default();
    in_turn(bencher, &SAMPLES.tile_jpegs, |jpeg| accepted(ingest.jpeg(jpeg, spec())));
}

/// A check that checks nothing else than tiles.
fn accepted<E: std::fmt::Debug>(ingested: Result<tessera_mosaic::Ingested, E>) -> Tile {
    let ingested = ingested.expect("our own tile is good");
    assert_eq!(ingested.way, Way::Accepted);
    ingested.tile
}

#[divan::bench]
fn e_splice_2x2(bencher: Bencher<'_, '_>) {
    let (splicer, fours) = (splicer(), fours());
    in_turn(bencher, &fours, |four| splicer.splice(four));
}

#[divan::bench]
fn f_memcpy_of_the_mosaic(bencher: Bencher<'_, '_>) {
    let splicer = splicer();
    let mosaics: Vec<_> = fours().iter().map(|four| splicer.splice(four)).collect();
    in_turn(bencher, &mosaics, |mosaic| mosaic.as_deref().map(<[u8]>::to_vec));
}

#[divan::bench]
fn g1_whole_from_1280x720(bencher: Bencher<'_, '_>) {
    whole(bencher, &SAMPLES.large_jpegs);
}

#[divan::bench]
fn g2_whole_from_640x480(bencher: Bencher<'_, '_>) {
    whole(bencher, &SAMPLES.small_jpegs);
}

#[divan::bench]
fn g3_whole_from_a_tile(bencher: Bencher<'_, '_>) {
    whole(bencher, &SAMPLES.tile_jpegs);
}

/// From a received frame to the mosaic that shows it, beside three tiles from before.
fn whole(bencher: Bencher<'_, '_>, frames: &[Bytes]) {
    let (mut ingest, splicer) = (Ingest::default(), splicer());
    let mut latest = fours().swap_remove(0);
    let mut slots = (0..4).cycle();
    in_turn(bencher, frames, |frame| {
        let tile = ingest.jpeg(frame, spec()).expect("the samples are good").tile;
        latest[slots.next().unwrap_or_default()] = Some(Arc::new(tile));
        splicer.splice(&latest)
    });
}

/// The tiles of two mosaics.
fn fours() -> Vec<Vec<Option<Arc<Tile>>>> {
    SAMPLES.tiles.chunks(4).map(|four| four.iter().cloned().map(Some).collect()).collect()
}

/// Splice and memcpy by turns, each into a buffer of its own that it allocates and that is freed within the
/// time. The memcpy reads a finished mosaic, the splice the tiles it was made of: as many bytes for both.
///
/// In a server a frame is taken in before each mosaic, which moves megabytes through the caches. So it is here
/// before each of the two, and its tile is not used: neither finds anything nearer than the other does.
fn splice_beside_memcpy() -> String {
    let mut ingest = Ingest::default();
    let mut frames = SAMPLES.small_jpegs.iter().cycle();
    let in_a_server = by_turns(501, || {
        if let Some(frame) = frames.next() {
            black_box(ingest.jpeg(frame, spec())).expect("the samples are good");
        }
    });
    let alone = by_turns(2001, || ());
    format!(
        "splice: {alone}\n        {in_a_server}, with a frame taken in before each, which empties the caches",
    )
}

fn by_turns(rounds: usize, mut before: impl FnMut()) -> String {
    let (splicer, four) = (splicer(), fours().swap_remove(0));
    let mosaic = splicer.splice(&four).expect("tiles of the splicer's format");
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Which of them goes first changes from round to round.
        for turn in [round % 2, 1 - round % 2] {
            before();
            times[turn].push(match turn {
                0 => time(|| splicer.splice(black_box(&four))),
                _ => time(|| black_box(&mosaic).clone()),
            });
        }
    }
    let [splice, memcpy] = times.each_mut().map(|times| median(times).as_secs_f64() * 1e6);
    let (ratio, kilobytes) = (splice / memcpy, mosaic.len() / 1000);
    format!("{ratio:.2} of a memcpy of the same {kilobytes} kB ({splice:.1} and {memcpy:.1} µs)")
}

fn time<R>(step: impl FnOnce() -> R) -> Duration {
    let begin = Instant::now();
    drop(black_box(step()));
    begin.elapsed()
}
