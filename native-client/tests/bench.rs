//! `bench` from outside, on the real server.

mod support;

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use support::{RealServer, program, run, stderr, stdout, wait_for, within};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// The arguments of a bench on `server`.
fn bench(server: &RealServer, flags: &[&str]) -> Vec<String> {
    let address = server.address.to_string();
    ["bench", "--server", &address].iter().chain(flags).map(|&arg| arg.to_owned()).collect()
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    stderr(output)
}

/// What the program says of a short load, as JSON.
async fn measured(server: &RealServer, flags: &[&str]) -> Value {
    let address = server.address.to_string();
    let pid = std::process::id().to_string();
    let mut args = vec!["bench", "--server", &address, "--seconds", "0.5", "--json", "-"];
    // The real server is this process.
    if cfg!(target_os = "linux") {
        args.extend(["--server-pid", &pid]);
    }
    args.extend(flags);
    let output = run(args).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("mosaics down"), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[tokio::test]
async fn every_way_up_is_measured_from_capture_to_viewer() {
    let server = RealServer::start();
    let ways = [&[][..], &["--push"], &["--push", "--blind"], &["--full-size", "--size", "320x240"]];
    for way in ways {
        let load = ["--publishers", "2", "--viewers", "3", "--fps", "20"];
        let result = measured(&server, &[&load[..], way].concat()).await;
        assert_eq!(result["refused"], 0, "{way:?} {result}");
        let frames = result["frames"].as_u64().unwrap();
        assert!((1..=40).contains(&frames), "{way:?} {result}");
        assert!(result["viewer_fps"]["min"].as_f64().unwrap() > 0.0, "{way:?} {result}");
        let latency = &result["latency_ms"];
        assert!(latency["p50"].as_f64().unwrap() > 0.0, "{way:?} {result}");
        assert!(latency["p99"].as_f64() >= latency["p50"].as_f64(), "{way:?} {result}");
        if cfg!(target_os = "linux") {
            assert!(result["server"]["cpu_seconds"].as_f64().unwrap() > 0.0, "{way:?} {result}");
        }
    }
}

#[tokio::test]
async fn the_grid_may_grow_while_publishers_come_in() {
    let server = RealServer::start();
    for way in [&[][..], &["--push", "--blind"]] {
        let load = ["--publishers", "5", "--viewers", "1", "--fps", "10"];
        let result = measured(&server, &[&load[..], way].concat()).await;
        assert_eq!(result["refused"], 0, "{way:?} {result}");
        assert!(result["frames"].as_u64().unwrap() > 0, "{way:?} {result}");
    }
}

#[tokio::test]
async fn rooms_share_the_load_and_each_has_its_own() {
    let server = RealServer::start();
    // More than one room has seats for.
    let load = ["--publishers", "52", "--viewers", "4", "--rooms", "2", "--fps", "2"];
    let result = measured(&server, &load).await;
    assert_eq!((&result["load"]["rooms"], &result["refused"]), (&2.into(), &0.into()));
    assert!(result["latency_ms"]["count"].as_u64().unwrap() > 0, "{result}");
}

#[tokio::test]
async fn figures_are_round_where_they_were_asked_to_be() {
    let result = measured(&RealServer::start(), &["--fps", "30"]).await;
    assert_eq!(result["load"]["fps"], 30.0);
    assert!(result["viewer_fps"]["median"].to_string().len() <= 7, "{result}");
}

#[tokio::test]
async fn too_many_pushes_are_named_with_both_ways_out() {
    let server = RealServer::start_with(|limits| limits.calls.push_patience = Duration::from_millis(300));
    let load = ["--publishers", "1", "--viewers", "0", "--push", "--fps", "max", "--seconds", "60"];
    let message = failure(&run(bench(&server, &load)).await);
    assert!(message.contains("60 a second are the limit"), "{message}");
    assert!(message.contains("--fps 60") && message.contains("--pushes-per-second"), "{message}");
}

#[tokio::test]
async fn frames_that_cannot_be_used_are_told_with_the_servers_reason() {
    let server = RealServer::start_with(|limits| limits.frames.max_frame_bytes = 2000);
    for way in [&[][..], &["--push"], &["--push", "--blind"]] {
        let load = [&["--publishers", "1", "--viewers", "0", "--seconds", "60"], way].concat();
        let message = failure(&run(bench(&server, &load)).await);
        assert!(message.contains("20 frames in a row") && message.contains("2000"), "{way:?} {message}");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_told_as_that() {
    for kill in [false, true] {
        for way in [&[][..], &["--push"], &["--push", "--blind"]] {
            let server = RealServer::start();
            let load = [&["--publishers", "1", "--viewers", "1", "--seconds", "60"], way].concat();
            let mut bench = program(bench(&server, &load)).spawn().unwrap();
            let mut lines = BufReader::new(bench.stderr.take().unwrap()).lines();
            wait_for(&mut lines, "measuring for 60 s").await;
            if kill {
                server.kill().await;
            } else {
                server.stop().await;
            }
            wait_for(&mut lines, "error: the server went away while it was measured").await;
            assert_eq!(within(bench.wait()).await.unwrap().code(), Some(1), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_found_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("none").join("figures.json");
    let message = failure(&run(["bench", "--seconds", "3600", "--json", json.to_str().unwrap()]).await);
    assert!(message.contains("figures.json cannot be written"), "{message}");
}

#[cfg(unix)]
#[tokio::test]
async fn more_viewers_than_descriptors_name_the_limit() {
    let server = RealServer::start();
    let address = server.address.to_string();
    let script = r#"ulimit -n 40 && exec "$0" bench --viewers 60 --server "$1""#;
    let program = env!("CARGO_BIN_EXE_tessera-client");
    let output = tokio::process::Command::new("sh").args(["-c", script, program, &address]).output();
    let message = failure(&within(output).await.unwrap());
    assert!(message.contains("ulimit -n") && message.contains("os error 24"), "{message}");
}
