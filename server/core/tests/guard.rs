//! What browsers can be made to send, over real connections: it has no effect unless the page is ours or allowed.

mod support;

use prost::Message as _;
use support::either_http::{Answer, VERSIONS, Version, request, send};
use support::tls::{Files, config_with, handshake, trusting};
use support::{TestServer, config};
use tessera_server_core::{Config, Guard, Plain};
use tessera_wire::FrameRequest;
use tokio::net::TcpStream;

const JOIN: &str = "/VideoProcessingService/StreamFrames";
const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web+proto";

/// A message that takes a seat, framed as gRPC frames it.
fn hello() -> Vec<u8> {
    let message = FrameRequest { client_id: "client1".to_owned(), ..Default::default() }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat()
}

fn allowing(origin: &str, host: &str) -> Config {
    let guard = Guard { origins: vec![origin.parse().unwrap()], hosts: vec![host.parse().unwrap()] };
    Config { guard, ..config() }
}

/// A call that takes a seat, with these headers and by this host.
async fn call(server: &TestServer, version: Version, host: &str, headers: &[(&str, &str)]) -> Answer {
    ask(server, version, "POST", host, headers).await
}

async fn ask(
    server: &TestServer,
    version: Version,
    method: &str,
    host: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let request = match version {
        Version::Http1 => request(method, JOIN, &[headers, &[("host", host)]].concat(), hello()),
        Version::Http2 => request(method, &format!("http://{host}{JOIN}"), headers, hello()),
    };
    send(Box::new(stream), version, request).await
}

async fn seats(server: &TestServer) -> usize {
    server.look().await.layout.unwrap().places.len()
}

#[tokio::test]
async fn a_page_from_elsewhere_has_no_effect_whatever_it_sends() {
    let server = TestServer::start().await;
    let host = server.address.to_string();
    for version in VERSIONS {
        for content in
            ["text/plain", "application/x-www-form-urlencoded", GRPC, WEB, "application/grpc-web-text"]
        {
            for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
                let headers = [("origin", origin), ("content-type", content), ("x-grpc-web", "1")];
                let answer = call(&server, version, &host, &headers).await;
                assert_eq!(answer.status, 403, "{version:?} {content} {origin}: {answer:?}");
                assert!(answer.text().contains("--allow-origin"), "{answer:?}");
            }
        }
    }
    assert_eq!(seats(&server).await, 0);
}

#[tokio::test]
async fn a_rebound_name_has_no_effect() {
    let server = TestServer::start().await;
    let host = format!("evil.example:{}", server.address.port());
    for version in VERSIONS {
        for content in [GRPC, WEB, "text/plain"] {
            let headers = [("origin", &*format!("http://{host}")), ("content-type", content)];
            let answer = call(&server, version, &host, &headers).await;
            assert!(answer.status == 403 && answer.text().contains("--host evil.example"), "{answer:?}");
        }
    }
    assert_eq!(seats(&server).await, 0);
}

#[tokio::test]
async fn grpc_web_without_an_origin_and_what_is_no_grpc_have_no_effect() {
    let server = TestServer::start().await;
    let host = server.address.to_string();
    for version in VERSIONS {
        assert_eq!(call(&server, version, &host, &[("content-type", WEB)]).await.status, 403);
        for content in ["text/plain", "application/json", "application/octet-stream"] {
            let answer = call(&server, version, &host, &[("content-type", content)]).await;
            assert_eq!(answer.status, 415, "{version:?} {content}: {answer:?}");
        }
        assert_eq!(call(&server, version, &host, &[]).await.status, 415);
        for method in ["GET", "HEAD", "OPTIONS", "PUT"] {
            let answer = ask(&server, version, method, &host, &[("content-type", GRPC)]).await;
            assert!(
                answer.status == 405 && answer.header("allow") == "POST",
                "{version:?} {method}: {answer:?}"
            );
        }
    }
    assert_eq!(seats(&server).await, 0);
}

#[tokio::test]
async fn our_own_page_and_native_programs_get_their_calls() {
    let server = TestServer::start().await;
    let host = server.address.to_string();
    let own = format!("http://{host}");
    let answer = call(&server, Version::Http2, &host, &[("origin", &own), ("content-type", GRPC)]).await;
    assert!(answer.status == 200 && !answer.body.is_empty(), "{answer:?}");
    // Any authority is normal without a browser.
    let answer = call(&server, Version::Http2, "anything.example", &[("content-type", GRPC)]).await;
    assert!(answer.status == 200 && !answer.body.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn over_tls_our_own_page_is_https() {
    let files = Files::new();
    let server = TestServer::with(&config_with(files.source(), Plain::FromHere)).await;
    let host = format!("localhost:{}", server.address.port());
    for (origin, status) in [(format!("https://{host}"), 200), (format!("http://{host}"), 403)] {
        let stream =
            handshake(server.address, &trusting(&files.certificate(), &["h2"]), "localhost").await.unwrap();
        let headers = [("origin", &*origin), ("content-type", GRPC)];
        let request = request("POST", &format!("https://{host}{JOIN}"), &headers, hello());
        assert_eq!(send(Box::new(stream), Version::Http2, request).await.status, status, "{origin}");
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_that_is_allowed_gets_its_preflight_and_its_call() {
    let server = TestServer::with(&allowing("https://call.example", "call.example")).await;
    for version in VERSIONS {
        let preflight = [
            ("origin", "https://call.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-grpc-web"),
        ];
        let answer = ask(&server, version, "OPTIONS", "call.example", &preflight).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://call.example");
        assert!(answer.header("access-control-allow-headers").contains("x-grpc-web"), "{answer:?}");
    }
    let headers = [("origin", "https://call.example"), ("content-type", GRPC)];
    let answer = call(&server, Version::Http2, "call.example", &headers).await;
    assert!(answer.status == 200 && !answer.body.is_empty(), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "https://call.example");
    assert!(answer.header("access-control-expose-headers").contains("grpc-message"), "{answer:?}");
}
