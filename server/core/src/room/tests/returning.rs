//! Whose slot is kept, and who gets it back.

use super::*;

#[test]
fn a_slot_is_kept_for_30_s_after_a_broken_connection() {
    let mut call = call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    call.now += KEPT - Duration::from_millis(1);
    assert_eq!(call.slot("newcomer"), 1, "newcomers get other slots");
    assert_eq!(call.ask("b", Some(a.session), None).unwrap().slot.index(), 0, "the session brings it back");
}

#[test]
fn the_same_id_gets_its_kept_slot_back_but_not_the_old_session() {
    let mut call = call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    call.join("client4");
    let again = call.join("a");
    assert_eq!(again.slot, a.slot);
    assert!(!again.session.proves(&a.session));
}

#[test]
fn the_session_gets_its_seat_back_from_whoever_came_by_the_id_alone() {
    let mut call = call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    let other = call.join("a");
    call.show(&other, 1);
    let pushed = call.room.seat_of_push(None, Some(&a.session));
    assert_eq!(pushed, Err(PushError::NoSeat), "it is nobody's before it joins");
    call.room.set_locked(true, call.now);
    let back = call.ask("a", Some(a.session), None).unwrap();
    assert_eq!((back.slot, back.replaced), (a.slot, Some(other.ticket)));
    assert!(back.session.proves(&a.session));
    assert_eq!(call.shown(0), None, "the other's picture is gone");
    assert_eq!(call.ask("a", Some(other.session), None).unwrap_err(), JoinError::IdTaken);

    call.room.set_locked(false, call.now);
    call.leave(&back, Departure::Broken);
    let other = call.join("a");
    call.leave(&other, Departure::Broken);
    assert_eq!(call.ask("b", Some(other.session), None).unwrap_err(), JoinError::IdTaken, "not along");
    let back = call.ask("a", Some(a.session), None).unwrap();
    assert_eq!(back.slot, a.slot, "it was kept all the while");
    call.leave(&back, Departure::Broken);
    let other = call.join("a");
    call.leave(&other, Departure::Goodbye);
    assert_eq!(call.slot("newcomer"), 0, "a goodbye is one for all");
    let back = call.ask("a", Some(a.session), None).unwrap();
    assert_eq!(back.slot.index(), 1);
    call.leave(&back, Departure::Broken);
    call.join("a");
    call.now += KEPT;
    assert_eq!(call.ask("a", Some(a.session), None).unwrap_err(), JoinError::IdTaken, "that was too long");
}

#[test]
fn a_session_brings_its_own_slot_back_also_where_the_id_has_another_one_kept() {
    let mut call = call();
    let (a, b) = (call.join("a"), call.join("b"));
    call.leave(&a, Departure::Broken);
    call.leave(&b, Departure::Broken);
    assert_eq!(call.ask("a", Some(b.session), None).unwrap_err(), JoinError::IdTaken, "a may come back");
    let back = call.ask("c", Some(b.session), None).unwrap();
    assert_eq!(back.slot, b.slot);
    assert!(back.session.proves(&b.session));
    let back = call.ask("b", Some(a.session), None).unwrap();
    assert_eq!(back.slot, a.slot, "b is nobody's any more");
}

#[test]
fn nobody_takes_the_id_of_somebody_who_may_come_back_by_a_seat_of_another() {
    let mut call = call();
    let (a, x) = (call.join("a"), call.join("x"));
    call.leave(&a, Departure::Broken);
    assert_eq!(call.ask("a", Some(x.session), None).unwrap_err(), JoinError::IdTaken, "x has a seat");
    call.leave(&x, Departure::Goodbye);
    // By the id alone, and then along under another.
    let y = call.join("a");
    assert_eq!(call.ask("b", Some(y.session), None).unwrap_err(), JoinError::IdTaken);
    assert!(call.ask("a", Some(y.session), None).is_ok(), "that takes nothing away");
    let back = call.ask("b", Some(a.session), None).unwrap();
    assert_eq!(back.slot, a.slot, "whose it is may have another id");

    call.now += KEPT;
    call.leave(&back, Departure::Broken);
    call.now += KEPT;
    let z = call.join("z");
    assert!(call.ask("b", Some(z.session), None).is_ok(), "nobody is waited for");
}

#[test]
fn a_slot_is_kept_for_whoever_came_by_the_id_too_after_those_who_can_prove_it() {
    let mut call = call();
    let first = call.join("a");
    call.leave(&first, Departure::Broken);
    call.now += Duration::from_secs(25);
    let second = call.join("a");
    call.leave(&second, Departure::Broken);
    call.now += Duration::from_secs(10);
    call.room.set_locked(true, call.now);
    let back = call.ask("a", Some(second.session), None).unwrap();
    assert_eq!(back.slot, first.slot);
    assert!(back.session.proves(&second.session), "30 s of its own");
}

#[test]
fn a_host_who_ends_a_seat_ends_it_for_whoever_could_come_back_to_it() {
    let mut call = call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    call.join("a");
    call.room.set_locked(true, call.now);
    assert_eq!(call.end("a"), Ok(()));
    assert_eq!(call.ask("b", Some(a.session), None).unwrap_err(), JoinError::Locked);
}

#[test]
fn a_kept_slot_is_forgotten_after_30_s_and_after_a_goodbye_at_once() {
    let mut call = call();
    let (a, b) = (call.join("a"), call.join("b"));
    call.leave(&a, Departure::Broken);
    call.leave(&b, Departure::Goodbye);
    assert_eq!(call.slot("c"), 1, "b said goodbye, a is waited for");
    call.now += KEPT;
    assert_eq!(call.slot("d"), 0);
}

#[test]
fn nobody_is_refused_while_a_slot_is_only_kept() {
    let mut call = call();
    let joined: Vec<_> = (1..=49).map(|n| call.join(&format!("guest{n}"))).collect();
    call.leave(&joined[2], Departure::Broken);
    assert_eq!(call.ask("newcomer", None, Some(2)).unwrap().slot.index(), 2);
    assert_eq!(call.ask("guest3", Some(joined[2].session), None).unwrap_err(), JoinError::Full(49));
}

#[test]
fn a_kept_slot_is_no_free_slot_to_those_who_would_like_it() {
    let mut call = call();
    let a = call.join("client1");
    call.leave(&a, Departure::Broken);
    assert_eq!(call.ask("b", None, Some(0)).unwrap().slot.index(), 1);
}

#[test]
fn a_host_ends_a_seat_whose_connection_broke_as_well() {
    let mut call = call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    let before = call.room.change().sequence;
    assert_eq!(call.end("a"), Ok(()));
    assert!(call.room.change().sequence > before, "so that spectators look whether they may stay");
    assert_eq!(call.ask("a", Some(a.session), None).unwrap_err(), JoinError::Barred);
    assert_eq!(call.slot("b"), 0, "it is kept for nobody");
    call.room.set_locked(true, call.now);
    assert_eq!(
        call.ask("c", Some(a.session), None).unwrap_err(),
        JoinError::Locked,
        "the session proves nothing"
    );

    let mut call = self::call();
    let a = call.join("a");
    call.leave(&a, Departure::Broken);
    call.now += KEPT;
    assert_eq!(call.end("a"), Err(NoSuchSeat), "nobody waits for it any more");
}

#[test]
fn a_slot_that_is_kept_for_somebody_whom_no_token_names_goes_to_whom_one_does_for_good() {
    let mut call = call();
    let other = call.join("anna");
    call.leave(&other, Departure::Broken);
    let anna = call.ask_by_token("anna", None).unwrap();
    assert_eq!(anna.slot, other.slot);
    assert_eq!(call.ask("anna", Some(other.session), None).unwrap_err(), JoinError::IdTaken);
    assert_eq!(call.ask("x", Some(other.session), None).unwrap().slot.index(), 1, "it proves nothing");

    let guest = call.join("guest");
    let squatter = call.join("bert");
    call.leave(&squatter, Departure::Broken);
    assert!(call.ask_by_token("bert", Some(guest.session)).is_ok(), "he had a seat under another id");

    call.leave(&anna, Departure::Broken);
    let again = call.ask_by_token("anna", None).unwrap();
    assert!(!again.session.proves(&anna.session));
    let first = call.ask_by_token("anna", Some(anna.session)).unwrap();
    assert_eq!(first.replaced, Some(again.ticket), "both are her: the session wins");
}
