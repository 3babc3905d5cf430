//! Each step from a frame to a mosaic, timed alone, for tiles from the smallest to the largest that calls have.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tessera_mosaic::{Ingest, Picture, Tile, TileSize, TileSpec};

use crate::cpu::thread_time;
use crate::frames::{CAMERA_QUALITY, camera_jpeg, pictures};
use crate::results::Step;
use crate::setup::{spec_of, splicer};
use crate::stats::median;

/// Width and height of the tiles: in a grid of 7x7, of 4x4, of 2x2, and alone.
const SIZES: [(u32, u32); 4] = [(160, 96), (320, 240), (640, 480), (1280, 720)];
/// Frames that are taken in turn, so that nothing learns one by heart.
const FRAMES: usize = 8;
/// How long each step is measured, by the clock on the wall.
const TIME: Duration = Duration::from_millis(400);
/// At least so many rounds have a median.
const LEAST_ROUNDS: usize = 9;

/// Measures every step at every size on this thread, and tells what it is at.
///
/// # Errors
///
/// When the sample clips cannot be read.
pub fn measure(progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (width, height) in SIZES {
        progress(&format!("the codec's steps, tiles of {width}x{height}"));
        steps.extend(Bench::new(width, height)?.measure()?);
    }
    Ok(steps)
}

/// What the steps of one size are measured with.
struct Bench {
    spec: TileSpec,
    /// Of a tile's size.
    pictures: Vec<Picture>,
    /// The same, as another encoder makes them.
    jpegs: Vec<Bytes>,
    tiles: Vec<Arc<Tile>>,
    /// Of another size: these must be scaled.
    other_pictures: Vec<Picture>,
    other_jpegs: Vec<Bytes>,
}

impl Bench {
    fn new(width: u32, height: u32) -> anyhow::Result<Self> {
        let size = TileSize::new(width, height)?;
        // What is sent to the largest tile must be larger.
        let other = if width < 1280 { TileSize::new(1280, 720)? } else { TileSize::new(1920, 1088)? };
        let (pictures, other_pictures) = (pictures(size, FRAMES)?, pictures(other, FRAMES)?);
        let encoded =
            |pictures: &[Picture]| pictures.iter().map(|it| camera_jpeg(it, CAMERA_QUALITY)).collect();
        let mut ingest = Ingest::default();
        Ok(Self {
            spec: spec_of(size),
            jpegs: encoded(&pictures),
            other_jpegs: encoded(&other_pictures),
            tiles: pictures.iter().map(|it| Arc::new(ingest.picture(it, spec_of(size)))).collect(),
            pictures,
            other_pictures,
        })
    }

    fn measure(&self) -> anyhow::Result<Vec<Step>> {
        let mut ingest = Ingest::default();
        let (spec, from) = (self.spec, &self.other_pictures[0]);
        let from = format!("{}x{}", from.width(), from.height());
        let tiles: Vec<Bytes> = self.tiles.iter().map(|tile| tile.to_jpeg().into()).collect();
        Ok(vec![
            self.way_in("a canonical tile in", &tiles)?,
            self.way_in("a JPEG of the tile's size in", &self.jpegs)?,
            self.way_in(&format!("a JPEG of {from} in"), &self.other_jpegs)?,
            self.step("decode", time(&self.jpegs, |jpeg| ingest.decode(jpeg))),
            self.step(
                &format!("scale from {from}"),
                time(&self.other_pictures, |picture| ingest.scale(picture, spec.format.size, spec.fit)),
            ),
            self.step("encode", time(&self.pictures, |picture| ingest.picture(picture, spec))),
            self.splice(),
            self.memcpy()?,
        ])
    }

    /// A frame to a tile, whatever way it takes.
    fn way_in(&self, what: &str, jpegs: &[Bytes]) -> anyhow::Result<Step> {
        let mut ingest = Ingest::default();
        let way = ingest.jpeg(&jpegs[0], self.spec).context("a sample is refused")?.way;
        let step = self.step(what, time(jpegs, |jpeg| ingest.jpeg(jpeg, self.spec)));
        Ok(Step { way: Some(format!("{way:?}").to_lowercase()), ..step })
    }

    fn splice(&self) -> Step {
        let splicer = splicer(self.spec);
        self.step("splice 2x2", time(&self.fours(), |four| splicer.splice(four)))
    }

    fn memcpy(&self) -> anyhow::Result<Step> {
        let splicer = splicer(self.spec);
        let mosaics = self.fours().iter().map(|four| splicer.splice(four)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.step("memcpy of that mosaic", time(&mosaics, Vec::clone)))
    }

    /// The tiles of two mosaics.
    fn fours(&self) -> Vec<Vec<Option<Arc<Tile>>>> {
        self.tiles.chunks(4).map(|four| four.iter().cloned().map(Some).collect()).collect()
    }

    fn step(&self, what: &str, time: Duration) -> Step {
        let size = self.spec.format.size;
        Step {
            tile: format!("{}x{}", size.width(), size.height()),
            step: what.to_owned(),
            way: None,
            median_us: time.as_secs_f64() * 1e6,
        }
    }
}

/// The median time of `step` for one sample, in rounds over all of them: reading the clock costs as much as
/// the smallest steps. What a step makes is freed within the time, as the server does.
fn time<T, R>(samples: &[T], mut step: impl FnMut(&T) -> R) -> Duration {
    let mut round = || {
        let begin = thread_time();
        for sample in samples {
            drop(black_box(step(sample)));
        }
        (thread_time() - begin) / samples.len() as u32
    };
    round();
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < TIME || times.len() < LEAST_ROUNDS {
        times.push(round());
    }
    median(&mut times)
}
