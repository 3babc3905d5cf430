//! What comes over the wire and is none of the protocols that are spoken here, beside bystanders who must not notice.
//!
//! | row | test |
//! | --- | --- |
//! | compressed flag without encoding | `a_compressed_flag_without_an_encoding_is_internal` |
//! | declared length 4 GiB | `a_declared_length_of_4_gib_is_out_of_range_and_reserves_nothing` |
//! | truncated message, garbage protobuf | `a_truncated_message_and_garbage_are_internal` |
//! | unknown method | `an_unknown_method_is_unimplemented` |
//! | content-type that is not gRPC's | `another_content_type_is_415_over_both_http` |
//! | broken base64 in grpc-web-text | `broken_base64_is_internal` |
//! | gzip message | `a_gzip_message_is_unimplemented` |
//! | 1,000 headers | `a_thousand_headers_are_431_or_a_reset` |
//! | rapid reset, CONTINUATION, empty DATA, PING, SETTINGS, WINDOW_UPDATE floods | `floods_of_frames_are_ended_or_bounded` |
//! | HTTP/1 smuggling | `a_request_of_two_lengths_is_400_and_closed` |
//! | plain text to a `--tls-only` port | `a_port_for_tls_only_closes_plain_connections_without_a_word` of server/core/tests/tls.rs |
//! | expired deadline | `an_expired_deadline_on_a_push_leaves_the_seat`, `an_expired_deadline_on_a_stream_keeps_the_slot` |
//! | another origin, a rebound host (browser) | `another_origin_and_a_rebound_host_are_403` |

use std::sync::LazyLock;
use std::time::Duration;

use tessera_hostile::attack::floods::{Flood, many_headers};
use tessera_hostile::attack::h2::{Ending, framed, grpc};
use tessera_hostile::attack::http1;
use tessera_hostile::guest::{self, Guest};
use tessera_hostile::stage::Stage;
use tessera_hostile::target::{Target, within};
use tessera_hostile::web::{self, Answer, Version};
use tessera_wire::WatchMosaicRequest;
use tokio::time::timeout;
use tonic::Code;

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::start(&[]));

const NATIVE: [(&str, &str); 2] = [("content-type", "application/grpc"), ("te", "trailers")];
const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

async fn ask(
    target: Target,
    version: Version,
    method: &str,
    headers: &[(&str, impl AsRef<str>)],
    body: Vec<u8>,
) -> Answer {
    all(target, version, web::post(method, headers, body)).await
}

async fn all(target: Target, version: Version, request: hyper::Request<web::Body>) -> Answer {
    let answering = within(web::send(target, version, request)).await.unwrap();
    within(answering.all()).await.unwrap()
}

/// The code of a native call with this body.
async fn code(target: Target, method: &str, body: Vec<u8>) -> Option<Code> {
    ask(target, Version::Http2, method, &NATIVE, body).await.grpc.map(Code::from_i32)
}

#[tokio::test]
async fn a_compressed_flag_without_an_encoding_is_internal() {
    STAGE
        .row(async |stage| {
            for method in ["StreamFrames", "PushFrame", "WatchMosaic"] {
                assert_eq!(
                    code(stage.target(), method, framed(1, b"squeezed")).await,
                    Some(Code::Internal),
                    "{method}"
                );
            }
        })
        .await;
}

#[tokio::test]
async fn a_declared_length_of_4_gib_is_out_of_range_and_reserves_nothing() {
    STAGE
        .row(async |stage| {
            for method in ["StreamFrames", "PushFrame", "WatchMosaic"] {
                let body = vec![0, 0xFF, 0xFF, 0xFF, 0xFF, 1];
                assert_eq!(code(stage.target(), method, body).await, Some(Code::OutOfRange), "{method}");
            }
            assert!(stage.counters().held().bytes < 1 << 20);
        })
        .await;
}

#[tokio::test]
async fn a_truncated_message_and_garbage_are_internal() {
    STAGE
        .row(async |stage| {
            let mut truncated = framed(0, &[0; 100]);
            truncated.truncate(50);
            // A field of ten bytes, of which one is there.
            for body in [truncated, framed(0, &[0x0A, 10, 1]), framed(0, &[0xFF; 30])] {
                for method in ["StreamFrames", "PushFrame"] {
                    assert_eq!(
                        code(stage.target(), method, body.clone()).await,
                        Some(Code::Internal),
                        "{body:?}"
                    );
                }
            }
        })
        .await;
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    STAGE
        .row(async |stage| {
            for method in ["Nothing", "streamframes", "%2e%2e/admin"] {
                assert_eq!(
                    code(stage.target(), method, framed(0, &[])).await,
                    Some(Code::Unimplemented),
                    "{method}"
                );
            }
        })
        .await;
}

#[tokio::test]
async fn another_content_type_is_415_over_both_http() {
    STAGE
        .row(async |stage| {
            for version in BOTH {
                for kind in ["text/plain", "application/json", "multipart/form-data", "application/x-grpc"] {
                    let headers = [("content-type", kind)];
                    let body = grpc(&guest::hello("intruder"));
                    let answer = ask(stage.target(), version, "WatchMosaic", &headers, body).await;
                    assert_eq!(answer.status, 415, "{kind} over {version:?}");
                }
            }
        })
        .await;
}

#[tokio::test]
async fn broken_base64_is_internal() {
    STAGE
        .row(async |stage| {
            let origin = format!("http://{}", stage.address());
            let headers = web::page_headers(&origin, "application/grpc-web-text");
            for body in ["!!!!!!!!", "AAAAAAA", "AAAA=AAA"] {
                let answer = ask(stage.target(), Version::Http1, "PushFrame", &headers, body.into()).await;
                assert_eq!(answer.grpc.map(Code::from_i32), Some(Code::Internal), "{body}");
            }
        })
        .await;
}

#[tokio::test]
async fn a_gzip_message_is_unimplemented() {
    STAGE
        .row(async |stage| {
            let headers = [&NATIVE[..], &[("grpc-encoding", "gzip")]].concat();
            let answer =
                ask(stage.target(), Version::Http2, "PushFrame", &headers, framed(1, b"\x1f\x8b\x08")).await;
            assert_eq!(answer.grpc.map(Code::from_i32), Some(Code::Unimplemented));
        })
        .await;
}

#[tokio::test]
async fn a_thousand_headers_are_431_or_a_reset() {
    STAGE
        .row(async |stage| {
            let answer = within(http1::last_words(stage.target(), http1::many_headers(1000).as_bytes()))
                .await
                .unwrap();
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            let ending = within(many_headers(stage.target(), 1000)).await.unwrap();
            assert!(matches!(ending, Ending::Reset(_) | Ending::GoAway(_) | Ending::Stream), "{ending}");
        })
        .await;
}

#[tokio::test]
async fn floods_of_frames_are_ended_or_bounded() {
    for flood in Flood::ALL {
        STAGE
            .row(async |stage| {
                // Two seconds are enough for more than any server should bear, and for a bounded one to be seen so.
                let flooding = timeout(Duration::from_secs(2), flood.run(stage.target(), 1000));
                let ending = flooding.await.map_or(Ok(None), |ending| ending).unwrap();
                if matches!(flood, Flood::RapidReset | Flood::Continuation) {
                    assert!(
                        matches!(ending, Some(Ending::GoAway(_) | Ending::Closed)),
                        "{flood:?}: {ending:?}"
                    );
                }
            })
            .await;
    }
}

#[tokio::test]
async fn a_request_of_two_lengths_is_400_and_closed() {
    STAGE
        .row(async |stage| {
            for (request, may_be_read) in http1::smuggled() {
                let answer = within(http1::last_words(stage.target(), request.as_bytes())).await.unwrap();
                assert!(may_be_read || answer.starts_with("HTTP/1.1 400 "), "{request}\n{answer}");
                assert_eq!(
                    answer.matches("HTTP/1.1 ").count(),
                    1,
                    "the hidden request was answered: {answer}"
                );
            }
        })
        .await;
}

/// A call that the server is to end after 50 ms.
const DEADLINE: (&str, &str) = ("grpc-timeout", "50m");

#[tokio::test]
async fn an_expired_deadline_on_a_push_leaves_the_seat() {
    STAGE
        .row(async |stage| {
            let target = stage.target();
            let guest = Guest::connect(target).await.unwrap();
            let (mut frames, welcome) = guest.join(guest::hello("hurried")).await.unwrap();
            // A frame of which nothing comes but its announcement.
            let headers = [&NATIVE[..], &[DEADLINE]].concat();
            let request = web::post_that_waits("PushFrame", &headers, vec![0, 0, 0, 1, 0]);
            let answer = all(target, Version::Http2, request).await;
            assert_eq!(answer.grpc.map(Code::from_i32), Some(Code::DeadlineExceeded));
            assert!(welcome.seat.is_some());
            within(frames.ask(guest::hello(""))).await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn an_expired_deadline_on_a_stream_keeps_the_slot() {
    STAGE
        .row(async |stage| {
            let target = stage.target();
            let headers = [&NATIVE[..], &[DEADLINE]].concat();
            let request = web::post_that_waits("StreamFrames", &headers, grpc(&guest::hello("late")));
            let answer = all(target, Version::Http2, request).await;
            assert_eq!(answer.grpc.map(Code::from_i32), Some(Code::DeadlineExceeded));
            let slot = answer.first_message().unwrap().seat.unwrap().slot;
            let newcomer = Guest::connect(target).await.unwrap();
            let (_frames, welcome) = newcomer.join(guest::hello("newcomer")).await.unwrap();
            assert_ne!(welcome.seat.unwrap().slot, slot, "it is kept");
        })
        .await;
}

#[tokio::test]
async fn another_origin_and_a_rebound_host_are_403() {
    STAGE
        .row(async |stage| {
            let elsewhere =
                [("content-type", "application/grpc-web+proto"), ("origin", "https://evil.example")];
            let plain = [("content-type", "text/plain"), ("origin", "https://evil.example")];
            let rebound = [("content-type", "application/grpc-web+proto"), ("host", "evil.example")];
            let seats = stage.counters().held().seats;
            for version in BOTH {
                for headers in [&elsewhere[..], &plain] {
                    let body = grpc(&guest::seated("intruder"));
                    let answer = ask(stage.target(), version, "WatchMosaic", headers, body).await;
                    assert!([403, 415].contains(&answer.status), "{headers:?}: {}", answer.status);
                }
            }
            let body = grpc(&WatchMosaicRequest::default());
            let answer = ask(stage.target(), Version::Http1, "WatchMosaic", &rebound, body).await;
            assert_eq!(answer.status, 403);
            assert_eq!(stage.counters().held().seats, seats);
        })
        .await;
}
