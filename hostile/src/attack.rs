//! What hostile guests try.

pub mod floods;
pub mod h2;
pub mod hpack;
pub mod http1;
pub mod jpeg;
pub mod long;
pub mod slow;
pub mod swarm;
pub mod token;
