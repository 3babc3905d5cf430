//! For the README.

use super::{bytes, psnr};
use crate::results::{Machine, Pair, Results};

/// The pairs as a table, with a line on where they were measured.
pub fn table(results: &Results) -> String {
    let rows: String = results.pairs.iter().map(row).collect();
    let Machine { processor, processors, date, .. } = &results.machine;
    format!(
        "| job | beside | measured | at least | aim | bytes, beside theirs | PSNR, beside theirs |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n{rows}\n\
         Medians of alternating rounds, one core each ({processor}, {processors} processors, {date}).\n"
    )
}

fn row(pair: &Pair) -> String {
    let target = &pair.target;
    format!(
        "| {} | {} | **{}** | {} | {} | {} | {} |\n",
        pair.job,
        pair.against,
        target.in_words(pair.ratio),
        target.at_least,
        target.aim,
        bytes(pair).unwrap_or_default(),
        psnr(pair).unwrap_or_default(),
    )
}
