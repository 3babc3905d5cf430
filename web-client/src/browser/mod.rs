//! The page in the browser: what the pure parts decide is done here.
//!
//! Everything that happens is a [`app::Message`] to the one [`app::App`], in the order in which it happened.

mod app;
mod camera;
mod dom;
mod encoder;
mod identity;
mod labels;
mod large;
mod lines;
mod pressing;
mod screen;
mod transport;
mod view;

pub(crate) use app::start;
pub(crate) use identity::{Invitation, Token};
