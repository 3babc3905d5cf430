use super::*;

fn at(milliseconds: u64) -> Now {
    Now { at: Duration::from_millis(milliseconds), chance: 1.0 }
}

fn entry() -> Entry {
    Entry { client_id: "a1".into(), name: "Anna".into(), room: String::new(), role: Role::Participant }
}

fn claim(session: &str) -> Claim {
    Claim { session: session.into(), slot: 2 }
}

fn ended(code: Code) -> Event {
    Event::Ended(Ending { code, message: "words".into() })
}

/// A call whose first response came at 100 ms.
fn live() -> Call {
    let mut call = Call::default();
    assert_eq!(call.handle(Event::Join(entry(), None), at(0)), [Effect::Open(entry(), None)]);
    assert_eq!(call.state(), &State::Joining);
    let effects = call.handle(Event::Heard(Some(claim("s"))), at(100));
    assert_eq!(effects, [Effect::Remember(claim("s"))]);
    assert_eq!(call.state(), &State::Live);
    call
}

#[test]
fn a_join_opens_one_stream_however_often_it_is_pressed() {
    let mut call = live();
    assert_eq!(call.handle(Event::Join(entry(), None), at(200)), []);
    assert_eq!(call.handle(Event::Heard(Some(claim("s"))), at(300)), []);
}

#[test]
fn a_lost_stream_is_opened_again_with_the_session_and_the_slot() {
    let mut call = live();
    assert_eq!(call.handle(ended(Code::Unavailable), at(1_000)), [Effect::Close]);
    assert_eq!(call.state(), &State::Reconnecting);
    assert_eq!(call.alarm(), Some(Duration::from_millis(1_250)));
    assert_eq!(call.handle(Event::Tick, at(1_249)), []);
    assert_eq!(call.handle(Event::Tick, at(1_250)), [Effect::Open(entry(), Some(claim("s")))]);
    // The server was started anew: the same slot, another session.
    assert_eq!(call.handle(Event::Heard(Some(claim("t"))), at(1_300)), [Effect::Remember(claim("t"))]);
    assert_eq!(call.state(), &State::Live);
}

#[test]
fn pauses_double_up_to_the_longest_and_begin_anew_after_a_response() {
    let mut call = live();
    let mut now = 1_000;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        call.handle(ended(Code::Unknown), at(now));
        let alarm = u64::try_from(call.alarm().unwrap().as_millis()).unwrap();
        pauses.push(alarm - now);
        now = alarm;
        assert!(matches!(call.handle(Event::Tick, at(now))[..], [Effect::Open(..)]));
    }
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    call.handle(Event::Heard(None), at(now));
    call.handle(ended(Code::Unknown), at(now));
    assert_eq!(call.alarm(), Some(Duration::from_millis(now + 250)));
}

#[test]
fn jitter_spreads_the_pauses_over_half_of_their_length() {
    assert_eq!(pause(2, 0.0), Duration::from_millis(500));
    assert_eq!(pause(2, 0.5), Duration::from_millis(750));
    assert_eq!(pause(40, 1.0), LONGEST_PAUSE);
}

#[test]
fn a_stream_that_says_nothing_is_given_up() {
    let mut call = live();
    let silent_at = Duration::from_millis(100) + SILENCE;
    assert_eq!(call.alarm(), Some(silent_at));
    assert_eq!(call.handle(Event::Tick, Now { at: silent_at, chance: 0.0 }), [Effect::Close]);
    assert_eq!(call.state(), &State::Reconnecting);
}

#[test]
fn a_join_without_an_answer_is_tried_again() {
    let mut call = Call::default();
    call.handle(Event::Join(entry(), None), at(0));
    let late = Now { at: JOIN_TIMEOUT, chance: 0.0 };
    assert_eq!(call.handle(Event::Tick, late), [Effect::Close]);
    assert_eq!(call.state(), &State::Reconnecting);
}

#[test]
fn what_trying_again_cannot_mend_fails_in_its_own_words() {
    for (code, failure) in [
        (Code::AlreadyExists, Failure::IdTaken),
        (Code::Aborted, Failure::TakenOver),
        (Code::Unauthenticated, Failure::Stranger("words".into())),
        (Code::PermissionDenied, Failure::Removed),
        (Code::InvalidArgument, Failure::Rejected("words".into())),
    ] {
        let mut call = live();
        assert_eq!(call.handle(ended(code), at(500)), [Effect::Close, Effect::Forget]);
        assert_eq!(call.state(), &State::Failed(failure));
        assert_eq!(call.alarm(), None);
        // And somebody may come again.
        assert_eq!(call.handle(Event::Join(entry(), None), at(600)), [Effect::Open(entry(), None)]);
    }
}

#[test]
fn a_room_that_is_full_is_final_for_who_comes_and_not_for_who_comes_back() {
    let mut call = Call::default();
    call.handle(Event::Join(entry(), None), at(0));
    assert_eq!(call.handle(ended(Code::ResourceExhausted), at(100)), [Effect::Close]);
    assert_eq!(call.state(), &State::Failed(Failure::Full("words".into())));

    let mut call = live();
    call.handle(ended(Code::Unavailable), at(1_000));
    call.handle(Event::TryNow, at(1_001));
    assert_eq!(
        call.handle(ended(Code::ResourceExhausted), at(1_100)),
        [Effect::Close],
        "it is not forgotten"
    );
    assert_eq!(call.state(), &State::Reconnecting);
    assert!(call.alarm().is_some());
}

#[test]
fn whoever_is_not_let_in_was_not_removed() {
    let mut call = Call::default();
    call.handle(Event::Join(entry(), None), at(0));
    call.handle(ended(Code::PermissionDenied), at(100));
    assert_eq!(call.state(), &State::Failed(Failure::NotAllowed("words".into())));

    let mut call = live();
    call.handle(ended(Code::Unavailable), at(1_000));
    call.handle(Event::TryNow, at(1_001));
    call.handle(ended(Code::PermissionDenied), at(1_100));
    assert_eq!(call.state(), &State::Failed(Failure::NotAllowed("words".into())));
}

#[test]
fn leaving_closes_forgets_and_stays_left() {
    let mut call = live();
    assert_eq!(call.handle(Event::Leave, at(500)), [Effect::Close, Effect::Forget]);
    assert_eq!(call.state(), &State::Left);
    for event in [ended(Code::Unavailable), Event::Heard(None), Event::TryNow, Event::Thawed, Event::Tick] {
        assert_eq!(call.handle(event, at(60_000)), []);
        assert_eq!(call.state(), &State::Left);
    }
}

#[test]
fn leaving_while_it_comes_back_stops_the_attempts() {
    let mut call = live();
    call.handle(ended(Code::Unavailable), at(1_000));
    assert_eq!(call.handle(Event::Leave, at(1_100)), [Effect::Forget]);
    assert_eq!(call.alarm(), None);
}

#[test]
fn whoever_does_not_want_to_wait_tries_now() {
    let mut call = live();
    call.handle(ended(Code::Unavailable), at(1_000));
    assert_eq!(call.handle(Event::TryNow, at(1_001)), [Effect::Open(entry(), Some(claim("s")))]);
    // An attempt that hangs is dropped for a new one.
    let effects = call.handle(Event::TryNow, at(1_002));
    assert_eq!(effects, [Effect::Close, Effect::Open(entry(), Some(claim("s")))]);
}

#[test]
fn a_page_put_aside_gives_its_stream_up_and_takes_its_place_again() {
    let mut call = live();
    assert_eq!(call.handle(Event::Frozen, at(1_000)), [Effect::Close]);
    assert_eq!(call.alarm(), None);
    assert_eq!(call.handle(Event::Thawed, at(90_000)), [Effect::Open(entry(), Some(claim("s")))]);
}

#[test]
fn a_spectator_claims_no_seat() {
    let mut call = Call::default();
    let spectator = Entry { role: Role::Spectator, ..entry() };
    let effects = call.handle(Event::Join(spectator.clone(), Some(claim("s"))), at(0));
    assert_eq!(effects, [Effect::Open(spectator, None)]);
    call.handle(Event::Heard(None), at(50));
    assert_eq!(call.handle(Event::Leave, at(100)), [Effect::Close]);
}

#[test]
fn an_end_that_comes_after_the_close_changes_nothing() {
    let mut call = live();
    call.handle(ended(Code::Unavailable), at(1_000));
    assert_eq!(call.handle(ended(Code::Aborted), at(1_010)), []);
    assert_eq!(call.state(), &State::Reconnecting);
}
