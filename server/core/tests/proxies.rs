//! Behind a proxy that is trusted, and what anybody else says of whom it comes from.

mod support;

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{Method, Response};
use hyper::body::Incoming;
use support::either_http::{Answer, VERSIONS, Version, request, send};
use support::http::Connection;
use support::tls::{Files, config_with};
use support::{TestServer, config, within};
use tessera_server_core::{Config, Guard, Plain};
use tokio::net::TcpStream;

const HTTP_2: axum::http::Version = axum::http::Version::HTTP_2;
const WEB: &str = "application/grpc-web+proto";
const HOST: &str = "call.example.org";
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

/// Behind a proxy on this machine, by that name.
fn behind_a_proxy() -> Config {
    let mut config = config();
    config.guard = Guard { origins: Vec::new(), hosts: vec![HOST.parse().unwrap()] };
    config.limits.connections.trusted_proxy = vec!["127.0.0.1/32".parse().unwrap()];
    config
}

/// A push without a seat, as a page of https://call.example.org sends it through a proxy that ends TLS.
async fn push(server: &TestServer, version: Version, headers: &[(&str, &str)]) -> Answer {
    const PUSH: &str = "/VideoProcessingService/PushFrame";
    let stream = TcpStream::connect(server.address).await.unwrap();
    let page = [("origin", "https://call.example.org"), ("content-type", WEB)];
    let headers = [&page, headers].concat();
    let request = match version {
        Version::Http1 => request("POST", PUSH, &[&headers[..], &[("host", HOST)]].concat(), vec![0; 5]),
        Version::Http2 => request("POST", &format!("http://{HOST}{PUSH}"), &headers, vec![0; 5]),
    };
    send(Box::new(stream), version, request).await
}

#[tokio::test]
async fn a_page_through_a_proxy_with_tls_is_of_our_own_origin() {
    let server = TestServer::with(&behind_a_proxy()).await;
    for version in VERSIONS {
        let answer = push(&server, version, &[(FOR, "203.0.113.9"), (PROTO, "https")]).await;
        assert_eq!(
            (answer.status, answer.header("grpc-status")),
            (200, "9"),
            "FAILED_PRECONDITION: {answer:?}"
        );
        assert_eq!(push(&server, version, &[(FOR, "203.0.113.9"), (PROTO, "http")]).await.status, 403);
        assert_eq!(push(&server, version, &[(FOR, "203.0.113.9")]).await.status, 403);
    }
}

#[tokio::test]
async fn nobody_else_says_which_scheme_it_was() {
    let mut config = behind_a_proxy();
    config.limits.connections.trusted_proxy = vec!["192.0.2.1/32".parse().unwrap()];
    let server = TestServer::with(&config).await;
    for version in VERSIONS {
        let answer = push(&server, version, &[(FOR, "203.0.113.9"), (PROTO, "https")]).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_on_this_machine_hands_on_without_tls_is_not_from_this_machine() {
    let files = Files::new();
    let mut config = config_with(files.source(), Plain::FromHere);
    config.limits.connections.trusted_proxy = vec!["127.0.0.1/32".parse().unwrap()];
    let server = TestServer::with(&config).await;
    let get = async |headers: &[(&str, &str)]| {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let headers = [headers, &[("host", "localhost")]].concat();
        send(Box::new(stream), Version::Http1, request("GET", "/healthz", &headers, Vec::new())).await.status
    };
    assert_eq!(get(&[]).await, 200, "what is from here needs no TLS");
    assert_eq!(get(&[(FOR, "203.0.113.9"), (PROTO, "https")]).await, 200, "it had TLS as far as the proxy");
    assert_eq!(get(&[(FOR, "203.0.113.9"), (PROTO, "http")]).await, 308);
    assert_eq!(get(&[(FOR, "203.0.113.9")]).await, 308);
}

#[tokio::test]
async fn requests_in_flight_count_for_whom_they_are_and_the_proxy_may_have_any_number() {
    let mut config = behind_a_proxy();
    config.limits.connections.max_connections_per_ip = 2;
    config.limits.connections.limit_loopback = true;
    let server = TestServer::with(&config).await;
    let mut proxy = Connection::open(server.address, HTTP_2).await;
    let _others =
        [Connection::open(server.address, HTTP_2).await, Connection::open(server.address, HTTP_2).await];
    let mut watch = async |peer: &str| {
        let forwarded = HeaderName::from_static(FOR);
        let headers = [(forwarded, peer), (CONTENT_TYPE, "application/grpc")];
        let path = "/VideoProcessingService/WatchMosaic";
        proxy.send(Method::POST, path, &headers, vec![0; 5]).await
    };
    let exhausted =
        |answer: &Response<Incoming>| answer.headers().get("grpc-status").is_some_and(|code| code == "8");
    let first = watch("203.0.113.9").await;
    let second = watch("203.0.113.9").await;
    assert!(!exhausted(&first) && !exhausted(&second));
    assert!(exhausted(&watch("203.0.113.9").await));
    let other = watch("203.0.113.10").await;
    assert!(!exhausted(&other));
    drop(first);
    within(server.counters.wait_for(|held| held.streams == 2)).await;
    assert!(!exhausted(&watch("203.0.113.9").await));
    drop((second, other));
}
