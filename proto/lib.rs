//! The wire of Tessera: what `video_concat.proto` says, as Rust, and what a name may be on it.
//!
//! The comments on the messages are the proto's own; `docs/wire.md` tells how they are used.
//! The same library serves the native programs and wasm32.

mod name;

/// Messages, and the service's client and server.
// Generated code does not follow our lints; the proto's comments become its docs.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::restriction,
    clippy::pedantic
)]
mod generated {
    tonic::include_proto!("_");
}

pub use generated::*;
pub use name::{MAX_NAME_BYTES, NameError, check_name, tame_name};

/// The trailer that comes with UNAVAILABLE when a server wants TLS from whoever called without it. Trying again the same
/// way would end the same way.
pub const NEEDS_TLS: &str = "tessera-needs-tls";
