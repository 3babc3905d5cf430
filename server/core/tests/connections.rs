//! What one address may have of the door: connections, time, headers, bytes.

mod support;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::{StatusCode, Version};
use support::http::Connection;
use support::raw::{self, RawHttp2};
use support::{TestServer, config, frame, tile_frame, within};
use tessera_server_core::{Config, Held};
use tessera_wire::FrameRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

const SOON: Duration = Duration::from_millis(300);

/// A connection from that address of this machine.
async fn connect_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((IpAddr::from(from), 0).into()).unwrap();
    within(socket.connect(to)).await.unwrap()
}

/// Waits until the server has closed it, and gives what it said until then.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end, too.
    drop(within(stream.read_to_end(&mut said)).await);
    said
}

async fn is_healthy(server: &TestServer) -> bool {
    let mut connection = Connection::open(server.address, Version::HTTP_11).await;
    connection.get("/healthz", &[]).await.status == StatusCode::OK
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_others_go_on() {
    let mut config = config();
    config.limits.connections.max_connections = 3;
    let server = TestServer::with(&config).await;
    let mut frames = server.join("client1").await;
    let idle = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    within(server.counters.wait_for(|held| held.connections == 3)).await;
    assert!(closed(&mut TcpStream::connect(server.address).await.unwrap()).await.is_empty());
    assert!(frames.show(tile_frame(1)).await.refusal.is_none());
    drop(idle);
    within(server.counters.wait_for(|held| held.connections == 1)).await;
    assert!(is_healthy(&server).await);
}

#[tokio::test]
async fn one_address_cannot_take_the_places_of_others() {
    let mut config = config();
    config.limits.connections.max_connections_per_ip = 2;
    config.limits.connections.limit_loopback = true;
    let server = TestServer::with(&config).await;
    let greedy = [127, 0, 0, 2];
    let _held = [connect_from(greedy, server.address).await, connect_from(greedy, server.address).await];
    within(server.counters.wait_for(|held| held.connections == 2)).await;
    assert!(closed(&mut connect_from(greedy, server.address).await).await.is_empty());
    assert!(is_healthy(&server).await);
}

#[tokio::test]
async fn this_machine_is_spared_unless_it_is_not() {
    let mut config = config();
    config.limits.connections.max_connections_per_ip = 1;
    let server = TestServer::with(&config).await;
    let _other = TcpStream::connect(server.address).await.unwrap();
    within(server.counters.wait_for(|held| held.connections == 1)).await;
    assert!(is_healthy(&server).await);
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_in_time_is_closed_whatever_it_speaks() {
    let mut config = config();
    config.limits.connections.opening_timeout = SOON;
    let server = TestServer::with(&config).await;
    let openings = ["", "G", "GET / HTTP/1.1\r\nhost: x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    for opening in openings {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(opening.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    }
    let mut silent = RawHttp2::open(server.address, 65_535).await;
    assert!(silent.next_of(raw::GOAWAY).await.is_none(), "settings are no request");
    within(server.counters.wait_for(|held| held.connections == 0)).await;
}

#[tokio::test]
async fn whoever_has_asked_may_be_quiet() {
    let mut config = config();
    config.limits.connections.opening_timeout = SOON;
    let server = TestServer::with(&config).await;
    let mut frames = server.join("client1").await;
    let mut silent = RawHttp2::open(server.address, 65_535).await;
    silent.next_of(raw::GOAWAY).await;
    assert!(frames.show(tile_frame(1)).await.refusal.is_none());
}

#[tokio::test]
async fn over_http_1_a_connection_is_not_kept_for_a_request_that_does_not_come() {
    let mut config = config();
    config.limits.connections.opening_timeout = SOON;
    let server = TestServer::with(&config).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let said = String::from_utf8(closed(&mut stream).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("ok\n"), "{said}");
}

#[tokio::test]
async fn a_thousand_headers_are_431() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let headers: String = (0..1000).map(|n| format!("x-{n}: y\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let said = String::from_utf8(closed(&mut stream).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");

    let mut connection = RawHttp2::open(server.address, 65_535).await;
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")];
    let many: Vec<_> = pseudo.into_iter().chain((0..500).map(|_| ("x", "y"))).collect();
    connection.send(raw::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &raw::block(&many)).await.unwrap();
    let answer = connection.next_of(raw::HEADERS).await.unwrap();
    // A literal with the name `:status`, which is the eighth of the static table.
    assert!(answer.payload.windows(3).any(|bytes| bytes == b"431") || answer.payload.starts_with(&[0x48]));
    assert_eq!(answer.stream, 1);
}

/// The values of the SETTINGS frame, by their numbers (RFC 9113 section 6.5.2).
fn settings(payload: &[u8]) -> BTreeMap<u16, u32> {
    let (settings, []) = payload.as_chunks::<6>() else { panic!("{payload:?}") };
    let parts =
        |&[a, b, c, d, e, f]: &[u8; 6]| (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
    settings.iter().map(parts).collect()
}

#[tokio::test]
async fn http_2_is_told_the_limits_of_streams_windows_and_headers() {
    // As users have them, and others: some of the first are what hyper would say of itself.
    for (streams, window, all_windows, header, config) in
        [(128, 512 << 10, 1 << 20, 16 << 10, config()), (50, 100_000, 300_000, 9000, other_http_2())]
    {
        let server = TestServer::with(&config).await;
        let mut connection = RawHttp2::open(server.address, 65_535).await;
        let first = within(connection.read()).await.unwrap();
        assert_eq!((first.kind, first.flags, first.stream), (raw::SETTINGS, 0, 0));
        let told = settings(&first.payload);
        assert_eq!(told.get(&raw::MAX_CONCURRENT_STREAMS), Some(&streams), "{told:?}");
        assert_eq!(told.get(&raw::INITIAL_WINDOW_SIZE), Some(&window), "{told:?}");
        assert_eq!(told.get(&raw::MAX_HEADER_LIST_SIZE), Some(&header), "{told:?}");
        // No setting has the connection's window: it begins with 65,535 bytes and is raised (RFC 9113 section 6.9.2).
        let raised = connection.next_of(raw::WINDOW_UPDATE).await.unwrap();
        let by = u32::from_be_bytes(raised.payload[..].try_into().unwrap());
        assert_eq!((raised.stream, 65_535 + by), (0, all_windows));
    }
}

/// Limits that are nobody's defaults.
fn other_http_2() -> Config {
    let mut config = config();
    let limits = &mut config.limits.connections;
    (limits.max_streams, limits.max_header_bytes) = (50, 9000);
    (limits.stream_window, limits.connection_window) = (100_000, 300_000);
    config
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_the_others_go_on_and_one_may_come_when_one_has_ended() {
    const STREAMS: u32 = 128;
    const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
    let server = TestServer::start().await;
    let mut connection = RawHttp2::open(server.address, 65_535).await;
    // Calls that say nothing yet, and so are open.
    for number in 0..STREAMS {
        connection.call(2 * number + 1, "StreamFrames", None).await;
    }
    within(server.counters.wait_for(|held| held.streams == STREAMS as usize)).await;
    let [more, again] = [2 * STREAMS + 1, 2 * STREAMS + 3];
    connection.ask(more).await;
    let refused = connection.next_of(raw::RST_STREAM).await.expect("the connection stands");
    assert_eq!((refused.stream, &refused.payload[..]), (more, &REFUSED_STREAM[..]));
    assert_eq!(server.counters.held().streams, STREAMS as usize, "the others are as they were");
    connection.send(raw::RST_STREAM, 0, 1, &[0, 0, 0, 8]).await.unwrap();
    within(server.counters.wait_for(|held| held.streams < STREAMS as usize)).await;
    connection.ask(again).await;
    loop {
        let frame = connection.next().await.expect("the connection stands");
        if frame.stream == again {
            assert_eq!(frame.kind, raw::HEADERS, "{frame:?}");
            break;
        }
    }
}

#[tokio::test]
async fn two_lengths_are_a_bad_request_and_end_the_connection() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let request = format!(
        "POST /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\ncontent-length: 0\r\n\r\n{smuggled}",
        smuggled.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let said = String::from_utf8(closed(&mut stream).await).unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.matches("HTTP/1.1").count() == 1, "{said}");
}

/// What one address of a server with that much room for bytes may do.
fn narrow() -> Config {
    let mut config = config();
    config.limits.connections.limit_loopback = true;
    config.limits.calls.max_held_bytes_per_ip = 1 << 20;
    config
}

#[tokio::test]
async fn bytes_of_unfinished_messages_are_bounded_for_each_address_and_given_back() {
    let server = TestServer::with(&narrow()).await;
    let mut healthy = server.join("client1").await;
    let before = server.counters.held().bytes;
    // From the healthy client's address, which then has too much as well: its own are never that many.
    let mut hoarder = RawHttp2::open(server.address, 65_535).await;
    hoarder.call(1, "StreamFrames", None).await;
    let mut begun = vec![0, 0, 0x60, 0, 0];
    begun.resize(16_000, 7);
    hoarder.send(raw::DATA, 0, 1, &begun).await.unwrap();
    within(server.counters.wait_for(|held| held.bytes == before + 16_000)).await;
    assert!(healthy.show(tile_frame(1)).await.refusal.is_none());
    drop(hoarder);
    let gone = |held: &Held| held.bytes < 16_000 && held.connections == 1;
    within(server.counters.wait_for(gone)).await;
    drop(healthy);
    within(server.counters.wait_for(|held| *held == Held { rooms: held.rooms, ..Held::default() })).await;
}

#[tokio::test]
async fn a_message_that_would_be_too_much_is_resource_exhausted_with_a_sentence() {
    let server = TestServer::with(&narrow()).await;
    let mut frames = server.join("client1").await;
    frames.send(frame(vec![7; 2 << 20])).await;
    let status = frames.end().await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("--max-held-bytes-per-ip"), "{status}");
    let mut again = server.join("client1").await;
    assert!(again.show(tile_frame(1)).await.refusal.is_none());
    let push = FrameRequest { frame_data: vec![7; 2 << 20].into(), ..Default::default() };
    let status = within(server.client().await.grpc.push_frame(push)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_declared_length_takes_nothing() {
    let server = TestServer::with(&narrow()).await;
    let mut liar = RawHttp2::open(server.address, 65_535).await;
    liar.call(1, "StreamFrames", None).await;
    liar.send(raw::DATA, 0, 1, &[0, 0xFF, 0xFF, 0xFF, 0xFF]).await.unwrap();
    // Its headers, and its status in the trailers.
    let ended = async { while liar.next_of(raw::HEADERS).await.unwrap().flags & raw::END_STREAM == 0 {} };
    within(ended).await;
    within(server.counters.wait_for(|held| held.bytes == 0 && held.streams == 0)).await;
}

#[tokio::test]
async fn a_single_message_must_come_as_a_whole_in_time() {
    let mut config = config();
    config.limits.calls.silent_after = SOON;
    let server = TestServer::with(&config).await;
    let mut slow = RawHttp2::open(server.address, 65_535).await;
    slow.call(1, "PushFrame", None).await;
    slow.send(raw::DATA, 0, 1, &[0, 0, 0, 1, 0, 7]).await.unwrap();
    assert!(slow.next_of(raw::HEADERS).await.unwrap().flags & raw::END_STREAM != 0);
    within(server.counters.wait_for(|held| held.streams == 0 && held.bytes == 0)).await;
}
