//! Bytes to 50 viewers for a second of CPU, beside a loop that writes as many bytes and does nothing else.

use anyhow::Context;
use tessera_client::bench::BenchResult;

use super::{Names, pair};
use crate::bare;
use crate::results::{Pair, Target};
use crate::server::Server;
use crate::setup::Setup;
use crate::turns::{Contestant, Cost, by_turns};

const VIEWERS: u32 = 50;
/// Mosaics a second for each: as many as one core sends and another receives without being full.
const FPS: u32 = 10;
const SECONDS: u32 = 3;
const ROUNDS: usize = 7;
/// What stands in for a mosaic until the server has sent some.
const SOME_BYTES: usize = 200_000;

pub(super) fn measure(setup: &Setup) -> anyhow::Result<Pair> {
    let server = Server::tessera(setup, "2", "640x480")?;
    // The loop writes as much at once as a mosaic of the round before has.
    let mosaic = std::cell::Cell::new(SOME_BYTES);
    let ours: Contestant<'_> = Box::new(|| {
        let result = load(setup, &server)?;
        mosaic.set((result.mosaic_bytes / result.mosaics.max(1)) as usize);
        let cost = result.server.context("the server's CPU time is unknown")?;
        Ok(Cost { cpu: 1.0 / cost.mosaic_bytes_per_cpu_second, bytes: mosaic.get() as f64 })
    });
    let theirs: Contestant<'_> = Box::new(|| {
        let load = bare::Load { viewers: VIEWERS, fps: FPS, bytes: mosaic.get(), seconds: SECONDS };
        let sent = bare::run(setup, load)?;
        Ok(Cost { cpu: 1.0 / sent.bytes_per_cpu_second(), bytes: mosaic.get() as f64 })
    });
    let rounds = by_turns(ROUNDS, &mut [("tessera-server", ours), ("the bare loop", theirs)])?;
    let names = Names {
        job: format!("WatchMosaic to {VIEWERS} viewers"),
        against: "a bare loop that writes the same bytes".to_owned(),
        unit: "CPU s a GB",
        scale: 1e9,
    };
    Ok(pair(names, Target::of_its_rate(0.5, 0.8), &rounds[0], &rounds[1]))
}

/// Four cameras whose frames come one after the other, so that each mosaic has one that is new.
fn load(setup: &Setup, server: &Server) -> anyhow::Result<BenchResult> {
    let (viewers, max_fps, seconds) = (VIEWERS.to_string(), FPS.to_string(), SECONDS.to_string());
    let each = (f64::from(FPS) / 4.0).to_string();
    let folder = setup.tiles.folder.to_string_lossy();
    let publishers = [&folder, "--push", "--blind", "--publishers", "4", "--fps", &each];
    let viewers = ["--viewers", &viewers, "--max-fps", &max_fps, "--seconds", &seconds];
    server.load(setup, &[&publishers[..], &viewers].concat())
}
