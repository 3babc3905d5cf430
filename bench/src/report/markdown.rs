//! For the README.

use super::{bytes, psnr, quality_word};
use crate::results::{Machine, Pair, Results};

/// The pairs as a table, with a line on where they were measured.
pub fn table(results: &Results) -> String {
    let rows: String = results.pairs.chunk_by(|a, b| a.job == b.job).flat_map(rows).collect();
    let Machine { processor, processors, date, .. } = &results.machine;
    format!(
        "| job | beside | measured | at least, aim | bytes (beside theirs) | PSNR (beside theirs) | quality |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n{rows}\n\
         Medians of rounds in turns, one core each ({processor}, {processors} processors, {date}).\n"
    )
}

/// The job is named once.
fn rows(pairs: &[Pair]) -> impl Iterator<Item = String> {
    pairs.iter().enumerate().map(|(index, pair)| row(if index == 0 { &pair.job } else { "" }, pair))
}

fn row(job: &str, pair: &Pair) -> String {
    let target = &pair.target;
    format!(
        "| {job} | {} | **{}** | {}, {} | {} | {} | {} |\n",
        pair.against,
        target.in_words(pair.ratio),
        target.at_least,
        target.aim,
        bytes(pair).unwrap_or_default(),
        psnr(pair).unwrap_or_default(),
        quality_word(pair),
    )
}
