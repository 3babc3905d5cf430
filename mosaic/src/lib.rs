//! x
mod format;
mod picture;
pub use format::*;
pub use picture::*;
