//! Tiles to a mosaic, beside a memcpy of that mosaic.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tessera_mosaic::{Ingest, Tile};

use super::{Names, pair};
use crate::results::{Pair, Target};
use crate::setup::{Setup, spec, splicer};
use crate::turns::{Cost, Rounds};

/// Splices and copies in a loop of nothing else.
const ALONE: usize = 3000;
/// And with a frame taken in before each.
const AMONG_FRAMES: usize = 400;

/// Splice and memcpy by turns, each into a buffer of its own that it allocates and that is freed within the
/// time. The memcpy reads a finished mosaic, the splice the tiles it was made of: as many bytes for both.
///
/// In a server a frame is taken in before each mosaic, which moves megabytes through the caches. So it is in the
/// second pair before each of the two, and its tile is not used: neither finds anything nearer than the other does.
pub(super) fn measure(setup: &Setup) -> anyhow::Result<[Pair; 2]> {
    let mut ingest = Ingest::default();
    let four: Vec<Option<Arc<Tile>>> =
        setup.pictures[..4].iter().map(|picture| Some(Arc::new(ingest.picture(picture, spec())))).collect();
    let mut frames = setup.tiles.jpegs.iter().cycle();
    let mut take_in = || {
        let taken = frames.next().map(|frame| ingest.jpeg(frame, spec()));
        drop(black_box(taken));
    };
    let alone = by_turns(ALONE, &four, || ())?;
    let among = by_turns(AMONG_FRAMES, &four, &mut take_in)?;
    let named = |job: &str, [ours, theirs]: &[Rounds; 2]| {
        let names =
            Names {
                job: job.to_owned(), against: "memcpy of the mosaic".to_owned(), unit: "µs", scale: 1e6
            };
        pair(names, Target::of_its_time(1.2, 1.0), ours, theirs)
    };
    Ok([named("splice, in a loop", &alone), named("splice, a frame taken in before each", &among)])
}

/// By the clock on the wall: both are shorter than reading a thread's CPU time is exact, and what disturbs one
/// disturbs the other as often.
fn by_turns(
    rounds: usize,
    four: &[Option<Arc<Tile>>],
    mut before: impl FnMut(),
) -> anyhow::Result<[Rounds; 2]> {
    let splicer = splicer(spec());
    let mosaic = splicer.splice(four).context("a tile is of another format")?;
    let mut all = [Rounds::default(), Rounds::default()];
    for round in 0..rounds {
        // Which of them goes first changes from round to round.
        for turn in [round % 2, 1 - round % 2] {
            before();
            let cpu = match turn {
                0 => time(|| splicer.splice(black_box(four))),
                _ => time(|| black_box(&mosaic).clone()),
            };
            all[turn].0.push(Cost { cpu, bytes: mosaic.len() as f64 });
        }
    }
    // A tenth on either side is where something else was in the way.
    let middle = |rounds: &Rounds| {
        let mut costs = rounds.0.clone();
        costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        let tenth = costs.len() / 10;
        Rounds(costs[tenth..costs.len() - tenth].to_vec())
    };
    Ok([middle(&all[0]), middle(&all[1])])
}

fn time<R>(step: impl FnOnce() -> R) -> f64 {
    let begin = Instant::now();
    drop(black_box(step()));
    begin.elapsed().as_secs_f64()
}
