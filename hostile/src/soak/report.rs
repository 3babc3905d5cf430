//! The results: JSON for programs, a table and a plot for people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::plot;
use super::sampler::{Sample, Shaded};
use super::verdict::{Row, median};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// One for each attack, and those of all together.
    pub(super) rows: Vec<Row>,
    /// The server and the healthy, all the while.
    pub(super) samples: Vec<Sample>,
    /// When what was tried.
    pub(super) shaded: Vec<Shaded>,
}

/// Above the table.
const HEAD: &str = "\
| row | expected | seen | largest gap without | with | memory before | with | after | descriptors before | after | tasks before | after | |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
";
/// Below it.
const LEGEND: &str = "
Gaps: how long a healthy client saw nothing new at most, in milliseconds; the median of the windows. Memory: what the \
server has resident, in MB; the median of the first window without the attack, the largest of those with it, and the last without; where \
there is no such window, of the first and the last third.
";

impl Report {
    /// Whether everything held.
    pub(super) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.failures().is_empty())
    }

    /// Writes `table.md`, `results.json` and `plot.svg` into this folder.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write("results.json", &serde_json::to_string(self)?)?;
        write("table.md", &self.table())?;
        write("plot.svg", &plot::svg(&self.samples, &self.shaded))
    }

    /// As Markdown.
    fn table(&self) -> String {
        let rows: String = self.rows.iter().map(|row| line(row) + "\n").collect();
        format!("{HEAD}{rows}{LEGEND}")
    }
}

/// One row of the table.
pub(super) fn line(row: &Row) -> String {
    let mut seen = String::new();
    for (what, count) in &row.seen {
        let comma = if seen.is_empty() { "" } else { ", " };
        // To a string, that cannot fail.
        write!(seen, "{comma}{what} ({count})").ok();
    }
    if seen.is_empty() {
        seen.push_str("nothing until its time was over");
    }
    let failures = row.failures().join("; ");
    let verdict = if failures.is_empty() { "holds".to_owned() } else { format!("**fails**: {failures}") };
    let megabytes = |bytes: f64| format!("{:.1}", bytes / 1e6);
    let [before, _, after] = row.memory.map(megabytes);
    let memory_attacked = row.memory_attacked.map(|thirds| megabytes(thirds.into_iter().fold(0.0, f64::max)));
    let [quiet, attacked] = [&row.quiet_ms, &row.attacked_ms].map(|gaps| match gaps.as_slice() {
        [] => String::new(),
        gaps => format!("{:.0}", median(gaps)),
    });
    let cells = [
        row.name.clone(),
        row.expected.clone(),
        seen,
        quiet,
        attacked,
        before,
        memory_attacked.unwrap_or_default(),
        after,
        row.has[0].descriptors.to_string(),
        row.has[1].descriptors.to_string(),
        row.has[0].tasks.to_string(),
        row.has[1].tasks.to_string(),
        verdict,
    ];
    // A bar or a line's end in a server's words would break the table.
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | "))
}
