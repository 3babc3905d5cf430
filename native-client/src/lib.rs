//! The native client of Tessera: streams sources into a room and saves what comes back.

pub mod source;
