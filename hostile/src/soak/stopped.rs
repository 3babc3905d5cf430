//! A server that stands still for a while, as a laptop that sleeps does.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tessera_wire::WatchMosaicRequest;
use tokio::time::sleep;

use super::Scene;
use super::attackers::Counts;
use super::rows::Has;
use super::verdict::{Row, memory_of_thirds};
use crate::guest::{self, Guest};
use crate::target::Target;

/// How long it stands still.
const STOP: Duration = Duration::from_secs(20);
/// The most mosaics that a viewer gets in the second after it: as many as in any other, and what was on its way.
const MOST: u64 = 45;

/// Stops it, lets it go on, and counts what a viewer gets then.
pub(super) async fn run(scene: &Scene) -> anyhow::Result<Row> {
    let before = Has::now(scene).await?;
    let begin = scene.sampler.now();
    let viewer = Guest::connect(Target::healthy(scene.server.address())).await?;
    let mut mosaics = viewer.watch(WatchMosaicRequest::default()).await?;
    guest::first(&mut mosaics).await?;
    scene.server.signal(Signal::STOP)?;
    sleep(STOP).await;
    scene.server.signal(Signal::CONT)?;
    let again = Instant::now();
    let mut count = 0;
    while again.elapsed() < Duration::from_secs(1) {
        guest::first(&mut mosaics).await?;
        count += 1;
    }
    drop((mosaics, viewer));
    let mut complaints = scene.complaints();
    if count > MOST {
        complaints.push(format!("a burst of {count} mosaics in a second"));
    }
    Ok(Row {
        name: format!("SIGSTOP for {} s", STOP.as_secs()),
        expected: "no burst of old frames".to_owned(),
        must_see: None,
        may_hold: None,
        seen: Counts::from([("mosaics in the second after it".to_owned(), count)]),
        quiet_ms: Vec::new(),
        attacked_ms: Vec::new(),
        memory: memory_of_thirds(&scene.sampler.between(begin, scene.sampler.now())),
        memory_attacked: None,
        has: [before, before.back(scene).await?],
        complaints,
    })
}
