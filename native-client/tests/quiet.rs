//! Sources that have nothing new for longer than a server bears silence.
#![cfg(unix)]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use support::{RealServer, program, run, signal, stderr, wait_for_places, watch, within};
use tokio::time::{Instant, timeout_at};

/// A server that marks silence soon, and does not bear it for long.
fn impatient() -> RealServer {
    RealServer::start_with(|limits| {
        limits.calls.stale_after = Duration::from_millis(1900);
        limits.calls.silent_after = Duration::from_secs(2);
    })
}

#[tokio::test]
async fn a_source_with_a_picture_a_minute_keeps_its_seat_and_is_never_stale() {
    let server = impatient();
    let mut mosaics = watch(server.address).await;
    let address = server.address.to_string();
    let join = ["join", "slow", "test-pattern", "--no-save", "--fps", "0.02", "--server", &address];
    let mut join = program(join).spawn().unwrap();
    wait_for_places(&mut mosaics, &["slow"]).await;
    let end = Instant::now() + Duration::from_secs(5);
    while let Ok(response) = timeout_at(end, mosaics.message()).await {
        let response = response.unwrap().unwrap();
        assert!(response.tiles.iter().all(|tile| !tile.stale), "{:?}", response.tiles);
        assert_eq!(response.tiles.len(), 1, "the seat stands");
    }
    signal(&join, Signal::INT);
    assert_eq!(within(join.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_client_that_slept_for_too_long_comes_back() {
    let server = impatient();
    let mut mosaics = watch(server.address).await;
    let address = server.address.to_string();
    let join = ["join", "sleeper", "test-pattern", "--no-save", "--server", &address];
    let mut join = program(join).spawn().unwrap();
    wait_for_places(&mut mosaics, &["sleeper"]).await;
    signal(&join, Signal::STOP);
    wait_for_places(&mut mosaics, &[]).await;
    signal(&join, Signal::CONT);
    wait_for_places(&mut mosaics, &["sleeper"]).await;
    signal(&join, Signal::INT);
    assert_eq!(within(join.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_bench_whose_frames_are_rare_keeps_its_seats() {
    let server = impatient();
    let address = server.address.to_string();
    for way in [&[][..], &["--push"], &["--push", "--blind"]] {
        let load = ["bench", "--server", &address, "--fps", "0.1", "--seconds", "3", "--viewers", "1"];
        let output = run([&load[..], way].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{way:?} {}", stderr(&output));
    }
}
