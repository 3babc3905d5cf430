//! One attack: windows with it and without it in turn.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::attackers::{Attacker, Counts};
use super::verdict::{Row, largest_gap, memory_of_thirds};
use super::{Options, Scene};
use crate::attack::long::Attack;

/// How long what an attacker had may take to come back: connections are closed at their limits, and an empty room is kept for
/// 30 seconds.
const RELEASE: Duration = Duration::from_secs(40);

/// The address that attackers of the `round`th window have: what one used up is not the next one's.
fn address(attack: Attack, round: u32) -> u32 {
    (attack as u32 + 1) * 256 + round + 2
}

/// Measures one attack.
pub(super) async fn run(scene: &Scene, attack: Attack, options: &Options) -> anyhow::Result<Row> {
    let time = Duration::from_secs(options.window);
    let attack_time = attack.windows() * time;
    let before = Has::now(scene).await?;
    let (mut quiet_ms, mut attacked_ms, mut seen) = (Vec::new(), Vec::new(), Counts::new());
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    let without = async || {
        let from = scene.sampler.now();
        sleep(time).await;
        scene.sampler.between(from, scene.sampler.now())
    };
    for round in 0..options.rounds {
        let window = without().await;
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
    // What the last one left behind.
    let window = without().await;
    quiet_ms.push(largest_gap(&window));
    quiet.extend(window);
    Ok(Row {
        name: format!("{attack:?}"),
        expected: attack.expected().to_owned(),
        must_see: attack.must_see(),
        may_hold: attack.may_hold(),
        seen,
        quiet_ms,
        attacked_ms,
        memory: memory_of_thirds(&quiet),
        memory_attacked: Some(memory_of_thirds(&attacked)),
        has: [before, before.back(scene).await?],
        complaints: scene.complaints(),
    })
}

/// What the server has, of which nothing may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Has {
    /// Files and sockets.
    pub(super) descriptors: usize,
    /// Tasks of its runtime.
    pub(super) tasks: u64,
}

impl Has {
    /// What it has now. Each push of the healthy is a task for a moment: the fewest of some looks are those that stay.
    pub(super) async fn now(scene: &Scene) -> anyhow::Result<Self> {
        const LOOKS: usize = 10;
        // A log has no more than a hundred such lines in a second.
        const PAUSE: Duration = Duration::from_millis(20);
        let mut tasks = u64::MAX;
        for _ in 0..LOOKS {
            tasks = tasks.min(scene.server.tasks().await?);
            sleep(PAUSE).await;
        }
        let usage = scene.server.id().usage().context("the server is gone")?;
        Ok(Self { descriptors: usage.descriptors, tasks })
    }

    /// What it has once that is no more than before, or its time is over.
    pub(super) async fn back(self, scene: &Scene) -> anyhow::Result<Self> {
        let end = Instant::now() + RELEASE;
        loop {
            let now = Self::now(scene).await?;
            if (now.descriptors == self.descriptors && now.tasks <= self.tasks) || Instant::now() > end {
                return Ok(now);
            }
        }
    }
}
