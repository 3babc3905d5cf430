//! Rounds that alternate: whatever disturbs the machine for a while disturbs both who are compared.

use anyhow::Context;

use crate::stats::median;

/// What a job cost in one round, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// CPU seconds for one job; for a rate its inverse, CPU seconds for a byte.
    pub cpu: f64,
    /// Bytes of what one job makes.
    pub bytes: f64,
}

/// One of those who are compared: does a round of the job.
pub type Contestant<'a> = Box<dyn FnMut() -> anyhow::Result<Cost> + 'a>;

/// The rounds of one contestant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rounds(pub Vec<Cost>);

/// How the first of two compares with the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The first's CPU time over the second's, in the middle of all rounds.
    pub ratio: f64,
    /// The smallest of the rounds.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Rounds {
    /// CPU seconds for one job: the median of the rounds.
    pub fn cpu(&self) -> f64 {
        median(&mut self.0.iter().map(|cost| cost.cpu).collect::<Vec<_>>())
    }

    /// Bytes of what one job makes.
    pub fn bytes(&self) -> f64 {
        median(&mut self.0.iter().map(|cost| cost.bytes).collect::<Vec<_>>())
    }

    /// Each round beside the one of `other` that was next to it.
    pub fn beside(&self, other: &Self) -> Compared {
        let mut ratios: Vec<_> = self.0.iter().zip(&other.0).map(|(a, b)| a.cpu / b.cpu).collect();
        let ratio = median(&mut ratios);
        Compared { ratio, min: ratios[0], max: ratios[ratios.len() - 1] }
    }
}

/// `rounds` of each, in turns; the first round is a warm-up and not counted.
///
/// # Errors
///
/// When one of them fails.
pub fn by_turns(rounds: usize, contestants: &mut [(&str, Contestant<'_>)]) -> anyhow::Result<Vec<Rounds>> {
    let mut all = vec![Rounds::default(); contestants.len()];
    for round in 0..=rounds {
        for ((name, contestant), rounds) in contestants.iter_mut().zip(&mut all) {
            let cost = contestant().with_context(|| format!("{name} failed"))?;
            if round > 0 {
                rounds.0.push(cost);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_does_not_count_and_ratios_are_of_neighbours() {
        let rising = |mut cpu: f64| -> Contestant<'static> {
            Box::new(move || {
                cpu *= 2.0;
                Ok(Cost { cpu, bytes: 1.0 })
            })
        };
        let rounds = by_turns(3, &mut [("a", rising(1.0)), ("b", rising(5.0))]).unwrap();
        assert_eq!(rounds[0].0.iter().map(|cost| cost.cpu).collect::<Vec<_>>(), [4.0, 8.0, 16.0]);
        assert_eq!(rounds[0].beside(&rounds[1]), Compared { ratio: 0.2, min: 0.2, max: 0.2 });
    }
}
