//! What one more participant and one more viewer cost, when there are few and when there are many.

use anyhow::Context;
use tessera_client::bench::{BenchResult, ServerCost};

use crate::results::Curve;
use crate::server::Server;
use crate::setup::Setup;

/// Grids of 2x2 to 7x7, full.
const PARTICIPANTS: [u32; 6] = [4, 9, 16, 25, 36, 49];
const VIEWERS: [u32; 6] = [1, 10, 25, 50, 100, 200];
/// Mosaics a second for each viewer: about as many as one core sends to all of them.
const VIEWERS_FPS: &str = "10";
const SECONDS: &str = "5";
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
        let result = server.load(setup, &[&push[..], &["--viewers", "1", "--seconds", SECONDS]].concat())?;
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

/// The cost of viewers, over what the server has to do without any.
fn viewers(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<[Curve; 2]> {
    let nobody = watched_by(setup, 0, progress)?;
    let idle = cost(&nobody)?;
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    let mut first = None;
    for viewers in VIEWERS {
        let result = watched_by(setup, viewers, progress)?;
        let (cost, number) = (cost(&result)?, f64::from(viewers));
        let spent = cost.cpu_seconds - idle.cpu_seconds * result.seconds / nobody.seconds;
        cpu.push((number, spent * 1e9 / (result.mosaic_bytes as f64 / 1e3)));
        // The first one's has what mosaics need, whoever watches.
        let one = *first.get_or_insert(cost.memory.loaded as f64);
        if viewers > 1 {
            memory.push((number, (cost.memory.loaded as f64 - one) / (number - 1.0) / 1e3));
        }
    }
    let curve = |name: &str, y: &str, limit, points| Curve {
        name: name.to_owned(),
        x: "viewers".to_owned(),
        y: y.to_owned(),
        limit,
        points,
    };
    Ok([
        curve("Sending a byte, as viewers come", "ns of CPU a kB sent", None, cpu),
        curve("Memory, as viewers come", "kB of the server's memory a viewer", Some(MEMORY_LIMIT_KB), memory),
    ])
}

/// Four cameras whose frames come one after the other.
fn watched_by(setup: &Setup, viewers: u32, progress: &mut dyn FnMut(&str)) -> anyhow::Result<BenchResult> {
    progress(&format!("{viewers} viewers"));
    let server = Server::tessera(setup, "2", "640x480")?;
    let (tiles, number) = (setup.tiles.folder.to_string_lossy(), viewers.to_string());
    let push = [&tiles, "--push", "--blind", "--publishers", "4", "--fps", "2.5"];
    let watch = ["--viewers", &number, "--max-fps", VIEWERS_FPS, "--seconds", SECONDS];
    server.load(setup, &[&push[..], &watch].concat())
}

fn cost(result: &BenchResult) -> anyhow::Result<ServerCost> {
    result.server.context("the server's CPU time is unknown")
}
