//! The call's page.
//!
//! What decides is plain Rust without a browser, time being an argument: [`call`] is the call's state machine,
//! [`pace`] how often frames are sent, [`outbox`] which one is next, [`stats`] what is measured, [`news`] who
//! came and went, [`notice`] what a person is told of trouble, [`texts`] every word, [`grpc_web`] what goes over the
//! wire. `browser` exists on wasm32 only and does what was decided.

pub mod call;
pub mod fit;
pub mod grpc_web;
pub mod news;
pub mod notice;
pub mod outbox;
pub mod pace;
pub mod stats;
pub mod texts;

#[cfg(target_arch = "wasm32")]
mod browser;

/// Starts the page. `worker` runs the script that makes JPEGs and keeps time; the rest is what an invite link brings: its
/// token, and what that says of its bearer.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn start(
    worker: web_sys::Worker,
    token: Option<String>,
    id: Option<String>,
    name: Option<String>,
    only_watches: bool,
) {
    browser::start(worker, browser::Invitation { token: token.map(browser::Token), id, name, only_watches });
}
