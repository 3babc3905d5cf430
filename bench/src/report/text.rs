//! For terminals.

use std::fmt::Write;

use super::{bytes, psnr, quality_word};
use crate::results::{Curve, Load, Pair, Results, Step};

/// All tables.
pub fn tables(results: &Results) -> String {
    let mut all = String::new();
    let mut section = |title: &str, rows: Vec<Vec<String>>| {
        if rows.len() > 1 {
            // A String takes everything.
            let _ = writeln!(all, "{title}\n\n{}", aligned(&rows));
        }
    };
    section("The codec, step by step", steps(&results.steps));
    section("The server under load", loads(&results.loads));
    section("As people come", growth(&results.growth));
    section("Beside what else one would run", pairs(&results.pairs));
    all
}

fn words<const N: usize>(row: [&str; N]) -> Vec<String> {
    row.map(str::to_owned).to_vec()
}

fn steps(steps: &[Step]) -> Vec<Vec<String>> {
    let row = |step: &Step| {
        let way = step.way.clone().unwrap_or_default();
        vec![step.tile.clone(), step.step.clone(), way, format!("{:.1}", step.median_us)]
    };
    [words(["tile", "step", "way", "CPU µs"])].into_iter().chain(steps.iter().map(row)).collect()
}

fn loads(loads: &[Load]) -> Vec<Vec<String>> {
    let head = words(["load", "p50 ms", "p95 ms", "p99 ms", "fps/viewer", "CPU ms/mosaic", "memory MB"]);
    [head].into_iter().chain(loads.iter().map(load)).collect()
}

fn load(load: &Load) -> Vec<String> {
    let result = &load.result;
    let latency = result.latency_ms.or(result.round_trip_ms);
    let figure =
        |figure: Option<f64>, digits: usize| figure.map_or("-".to_owned(), |it| format!("{it:.digits$}"));
    vec![
        load.name.clone(),
        figure(latency.map(|it| it.p50), 1),
        figure(latency.map(|it| it.p95), 1),
        figure(latency.map(|it| it.p99), 1),
        figure(result.viewer_fps.map(|it| it.median), 1),
        figure(result.server.map(|it| it.cpu_ms_per_mosaic), 3),
        figure(result.server.map(|it| it.memory.loaded as f64 / 1e6), 1),
    ]
}

fn growth(curves: &[Curve]) -> Vec<Vec<String>> {
    let row = |curve: &Curve| {
        let points: Vec<_> = curve.points.iter().map(|(x, y)| format!("{x}: {y:.0}")).collect();
        vec![curve.name.clone(), curve.y.clone(), points.join(", "), format!("{:.2}", curve.spread())]
    };
    [words(["what", "unit", "costs", "max/min"])].into_iter().chain(curves.iter().map(row)).collect()
}

fn pairs(pairs: &[Pair]) -> Vec<Vec<String>> {
    let head = words([
        "job", "against", "at least", "aim", "measured", "", "ours", "theirs", "unit", "size", "PSNR",
    ]);
    let row = |pair: &Pair| {
        vec![
            pair.job.clone(),
            pair.against.clone(),
            pair.target.in_words(pair.target.at_least),
            format!("{}", pair.target.aim),
            pair.target.in_words(pair.ratio),
            pair.verdict().word().to_owned(),
            format!("{:.3}", pair.ours),
            format!("{:.3}", pair.theirs),
            pair.unit.clone(),
            bytes(pair).unwrap_or_default(),
            psnr(pair).unwrap_or_default(),
            quality_word(pair).to_owned(),
        ]
    };
    [head].into_iter().chain(pairs.iter().map(row)).collect()
}

/// Columns as wide as their widest.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let table = aligned(&[words(["µs", "x"]), words(["longer", "y"])]);
        assert_eq!(table, "µs      x\nlonger  y\n");
    }
}
