//! What one more participant and one more viewer cost, when there are few and when there are many.

use anyhow::Context;
use tessera_client::bench::{BenchResult, ServerCost};

use crate::results::Curve;
use crate::server::Server;
use crate::setup::Setup;
use crate::stats::median;

/// Grids of 2x2 to 7x7, full.
const PARTICIPANTS: [u32; 6] = [4, 9, 16, 25, 36, 49];
/// Each is compared with one alone.
const VIEWERS: [u32; 6] = [2, 10, 24, 50, 100, 200];
/// Mosaics a second for all viewers together: the same bytes, however many they are, or few viewers would be served by a
/// processor that mostly sleeps, whose caches are cold. It is about half of what one core sends.
const MOSAICS: u32 = 1000;
const SECONDS: &str = "5";
/// The difference of two measurements is small beside either: the median of so many.
const ROUNDS: usize = 3;
/// What a viewer may take of the server's memory.
const MEMORY_LIMIT_KB: f64 = 1000.0;

/// Measures all curves.
///
/// # Errors
///
/// When the server or the load fails.
pub fn measure(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Curve>> {
    let mut curves = vec![participants(setup, progress)?];
    curves.extend(viewers(setup, progress)?);
    Ok(curves)
}

/// The largest grid from the start, so that a tile has one size, however many come. Everybody pushes the next frame
/// when the one before is answered: a processor that sleeps between two frames would make the first ones dear.
fn participants(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Curve> {
    let mut points = Vec::new();
    for participants in PARTICIPANTS {
        progress(&format!("{participants} participants"));
        let server = Server::tessera(setup, "7", "160x128")?;
        let (tiles, number) = (setup.tiles.folder.to_string_lossy(), participants.to_string());
        let push = [&tiles, "--push", "--blind", "--publishers", &number, "--fps", "max"];
        let result = server.load(
            setup,
            &[&push[..], &["--viewers", "1", "--max-fps", "30", "--seconds", SECONDS]].concat(),
        )?;
        points.push((f64::from(participants), cost(&result)?.cpu_ms_per_frame * 1e3));
    }
    Ok(Curve {
        name: "Taking a frame in, as participants come".to_owned(),
        x: "participants".to_owned(),
        y: "µs of CPU a pushed frame (tiles of 160x128)".to_owned(),
        limit: None,
        points,
    })
}

/// What the viewers cost beside the first, who has the mosaic made, which is one for all.
fn viewers(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<[Curve; 2]> {
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    let mut first = None;
    for viewers in VIEWERS {
        let fps = MOSAICS / viewers;
        let mut rounds = Vec::new();
        let mut loaded = Vec::new();
        for _ in 0..ROUNDS {
            let few = watched_by(setup, 1, fps, progress)?;
            let all = watched_by(setup, viewers, fps, progress)?;
            let (few_cost, all_cost) = (cost(&few)?, cost(&all)?);
            let spent = all_cost.cpu_seconds / all.seconds - few_cost.cpu_seconds / few.seconds;
            let bytes = all.mosaic_bytes as f64 / all.seconds - few.mosaic_bytes as f64 / few.seconds;
            rounds.push(spent * 1e9 / (bytes / 1e3));
            loaded.push(all_cost.memory.loaded as f64);
            first.get_or_insert(few_cost.memory.loaded as f64);
        }
        cpu.push((f64::from(viewers), median(&mut rounds)));
        // The first one's has what mosaics need, whoever watches.
        let one = first.context("no single viewer was measured")?;
        memory.push((f64::from(viewers), (median(&mut loaded) - one) / f64::from(viewers - 1) / 1e3));
    }
    let curve = |name: &str, y: &str, limit, points| Curve {
        name: name.to_owned(),
        x: "viewers".to_owned(),
        y: y.to_owned(),
        limit,
        points,
    };
    Ok([
        curve("Sending a byte, as viewers come", "ns of CPU a kB sent to all but the first", None, cpu),
        curve("Memory, as viewers come", "kB of the server's memory a viewer", Some(MEMORY_LIMIT_KB), memory),
    ])
}

/// Four cameras whose frames come one after the other, `fps` in all.
fn watched_by(
    setup: &Setup,
    viewers: u32,
    fps: u32,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<BenchResult> {
    progress(&format!("{viewers} viewers, {fps} mosaics a second"));
    let server = Server::tessera(setup, "2", "640x480")?;
    let tiles = setup.tiles.folder.to_string_lossy();
    let [viewers, each, fps] = [viewers.to_string(), (f64::from(fps) / 4.0).to_string(), fps.to_string()];
    let push = [&tiles, "--push", "--blind", "--publishers", "4", "--fps", &each];
    let watch = ["--viewers", &viewers, "--max-fps", &fps, "--seconds", SECONDS];
    server.load(setup, &[&push[..], &watch].concat())
}

fn cost(result: &BenchResult) -> anyhow::Result<ServerCost> {
    result.server.context("the server's CPU time is unknown")
}
