//! What Tessera costs: each step of the codec, whole jobs beside what else one would run, the server under load.
//!
//! `main.rs` runs it all and writes a table, a JSON file and a page with charts. README.md tells how, and what
//! the figures mean.

pub mod bare;
pub mod cpu;
pub mod frames;
pub mod growth;
pub mod jobs;
pub mod load;
pub mod needs;
pub mod peers;
pub mod quality;
pub mod report;
pub mod results;
pub mod server;
pub mod setup;
pub mod stats;
pub mod steps;
pub mod turns;
