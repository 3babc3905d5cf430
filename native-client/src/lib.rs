//! The native client of Tessera: streams video files, pictures and cameras into a room, and saves what
//! comes back.
//!
//! [`session::Session`] is the call itself: one seat over as many streams as it takes. [`join`], [`watch`],
//! [`demo`], [`rule`] and [`mod@bench`] are the program's commands around it; [`source`] is where frames come from, [`sink`]
//! where mosaics go.

pub mod address;
mod backoff;
pub mod bench;
pub mod cli;
pub mod demo;
pub mod error;
#[cfg(test)]
mod fake_server;
pub mod frames;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod identity;
pub mod join;
mod link;
mod making;
pub mod pacing;
pub mod progress;
mod replies;
pub mod rule;
mod server_process;
pub mod session;
pub mod signals;
pub mod sink;
pub mod source;
pub mod summary;
mod text;
pub mod tiles;
pub mod token;
pub mod trust;
pub mod viewer;
pub mod watch;
