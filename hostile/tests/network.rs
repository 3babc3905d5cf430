//! Lines that are bad and peers that are gone, beside bystanders who must not notice.
//!
//! | row | test |
//! | --- | --- |
//! | peer vanishes: stale, then gone | `a_peer_that_vanishes_is_stale_and_then_gone` |
//! | a peer without a seat that answers nothing | `a_spectator_who_vanishes_is_noticed_by_the_ping_alone` |
//! | reset or half-close in mid-frame | `a_reset_in_mid_frame_frees_the_seat_within_a_second`, `a_half_close_in_mid_frame_frees_the_seat_within_a_second` |
//! | 200 ms round trip | `over_200_ms_the_lag_stays_under_a_second` |
//! | 10 s cut, new address: same slot | `after_a_cut_of_ten_seconds_the_session_brings_the_slot_back_from_another_address` |
//! | a line that trickles | `a_line_that_trickles_slows_nobody_else` |

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tessera_hostile::guest::{self, Frames, Guest};
use tessera_hostile::pictures;
use tessera_hostile::proxy::Proxy;
use tessera_hostile::stage::{Stage, TILE};
use tessera_hostile::target::{Target, within};
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tonic::Streaming;

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::start(&[]));

/// A server that bears everything for a minute but a ping without an answer.
static PATIENT: LazyLock<Stage> = LazyLock::new(|| {
    Stage::start(&["--write-stall=60s", "--mosaic-stall=60s", "--silent-after=60s", "--opening-timeout=60s"])
});

/// A guest on a line of its own, with a seat.
async fn on_a_line(stage: &Stage, id: &str) -> (Proxy, Frames, FrameResponse) {
    let proxy = Proxy::start(stage.target()).await.unwrap();
    let guest = Guest::connect(Target::healthy(proxy.address())).await.unwrap();
    let (frames, welcome) = within(guest.join(guest::hello(id))).await.unwrap();
    (proxy, frames, welcome)
}

async fn spectator(stage: &Stage) -> Streaming<FrameResponse> {
    let guest = Guest::connect(stage.target()).await.unwrap();
    within(guest.watch(WatchMosaicRequest::default())).await.unwrap()
}

/// Waits until the layout has `id`.
async fn seated(mosaics: &mut Streaming<FrameResponse>, id: &str) {
    loop {
        let response = guest::first(mosaics).await.unwrap();
        if response.layout.is_some_and(|layout| layout.places.iter().any(|place| place.client_id == id)) {
            return;
        }
    }
}

/// Waits until the layout lacks `id`.
async fn gone(mosaics: &mut Streaming<FrameResponse>, id: &str) {
    loop {
        let response = guest::first(mosaics).await.unwrap();
        if response.layout.is_some_and(|layout| layout.places.iter().all(|place| place.client_id != id)) {
            return;
        }
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_is_stale_and_then_gone() {
    STAGE
        .row(async |stage| {
            let (proxy, mut frames, welcome) = on_a_line(stage, "ghost").await;
            let slot = welcome.seat.unwrap().slot;
            within(frames.show(pictures::frame(TILE.0, TILE.1, 1))).await.unwrap();
            let mut mosaics = spectator(stage).await;
            proxy.blackhole();
            let stale = async {
                loop {
                    let response = guest::first(&mut mosaics).await.unwrap();
                    if response.tiles.iter().any(|tile| tile.slot == slot && tile.stale) {
                        return;
                    }
                }
            };
            timeout(Duration::from_secs(4), stale).await.expect("it is not marked stale");
            timeout(Duration::from_secs(6), gone(&mut mosaics, "ghost")).await.expect("it has its seat yet");
        })
        .await;
}

/// What else could end the spectator's connection, and does not: silence of a seat (it has none), a write that stalls (a
/// minute here), a request that is late (it has made one), and TCP's own limit for what is not acknowledged, which is as
/// long as the two of the ping together: the proxy's kernel acknowledges the few bytes that it is sent, though nobody
/// reads them. Nor is it the room, where nothing happens: somebody beside it is as quiet, and stays, as it answers.
#[tokio::test]
async fn a_spectator_who_vanishes_is_noticed_by_the_ping_alone() {
    PATIENT
        .row(async |stage| {
            let quiet = || WatchMosaicRequest { room: "a quiet one".to_owned(), ..Default::default() };
            let before = stage.counters().held();
            let living = Guest::connect(stage.target()).await.unwrap();
            let mut beside = within(living.watch(quiet())).await.unwrap();
            within(guest::first(&mut beside)).await.unwrap();
            let proxy = Proxy::start(stage.target()).await.unwrap();
            let ghost = Guest::connect(Target::healthy(proxy.address())).await.unwrap();
            let mut mosaics = within(ghost.watch(quiet())).await.unwrap();
            within(guest::first(&mut mosaics)).await.unwrap();
            let there = stage.counters().held();
            assert_eq!((there.connections, there.viewers), (before.connections + 2, before.viewers + 2));
            proxy.blackhole();
            let begin = Instant::now();
            let gone = stage.counters().wait_for(|held| held.connections < there.connections);
            let held = timeout(Duration::from_secs(10), gone).await.expect("it is there yet");
            // Two seconds until it is asked, and one to answer, less what was silent before: that it was told takes nothing.
            assert!(begin.elapsed() > Duration::from_secs(1), "it was told: {:?}", begin.elapsed());
            assert_eq!(held.connections, before.connections + 1, "both are gone");
            within(stage.counters().wait_for(|held| held.viewers == before.viewers + 1)).await;
            // Whoever is beside it hears of somebody who comes now.
            let hello = FrameRequest { room: quiet().room, ..guest::hello("late") };
            let (_frames, _) = within(living.join(hello)).await.unwrap();
            within(seated(&mut beside, "late")).await;
        })
        .await;
}

/// Half of a frame, as its call's bytes.
async fn half_a_frame(proxy: &Proxy, id: &str) -> tokio::net::TcpStream {
    use tessera_hostile::attack::h2::{Connection, Frame, grpc};
    let mut connection = Connection::open(Target::healthy(proxy.address()), &[]).await.unwrap();
    connection.send(&Frame::call(1, "StreamFrames")).await.unwrap();
    connection.send(&Frame::data(1, 0, grpc(&guest::hello(id)))).await.unwrap();
    let mut socket = connection.into_socket();
    // The head of a frame of 16 KiB of DATA, and half of them.
    let head = [&[0, 0x40, 0, 0, 0][..], &1u32.to_be_bytes(), &[0, 0, 0, 0x3F, 0xFB]].concat();
    socket.write_all(&[&head[..], &[0; 8000]].concat()).await.unwrap();
    socket
}

async fn seat_is_free_after(end: impl FnOnce(&Proxy)) {
    STAGE
        .row(async |stage| {
            let proxy = Proxy::start(stage.target()).await.unwrap();
            let mut mosaics = spectator(stage).await;
            let _socket = half_a_frame(&proxy, "half").await;
            within(seated(&mut mosaics, "half")).await;
            end(&proxy);
            timeout(Duration::from_secs(1), gone(&mut mosaics, "half")).await.expect("it has its seat yet");
        })
        .await;
}

#[tokio::test]
async fn a_reset_in_mid_frame_frees_the_seat_within_a_second() {
    seat_is_free_after(Proxy::cut).await;
}

#[tokio::test]
async fn a_half_close_in_mid_frame_frees_the_seat_within_a_second() {
    seat_is_free_after(Proxy::half_close).await;
}

#[tokio::test]
async fn over_200_ms_the_lag_stays_under_a_second() {
    STAGE
        .row(async |stage| {
            let (proxy, frames, _) = on_a_line(stage, "far away").await;
            proxy.delay(Duration::from_millis(200));
            let (requests, mut responses) = frames.split();
            let begin = Instant::now();
            let sending = async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(50));
                for n in 1..=40 {
                    ticks.tick().await;
                    let captured_at_us = begin.elapsed().as_micros() as u64;
                    let frame_data = pictures::frame(TILE.0, TILE.1, n);
                    let request = FrameRequest { frame_data, captured_at_us, ..Default::default() };
                    requests.send(request).await.unwrap();
                }
            };
            let reading = async {
                for _ in 0..40 {
                    let response = responses.message().await.unwrap().unwrap();
                    let sent = response.tiles.iter().map(|tile| tile.captured_at_us).max().unwrap();
                    let lag = begin.elapsed() - Duration::from_micros(sent);
                    assert!(lag >= Duration::from_millis(190) && lag < Duration::from_secs(1), "{lag:?}");
                }
            };
            within(async { tokio::join!(sending, reading) }).await;
        })
        .await;
}

/// How long a line is cut. A slot is kept for 30 seconds.
const CUT: Duration = Duration::from_secs(10);

/// Two ways to be cut off: one that the server is told, and one of which it knows by an unanswered ping.
#[tokio::test]
async fn after_a_cut_of_ten_seconds_the_session_brings_the_slot_back_from_another_address() {
    PATIENT
        .row(async |stage| {
            let (cut, mut frames, told) = on_a_line(stage, "cut off").await;
            let (swallowed, _silent, untold) = on_a_line(stage, "swallowed").await;
            let travellers = [("cut off", told.seat.unwrap()), ("swallowed", untold.seat.unwrap())];
            for (_, seat) in &travellers {
                stage.witness().keep_secret(&seat.session);
            }
            let mut mosaics = spectator(stage).await;
            swallowed.blackhole();
            cut.cut();
            within(frames.next()).await.unwrap_err();
            // Those who come in the meantime would like to have them.
            let others = Guest::connect(stage.target()).await.unwrap();
            let mut newcomers = Vec::new();
            for (id, seat) in &travellers {
                let wish = FrameRequest {
                    preferred_slot: Some(seat.slot),
                    ..guest::hello(&format!("instead of {id}"))
                };
                newcomers.push(within(others.join(wish)).await.unwrap());
            }
            let mut is_seated = true;
            let watched = timeout(CUT, async {
                loop {
                    let Some(layout) = guest::first(&mut mosaics).await.unwrap().layout else { continue };
                    for place in &layout.places {
                        let owner = travellers.iter().find(|(_, seat)| seat.slot == place.slot);
                        let is_owners = owner.is_none_or(|(id, _)| *id == place.client_id);
                        assert!(is_owners, "{} has slot {}", place.client_id, place.slot);
                    }
                    is_seated = layout.places.iter().any(|place| place.client_id == "swallowed");
                }
            });
            watched.await.unwrap_err();
            assert!(!is_seated, "it has its seat yet, so that its slot need not be kept");
            let elsewhere = Guest::connect(stage.target()).await.unwrap();
            for (id, seat) in travellers {
                let again = FrameRequest { session: seat.session.clone(), ..guest::hello(id) };
                let (_frames, welcome) = within(elsewhere.join(again)).await.unwrap();
                let found = welcome.seat.unwrap();
                assert_eq!((found.slot, found.session), (seat.slot, seat.session), "{id}");
            }
        })
        .await;
}

#[tokio::test]
async fn a_line_that_trickles_slows_nobody_else() {
    STAGE
        .row(async |stage| {
            let (proxy, mut frames, _) = on_a_line(stage, "trickle").await;
            proxy.trickle(20_000);
            let frame = pictures::frame(TILE.0, TILE.1, 1);
            within(frames.show(frame.clone())).await.unwrap();
            proxy.mend();
            within(frames.show(frame)).await.unwrap();
        })
        .await;
}
