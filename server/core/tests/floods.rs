//! Frames of HTTP/2 that no honest client sends: the connection ends, and others do not notice.

mod support;

use support::raw::{self, RawHttp2, block, frame};
use support::{TestServer, tile_frame, within};
use tokio::io::AsyncWriteExt;

/// The headers of a request that is answered.
fn request() -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":path", "/healthz"), (":authority", "localhost")])
}

/// A connection on which stream 1 is a call.
async fn calling(server: &TestServer) -> RawHttp2 {
    let mut connection = RawHttp2::open(server.address, 65_535).await;
    connection.call(1, "StreamFrames", None).await;
    connection
}

/// That whoever sends `attack` again and again, for as many as 100,000 frames, is cut off.
async fn assert_cut_off(server: &TestServer, mut attacker: RawHttp2, attack: impl Fn(u32) -> Vec<u8>) {
    let (mut reading, mut writing) = attacker.stream.split();
    // What is said to the attacker is read, so that it is not for that that the connection ends.
    let read = async {
        tokio::io::copy(&mut reading, &mut tokio::io::sink()).await.ok();
        std::future::pending::<()>().await;
    };
    let written = async {
        for n in 0..1000 {
            let frames: Vec<_> = (0..100).flat_map(|m| attack(100 * n + m)).collect();
            if writing.write_all(&frames).await.is_err() {
                return;
            }
        }
        panic!("all of it was taken");
    };
    tokio::select! {
        () = within(written) => {}
        () = read => {}
    }
    within(server.counters.wait_for(|held| held.connections == 1)).await;
}

/// The number of the n-th stream behind the call's.
fn stream(n: u32) -> u32 {
    2 * n + 3
}

#[tokio::test]
async fn floods_end_their_connection_and_nothing_else() {
    let server = TestServer::start().await;
    let mut healthy = server.join("client1").await;
    let ping = |_| frame(raw::PING, 0, 0, &[7; 8]);
    assert_cut_off(&server, calling(&server).await, ping).await;
    let settings = |_| frame(raw::SETTINGS, 0, 0, &[]);
    assert_cut_off(&server, calling(&server).await, settings).await;
    let window = |_| frame(raw::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
    assert_cut_off(&server, calling(&server).await, window).await;
    let empty = |_| frame(raw::DATA, 0, 1, &[]);
    assert_cut_off(&server, calling(&server).await, empty).await;
    let continuation = |n| match n {
        0 => frame(raw::HEADERS, 0, 3, &request()),
        _ => frame(raw::CONTINUATION, 0, 3, &block(&[("x", "y")])),
    };
    assert_cut_off(&server, calling(&server).await, continuation).await;
    let reset = |n| {
        let begun = frame(raw::HEADERS, raw::END_HEADERS | raw::END_STREAM, stream(n), &request());
        [begun, frame(raw::RST_STREAM, 0, stream(n), &[0, 0, 0, 8])].concat()
    };
    assert_cut_off(&server, calling(&server).await, reset).await;
    assert!(healthy.show(tile_frame(1)).await.refusal.is_none());
}
