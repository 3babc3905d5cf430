//! Frames that are no good, beside bystanders who must not notice. Each is refused alone, and its sender stays.
//!
//! | row | test |
//! | --- | --- |
//! | 20 in a row end the stream | `the_20th_bad_frame_in_a_row_ends_the_stream` |
//! | 13000x13000 and 65500x65500, refused in under 1 ms | `forged_sizes_are_refused`, `a_forged_size_costs_less_than_a_millisecond` |
//! | zero or one-pixel sides | `forged_sizes_are_refused`, `a_new_size_in_every_frame_is_borne` |
//! | progressive with 1,000 scans; CMYK, 12 bits, arithmetic, lossless, two components | `kinds_that_are_not_taken_are_refused` |
//! | every prefix of a valid file | `every_prefix_is_refused` |
//! | missing or corrupt tables, restart abuse, 5 MB of comments | `broken_tables_and_restarts_are_refused` |
//! | PNG, GIF, SVG, HTML | `what_is_no_jpeg_is_refused` |
//! | EXIF GPS and ICC | `exif_and_icc_are_never_passed_on` |
//! | a conforming header over garbage, too few, too many MCUs | `a_tiles_header_over_other_data_is_refused` |
//! | a new size in every frame | `a_new_size_in_every_frame_is_borne` |
//!
//! Every reason for a refusal, one by one: mosaic/tests/refusals.rs and ingest.rs.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tessera_hostile::attack::jpeg::{self, Forged};
use tessera_hostile::guest::{self, Frames, Guest};
use tessera_hostile::pictures;
use tessera_hostile::stage::{Stage, TILE};
use tessera_hostile::target::within;
use tessera_mosaic::Ingest;
use tessera_wire::refusal::Reason;
use tessera_wire::{Refusal, WatchMosaicRequest};
use tonic::Code;

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::start(&[]));

async fn join(stage: &Stage) -> Frames {
    let guest = Guest::connect(stage.target()).await.unwrap();
    within(guest.join(guest::hello("forger"))).await.unwrap().0
}

/// Why a frame was refused, if it was.
async fn refusal(frames: &mut Frames, frame: impl Into<bytes::Bytes>) -> Option<Refusal> {
    let response = within(frames.show(frame)).await.unwrap();
    assert!(!response.frame_data.is_empty(), "every answer has a mosaic");
    response.refusal
}

/// Each of them is refused for its reason, and a good frame after it is taken.
async fn expect_refused(all: Vec<Forged>) {
    STAGE
        .row(async |stage| {
            let mut frames = join(stage).await;
            let good = pictures::frame(TILE.0, TILE.1, 1);
            for Forged { name, reason, jpeg } in all {
                let refused = refusal(&mut frames, jpeg).await.unwrap_or_else(|| panic!("{name} was taken"));
                assert_eq!(refused.reason(), reason, "{name}: {}", refused.message);
                assert_eq!(refusal(&mut frames, good.clone()).await, None, "after {name}");
            }
        })
        .await;
}

#[tokio::test]
async fn forged_sizes_are_refused() {
    expect_refused(jpeg::sizes(TILE)).await;
}

#[test]
fn a_forged_size_costs_less_than_a_millisecond() {
    for Forged { name, jpeg, .. } in jpeg::sizes(TILE) {
        let cost = || {
            let begin = Instant::now();
            assert!(Ingest::default().decode(&jpeg).is_err(), "{name}");
            begin.elapsed()
        };
        // The quickest of a few: others may have the processor at times.
        let quickest = (0..10).map(|_| cost()).min().unwrap();
        assert!(quickest < Duration::from_millis(1), "{name}: {quickest:?}");
    }
}

#[tokio::test]
async fn kinds_that_are_not_taken_are_refused() {
    expect_refused(jpeg::kinds(TILE)).await;
}

#[tokio::test]
async fn broken_tables_and_restarts_are_refused() {
    expect_refused(jpeg::tables(TILE)).await;
}

#[tokio::test]
async fn what_is_no_jpeg_is_refused() {
    expect_refused(jpeg::others()).await;
}

#[tokio::test]
async fn a_tiles_header_over_other_data_is_refused() {
    expect_refused(jpeg::data(TILE)).await;
}

#[tokio::test]
async fn every_prefix_is_refused() {
    STAGE
        .row(async |stage| {
            let mut frames = join(stage).await;
            let good = pictures::frame(32, 32, 1);
            for (n, prefix) in jpeg::prefixes().enumerate() {
                let refused = refusal(&mut frames, prefix).await;
                assert!(refused.is_some(), "the first {} bytes were taken", n + 1);
                // 20 in a row would end the stream.
                if n % 10 == 9 {
                    assert_eq!(refusal(&mut frames, good.clone()).await, None);
                }
            }
        })
        .await;
}

#[tokio::test]
async fn the_20th_bad_frame_in_a_row_ends_the_stream() {
    STAGE
        .row(async |stage| {
            let mut frames = join(stage).await;
            for _ in 0..20 {
                let refused = refusal(&mut frames, &b"no picture"[..]).await.unwrap();
                assert_eq!(refused.reason(), Reason::NotJpeg);
            }
            assert_eq!(within(frames.next()).await.unwrap_err().code(), Code::InvalidArgument);
        })
        .await;
}

#[tokio::test]
async fn exif_and_icc_are_never_passed_on() {
    STAGE
        .row(async |stage| {
            let secret = b"54.3233N 10.1228E";
            let has_secret = |mosaic: &[u8]| mosaic.windows(secret.len()).any(|bytes| bytes == secret);
            let mut frames = join(stage).await;
            let frame = jpeg::with_secrets(TILE, secret);
            assert!(has_secret(&frame));
            let own = within(frames.show(frame)).await.unwrap();
            assert_eq!(own.refusal, None);
            let spectator = Guest::connect(stage.target()).await.unwrap();
            let mut mosaics = within(spectator.watch(WatchMosaicRequest::default())).await.unwrap();
            let seen = within(guest::first(&mut mosaics)).await.unwrap();
            for mosaic in [own, seen] {
                assert!(!mosaic.frame_data.is_empty() && !has_secret(&mosaic.frame_data));
            }
        })
        .await;
}

#[tokio::test]
async fn a_new_size_in_every_frame_is_borne() {
    STAGE
        .row(async |stage| {
            let mut frames = join(stage).await;
            for n in 0..40 {
                let (width, height) = (1 + n * 13 % 400, 1 + n * 29 % 300);
                assert_eq!(
                    refusal(&mut frames, pictures::frame(width, height, n)).await,
                    None,
                    "{width}x{height}"
                );
            }
        })
        .await;
}

/// What guests send from many seats, to see that nobody waits for it, and that it does not stay.
#[test]
fn frames_that_cost_much_are_within_the_limits() {
    for jpeg in [jpeg::dear(), jpeg::large()] {
        Ingest::default().decode(&jpeg).unwrap();
    }
}
