//! The page in a real Chromium, with a fake camera, against the real server and native clients.
#![cfg(unix)]

mod cameras;
mod chromium;
mod hosts;
mod invitations;
mod loading;
mod picture;
mod proxy;
mod seats;
mod server;
mod views;
mod ways;

use chromium::Chromium;
use server::Server;

/// One browser test at a time: two browsers are as much as two processors bear.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Whether an error in the console is the browser's own, when nobody answered.
fn is_of_no_server(error: &str) -> bool {
    error.contains("net::ERR_")
}

/// A server, a browser, and the tests' turn; `None` where browsers are left out.
async fn stage(flags: &[&str]) -> Option<(tokio::sync::MutexGuard<'static, ()>, Server, Chromium)> {
    let chromium_turn = ONE.lock().await;
    let chromium = Chromium::start_or_skip().await?;
    Some((chromium_turn, Server::start(flags).await, chromium))
}
