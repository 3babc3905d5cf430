//! What is asked of a row that runs for long, in numbers.

use serde::Serialize;

use super::attackers::Counts;
use super::rows::Has;
use super::sampler::Sample;

/// How much longer the healthy may wait beside an attack: so many times, and so many milliseconds.
const TIMES: f64 = 3.0;
const MORE_MS: f64 = 250.0;
/// How much memory may grow from the second third to the last: so much of it, or so many bytes.
const SHARE: f64 = 0.05;
const BYTES: f64 = 8e6;

/// What was measured of one row.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// What was tried.
    pub(super) name: String,
    /// What the server should do.
    pub(super) expected: String,
    /// How what is seen begins if it does so.
    pub(super) must_see: Option<&'static str>,
    /// Bytes that it may have more with the attack than without, if there is a bound.
    pub(super) may_hold: Option<f64>,
    /// What it did, as the attackers saw it.
    pub(super) seen: Counts,
    /// The largest gap of each window without the attack, in milliseconds.
    pub(super) quiet_ms: Vec<f64>,
    /// And of each with it.
    pub(super) attacked_ms: Vec<f64>,
    /// Medians of the memory in each third, in bytes; of windows without the attack, if there are such.
    pub(super) memory: [f64; 3],
    /// And of those with it, which hold now more and now less: what stays shows without it.
    pub(super) memory_attacked: Option<[f64; 3]>,
    /// What the server had before and after.
    pub(super) has: [Has; 2],
    /// What must not happen at all, and did.
    pub(super) complaints: Vec<String>,
}

impl Row {
    /// What did not hold, in words.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut failures = self.complaints.clone();
        let (quiet, attacked) = (median(&self.quiet_ms), median(&self.attacked_ms));
        let is_measured = !self.attacked_ms.is_empty();
        if is_measured && (attacked >= quiet * TIMES || attacked >= quiet + MORE_MS) {
            failures.push(format!("gaps of {attacked:.0} ms, {quiet:.0} ms without"));
        }
        let [_, second, last] = self.memory;
        if last > second + (second * SHARE).max(BYTES) {
            failures.push(format!("memory grew from {:.1} to {:.1} MB", second / 1e6, last / 1e6));
        }
        let most = self.memory_attacked.map_or(0.0, |thirds| thirds.into_iter().fold(0.0, f64::max));
        let more = most - self.memory[0];
        if self.may_hold.is_some_and(|bound| more > bound) {
            failures.push(format!("{:.1} MB more while it went on", more / 1e6));
        }
        let is_seen = |what: &str| self.seen.keys().any(|seen| seen.starts_with(what));
        if let Some(missing) = self.must_see.filter(|what| !is_seen(what)) {
            failures.push(format!("nobody saw {missing:?}"));
        }
        let [before, after] = self.has;
        if before.descriptors != after.descriptors {
            failures.push(format!("{} descriptors, {} before", after.descriptors, before.descriptors));
        }
        if after.tasks > before.tasks {
            failures.push(format!("{} tasks, {} before", after.tasks, before.tasks));
        }
        failures
    }
}

/// The middle of them, or 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Medians of the memory in each third of the samples.
pub(super) fn memory_of_thirds(samples: &[Sample]) -> [f64; 3] {
    let third = samples.len().div_ceil(3).max(1);
    let mut thirds = samples
        .chunks(third)
        .map(|third| median(&third.iter().map(|sample| sample.usage.memory as f64).collect::<Vec<_>>()));
    [(); 3].map(|()| thirds.next().unwrap_or_default())
}

/// The largest gap of the samples, in milliseconds.
pub(super) fn largest_gap(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.gap_ms).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            name: String::new(),
            expected: String::new(),
            must_see: Some("clos"),
            may_hold: None,
            seen: Counts::from([("closed".to_owned(), 1)]),
            quiet_ms: vec![60.0, 70.0, 900.0],
            attacked_ms: vec![100.0, 200.0, 2000.0],
            memory: [50e6, 60e6, 67e6],
            memory_attacked: Some([100e6, 130e6, 130e6]),
            has: [Has { descriptors: 12, tasks: 20 }; 2],
            complaints: Vec::new(),
        }
    }

    #[test]
    fn one_bad_window_is_borne_and_most_of_them_are_not() {
        assert_eq!(row().failures(), [""; 0]);
        let attacked_ms = vec![220.0, 220.0, 90.0];
        assert_eq!(Row { attacked_ms, ..row() }.failures().len(), 1);
    }

    #[test]
    fn the_server_must_do_what_it_should_and_hold_no_more_than_it_may() {
        assert_eq!(Row { must_see: Some("GOAWAY"), ..row() }.failures().len(), 1);
        assert_eq!(Row { must_see: None, seen: Counts::new(), ..row() }.failures(), [""; 0]);
        assert_eq!(Row { may_hold: Some(79e6), ..row() }.failures().len(), 1);
        assert_eq!(Row { may_hold: Some(81e6), ..row() }.failures(), [""; 0]);
    }

    #[test]
    fn neither_memory_nor_descriptors_nor_tasks_may_stay() {
        assert_eq!(Row { memory: [0.0, 60e6, 69e6], ..row() }.failures().len(), 1);
        assert_eq!(Row { memory: [0.0, 400e6, 419e6], ..row() }.failures(), [""; 0]);
        let before = row().has[0];
        for after in [
            Has { descriptors: 13, ..before },
            Has { descriptors: 11, ..before },
            Has { tasks: 21, ..before },
        ] {
            assert_eq!(Row { has: [before, after], ..row() }.failures().len(), 1);
        }
        let fewer = Has { tasks: 19, ..before };
        assert_eq!(Row { has: [before, fewer], ..row() }.failures(), [""; 0]);
    }
}
