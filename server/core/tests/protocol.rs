//! Calls that break gRPC's rules, each with the code that it gets.

mod support;

use support::either_http::{Answer, VERSIONS, Version, request, send};
use support::{TestServer, tile_frame};
use tokio::net::TcpStream;

const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

/// A call of `method`, over gRPC if the headers say no other content.
async fn call(
    server: &TestServer,
    version: Version,
    method: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Answer {
    let (host, path) = (server.address.to_string(), format!("/VideoProcessingService/{method}"));
    let origin = format!("http://{host}");
    let stream = TcpStream::connect(server.address).await.unwrap();
    let headers = [headers, &[("origin", &origin)]].concat();
    let body = body.as_ref().to_vec();
    let request = match version {
        Version::Http1 => request("POST", &path, &[&headers[..], &[("host", &host)]].concat(), body),
        Version::Http2 => request("POST", &format!("http://{host}{path}"), &headers, body),
    };
    send(Box::new(stream), version, request).await
}

/// The code of a call over gRPC with this body, for each method.
async fn codes(server: &TestServer, encoding: &str, body: &[u8]) -> Vec<String> {
    let mut codes = Vec::new();
    for method in ["StreamFrames", "WatchMosaic", "PushFrame"] {
        let headers = [("content-type", GRPC), ("grpc-encoding", encoding)];
        let answer = call(server, Version::Http2, method, &headers, body).await;
        codes.push(answer.header("grpc-status").to_owned());
    }
    codes
}

#[tokio::test]
async fn messages_that_break_the_rules_get_their_code_whatever_the_method() {
    let server = TestServer::start().await;
    let mut healthy = server.join("client1").await;
    for (what, encoding, body, code) in [
        ("compressed, and nobody says how", "identity", &b"\x01\0\0\0\x01x"[..], "13"),
        ("a flag that does not exist", "identity", b"\x07\0\0\0\x01x", "13"),
        ("gzip", "gzip", b"\x01\0\0\0\x01x", "12"),
        ("longer than is taken", "identity", b"\0\xFF\xFF\xFF\xFF", "11"),
        ("cut off", "identity", b"\0\0\0\0\x09x", "13"),
        ("cut off in its length", "identity", b"\0\0\0", "13"),
        ("no protobuf", "identity", b"\0\0\0\0\x04\xFF\xFF\xFF\xFF", "13"),
    ] {
        assert_eq!(codes(&server, encoding, body).await, [code; 3], "{what}");
    }
    assert!(healthy.show(tile_frame(1)).await.refusal.is_none());
}

#[tokio::test]
async fn base64_that_is_none_is_internal() {
    let server = TestServer::start().await;
    for version in VERSIONS {
        for body in ["AAAAAAA=!!!!", "AAAA?", "=AAA"] {
            let answer = call(&server, version, "PushFrame", &[("content-type", TEXT)], body).await;
            assert_eq!(answer.header("grpc-status"), "13", "{body}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_grpc_is_415_and_what_is_unknown_unimplemented_over_either_http() {
    let server = TestServer::start().await;
    for version in VERSIONS {
        for content in ["text/plain", "application/json", "application/grpc-web-strange"] {
            let answer = call(&server, version, "PushFrame", &[("content-type", content)], "").await;
            assert_eq!(answer.status, 415, "{content}: {answer:?}");
        }
        let answer = call(&server, version, "Nonsense", &[("content-type", WEB)], [0; 5]).await;
        assert_eq!(answer.header("grpc-status"), "12");
    }
}
