//! What one more participant, viewer and room cost, when there are few and when there are many.

use anyhow::Context as _;
use tessera_client::bench::{BenchResult, ServerCost};

use crate::results::Curve;
use crate::server::Server;
use crate::setup::Setup;
use crate::stats::median;

/// Grids of 2x2 to 7x7, full.
const PARTICIPANTS: [u32; 6] = [4, 9, 16, 25, 36, 49];
/// As many as a server has at the most.
const ROOMS: [u32; 3] = [10, 25, 100];
/// Each is compared with one alone. Fewer than ten cost less than a processor that sleeps between two mosaics loses by that: two
/// at 500 a second took less than one.
const VIEWERS: [u32; 5] = [10, 24, 50, 100, 200];
/// Mosaics a second for all viewers together: the same bytes, however many they are, or few viewers would be served by a
/// processor that mostly sleeps, whose caches are cold. It is about half of what one core sends.
const MOSAICS: u32 = 1000;
const SECONDS: &str = "2";
/// Each has as many in turn, so that what else a machine does meets all of them.
const ROUNDS: usize = 7;
/// Of a difference, which is less sure.
const ROUNDS_OF_VIEWERS: usize = 15;
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
    curves.push(rooms(setup, progress)?);
    Ok(curves)
}

/// The largest grid from the start, so that a tile has one size, however many come. Everybody pushes the next frame
/// when the one before is answered: a processor that sleeps between two frames would make the first ones dear.
fn participants(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Curve> {
    let mut costs = vec![Vec::new(); PARTICIPANTS.len()];
    for _ in 0..ROUNDS {
        for (participants, costs) in PARTICIPANTS.iter().zip(&mut costs) {
            progress(&format!("{participants} participants"));
            let server = Server::tessera(setup, "7", "160x128")?;
            let (tiles, number) = (setup.tiles.folder.to_string_lossy(), participants.to_string());
            let push = [&tiles, "--push", "--blind", "--publishers", &number, "--fps", "max"];
            let result = server.load(
                setup,
                &[&push[..], &["--viewers", "1", "--max-fps", "30", "--seconds", SECONDS]].concat(),
            )?;
            costs.push(cost(&result)?.cpu_ms_per_frame * 1e3);
        }
    }
    Ok(Curve {
        name: "Taking a frame in, as participants come".to_owned(),
        x: "participants".to_owned(),
        y: "µs of CPU a pushed frame (tiles of 160x128)".to_owned(),
        limit: None,
        points: points(&PARTICIPANTS, by_rounds(&costs)),
    })
}

/// The same four hundred, pushing as the participants above, in rooms of forty to rooms of four; a tile has one size.
fn rooms(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Curve> {
    let mut costs = vec![Vec::new(); ROOMS.len()];
    for _ in 0..ROUNDS {
        for (rooms, costs) in ROOMS.iter().zip(&mut costs) {
            progress(&format!("{rooms} rooms"));
            let server = Server::tessera(setup, "7", "160x128")?;
            let (tiles, rooms) = (setup.tiles.folder.to_string_lossy(), rooms.to_string());
            let push = [&tiles, "--push", "--blind", "--publishers", "400", "--rooms", &rooms];
            let result = server.load(
                setup,
                &[&push[..], &["--fps", "max", "--viewers", "0", "--seconds", SECONDS]].concat(),
            )?;
            costs.push(cost(&result)?.cpu_ms_per_frame * 1e3);
        }
    }
    Ok(Curve {
        name: "Taking a frame in from 400 participants, as they are in more rooms".to_owned(),
        x: "rooms".to_owned(),
        y: "µs of CPU a pushed frame (tiles of 160x128)".to_owned(),
        limit: None,
        points: points(&ROOMS, by_rounds(&costs)),
    })
}

/// What the viewers cost beside the first, who has the mosaic made, which is one for all.
fn viewers(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<[Curve; 2]> {
    let mut cpu = vec![Vec::new(); VIEWERS.len()];
    let mut memory = vec![Vec::new(); VIEWERS.len()];
    for _ in 0..ROUNDS_OF_VIEWERS {
        for (&viewers, (cpu, memory)) in VIEWERS.iter().zip(cpu.iter_mut().zip(&mut memory)) {
            let fps = MOSAICS / viewers;
            let one = watched_by(setup, 1, fps, progress)?;
            let all = watched_by(setup, viewers, fps, progress)?;
            let (one_cost, all_cost) = (cost(&one)?, cost(&all)?);
            let spent = all_cost.cpu_seconds / all.seconds - one_cost.cpu_seconds / one.seconds;
            let bytes = all.mosaic_bytes as f64 / all.seconds - one.mosaic_bytes as f64 / one.seconds;
            cpu.push(spent * 1e9 / (bytes / 1e3));
            let more = all_cost.memory.loaded as f64 - one_cost.memory.loaded as f64;
            memory.push(more / f64::from(viewers - 1) / 1e3);
        }
    }
    let memory = memory.iter_mut().map(|rounds| median(rounds)).collect();
    let curve = |name: &str, y: &str, limit, costs| Curve {
        name: name.to_owned(),
        x: "viewers".to_owned(),
        y: y.to_owned(),
        limit,
        points: points(&VIEWERS, costs),
    };
    Ok([
        curve(
            "Sending a byte, as viewers come",
            "ns of CPU a kB sent to all but the first",
            None,
            by_rounds(&cpu),
        ),
        curve("Memory, as viewers come", "kB of the server's memory a viewer", Some(MEMORY_LIMIT_KB), memory),
    ])
}

fn points(numbers: &[u32], costs: Vec<f64>) -> Vec<(f64, f64)> {
    numbers.iter().copied().map(f64::from).zip(costs).collect()
}

/// The median of each one's rounds. A machine is slower in one round than in another, by more than what is looked for:
/// each round is held against its own mean, and the means' median makes costs of that again.
fn by_rounds(costs: &[Vec<f64>]) -> Vec<f64> {
    let mean = |round: usize| costs.iter().map(|rounds| rounds[round]).sum::<f64>() / costs.len() as f64;
    let rounds = costs.iter().map(Vec::len).min().unwrap_or_default();
    let means: Vec<f64> = (0..rounds).map(mean).collect();
    let middle = median(&mut means.clone());
    let shares =
        |rounds: &[f64]| -> Vec<f64> { rounds.iter().zip(&means).map(|(cost, mean)| cost / mean).collect() };
    costs.iter().map(|rounds| middle * median(&mut shares(rounds))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_changes_nothing() {
        let quick = [10.0, 11.0, 12.0];
        let costs =
            quick.map(|cost| (0..ROUNDS).map(|round| if round < 3 { 2.5 * cost } else { cost }).collect());
        for (by, cost) in by_rounds(&costs).into_iter().zip(quick) {
            assert!((by - cost).abs() < 1e-9, "{by} {cost}");
        }
    }
}
