//! The results to be read: a table for terminals, one for the README, a page with charts.

mod chart;
mod html;
mod markdown;
mod text;

pub use html::page;
pub use markdown::table as markdown_table;
pub use text::tables;

use crate::results::Pair;

/// How much larger ours is than theirs, in words.
fn larger(ours: f64, theirs: f64) -> String {
    format!("{:+.1} %", (ours / theirs - 1.0) * 100.0)
}

/// Bytes of ours and of theirs, in words.
fn bytes(pair: &Pair) -> Option<String> {
    let (ours, theirs) = pair.bytes?;
    Some(format!("{:.0} kB ({})", ours / 1e3, larger(ours, theirs)))
}

/// Quality of ours and of theirs, in words.
fn psnr(pair: &Pair) -> Option<String> {
    let (ours, theirs) = pair.psnr?;
    if ours > EXACT_DB {
        return Some(format!("exact ({theirs:.2} dB)"));
    }
    Some(format!("{ours:.2} dB ({:+.2})", ours - theirs))
}

/// Above this no sample differs but for one in a million.
const EXACT_DB: f64 = 90.0;

/// What came of the quality, where it must be the same.
fn quality_word(pair: &Pair) -> &'static str {
    match pair.keeps_quality() {
        Some(true) => "kept",
        Some(false) => "not kept",
        None => "",
    }
}
