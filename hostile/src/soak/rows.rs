//! One attack: windows with it and without it in turn.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::attackers::{Attacker, Counts};
use super::verdict::{Row, largest_gap, memory_of_thirds};
use super::{Options, Scene};
use crate::attack::long::Attack;

/// How long descriptors may take to come back: connections that are closed at their limits.
const RELEASE: Duration = Duration::from_secs(15);

/// The address that attackers of the `round`th window have: what one used up is not the next one's.
fn address(attack: Attack, round: u32) -> u32 {
    (attack as u32 + 1) * 256 + round + 2
}

/// Measures one attack.
pub(super) async fn run(scene: &Scene, attack: Attack, options: &Options) -> anyhow::Result<Row> {
    let time = Duration::from_secs(options.window);
    let attack_time = attack.windows() * time;
    let before = descriptors(scene)?;
    let (mut quiet_ms, mut attacked_ms, mut seen) = (Vec::new(), Vec::new(), Counts::new());
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let from = scene.sampler.now();
        sleep(time).await;
        let window = scene.sampler.between(from, scene.sampler.now());
        quiet_ms.push(largest_gap(&window));
        quiet.extend(window);
        let from = scene.sampler.now();
        let attacker = Attacker::start(attack, scene.server.address(), address(attack, round), attack_time)?;
        let counts = attacker.ended(attack_time).await?;
        let window = scene.sampler.between(from, scene.sampler.now());
        attacked_ms.push(largest_gap(&window));
        attacked.extend(window);
        scene.sampler.shade(from, &format!("{attack:?}"));
        counts.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
    }
    Ok(Row {
        name: format!("{attack:?}"),
        expected: attack.expected().to_owned(),
        seen,
        quiet_ms,
        attacked_ms,
        memory: memory_of_thirds(&quiet),
        memory_attacked: Some(memory_of_thirds(&attacked)),
        descriptors: [before, descriptors_back(scene, before).await?],
        complaints: scene.complaints(),
    })
}

/// How many the server has.
pub(super) fn descriptors(scene: &Scene) -> anyhow::Result<usize> {
    Ok(scene.server.id().usage().context("the server is gone")?.descriptors)
}

/// How many it has once it has as many as before, or its time is over.
pub(super) async fn descriptors_back(scene: &Scene, before: usize) -> anyhow::Result<usize> {
    let end = Instant::now() + RELEASE;
    loop {
        let now = descriptors(scene)?;
        if now == before || Instant::now() > end {
            return Ok(now);
        }
        sleep(Duration::from_millis(100)).await;
    }
}
