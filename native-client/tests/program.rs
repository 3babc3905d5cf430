//! The program from outside: exit codes, what it says, and what it writes to a pipe.

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;

use support::{
    FAST, RealServer, clip, decoded_by_ffmpeg, program, run, showing, signal, skipped, stderr, stdout,
    wait_for, within,
};
use tessera_wire::WatchMosaicRequest;
use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn no_server_is_exit_code_1_and_says_what_to_do() {
    for command in [&["join", "a", "test-pattern", "--no-save"][..], &["watch"]] {
        let server = nobody();
        let output = run([command, &["--server", &server]].concat()).await;
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("error: no server answers at http://{server} (");
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
        assert!(stderr(&output).contains("start one with `tessera-server`"), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn wrong_arguments_are_exit_code_2() {
    for args in [&["join", "a"][..], &["join", "a", "test-pattern", "--fps", "0"], &["dance"], &[]] {
        assert_eq!(run(args).await.status.code(), Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn a_source_that_is_not_there_is_exit_code_1_and_named() {
    let output = run(["join", "a", "no-such-file.mp4"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no-such-file.mp4"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_demo_without_its_clips_says_where_to_go() {
    let output = run(["demo"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("demo test-pattern test-pattern"), "{}", stderr(&output));
}

#[tokio::test]
async fn whom_the_room_does_not_take_is_exit_code_1_and_told_what_to_do() {
    let server = RealServer::start();
    let address = server.address.to_string();
    let join = ["join", "client1", "test-pattern", "--no-save", "--server", &address];
    let _seated = showing(server.address, "client1", FAST).await;
    let taken = run(join).await;
    let mut others = Vec::new();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut grpc = VideoProcessingServiceClient::new(within(endpoint.connect()).await.unwrap());
    for n in 2..=49 {
        let request = WatchMosaicRequest { client_id: format!("guest{n}"), ..Default::default() };
        others.push(within(grpc.watch_mosaic(request)).await.unwrap());
    }
    let full = run(["join", "one more", "test-pattern", "--no-save", "--server", &address]).await;
    for (output, advice) in [
        (taken, "the id \"client1\" is taken in room \"main\": choose another id"),
        (full, "no place in room \"main\""),
    ] {
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(advice), "{}", stderr(&output));
    }
}

/// Shows the test pattern until the test ends, and its runtime with it.
async fn feed(server: SocketAddr) {
    let mut session = showing(server, "feed", FAST).await;
    tokio::spawn(async move { while let Ok(Some(_)) = session.next().await {} });
}

#[tokio::test]
async fn watch_writes_a_clean_mjpeg_stream_to_standard_output() {
    let server = RealServer::start();
    let address = server.address.to_string();
    feed(server.address).await;
    let output = run(["watch", "--out", "-", "--max-frames", "12", "--server", &address]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("mosaics received  12"), "{}", stderr(&output));
    assert!(output.stdout.starts_with(&[0xFF, 0xD8]) && output.stdout.ends_with(&[0xFF, 0xD9]));
    if !skipped("the stream in ffmpeg") {
        let mut stream = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut stream, &output.stdout).unwrap();
        std::io::Seek::rewind(&mut stream).unwrap();
        assert_eq!(decoded_by_ffmpeg("mjpeg", "-", Stdio::from(stream)).await, 12);
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let server = RealServer::start();
    let address = server.address.to_string();
    feed(server.address).await;
    let mut watch = program(["watch", "--out", "-", "--server", &address]).spawn().unwrap();
    let mut reader = watch.stdout.take().unwrap();
    let mut start = [0; 2];
    within(reader.read_exact(&mut start)).await.unwrap();
    assert_eq!(start, [0xFF, 0xD8]);
    drop(reader);
    let output = within(watch.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_a_join_with_a_summary_in_which_every_frame_was_answered() {
    let server = RealServer::start();
    let address = server.address.to_string();
    let clip = clip(4);
    let args = ["join", "a", clip.to_str().unwrap(), "--loop", "--no-save", "--server", &address];
    let mut join = program(args).spawn().unwrap();
    let mut lines = BufReader::new(join.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "mosaic 1:").await;
    signal(&join, rustix::process::Signal::INT);
    let summary = wait_for(&mut lines, "  time  ").await.join("\n");
    assert_eq!(support::figure(&summary, "frames sent"), support::figure(&summary, "mosaics received"));
    assert_eq!(within(join.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn mosaics_that_cannot_be_written_are_an_error_and_nothing_is_done() {
    let server = RealServer::start();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let (address, out) = (server.address.to_string(), file.join("in it"));
    let args = ["join", "a", "test-pattern", "--max-frames", "3", "--out", out.to_str().unwrap()];
    let output = run([&args[..], &["--server", &address]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot be written"), "{}", stderr(&output));
    assert!(!stdout(&output).contains("Done"), "{}", stdout(&output));
}

#[tokio::test]
async fn without_a_terminal_a_mosaic_is_no_line() {
    let server = RealServer::start();
    let address = server.address.to_string();
    let args = ["demo", "test-pattern", "--no-save", "--fps", "max", "--max-frames", "200"];
    let output = run([&args[..], &["--server", &address]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert_eq!(said.matches("client1: mosaic ").count(), 1, "{said}");
    assert!(said.contains("client1: Done:") && said.contains("mosaics received  200"), "{said}");
}
