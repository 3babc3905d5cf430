//! All attacks together: some at a time, in turn, beside the healthy.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::attackers::{Attacker, Counts};
use super::rows::Has;
use super::verdict::{Row, largest_gap, memory_of_thirds};
use super::{Options, Scene};

/// Attacks at once. Two of them go on as three come and three go, so that all meet all.
const AT_ONCE: usize = 3;
/// How long each goes on.
const TURN: Duration = Duration::from_secs(15);
/// Addresses of attackers begin here, beyond those of the rows before.
const ADDRESSES: u32 = 1 << 16;

/// Runs them for as long as was asked. Gaps are held against those of the quiet windows before.
pub(super) async fn run(scene: &Scene, options: &Options, rows: &[Row]) -> anyhow::Result<Row> {
    let before = Has::now(scene).await?;
    let begin = scene.sampler.now();
    let end = begin + options.minutes as f64 * 60.0;
    let attacks = options.attacks();
    let (mut attacked_ms, mut seen) = (Vec::new(), Counts::new());
    for turn in 0.. {
        if scene.sampler.now() >= end {
            break;
        }
        let from = scene.sampler.now();
        let attackers = (0..AT_ONCE).map(async |n| {
            // A stride of its own for each, so that each turn has others together.
            let attack = attacks[(turn * (n + 1) + n * 7) % attacks.len()];
            let address = ADDRESSES + (turn * AT_ONCE + n) as u32;
            Attacker::start(attack, scene.server.address(), address, TURN)?.ended(TURN).await
        });
        for (what, count) in try_join_all(attackers).await?.into_iter().flatten() {
            *seen.entry(what).or_default() += count;
        }
        attacked_ms.push(largest_gap(&scene.sampler.between(from, scene.sampler.now())));
    }
    scene.sampler.shade(begin, "all together");
    let memory = memory_of_thirds(&scene.sampler.between(begin, scene.sampler.now()));
    Ok(Row {
        name: format!("all together, {} min", options.minutes),
        expected: "as each alone".to_owned(),
        must_see: None,
        may_hold: None,
        seen,
        quiet_ms: rows.iter().flat_map(|row| row.quiet_ms.clone()).collect(),
        attacked_ms,
        memory,
        memory_attacked: None,
        has: [before, before.back(scene).await?],
        complaints: scene.complaints(),
    })
}
