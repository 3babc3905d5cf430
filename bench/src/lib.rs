//! What Tessera costs: frames to measure with, the real server to measure, and what else one would run.
//!
//! The steps of the codec are timed by `benches/steps.rs`; `main.rs` measures whole programs. README.md tells
//! how, and what the figures mean.

pub mod frames;
pub mod peer;
pub mod quality;
pub mod report;
pub mod server;
pub mod stats;
pub mod streams;
