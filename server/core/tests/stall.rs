//! Viewers that do not read: their streams end, alone where that can be, and their slots are kept.

mod support;

use std::time::{Duration, Instant};

use prost::Message as _;
use support::raw::{self, RawHttp2};
use support::{TestServer, config, frame, tile_frame, within};
use tessera_server_core::Config;
use tessera_wire::WatchMosaicRequest;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

const STALL: Duration = Duration::from_millis(800);

/// Short stalls, and PINGs in between.
fn impatient() -> Config {
    let mut config = config();
    let limits = &mut config.limits.connections;
    limits.write_stall = STALL;
    limits.mosaic_stall = 3 * STALL;
    limits.ping_after = STALL / 4;
    config
}

/// Somebody at slot 3 whose picture changes all the time, until it is dropped.
struct Publisher(JoinHandle<()>);

impl Publisher {
    async fn start(server: &TestServer) -> Self {
        let mut frames = server.join("client4").await;
        let pictures = [tile_frame(1), tile_frame(2)];
        Self(tokio::spawn(async move {
            for picture in pictures.iter().cycle() {
                frames.ask(frame(picture.clone())).await;
            }
        }))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn watch(id: &str) -> Vec<u8> {
    WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() }.encode_to_vec()
}

/// That the slot 0 of `client1` is kept: others do not get it, and `client1` does.
async fn assert_slot_is_kept(server: &TestServer) {
    let mut other = server.client().await.frames().await;
    let joined =
        other.ask(tessera_wire::FrameRequest { client_id: "other".to_owned(), ..Default::default() });
    assert_eq!(joined.await.seat.unwrap().slot, 1);
    let mut again = server.client().await.frames().await;
    let joined =
        again.ask(tessera_wire::FrameRequest { client_id: "client1".to_owned(), ..Default::default() });
    assert_eq!(joined.await.seat.unwrap().slot, 0);
}

#[tokio::test]
async fn a_viewer_with_a_closed_window_is_ended_though_it_answers_pings_and_its_slot_is_kept() {
    let server = TestServer::with(&impatient()).await;
    let mut viewer = RawHttp2::open(server.address, 0).await;
    let begin = Instant::now();
    viewer.call(1, "WatchMosaic", Some(&watch("client1"))).await;
    let reset = viewer.next_of(raw::RST_STREAM).await.expect("the connection stands");
    assert_eq!((reset.stream, reset.payload), (1, vec![0, 0, 0, 8]), "CANCEL");
    assert!(begin.elapsed() >= STALL && begin.elapsed() < 3 * STALL, "{:?}", begin.elapsed());
    assert_slot_is_kept(&server).await;
}

#[tokio::test]
async fn a_viewer_that_takes_a_mosaic_byte_by_byte_is_ended_after_the_mosaic_stall() {
    let server = TestServer::with(&impatient()).await;
    let mut viewer = RawHttp2::open(server.address, 100).await;
    let begin = Instant::now();
    viewer.call(1, "WatchMosaic", Some(&watch("client1"))).await;
    let reset = loop {
        let frame = viewer.next().await.expect("the connection stands");
        match frame.kind {
            raw::RST_STREAM => break frame,
            raw::DATA => {
                tokio::time::sleep(STALL / 8).await;
                viewer.send(raw::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]).await.unwrap();
            }
            _ => {}
        }
    };
    assert_eq!(reset.stream, 1);
    assert!(begin.elapsed() >= 3 * STALL && begin.elapsed() < 6 * STALL, "{:?}", begin.elapsed());
    assert_slot_is_kept(&server).await;
}

#[tokio::test]
async fn who_reads_on_the_same_connection_goes_on() {
    let server = TestServer::with(&impatient()).await;
    let _publisher = Publisher::start(&server).await;
    let mut client = server.client().await;
    let mut reader = client.watch(WatchMosaicRequest::default()).await.unwrap();
    let _sleeper = client.watch(WatchMosaicRequest::default()).await.unwrap();
    let is_alone = server.counters.wait_for(|held| held.streams == 2);
    let reading = async {
        loop {
            reader.next().await;
        }
    };
    tokio::select! {
        _ = within(is_alone) => {}
        () = reading => {}
    }
    let last = reader.next().await.sequence;
    reader.wait_for(|response| response.sequence > last + 5).await;
}

#[tokio::test]
async fn a_viewer_over_http_1_that_never_reads_is_ended_and_its_slot_is_kept() {
    let server = TestServer::with(&impatient()).await;
    let _publisher = Publisher::start(&server).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut viewer = socket.connect(server.address).await.unwrap();
    let message = watch("client1");
    let head = format!(
        "POST /VideoProcessingService/WatchMosaic HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncontent-type: \
         application/grpc-web+proto\r\ncontent-length: {1}\r\n\r\n\0\0\0\0{2}",
        server.address,
        message.len() + 5,
        char::from(message.len() as u8),
    );
    viewer.write_all(head.as_bytes()).await.unwrap();
    viewer.write_all(&message).await.unwrap();
    within(server.counters.wait_for(|held| held.streams == 2)).await;
    within(server.counters.wait_for(|held| held.streams == 1 && held.connections == 1)).await;
    assert_slot_is_kept(&server).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_viewer_that_does_not_read_and_frees_the_port() {
    const STOP: Duration = Duration::from_secs(1);
    let mut config = config();
    config.limits.connections.stop_timeout = STOP;
    // Stalls are longer than that: what ends the viewer is the stop.
    assert!(config.limits.connections.write_stall > 5 * STOP);
    let server = TestServer::with(&config).await;
    let address = server.address;
    let mut viewer = RawHttp2::open(address, 0).await;
    viewer.call(1, "WatchMosaic", Some(&watch("client1"))).await;
    // The head needs no window; the mosaic behind it does.
    assert_eq!(viewer.next_of(raw::HEADERS).await.expect("the connection stands").stream, 1);
    let counters = server.counters.clone();
    let begin = Instant::now();
    server.stopped().await;
    let passed = begin.elapsed();
    within(counters.wait_for(|held| held.connections == 0)).await;
    assert!(passed >= STOP, "it had nothing to wait for: {passed:?}");
    assert!(passed < 5 * STOP, "{passed:?}");
    // Not even now has the viewer read anything, or gone.
    config.listen.addresses = vec![address];
    assert!(!TestServer::with(&config).await.look().await.frame_data.is_empty());
    drop(viewer);
}
