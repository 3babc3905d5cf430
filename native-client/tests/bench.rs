//! `bench` from outside, on the real server.

mod support;

use serde_json::Value;
use support::{RealServer, run, stderr, stdout};

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
