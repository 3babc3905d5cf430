//! The server as a process: signals, its end, its descriptors.
//!
//! | row | test |
//! | --- | --- |
//! | SIGTERM with 100 streams | `a_sigterm_with_100_streams_ends_it_in_time_and_frees_the_port` |
//! | a second signal exits at once | `a_second_signal_does_not_wait_for_open_connections` of server/tests/signals.rs |
//! | SIGKILL and restart | `after_a_kill_everybody_is_back_in_the_old_slot` |
//! | (memory of large frames) | `who_sends_large_frames_leaves_no_memory_behind` |
//! | SIGSTOP | `after_a_stop_there_is_no_burst_of_old_frames` (2 s here, 20 s in `make soak`) |
//! | no file descriptors left | `without_descriptors_it_waits_and_recovers` |
//! | a certificate replaced while running | `a_certificate_that_is_replaced_while_the_server_runs_is_taken_and_streams_go_on` of server/core/tests/tls.rs |
//! | a broken one: the old is kept | `a_broken_replacement_keeps_the_old_one_with_one_warning` of server/core/src/tls/keeper.rs |
#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;
use tessera_client::frames::{Frames as Source, Playback};
use tessera_client::identity::Room;
use tessera_client::pacing::Pace;
use tessera_client::session::{Event, Session, SessionConfig};
use tessera_client::tiles::FrameSize;
use tessera_hostile::attack::{jpeg, slow, swarm};
use tessera_hostile::bystanders::Bystanders;
use tessera_hostile::guest::{self, Guest};
use tessera_hostile::program::{Program, Start};
use tessera_hostile::stage::{GAP, TILE};
use tessera_hostile::target::{Target, within};
use tessera_wire::{FrameResponse, WatchMosaicRequest};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Streaming};

const SERVER: &str = env!("CARGO_BIN_EXE_plain-server");

fn start(flags: &[&str]) -> Start {
    Start::new(SERVER, &[&["--tile=160x128", "--limit-loopback"], flags].concat())
}

async fn anywhere(flags: &[&str]) -> Program {
    start(flags).and("--listen=127.0.0.1:0".to_owned()).run().await.unwrap()
}

fn unnoticed(server: &Program) {
    let complaints = server.witness().complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test]
async fn a_sigterm_with_100_streams_ends_it_in_time_and_frees_the_port() {
    let mut server = anywhere(&[]).await;
    let guest = Guest::connect(Target::healthy(server.address())).await.unwrap();
    let watching = (0..100).map(|_| guest.watch(WatchMosaicRequest::default()));
    let mut streams = within(try_join_all(watching)).await.unwrap();
    server.signal(Signal::TERM).unwrap();
    let status = timeout(Duration::from_secs(10), server.ended()).await.expect("it goes on").unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.witness().last_lines());
    TcpListener::bind(server.address()).unwrap();
    let ends = join_all(streams.iter_mut().map(end));
    assert!(within(ends).await.into_iter().all(|code| code == Code::Unavailable));
    unnoticed(&server);
}

/// How a stream ends.
async fn end(stream: &mut Streaming<FrameResponse>) -> Code {
    loop {
        if let Err(status) = guest::first(stream).await {
            return status.code();
        }
    }
}

/// Somebody who comes back by himself.
async fn resident(server: &Program, id: &str) -> (Session, u32) {
    let playback = Playback { pace: Pace::Max, repeat: true, max_frames: None };
    let frames = Source::open("test-pattern".parse().unwrap(), playback).await.unwrap();
    let config = SessionConfig {
        server: server.address().to_string().parse().unwrap(),
        room: Room::default(),
        id: id.parse().unwrap(),
        name: None,
        frame_size: FrameSize::Tile,
        reconnect: true,
    };
    let mut session = Session::new(config, frames, CancellationToken::new());
    let slot = seated(&mut session).await;
    (session, slot)
}

/// Drives the session until it has a seat, and gives that.
async fn seated(session: &mut Session) -> u32 {
    loop {
        if let Event::Seated(seat) = session.next().await.unwrap().expect("it goes on for ever") {
            return seat.slot;
        }
    }
}

#[tokio::test]
async fn after_a_kill_everybody_is_back_in_the_old_slot() {
    let mut server = anywhere(&[]).await;
    let listen = format!("--listen={}", server.address());
    let mut residents = Vec::new();
    // Ids whose slots are not those of their numbers, so that finding them again is no coincidence.
    for id in ["d", "c", "b", "a"] {
        residents.push(resident(&server, id).await);
    }
    server.signal(Signal::KILL).unwrap();
    within(server.ended()).await.unwrap();
    let again = start(&[]).and(listen).run().await.unwrap();
    let back = join_all(residents.iter_mut().map(|(session, _)| seated(session)));
    let slots = timeout(Duration::from_secs(10), back).await.expect("somebody is not back");
    assert_eq!(slots, residents.iter().map(|&(_, slot)| slot).collect::<Vec<_>>());
    unnoticed(&again);
}

#[tokio::test]
async fn after_a_stop_there_is_no_burst_of_old_frames() {
    const STOP: Duration = Duration::from_secs(2);
    let server = anywhere(&[]).await;
    let (mut session, _) = resident(&server, "a").await;
    let sending = tokio::spawn(async move { while let Ok(Some(_)) = session.next().await {} });
    let guest = Guest::connect(Target::healthy(server.address())).await.unwrap();
    let mut mosaics = within(guest.watch(WatchMosaicRequest::default())).await.unwrap();
    let before = within(guest::first(&mut mosaics)).await.unwrap().sequence;
    server.signal(Signal::STOP).unwrap();
    // Not to wait for anything: this is the fault.
    tokio::time::sleep(STOP).await;
    server.signal(Signal::CONT).unwrap();
    // At 30 mosaics a second, one second may bring so many; a burst would bring those of the two before as well.
    let begin = Instant::now();
    let mut count = 0;
    let mut last = before;
    while begin.elapsed() < Duration::from_secs(1) {
        let response = within(guest::first(&mut mosaics)).await.unwrap();
        assert!(response.sequence >= last);
        last = response.sequence;
        count += 1;
    }
    assert!((2..=45).contains(&count), "{count} mosaics in a second");
    sending.abort();
    unnoticed(&server);
}

#[tokio::test]
async fn without_descriptors_it_waits_and_recovers() {
    const DESCRIPTORS: u32 = 64;
    let mut start = start(&["--opening-timeout=3s"]).and("--listen=127.0.0.1:0".to_owned());
    start.descriptors = Some(DESCRIPTORS);
    let server = start.run().await.unwrap();
    let bystanders = within(Bystanders::join(Target::healthy(server.address()), TILE)).await;
    let descriptors = || server.id().usage().unwrap().descriptors;
    let before = descriptors();
    bystanders.begin();
    let mut sockets = swarm::connections(Target::from_elsewhere(server.address()), 100).await.unwrap();
    // Its log is all that tells of it: there may be some beyond the limit that it was started with.
    let none_left = async {
        while !server.witness().last_lines().contains("cannot accept a connection") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(none_left).await;
    let all = descriptors();
    // Whoever is in does not notice, and whoever is silent is put out, so that others may come in.
    timeout(GAP, bystanders.all_see_something_new()).await.expect("bystanders see nothing new");
    assert_eq!(descriptors(), all, "there are some again, already");
    for socket in &mut sockets[..20] {
        within(slow::closed(socket)).await;
    }
    drop(sockets);
    let late = within(Guest::connect(Target::from_elsewhere(server.address()))).await.unwrap();
    drop(within(late.watch(WatchMosaicRequest::default())).await.unwrap());
    drop(late);
    let back = async {
        while descriptors() != before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(back).await;
    timeout(GAP, bystanders.all_see_something_new()).await.expect("bystanders see nothing new");
    let gap = bystanders.largest_gap();
    assert!(gap.length < GAP, "{} saw nothing new for {:?}", gap.whose, gap.length);
    assert_eq!(bystanders.ended(), [""; 0]);
    unnoticed(&server);
}

/// What is kept is what workers need for the next frames, and not what guests had who are gone.
#[tokio::test]
async fn who_sends_large_frames_leaves_no_memory_behind() {
    const GUESTS: usize = 24;
    const MORE: u64 = 40 << 20;
    let server = anywhere(&[]).await;
    let memory = || server.id().usage().unwrap().memory;
    let frame = jpeg::large();
    let show = async |who: &str, guests: usize| {
        let guests = (0..guests).map(async |n| {
            // Each from its own address, or there would be too many bytes for one.
            let target = Target::from_address(server.address(), n as u32 + 2);
            let guest = Guest::connect(target).await.unwrap();
            let (mut frames, _) = guest.join(guest::hello(&format!("{who} {n}"))).await.unwrap();
            assert_eq!(frames.show(frame.clone()).await.unwrap().refusal, None);
            frames
        });
        let present = join_all(guests).await;
        drop(present);
    };
    // As many as are worked on at a time.
    show("first", std::thread::available_parallelism().map_or(1, usize::from) + 1).await;
    let before = memory();
    show("later", GUESTS).await;
    let back = async {
        while memory() > before + MORE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(Duration::from_secs(20), back).await.is_err() {
        panic!("{} MB before and {} MB after", before >> 20, memory() >> 20);
    }
    unnoticed(&server);
}
