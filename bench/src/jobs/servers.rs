//! The whole server, gRPC and all, beside one of the original's kind: four streams as fast as they are answered.

use anyhow::Context;

use super::{Names, pair};
use crate::peers::grpcio_server;
use crate::results::{Pair, Target};
use crate::server::Server;
use crate::setup::{Frames, ORIGINALS_QUALITY, QUALITY, Setup};
use crate::turns::{Contestant, Cost, by_turns};

/// A round has a second of warm-up, and a figure is the mean of hundreds of mosaics.
const ROUNDS: usize = 3;
const SECONDS: &str = "2";

/// The same frames to ours, to theirs at our quality, and to theirs at the original's.
pub(super) fn measure(setup: &Setup) -> anyhow::Result<Vec<Pair>> {
    let ours = Server::tessera(setup, "2", "640x480")?;
    let theirs = [QUALITY, ORIGINALS_QUALITY].map(|quality| grpcio_server(setup, quality));
    let [same, originals] =
        theirs.map(|server| server.context("the original's kind of server does not start"));
    let (same, originals) = (same?, originals?);
    let mut pairs = Vec::new();
    for frames in [&setup.tiles, &setup.small] {
        let load = |server| contestant(setup, server, frames);
        let all =
            &mut [("tessera-server", load(&ours)), ("grpcio", load(&same)), ("grpcio", load(&originals))];
        let rounds = by_turns(ROUNDS, all)?;
        for (quality, theirs) in [QUALITY, ORIGINALS_QUALITY].iter().zip(&rounds[1..]) {
            let names = Names {
                job: format!("the whole server, 4 streams of {}", frames.name),
                against: format!("OpenCV behind Python grpcio, quality {quality}"),
                unit: "CPU ms a mosaic",
                scale: 1e3,
            };
            pairs.push(pair(names, Target::times_less(5.0, 10.0), &rounds[0], theirs));
        }
    }
    Ok(pairs)
}

fn contestant<'a>(setup: &'a Setup, server: &'a Server, frames: &'a Frames) -> Contestant<'a> {
    Box::new(move || {
        let folder = frames.folder.to_string_lossy();
        let args = [&folder, "--full-size", "--fps", "max", "--publishers", "4", "--viewers", "0"];
        let result = server.load(setup, &[&args[..], &["--seconds", SECONDS]].concat())?;
        let cost = result.server.context("the server's CPU time is unknown")?;
        let bytes = result.mosaic_bytes as f64 / result.mosaics as f64;
        Ok(Cost { cpu: cost.cpu_ms_per_mosaic / 1e3, bytes })
    })
}
