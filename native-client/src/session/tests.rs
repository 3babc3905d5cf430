//! Sessions with a server that misbehaves.

use super::*;
use crate::fake_server::{Act, FakeServer, SESSION, SLOT, SOI};
use crate::frames::Playback;
use crate::frames::tests::{crashing_after, shows, ticks};
use crate::link::{ANSWER_TIMEOUT, SIGN_OF_LIFE, WINDOW};
use crate::pacing::Pace;
use crate::source::Content;

const FAST: Playback = Playback { pace: Pace::Max, repeat: false, max_frames: None };

fn config(server: &FakeServer) -> SessionConfig {
    SessionConfig {
        server: server.address(),
        room: Room::default(),
        id: "anna".parse().unwrap(),
        name: Some("Anna".parse().unwrap()),
        frame_size: FrameSize::Tile,
        reconnect: true,
    }
}

async fn session_of(server: &FakeServer, frames: u32) -> Session {
    Session::new(config(server), ticks(frames, FAST).await, CancellationToken::new())
}

/// All mosaics until the end.
async fn mosaics(session: &mut Session) -> Vec<Mosaic> {
    let mut mosaics = Vec::new();
    while let Some(event) = session.next().await.unwrap() {
        if let Event::Mosaic(mosaic) = event {
            mosaics.push(mosaic);
        }
    }
    mosaics
}

/// The error that a session ends with.
async fn error(session: &mut Session) -> SessionError {
    loop {
        match session.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => return error,
        }
    }
}

/// Every frame was answered once, in order, and each answer shows its frame.
fn assert_whole(session: &Session, mosaics: &[Mosaic], frames: u64) {
    assert_eq!((session.tally().sent(), session.tally().received()), (frames, frames));
    for (number, mosaic) in (1..).zip(mosaics) {
        assert_eq!(mosaic.number, number);
        assert_eq!(u64::from(mosaic.jpeg[SOI.len()]) + 1, number);
    }
    assert_eq!(mosaics.len() as u64, frames);
}

fn sequences(frames: &[FrameRequest]) -> Vec<u64> {
    frames.iter().map(|frame| frame.sequence).collect()
}

#[tokio::test]
async fn every_frame_is_numbered_and_answered_and_the_hello_is_neither() {
    let server = FakeServer::start([]);
    let mut session = session_of(&server, 20).await;
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 20);
    let hello = &server.hellos()[0];
    assert!(hello.frame_data.is_empty() && hello.session.is_empty() && hello.preferred_slot.is_none());
    assert_eq!((hello.client_id.as_str(), hello.display_name.as_str()), ("anna", "Anna"));
    let frames = &server.streams()[0];
    assert_eq!(sequences(frames), (1..=20).collect::<Vec<_>>());
    assert!(
        frames
            .windows(2)
            .all(|pair| 0 < pair[0].captured_at_us && pair[0].captured_at_us <= pair[1].captured_at_us)
    );
}

#[tokio::test]
async fn four_frames_are_on_their_way_at_once() {
    let server = FakeServer::start([Act::Batches]);
    let mut session = session_of(&server, 20).await;
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 20);
}

#[tokio::test]
async fn after_a_break_the_unanswered_frames_go_first_to_the_same_seat() {
    for act in [
        Act::Break { after: 7, status: Status::unavailable("stopping") },
        Act::Break { after: 7, status: Status::unknown("a proxy's trouble") },
        Act::End { after: 7 },
    ] {
        let server = FakeServer::start([act]);
        let mut session = session_of(&server, 30).await;
        let mosaics = mosaics(&mut session).await;
        assert_whole(&session, &mosaics, 30);
        assert_eq!(session.tally().reconnects(), 1);
        let back = &server.hellos()[1];
        assert_eq!((back.session.as_str(), back.preferred_slot), (SESSION, Some(SLOT)));
        assert_eq!(sequences(&server.streams()[1]), (8..=30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_server_that_dies_without_a_word_and_comes_back_gets_every_frame() {
    let server = FakeServer::start([Act::Fall { silent_after: 3 }]);
    let mut session = session_of(&server, 12).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        if let Some(Event::Mosaic(mosaic)) = session.next().await.unwrap() {
            seen.push(mosaic);
        }
    }
    let socket = server.socket();
    drop(server);
    assert!(matches!(session.next().await, Ok(Some(Event::Lost { .. }))));
    // Nobody is there yet: that is no reason to give up.
    assert!(matches!(session.next().await, Ok(Some(Event::Lost { .. }))));
    let server = FakeServer::start_at(socket, []);
    seen.extend(mosaics(&mut session).await);
    assert_whole(&session, &seen, 12);
    assert_eq!(sequences(&server.streams()[0]), (4..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn frames_that_stay_unanswered_for_half_a_minute_go_again_on_another_stream() {
    let server = FakeServer::start([Act::Fall { silent_after: 0 }]);
    let mut session = session_of(&server, 9).await;
    assert!(matches!(session.next().await, Ok(Some(Event::Seated(_)))));
    let (why, waited) = {
        let next = session.next();
        tokio::pin!(next);
        tokio::select! {
            _ = &mut next => panic!("the server says nothing"),
            () = server.has_taken(WINDOW) => {}
        }
        tokio::time::pause();
        let begin = Instant::now();
        tokio::time::advance(ANSWER_TIMEOUT).await;
        let Ok(Some(Event::Lost { why, .. })) = next.await else { panic!() };
        (why, begin.elapsed())
    };
    assert_eq!((why.as_str(), waited.as_secs()), ("nothing came for 30 s", 30));
    tokio::time::resume();
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 9);
    assert_eq!(session.tally().reconnects(), 1);
}

#[tokio::test]
async fn a_break_after_the_last_answer_is_no_break() {
    let server = FakeServer::start([Act::Break { after: 5, status: Status::unavailable("stopping") }]);
    let mut session = session_of(&server, 5).await;
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 5);
}

#[tokio::test]
async fn between_rare_frames_come_signs_of_life_which_are_no_frames() {
    let server = FakeServer::start([Act::End { after: 2 }]);
    let rare = Playback { pace: Pace::Every(SIGN_OF_LIFE + SIGN_OF_LIFE / 2), ..FAST };
    let mut session = Session::new(config(&server), ticks(3, rare).await, CancellationToken::new());
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 3);
    assert_eq!(session.tally().reconnects(), 1);
    let said = server.streams().concat();
    let (frames, signs): (Vec<_>, Vec<_>) = said.into_iter().partition(|said| said.sequence > 0);
    assert_eq!(sequences(&frames), [1, 2, 3]);
    assert!(signs.len() >= 2 && signs.iter().all(|sign| *sign == FrameRequest::default()), "{signs:?}");
}

#[tokio::test]
async fn a_room_that_filled_up_meanwhile_is_tried_again() {
    let full = Act::Deny(Status::resource_exhausted("room full"));
    let server = FakeServer::start([Act::End { after: 2 }, full]);
    let mut session = session_of(&server, 9).await;
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 9);
}

#[tokio::test]
async fn without_reconnect_a_break_is_an_error() {
    let server = FakeServer::start([Act::End { after: 2 }]);
    let config = SessionConfig { reconnect: false, ..config(&server) };
    let mut session = Session::new(config, ticks(9, FAST).await, CancellationToken::new());
    let error = error(&mut session).await;
    assert!(error.to_string().contains("--no-reconnect"), "{error}");
    assert_eq!(session.tally().received(), 2);
}

#[tokio::test]
async fn a_server_that_was_never_there_is_an_error_at_once() {
    let server = FakeServer::start([]);
    let config = config(&server);
    drop(server);
    let mut session = Session::new(config, ticks(1, FAST).await, CancellationToken::new());
    let error = session.next().await.unwrap_err();
    assert!(error.to_string().contains("start one with `tessera-server`"), "{error}");
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again() {
    for (acts, wanted) in [
        (vec![Act::Deny(Status::already_exists("taken"))], "choose another id"),
        (vec![Act::Deny(Status::resource_exhausted("four"))], "no place in room"),
        (vec![Act::Deny(Status::unauthenticated("bring the token"))], "bring the token (--invite"),
        (vec![Act::Break { after: 2, status: Status::unauthenticated("it has expired") }], "it has expired"),
        (vec![Act::Break { after: 2, status: Status::permission_denied("a host") }], "stream: a host"),
        (vec![Act::Break { after: 2, status: Status::aborted("newer") }], "took over the seat"),
        (vec![Act::Break { after: 2, status: Status::invalid_argument("20 refusals") }], "20 refusals"),
        (vec![Act::End { after: 2 }, Act::Deny(Status::already_exists("taken"))], "choose another id"),
        (vec![Act::NoSeat], "without a seat"),
        (vec![Act::Retile { width: 7, height: 7 }], "multiples of 16"),
    ] {
        let server = FakeServer::start(acts);
        let mut session = session_of(&server, 9).await;
        let error = error(&mut session).await.to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_jpeg_is_no_mosaic_and_the_servers_fault() {
    for answer in [&b""[..], b"<html>", b"\xFF"] {
        let server = FakeServer::start([Act::Answer(answer)]);
        let mut session = session_of(&server, 9).await;
        let error = error(&mut session).await.to_string();
        assert!(error.contains(&server.address().to_string()) && error.contains("no JPEG"), "{error}");
        assert_eq!(session.tally().received(), 0);
    }
}

#[tokio::test]
async fn frames_are_made_for_the_tile_that_was_announced_last() {
    let server = FakeServer::start([Act::Retile { width: 128, height: 96 }]);
    let picture = |_| Content::Picture(tessera_mosaic::Picture::black(40, 30).unwrap());
    let mut session = Session::new(config(&server), shows(20, picture, FAST).await, CancellationToken::new());
    mosaics(&mut session).await;
    let size = |frame: &FrameRequest| {
        let picture = image::load_from_memory(&frame.frame_data).unwrap();
        (picture.width(), picture.height())
    };
    let sizes: Vec<_> = server.streams()[0].iter().map(size).collect();
    // The second answer says it. With a window of four, three frames may be on their way by then.
    assert_eq!(sizes[..2], [(64, 64); 2]);
    assert_eq!(sizes[5..], [(128, 96); 15]);
    assert!(sizes.is_sorted());
}

#[tokio::test]
async fn a_refused_frame_brings_a_mosaic_and_its_reason_is_new_once() {
    let server = FakeServer::start([Act::Refuse]);
    let mut session = session_of(&server, 6).await;
    let mosaics = mosaics(&mut session).await;
    assert_whole(&session, &mosaics, 6);
    assert_eq!(session.tally().refused(), 3);
    let news: Vec<_> = mosaics.iter().map(|mosaic| mosaic.refusal.as_ref().map(|(_, new)| *new)).collect();
    assert_eq!(news, [None, Some(true), None, Some(false), None, Some(false)]);
}

#[tokio::test]
async fn a_session_that_is_told_to_stop_waits_for_its_answers_and_ends_well() {
    let server = FakeServer::start([]);
    let stop = CancellationToken::new();
    let mut session = Session::new(config(&server), ticks(u32::MAX, FAST).await, stop.clone());
    while session.tally().received() < 10 {
        session.next().await.unwrap();
    }
    stop.cancel();
    mosaics(&mut session).await;
    assert_eq!(session.tally().sent(), session.tally().received());
    session.close().await;
}

#[tokio::test]
async fn a_session_that_is_told_to_stop_does_not_wait_for_a_lost_server() {
    let server = FakeServer::start([Act::End { after: 1 }]);
    let stop = CancellationToken::new();
    let mut session = Session::new(config(&server), ticks(9, FAST).await, stop.clone());
    while !matches!(session.next().await.unwrap(), Some(Event::Lost { .. })) {}
    drop(server);
    stop.cancel();
    assert!(session.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_silent_server_is_waited_for_only_shortly_at_the_end() {
    let server = FakeServer::start([Act::Fall { silent_after: 1 }]);
    let stop = CancellationToken::new();
    let mut session = Session::new(config(&server), ticks(9, FAST).await, stop.clone());
    while session.tally().received() < 1 {
        session.next().await.unwrap();
    }
    stop.cancel();
    // Nobody waits two seconds here.
    tokio::time::pause();
    mosaics(&mut session).await;
    assert_eq!(session.tally().received(), 1);
}

#[tokio::test]
async fn a_source_that_fails_is_told_after_everything_sent_is_answered() {
    let server = FakeServer::start([]);
    let mut session = Session::new(config(&server), crashing_after(5).await, CancellationToken::new());
    assert!(matches!(error(&mut session).await, SessionError::Frames(FramesError::Crashed)));
    assert_eq!((session.tally().sent(), session.tally().received()), (5, 5));
    assert_eq!(server.streams()[0].len(), 5);
}

#[tokio::test]
async fn a_server_that_wants_tls_is_not_asked_again_without_it() {
    let mut status = Status::unavailable("this server wants TLS from other machines");
    status.metadata_mut().insert(tessera_wire::NEEDS_TLS, "1".parse().unwrap());
    for acts in [vec![Act::Deny(status.clone())], vec![Act::End { after: 1 }, Act::Deny(status)]] {
        let server = FakeServer::start(acts);
        let mut session = session_of(&server, 5).await;
        let message = error(&mut session).await.to_string();
        assert!(message.contains("this server wants TLS from other machines"), "{message}");
    }
}
