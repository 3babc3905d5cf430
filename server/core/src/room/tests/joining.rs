//! Who gets a seat, and which.

use super::*;

#[test]
fn client_k_gets_slot_k_less_one_and_others_the_lowest_free_one() {
    let mut call = call();
    assert_eq!(call.slot("client3"), 2);
    assert_eq!(call.slot("robot"), 0);
    assert_eq!(call.slot("client1"), 1, "its slot is taken");
    assert_eq!(call.slot("client9"), 3, "beyond the smallest grid");
}

#[test]
fn whoever_comes_after_the_49th_is_told_that_the_room_is_full() {
    let mut call = call();
    let joined: Vec<_> = (0..49).map(|n| call.join(&format!("guest{n}"))).collect();
    assert_eq!(
        joined.iter().map(|joined| joined.slot.index()).collect::<Vec<_>>(),
        (0..49).collect::<Vec<_>>()
    );
    assert_eq!(call.side(), 7);
    assert_eq!(call.ask("one more", None, None).unwrap_err(), JoinError::Full(49));
    call.leave(&joined[20], Departure::Goodbye);
    assert_eq!(call.slot("one more"), 20);
}

#[test]
fn a_preferred_slot_is_honoured_when_it_is_free() {
    let mut call = call();
    assert_eq!(call.ask("a", None, Some(3)).unwrap().slot.index(), 3);
    assert_eq!(call.ask("client1", None, Some(2)).unwrap().slot.index(), 2, "stronger than the id");
    assert_eq!(call.ask("b", None, Some(3)).unwrap().slot.index(), 0);
    assert_eq!(call.ask("c", None, Some(49)).unwrap().slot.index(), 1, "there is no such slot");
    assert_eq!(call.ask("d", None, Some(7)).unwrap().slot.index(), 7, "the grid grows for it");
    assert_eq!(call.side(), 3);
}

#[test]
fn nobody_makes_the_grid_large_by_a_wish_once_a_room_has_stood_for_as_long_as_slots_are_kept() {
    let mut call = call();
    let wish = |call: &mut Call, id: &str, slot| {
        let standing = call.room.standing(&Join { preferred: Some(slot), ..Join::of(id) }, call.now);
        (call.ask(id, None, Some(slot)).unwrap().slot.index(), standing)
    };
    assert_eq!(wish(&mut call, "restarted", 9), (9, Standing::Wished), "all come back to where they were");
    call.now += KEPT;
    assert_eq!(wish(&mut call, "a", 48), (0, Standing::New));
    assert_eq!(wish(&mut call, "b", 15), (15, Standing::Wished), "the grid has it");
    assert_eq!(call.side(), 4);
    let mut call = self::call();
    let _four: Vec<_> = (0..4).map(|n| call.join(&format!("guest{n}"))).collect();
    call.now += KEPT;
    assert_eq!(wish(&mut call, "c", 9), (4, Standing::New));
    assert_eq!(wish(&mut call, "d", 8), (8, Standing::Wished), "the grid is as large for one more");

    let mut call = self::call();
    let first = call.join("first");
    call.now += KEPT;
    call.leave(&first, Departure::Goodbye);
    assert_eq!(wish(&mut call, "e", 48), (48, Standing::Wished), "a room that is nobody's is as new");
}

#[test]
fn an_id_in_use_is_taken_and_its_session_takes_it_over() {
    let mut call = call();
    let first = call.join("client2");
    call.show(&first, 1);
    assert_eq!(call.ask("client2", None, None).unwrap_err(), JoinError::IdTaken);
    assert_eq!(call.ask("client2", Some(Session::random()), None).unwrap_err(), JoinError::IdTaken);

    let second = call.ask("client2", Some(first.session), None).unwrap();
    assert_eq!((second.slot, second.replaced), (first.slot, Some(first.ticket)));
    assert!(second.session.proves(&first.session));
    assert_eq!(call.room.heard(first.ticket, call.now), Err(Gone), "the old hold is over");
    assert!(!call.room.leave(first.ticket, Departure::Broken, call.now), "and cannot end the new one");
    assert!(call.room.snapshot().places[0].shown.is_some(), "the picture stays");
}

#[test]
fn a_session_takes_its_seat_over_under_another_id_but_not_under_one_in_use() {
    let mut call = call();
    let first = call.join("a");
    call.join("b");
    assert_eq!(call.ask("b", Some(first.session), None).unwrap_err(), JoinError::IdTaken);
    let renamed = call.ask("c", Some(first.session), None).unwrap();
    assert_eq!((renamed.slot, renamed.replaced), (first.slot, Some(first.ticket)));
    assert_eq!(call.room.attendance().left, [ClientId::new("a").unwrap()], "nobody is a any more");
}

#[test]
fn an_unknown_session_counts_as_none_for_a_free_id() {
    let mut call = call();
    assert!(call.ask("client1", Some(Session::random()), None).is_ok());
}

#[test]
fn a_locked_room_lets_nobody_in_but_hosts_and_those_who_come_back() {
    let mut call = call();
    let a = call.join("a");
    let version = call.room.snapshot().layout_version;
    call.room.set_locked(true, call.now);
    let snapshot = call.room.snapshot();
    assert!(snapshot.is_locked && snapshot.layout_version > version);
    assert_eq!(call.ask("b", None, None).unwrap_err(), JoinError::Locked);
    assert_eq!(call.ask("b", Some(Session::random()), None).unwrap_err(), JoinError::Locked);
    assert!(call.ask("a", Some(a.session), None).is_ok(), "a take-over is no newcomer");
    let again = call.ask("a", Some(a.session), None).unwrap();
    call.leave(&again, Departure::Broken);
    assert_eq!(call.ask("a", None, None).unwrap_err(), JoinError::Locked, "an id proves nothing");
    assert!(call.ask("a", Some(a.session), None).is_ok());
    assert!(call.ask_as_host("host").is_ok());
    call.room.set_locked(false, call.now);
    assert!(call.ask("b", None, None).is_ok());
}

#[test]
fn whoever_had_a_seat_that_a_host_ended_stays_out_under_that_id() {
    let mut call = call();
    let a = call.join("a");
    assert_eq!(call.end("nobody"), Err(NoSuchSeat));
    assert_eq!(call.room.bar(&ClientId::new("a").unwrap(), call.now), Ok(Some(a.ticket)));
    assert_eq!(call.ask("a", Some(a.session), None).unwrap_err(), JoinError::Barred);
    call.leave(&a, Departure::Goodbye);
    assert_eq!(call.ask("a", None, None).unwrap_err(), JoinError::Barred);
    assert!(call.ask("b", None, None).is_ok());
    assert!(call.ask_as_host("a").is_ok());
}

#[test]
fn those_who_come_back_are_known_by_their_session_or_their_slot() {
    let mut call = call();
    let a = call.join("a");
    let join = |session, preferred| Join { session, preferred, ..host("x") };
    assert_eq!(call.room.standing(&join(None, None), call.now), Standing::New);
    assert_eq!(call.room.standing(&join(Some(Session::random()), None), call.now), Standing::New);
    assert_eq!(
        call.room.standing(&join(Some(a.session), None), call.now),
        Standing::Seated(a.ticket),
        "a take-over"
    );
    assert_eq!(call.room.standing(&join(None, Some(3)), call.now), Standing::Wished, "as after a restart");
    assert_eq!(call.room.standing(&join(None, Some(0)), call.now), Standing::New, "it is taken");
    assert_eq!(call.room.standing(&join(None, Some(49)), call.now), Standing::New, "there is none");
    call.leave(&a, Departure::Broken);
    assert_eq!(call.room.standing(&join(Some(a.session), None), call.now), Standing::Kept, "it is kept");
    assert_eq!(call.room.standing(&join(None, Some(0)), call.now), Standing::New, "for somebody else");
    call.now += KEPT;
    assert_eq!(call.room.standing(&join(Some(a.session), None), call.now), Standing::New);
}

#[test]
fn a_room_may_have_fewer_seats_than_slots() {
    let mut call = Call { room: Room::new(canvas(), Rules { seats: 2, ..rules() }), now: Instant::now() };
    let (a, _b) = (call.join("a"), call.join("b"));
    assert_eq!(call.ask("c", None, None).unwrap_err(), JoinError::Full(2));
    assert!(call.ask("a", Some(a.session), None).is_ok());
    call.room.leave(a.ticket, Departure::Goodbye, call.now);
}

#[test]
fn whom_a_token_names_takes_the_id_back_from_somebody_whom_none_does() {
    let mut call = call();
    let other = call.join("anna");
    call.show(&other, 1);
    let join = Join { is_named: true, ..Join::of("anna") };
    assert_eq!(call.room.standing(&join, call.now), Standing::Seated(other.ticket));
    let anna = call.ask_by_token("anna", None).unwrap();
    assert_eq!((anna.slot, anna.replaced), (other.slot, Some(other.ticket)));
    assert!(!anna.session.proves(&other.session));
    assert_eq!(call.shown(0), None, "the other's picture is gone");
    for session in [None, Some(other.session)] {
        assert_eq!(call.ask("anna", session, None).unwrap_err(), JoinError::IdTaken);
    }
    assert_eq!(call.ask_by_token("anna", None).unwrap_err(), JoinError::IdTaken, "each of hers is her");
    let again = call.ask_by_token("anna", Some(anna.session)).unwrap();
    assert_eq!(again.replaced, Some(anna.ticket));

    let mut call = self::call();
    call.join("anna");
    call.room.set_locked(true, call.now);
    assert_eq!(call.ask_by_token("anna", None).unwrap_err(), JoinError::Locked, "she was not in the room");
}

#[test]
fn whom_a_token_names_is_not_kept_out_for_somebody_whom_none_did() {
    let mut call = call();
    call.join("anna");
    assert_eq!(call.end("anna"), Ok(()));
    assert_eq!(call.ask("anna", None, None).unwrap_err(), JoinError::Barred);
    assert!(call.ask_by_token("anna", None).is_ok());
    assert_eq!(call.end("anna"), Ok(()));
    assert_eq!(call.ask_by_token("anna", None).unwrap_err(), JoinError::Barred, "that was her");
    assert_eq!(call.ask("anna", None, None).unwrap_err(), JoinError::Barred);

    let mut call = self::call();
    let anna = call.ask_by_token("anna", None).unwrap();
    assert!(call.ask("anna", Some(anna.session), None).is_ok(), "by a token without a name, for once");
    assert_eq!(call.end("anna"), Ok(()));
    assert_eq!(call.ask_by_token("anna", None).unwrap_err(), JoinError::Barred);
}
