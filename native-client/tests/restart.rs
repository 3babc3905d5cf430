//! A server that goes away and comes back, and a client that does not mind.

mod support;

use support::{FAST, RealServer, showing, within};
use tessera_client::frames::Playback;
use tessera_client::session::{Event, Session};

const FRAMES: u64 = 100;

/// Drives `session` to its end; the slots it was given and the numbers of its mosaics.
async fn rest(session: &mut Session) -> (Vec<u32>, Vec<u64>) {
    let (mut slots, mut mosaics) = (Vec::new(), Vec::new());
    while let Some(event) = within(session.next()).await.unwrap() {
        match event {
            Event::Seated(seat) => slots.push(seat.slot),
            Event::Mosaic(mosaic) => mosaics.push(mosaic.number),
            Event::Lost { .. } => {}
        }
    }
    (slots, mosaics)
}

/// Shows `FRAMES` frames from slot 1 and lets the server go away amid them, in whichever way, and come back.
async fn survive<E: Future<Output = ()>>(end: impl FnOnce(RealServer) -> E) {
    let server = RealServer::start();
    let address = server.address;
    // Slot 0 is somebody else's, so that slot 1 is no coincidence after the restart.
    let other = showing(address, "other", FAST).await;
    let mut session = showing(address, "robot", Playback { max_frames: Some(FRAMES), ..FAST }).await;
    drop(other);
    let (lost, ()) = tokio::join!(broken(&mut session), end(server));
    assert!(matches!(lost, Event::Lost { .. }), "{lost:?}");

    let _server = RealServer::start_at(address);
    let (slots, mosaics) = rest(&mut session).await;
    assert_eq!(slots, [1], "its seat, though slot 0 is free");
    assert_eq!(mosaics.last(), Some(&FRAMES));
    let tally = session.tally();
    assert_eq!((tally.sent(), tally.received(), tally.reconnects()), (FRAMES, FRAMES, 1));
}

#[tokio::test]
async fn a_client_comes_back_to_its_seat_after_the_server_was_killed() {
    survive(RealServer::kill).await;
}

#[tokio::test]
async fn a_client_comes_back_to_its_seat_after_the_server_was_stopped() {
    survive(RealServer::stop).await;
}

/// What comes after the answers that were on their way.
async fn broken(session: &mut Session) -> Event {
    loop {
        match within(session.next()).await.unwrap().expect("it has more to send") {
            Event::Mosaic(_) => {}
            event => return event,
        }
    }
}
