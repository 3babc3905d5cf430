//! The server behind Debian's nginx, configured as docs/nginx.conf says: native gRPC, gRPC-Web and the page through it,
//! with TLS. `make test` installs nginx; with `SKIP_E2E=1` none of this is run, which is said.

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, Method, Request, Response, StatusCode, Version};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use support::grpc_web::{call, call_with_token, framed, join, push};
use support::http::Connection;
use support::nginx::{NAME, Nginx};
use support::programs::are_skipped;
use support::tokens::{KeyFile, claims, signed};
use support::{TestServer, config, frame, jpeg, picture, shows, tile_frame};
use tessera_server_core::{Config, File, Guard, Page};
use tessera_wire::{FrameRequest, FrameResponse, PushFrameResponse, WatchMosaicRequest};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Code;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// After so much silence nginx ends a request, unless it is told otherwise.
const NGINX_PATIENCE: Duration = Duration::from_secs(60);

const PAGE: [File; 1] = [File { name: "index.html", plain: b"<!doctype html>the page", brotli: b"" }];

/// A server with the flags that docs/nginx.conf names.
async fn server() -> TestServer {
    server_with(config()).await
}

async fn server_with(config: Config) -> TestServer {
    let guard = Guard { hosts: vec![NAME.parse().unwrap()], ..Guard::default() };
    let mut config = Config { guard, ..config };
    config.limits.connections.trusted_proxy = vec!["127.0.0.1/32".parse().unwrap()];
    TestServer::with_page(&config, Page::embedded("b1", &PAGE)).await
}

#[tokio::test]
async fn a_native_client_sends_frames_and_gets_mosaics_without_end() {
    if are_skipped("a_native_client_sends_frames_and_gets_mosaics_without_end") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    let mut frames = nginx.client().await.join("client2").await;
    let large = jpeg(&picture(1600, 1200, 5));
    // A body of more than 1 MiB is what nginx refuses unless told otherwise.
    for _ in 0..(3 << 20) / large.len() {
        assert_eq!(frames.show(large.clone()).await.refusal, None);
        let seen = frames.show(tile_frame(1)).await;
        assert!(shows(&seen.frame_data, 1, &tile_frame(1)));
    }
    frames.half_close().await;
    server.wait_for_seats(0).await;
}

#[tokio::test]
async fn a_native_viewer_gets_each_mosaic_as_it_is_made() {
    if are_skipped("a_native_viewer_gets_each_mosaic_as_it_is_made") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    let mut mosaics = nginx.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
    mosaics.next().await;
    let mut frames = server.join("client1").await;
    for seed in 1..=3 {
        frames.show(tile_frame(seed)).await;
        mosaics.wait_for(|seen| shows(&seen.frame_data, 0, &tile_frame(seed))).await;
    }
}

#[tokio::test]
async fn a_page_watches_and_pushes_over_both_http() {
    if are_skipped("a_page_watches_and_pushes_over_both_http") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    for version in VERSIONS {
        watch_and_push(&nginx, version).await;
        server.wait_for_seats(0).await;
    }
}

#[tokio::test]
async fn a_page_watches_and_pushes_through_a_proxy_that_knows_http1_only() {
    if are_skipped("a_page_watches_and_pushes_through_a_proxy_that_knows_http1_only") {
        return;
    }
    let site = "
server {
    listen 80;
    listen [::]:80;
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    ssl_certificate /etc/ssl/call.example.org/fullchain.pem;
    ssl_certificate_key /etc/ssl/call.example.org/privkey.pem;
    location / {
        proxy_pass http://127.0.0.1:50051;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_buffering off;
        client_max_body_size 8m;
    }
}";
    let server = server().await;
    let nginx = Nginx::with(site, server.address).await;
    for version in VERSIONS {
        watch_and_push(&nginx, version).await;
        server.wait_for_seats(0).await;
    }
}

/// Claims of a guest of that room.
fn guest_of(room: &str) -> String {
    let mut claims = claims("guest");
    claims["video"]["room"] = room.into();
    signed(&claims)
}

#[tokio::test]
async fn a_private_room_behind_nginx_is_for_native_clients_and_pages_with_a_token_of_it_and_no_others() {
    if are_skipped(
        "a_private_room_behind_nginx_is_for_native_clients_and_pages_with_a_token_of_it_and_no_others",
    ) {
        return;
    }
    let key = KeyFile::new();
    let server = server_with(key.config()).await;
    let nginx = Nginx::documented(server.address).await;
    let (good, elsewhere) = (guest_of("main"), guest_of("attic"));

    let mut native = nginx.client().await;
    let hello = |id: &str| FrameRequest { client_id: id.to_owned(), ..frame(tile_frame(1)) };
    let mut frames = native.join_with(&good, hello("robot")).await.unwrap();
    assert!(shows(&frames.next().await.unwrap().unwrap().frame_data, 0, &tile_frame(1)));
    // Of the token's room the server knows with the first request, whether or not it has begun to answer by then.
    let refused = match native.join_with(&elsewhere, hello("stranger")).await {
        Ok(mut frames) => frames.end().await,
        Err(status) => status,
    };
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
    let refused = native.watch(WatchMosaicRequest::default()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
    assert!(refused.message().contains("this server is private"), "{refused}");

    for version in VERSIONS {
        let mut browser = nginx.browser(version).await;
        let watch = framed(&WatchMosaicRequest::default());
        let (code, message) = call(&mut browser, "WatchMosaic", watch.clone()).await.failure().await;
        assert_eq!(code, Code::Unauthenticated, "{message}");
        let mut refused = call_with_token(&mut browser, "WatchMosaic", &elsewhere, watch.clone()).await;
        assert_eq!(
            refused.failure().await,
            (Code::Unauthenticated, "the token is for another room".to_owned())
        );
        let mut watch = call_with_token(&mut browser, "WatchMosaic", &good, watch).await;
        assert_eq!(watch.status, StatusCode::OK);
        assert!(shows(&watch.message::<FrameResponse>().await.frame_data, 0, &tile_frame(1)));
    }
}

/// Pushes twice, and sees both while the stream of mosaics goes on: nothing waits in a buffer for its end.
async fn watch_and_push(nginx: &Nginx, version: Version) {
    let mut down = nginx.browser(version).await;
    let (mut watch, seat) = join(&mut down, "client2").await;
    assert_eq!(watch.status, StatusCode::OK);
    assert_eq!(watch.headers[CONTENT_TYPE], "application/grpc-web+proto");
    let mut up = nginx.browser(version).await;
    for sequence in 1..=2 {
        let frame = tile_frame(sequence);
        let request = FrameRequest { sequence: u64::from(sequence), ..push(&seat, frame.clone()) };
        let mut answer = call(&mut up, "PushFrame", framed(&request)).await;
        assert_eq!(answer.message::<PushFrameResponse>().await, PushFrameResponse::default());
        assert!(answer.trailers().await.contains(&"grpc-status:0".to_owned()));
        loop {
            let seen: FrameResponse = watch.message().await;
            if shows(&seen.frame_data, 1, &frame) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_browser_may_push_thousands_of_times_on_one_connection() {
    if are_skipped("a_browser_may_push_thousands_of_times_on_one_connection") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    let mut connection = nginx.browser(Version::HTTP_2).await;
    let (_watch, seat) = join(&mut connection, "client1").await;
    let sign_of_life = framed(&push(&seat, ""));
    // nginx ends a connection after 1000 requests unless told otherwise.
    for _ in 0..1100 {
        let mut answer = call(&mut connection, "PushFrame", sign_of_life.clone()).await;
        answer.message::<PushFrameResponse>().await;
    }
}

#[tokio::test]
async fn the_page_and_the_health_check_come_through_and_plain_http_is_sent_to_https() {
    if are_skipped("the_page_and_the_health_check_come_through_and_plain_http_is_sent_to_https") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    for version in VERSIONS {
        let mut browser = nginx.browser(version).await;
        let page = browser.get("/", &[]).await;
        assert_eq!((page.status, page.text()), (StatusCode::OK, "<!doctype html>the page"));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(browser.get("/healthz", &[]).await.text(), "ok\n");
    }
    let mut plain = Connection::open(nginx.http, Version::HTTP_11).await;
    let sent = plain.get("/r/main?lang=ko", &[]).await;
    assert_eq!(sent.status, StatusCode::PERMANENT_REDIRECT);
    assert!(sent.header("location").ends_with("/r/main?lang=ko"), "{}", sent.header("location"));
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_behind_nginx_too() {
    if are_skipped("a_page_of_another_origin_is_refused_behind_nginx_too") {
        return;
    }
    let server = server().await;
    let nginx = Nginx::documented(server.address).await;
    let mut browser = nginx.browser(Version::HTTP_2).await;
    let web = (CONTENT_TYPE, "application/grpc-web+proto");
    let origin = (HeaderName::from_static("origin"), "https://evil.example");
    let path = "/VideoProcessingService/WatchMosaic";
    assert_eq!(browser.ask(Method::POST, path, &[web, origin]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_quiet_stream_outlives_the_patience_of_nginx() {
    if are_skipped("a_quiet_stream_outlives_the_patience_of_nginx") {
        return;
    }
    let mut config = config();
    config.limits.calls.silent_after = 4 * NGINX_PATIENCE;
    // A ping is a sign of life for nginx, too.
    config.limits.connections.ping_after = 4 * NGINX_PATIENCE;
    let server = server_with(config).await;
    let nginx = Nginx::documented(server.address).await;
    let mut frames = nginx.client().await.join("client1").await;
    let begin = Instant::now();
    // Nothing is said on it either way, so there is no event to wait for.
    tokio::time::sleep(NGINX_PATIENCE + Duration::from_secs(5)).await;
    let seen = frames.show(tile_frame(1)).await;
    assert!(shows(&seen.frame_data, 0, &tile_frame(1)), "after {:?}", begin.elapsed());
}

#[tokio::test]
async fn the_server_is_told_who_asks_and_not_what_they_say_of_that() {
    if are_skipped("the_server_is_told_who_asks_and_not_what_they_say_of_that") {
        return;
    }
    let echo = Echo::start().await;
    let nginx = Nginx::documented(echo.address).await;
    let forged = [
        (HeaderName::from_static("x-forwarded-for"), "203.0.113.7"),
        (HeaderName::from_static("x-forwarded-proto"), "gopher"),
        (CONTENT_TYPE, "application/grpc"),
    ];
    for (path, version) in [("/", "HTTP/1.0"), ("/VideoProcessingService/StreamFrames", "HTTP/2.0")] {
        let heard = nginx.browser(Version::HTTP_2).await.ask(Method::POST, path, &forged).await;
        let lines: Vec<_> = heard.text().lines().collect();
        for line in
            [version, "host: call.example.org", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: https"]
        {
            assert!(lines.contains(&line), "no {line} in {lines:?}");
        }
        assert!(!heard.text().contains("203.0.113.7"), "{lines:?}");
    }
}

/// A server that answers with what it was asked.
struct Echo {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async {
                    let builder = Builder::new(TokioExecutor::new());
                    let service = service_fn(async |request| Ok::<_, Infallible>(heard(&request)));
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, _serving: serving }
    }
}

/// The version, the host and the headers, a line each.
fn heard<T>(request: &Request<T>) -> Response<Body> {
    let mut lines = format!("{:?}\n", request.version());
    if let Some(host) = request.uri().host() {
        lines.push_str(&format!("host: {host}\n"));
    }
    for (name, value) in request.headers() {
        lines.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    Response::new(Body::from(lines))
}
