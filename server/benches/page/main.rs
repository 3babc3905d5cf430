//! The page as a person has it: its figures, and pictures of it, in a real Chromium against the real server.
//!
//! ```text
//! cargo bench -p tessera-server --bench page                 # the figures of docs/page.md
//! cargo bench -p tessera-server --bench page -- pictures     # the pictures in docs/page/
//! ```
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "its results are what it is for")]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/browser/chromium.rs"]
mod chromium;
mod figures;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/browser/picture.rs"]
mod picture;
mod pictures;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/browser/server.rs"]
mod server;

use chromium::Chromium;

#[tokio::main]
async fn main() {
    // cargo says `--bench` first.
    let what = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let Some(chromium) = Chromium::start_or_skip().await else { return };
    match what.as_deref() {
        None => figures::take(&chromium).await,
        Some("pictures") => pictures::take(&chromium).await,
        Some(other) => println!("there are figures, which need no word, and `pictures`, but no {other}"),
    }
}
