//! The guard around a router that answers everything, and requests with whatever connection one likes.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use tower::ServiceExt as _;

use super::*;
use crate::config::CertificateSource;
use tessera_wire::NEEDS_TLS;

const CALL: &str = "/VideoProcessingService/PushFrame";
const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";
/// What the router answers with.
const REACHED: &str = "reached";

/// A connection to our address of an untrusted network.
fn arrival(peer: &str, secure: bool) -> Arrival {
    let local = SocketAddr::from(([192, 168, 0, 7], 50051));
    Arrival { peer: SocketAddr::new(peer.parse().unwrap(), 4711), local, secure, forwarded: false }
}

fn plain() -> Arrival {
    arrival("192.168.0.8", false)
}

fn secure() -> Arrival {
    arrival("192.168.0.8", true)
}

fn config(origins: &[&str], hosts: &[&str]) -> config::Guard {
    config::Guard {
        origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
    }
}

/// A guard of a port without TLS.
fn guard(origins: &[&str], hosts: &[&str]) -> Router {
    Guard::new(&config(origins, hosts), None).around(routes())
}

/// A guard of a port with TLS, whose certificate is for localhost and secure.example.
fn guard_with_tls(plain: Plain) -> Router {
    guard_of(&[], plain)
}

/// The same, with origins that may call.
fn guard_of(origins: &[&str], plain: Plain) -> Router {
    let folder = tempfile::tempdir().unwrap();
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "secure.example".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let source = CertificateSource::Files { certificate, key };
    let tls = Tls::open(&config::Tls { certificate: Some(source), plain }, &[]).unwrap();
    Guard::new(&config(origins, &["named.example"]), tls.as_ref()).around(routes())
}

fn routes() -> Router {
    Router::new().fallback(async || REACHED)
}

/// What is answered to one request.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answered {
    fn is_reached(&self) -> bool {
        self.status == 200 && self.body == REACHED
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(router: &Router, arrival: Arrival, request: &str, headers: &[(&str, &str)]) -> Answered {
    let (method, target) = request.split_once(' ').unwrap();
    // An absolute target is what HTTP/2's :authority becomes; so are requests without a host.
    let is_http_1 = target.starts_with('/') && headers.iter().any(|(name, _)| *name == "host");
    let content = headers.iter().find(|(name, _)| *name == "content-type");
    let is_grpc = content.is_some_and(|(_, content)| [GRPC, "application/grpc+proto"].contains(content));
    let version = if is_http_1 && !is_grpc { Version::HTTP_11 } else { Version::HTTP_2 };
    let mut request = Request::builder().method(method).uri(target).version(version).extension(arrival);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 10).await.unwrap().to_vec()).unwrap();
    Answered { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// A call with gRPC-Web from a page of `origin` by `host`.
async fn call(router: &Router, arrival: Arrival, host: &str, origin: &str) -> Answered {
    let headers = [("host", host), ("origin", origin), ("content-type", WEB)];
    ask(router, arrival, &format!("POST {CALL}"), &headers).await
}

#[tokio::test]
async fn a_page_of_our_own_may_call_by_an_address_by_localhost_and_by_a_name_of_ours() {
    let router = guard(&[], &["call.example"]);
    for host in
        ["192.168.0.7:50051", "[2001:db8::1]:50051", "localhost:50051", "a.localhost", "Call.Example:50051"]
    {
        let answer = call(&router, plain(), host, &format!("http://{host}")).await;
        assert!(answer.is_reached(), "{host}: {answer:?}");
    }
    let answer = call(&router, plain(), "10.0.0.1", "http://10.0.0.1:80").await;
    assert!(answer.is_reached(), "a port that goes without saying: {answer:?}");
}

#[tokio::test]
async fn a_name_that_is_rebound_to_us_is_refused_and_told_the_flag() {
    let router = guard(&["http://evil.example:50051"], &["call.example"]);
    for host in ["evil.example:50051", "call.example.evil.example", "localhost.evil.example", "xcall.example"]
    {
        for (path, content) in [(CALL, WEB), (CALL, GRPC), (CALL, "text/plain"), ("/healthz", "text/plain")] {
            let headers = [("host", host), ("origin", &format!("http://{host}")), ("content-type", content)];
            let answer = ask(&router, plain(), &format!("POST {path}"), &headers).await;
            assert_eq!(answer.status, 403, "{host}: {answer:?}");
            assert!(answer.body.contains("--host"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_and_told_the_flag() {
    let router = guard(&["https://friend.example"], &[]);
    for origin in [
        "https://evil.example",
        "http://friend.example",
        "https://friend.example:8443",
        "https://friend.example.evil.example",
        "https://localhost:50051",
        "http://localhost",
        "http://localhost:50052",
        "http://127.0.0.1:50051",
    ] {
        for (path, content) in [(CALL, WEB), (CALL, GRPC), (CALL, "text/plain"), ("/", "text/plain")] {
            let headers = [("host", "localhost:50051"), ("origin", origin), ("content-type", content)];
            let answer = ask(&router, plain(), &format!("POST {path}"), &headers).await;
            assert_eq!(answer.status, 403, "{origin}: {answer:?}");
            assert!(answer.body.contains("--allow-origin"), "{answer:?}");
            assert!(answer.header("access-control-allow-origin").is_empty(), "{answer:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
}

#[tokio::test]
async fn null_and_what_is_no_origin_are_never_allowed() {
    let router = guard(&["https://friend.example"], &[]);
    for origin in ["null", "", "*", "file://", "https://friend.example/page", "x"] {
        let answer = call(&router, plain(), "localhost:50051", origin).await;
        assert_eq!(answer.status, 403, "{origin}: {answer:?}");
    }
    let twice = [
        ("host", "localhost"),
        ("origin", "http://localhost"),
        ("origin", "https://evil.example"),
        ("content-type", WEB),
    ];
    assert_eq!(ask(&router, plain(), &format!("POST {CALL}"), &twice).await.status, 403);
}

#[tokio::test]
async fn grpc_web_without_an_origin_is_refused() {
    let router = guard(&[], &[]);
    for content in
        [WEB, "application/grpc-web", "application/grpc-web-text", "Application/gRPC-Web; charset=utf-8"]
    {
        let headers = [("host", "localhost"), ("content-type", content)];
        let answer = ask(&router, plain(), &format!("POST {CALL}"), &headers).await;
        assert!(answer.status == 403 && answer.body.contains("Origin"), "{content}: {answer:?}");
    }
}

#[tokio::test]
async fn the_origin_is_compared_with_the_scheme_that_is_spoken() {
    let router = guard_with_tls(Plain::FromHere);
    assert!(call(&router, secure(), "localhost:50051", "https://localhost:50051").await.is_reached());
    assert_eq!(call(&router, secure(), "localhost:50051", "http://localhost:50051").await.status, 403);
    assert!(call(&router, secure(), "secure.example", "https://secure.example").await.is_reached());
    let here = arrival("192.168.0.7", false);
    assert!(call(&router, here, "localhost:50051", "http://localhost:50051").await.is_reached());
    assert_eq!(call(&router, here, "localhost:50051", "https://localhost:50051").await.status, 403);
}

#[tokio::test]
async fn two_hosts_in_one_request_are_none() {
    let router = guard(&[], &[]);
    let origin = ("origin", "http://localhost");
    for headers in [
        &[("content-type", WEB), origin][..],
        &[("content-type", WEB), origin, ("host", "localhost"), ("host", "evil.example")],
        &[("content-type", WEB), origin, ("host", "user@localhost")],
    ] {
        assert_eq!(ask(&router, plain(), &format!("POST {CALL}"), headers).await.status, 403, "{headers:?}");
    }
    let absolute = format!("POST http://localhost{CALL}");
    let headers = [("content-type", WEB), origin, ("host", "evil.example")];
    assert_eq!(ask(&router, plain(), &absolute, &headers).await.status, 403);
    assert!(ask(&router, plain(), &absolute, &headers[..2]).await.is_reached(), "as :authority of HTTP/2");
}

#[tokio::test]
async fn native_grpc_without_an_origin_is_left_alone_whatever_its_host() {
    let router = guard(&[], &[]);
    for host in ["evil.example", "anything:1", "localhost"] {
        for content in [GRPC, "application/grpc+proto"] {
            let headers = [("host", host), ("content-type", content)];
            assert!(ask(&router, plain(), &format!("POST {CALL}"), &headers).await.is_reached(), "{host}");
        }
    }
    assert!(ask(&router, plain(), &format!("POST {CALL}"), &[("content-type", GRPC)]).await.is_reached());
}

#[tokio::test]
async fn a_link_to_the_page_is_followed_whatever_its_host() {
    let router = guard(&[], &[]);
    for request in ["GET /", "HEAD /", "GET /style.css", "GET /VideoProcessingServices"] {
        assert!(
            ask(&router, plain(), request, &[("host", "elsewhere.example")]).await.status == 200,
            "{request}"
        );
    }
}

#[tokio::test]
async fn what_is_no_grpc_is_415_and_what_is_no_post_is_405() {
    let router = guard(&[], &[]);
    for content in [
        "text/plain",
        "application/json",
        "application/grpcs",
        "application/grpc+json",
        "application/grpc-web+json",
        "",
    ] {
        let own = [("host", "localhost"), ("origin", "http://localhost"), ("content-type", content)];
        let answer = ask(&router, plain(), &format!("POST {CALL}"), &own).await;
        assert_eq!(answer.status, 415, "{content}: {answer:?}");
    }
    assert_eq!(ask(&router, plain(), &format!("POST {CALL}"), &[]).await.status, 415);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&router, plain(), &format!("{method} {CALL}"), &[("content-type", GRPC)]).await;
        assert!(answer.status == 405 && answer.header("allow") == "POST", "{method}: {answer:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_allowed_from_elsewhere_passes_with_its_preflight() {
    let router = guard(&["https://friend.example", "http://other.example:8080"], &["call.example"]);
    let preflight = [
        ("host", "call.example:50051"),
        ("origin", "https://friend.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-grpc-web,x-user-agent"),
    ];
    let answer = ask(&router, plain(), &format!("OPTIONS {CALL}"), &preflight).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://friend.example");
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    for name in ["content-type", "authorization", "x-grpc-web", "x-user-agent", "grpc-timeout"] {
        assert!(answer.header("access-control-allow-headers").contains(name), "{answer:?}");
    }
    let answer = call(&router, plain(), "call.example:50051", "https://friend.example").await;
    assert!(answer.is_reached(), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "https://friend.example");
    for name in ["grpc-status", "grpc-message"] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{answer:?}");
    }
    assert!(answer.header("vary").contains("origin"), "{answer:?}");
}

#[tokio::test]
async fn a_page_that_is_allowed_may_read_why_it_is_refused() {
    let origin = "https://friend.example";
    let router = guard(&[origin], &[]);
    for (method, content, status) in [("POST", "application/json", 415), ("GET", "", 405)] {
        let headers = [("host", "localhost"), ("origin", origin), ("content-type", content)];
        let answer = ask(&router, plain(), &format!("{method} {CALL}"), &headers).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, origin));
    }
    let router = guard_of(&[origin], Plain::FromHere);
    let asks = ("access-control-request-method", "POST");
    let preflight = [("host", "secure.example"), ("origin", origin), asks];
    let answer = ask(&router, plain(), &format!("OPTIONS {CALL}"), &preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
    let answer = call(&router, plain(), "secure.example", origin).await;
    assert_eq!((answer.header("grpc-status"), answer.header("access-control-allow-origin")), ("14", origin));
    assert!(answer.header("access-control-expose-headers").contains(NEEDS_TLS), "{answer:?}");
}

#[tokio::test]
async fn the_service_gets_the_content_type_as_it_knows_it() {
    let seen = async |headers: HeaderMap| headers["content-type"].to_str().unwrap().to_owned();
    let router = Guard::new(&config(&[], &[]), None).around(Router::new().fallback(seen));
    for (content, expected) in [
        ("application/grpc-web;charset=utf-8", WEB),
        ("APPLICATION/gRPC-Web+Proto", WEB),
        ("application/grpc-web-text ; x=y", TEXT),
    ] {
        let headers = [("host", "localhost"), ("origin", "http://localhost"), ("content-type", content)];
        assert_eq!(ask(&router, plain(), &format!("POST {CALL}"), &headers).await.body, expected);
    }
}

#[tokio::test]
async fn grpc_over_http_1_is_told_what_is_missing() {
    let router = guard(&[], &[]);
    let request = Request::builder().method("POST").uri(CALL).header("host", "localhost");
    let request = request.header("content-type", GRPC).extension(plain()).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 505);
    let body = to_bytes(response.into_body(), 1 << 10).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("HTTP/2"));
}

#[tokio::test]
async fn a_request_of_http_1_for_two_hosts_is_a_bad_one() {
    let router = guard(&[], &[]);
    let answer = ask(&router, plain(), "GET /", &[("host", "localhost"), ("host", "localhost")]).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(ask(&router, plain(), "GET /", &[("host", "localhost")]).await.is_reached());
}

#[tokio::test]
async fn a_preflight_of_a_page_that_is_not_allowed_gets_nothing() {
    let router = guard(&["https://friend.example"], &[]);
    for (host, origin) in [("localhost", "https://evil.example"), ("evil.example", "https://friend.example")]
    {
        let preflight = [("host", host), ("origin", origin), ("access-control-request-method", "POST")];
        let answer = ask(&router, plain(), &format!("OPTIONS {CALL}"), &preflight).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.header("access-control-allow-origin").is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn with_tls_a_page_from_another_machine_is_redirected_to_https_at_the_same_host_and_port() {
    let router = guard_with_tls(Plain::FromHere);
    for (host, to) in [
        ("secure.example:50051", "https://secure.example:50051/?room=a%20b"),
        ("named.example", "https://named.example/?room=a%20b"),
        ("192.168.0.7:50051", "https://192.168.0.7:50051/?room=a%20b"),
        // Of a router or of a container's host, which hands the port on.
        ("203.0.113.9:8443", "https://203.0.113.9:8443/?room=a%20b"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(&router, plain(), &format!("{method} /?room=a%20b"), &[("host", host)]).await;
            assert_eq!((answer.status, answer.header("location")), (308, to));
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn nobody_is_redirected_to_a_host_that_is_not_ours() {
    let router = guard_with_tls(Plain::FromHere);
    for host in
        ["evil.example", "secure.example.evil.example", "named.example@evil.example", "evil.example:443#"]
    {
        let answer = ask(&router, plain(), "GET /", &[("host", host)]).await;
        assert!(
            [400, 403].contains(&answer.status) && answer.header("location").is_empty(),
            "{host}: {answer:?}"
        );
    }
    assert_eq!(ask(&router, plain(), "GET /", &[]).await.status, 400);
    let answer = ask(&router, plain(), "GET //evil.example/", &[("host", "secure.example")]).await;
    assert_eq!(answer.header("location"), "https://secure.example//evil.example/");
}

#[tokio::test]
async fn with_tls_a_plain_call_from_another_machine_is_unavailable_with_a_sentence_that_names_tls() {
    let router = guard_with_tls(Plain::FromHere);
    for (content, back) in
        [(GRPC, GRPC), ("application/grpc+proto", GRPC), (WEB, WEB), ("application/grpc-web-text", TEXT)]
    {
        let headers = [("host", "x"), ("content-type", content)];
        let answer = ask(&router, plain(), &format!("POST {CALL}"), &headers).await;
        assert_eq!((answer.status, answer.header("grpc-status"), answer.body.as_str()), (200, "14", ""));
        assert_eq!(answer.header("content-type"), back);
        assert!(answer.header("grpc-message").contains("TLS"), "{answer:?}");
        assert_eq!(answer.header(NEEDS_TLS), "1");
    }
    for (request, content) in
        [("POST /", "text/plain"), (&*format!("POST {CALL}"), "text/plain"), ("OPTIONS /", "")]
    {
        let answer =
            ask(&router, plain(), request, &[("host", "secure.example"), ("content-type", content)]).await;
        assert!(answer.status == 403 && answer.body.contains("TLS"), "{answer:?}");
    }
}

#[tokio::test]
async fn without_tls_from_here_or_where_plain_is_allowed_nobody_is_sent_away() {
    let grpc = [("host", "x"), ("content-type", GRPC)];
    for (router, arrival) in [
        (guard_with_tls(Plain::FromHere), arrival("192.168.0.7", false)),
        (guard_with_tls(Plain::FromHere), arrival("127.0.0.1", false)),
        (guard_with_tls(Plain::FromHere), secure()),
        (guard_with_tls(Plain::Allowed), plain()),
        (guard(&[], &[]), plain()),
    ] {
        assert!(ask(&router, arrival, "GET /", &[("host", "x")]).await.is_reached());
        assert!(ask(&router, arrival, &format!("POST {CALL}"), &grpc).await.is_reached());
    }
}

#[tokio::test]
async fn a_request_without_a_connection_is_our_fault() {
    let request = Request::builder().uri("/").body(Body::empty()).unwrap();
    let response = guard(&[], &[]).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
}
