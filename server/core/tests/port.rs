//! The port: one for everything, and how it closes.

mod support;

use std::time::{Duration, Instant};

use axum::http::{StatusCode, Version};
use support::http::Connection;
use support::{TestServer, config};
use tessera_server_core::{Page, Server};
use tessera_wire::WatchMosaicRequest;
use tokio::net::TcpStream;
use tonic::Code;

#[tokio::test]
async fn the_page_the_health_check_and_grpc_share_one_port() {
    let server = TestServer::start().await;
    let mut connection = Connection::open(server.address, Version::HTTP_11).await;
    let page = connection.get("/", &[]).await;
    assert!(page.text().contains("built for a test"), "a server without its page says why: {page:?}");
    let health = connection.get("/healthz", &[]).await;
    assert_eq!((health.status, health.text()), (StatusCode::OK, "ok\n"));
    assert_eq!(connection.get("/nothing", &[]).await.status, StatusCode::NOT_FOUND);
    assert!(!server.look().await.frame_data.is_empty());
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let server = TestServer::start().await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut grpc = tonic::client::Grpc::new(channel.connect().await.unwrap());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<WatchMosaicRequest, WatchMosaicRequest>::default();
    let path = "/VideoProcessingService/Nonsense".parse().unwrap();
    let answer = grpc.unary(tonic::Request::new(WatchMosaicRequest::default()), path, codec).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_stop_ends_open_streams_first_and_frees_the_port_at_once() {
    let server = TestServer::start().await;
    let address = server.address;
    let mut frames = server.join("client1").await;
    let mut viewer = server.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
    let _silent = TcpStream::connect(address).await.unwrap();
    viewer.next().await;
    let begin = Instant::now();
    server.stop();
    assert_eq!(frames.end().await.code(), Code::Unavailable);
    assert_eq!(viewer.end().await.code(), Code::Unavailable);
    drop((frames, viewer));
    server.stopped().await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let mut config = config();
    config.listen.addresses = vec![address];
    TestServer::with(&config).await.look().await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_port_and_the_flag() {
    let server = TestServer::start().await;
    let mut config = config();
    config.listen.addresses = vec![server.address];
    let error = Server::bind(&config, Page::absent("built for a test")).await.unwrap_err().to_string();
    assert!(error.contains(&server.address.port().to_string()) && error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn a_default_address_that_the_machine_lacks_is_skipped_unless_it_was_asked_for() {
    let mut config = config();
    // TEST-NET-1 (RFC 5737) is no machine's.
    config.listen.addresses.push(([192, 0, 2, 1], 0).into());
    assert!(Server::bind(&config, Page::absent("built for a test")).await.is_err());
    config.listen.is_default = true;
    let server = Server::bind(&config, Page::absent("built for a test")).await.unwrap();
    assert_eq!(server.addresses().len(), 1);
}
