//! The rules of seats, without a network.

use tessera_mosaic::{Quality, TileFormat, TileSize};

use super::*;

struct Call {
    room: Room,
    now: Instant,
}

fn call() -> Call {
    Call { room: Room::new(Grid::new(2).unwrap()), now: Instant::now() }
}

fn tile() -> Arc<Tile> {
    let size = TileSize::new(64, 64).unwrap();
    Arc::new(Tile::black(TileFormat { size, quality: Quality::new(85).unwrap() }))
}

fn shown() -> Shown {
    Shown { tile: tile(), stamp: Stamp::default() }
}

impl Call {
    fn ask(
        &mut self,
        id: &str,
        session: Option<Session>,
        preferred: Option<usize>,
    ) -> Result<Joined, JoinError> {
        let id = ClientId::new(id).unwrap();
        let name = DisplayName::new("", &id).unwrap();
        self.room.join(Join { id, name, session, preferred }, Session::random(), self.now)
    }

    fn join(&mut self, id: &str) -> Joined {
        self.ask(id, None, None).unwrap()
    }

    fn slot(&mut self, id: &str) -> usize {
        self.join(id).slot.index()
    }

    fn leave(&mut self, joined: &Joined, departure: Departure) {
        assert!(self.room.leave(joined.ticket, departure, self.now));
    }
}

#[test]
fn client_k_gets_slot_k_less_one_and_others_the_lowest_free_one() {
    let mut call = call();
    assert_eq!(call.slot("client3"), 2);
    assert_eq!(call.slot("robot"), 0);
    assert_eq!(call.slot("client1"), 1, "its slot is taken");
    assert_eq!(call.slot("client9"), 3, "beyond the smallest grid");
}

#[test]
fn the_fifth_is_told_that_the_room_is_full() {
    let mut call = call();
    let joined: Vec<_> = (1..=4).map(|n| call.join(&format!("client{n}"))).collect();
    assert_eq!(call.ask("client5", None, None).unwrap_err(), JoinError::Full(4));
    call.leave(&joined[1], Departure::Goodbye);
    assert_eq!(call.slot("client5"), 1);
}

#[test]
fn a_preferred_slot_is_honoured_when_it_is_free() {
    let mut call = call();
    assert_eq!(call.ask("a", None, Some(3)).unwrap().slot.index(), 3);
    assert_eq!(call.ask("client1", None, Some(2)).unwrap().slot.index(), 2, "stronger than the id");
    assert_eq!(call.ask("b", None, Some(3)).unwrap().slot.index(), 0);
    assert_eq!(call.ask("c", None, Some(48)).unwrap().slot.index(), 1);
}

#[test]
fn an_id_in_use_is_taken_and_its_session_takes_it_over() {
    let mut call = call();
    let first = call.join("client2");
    call.room.show(first.ticket, shown(), call.now).unwrap();
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
fn a_session_brings_its_own_slot_back_also_where_the_id_has_another_one_kept() {
    let mut call = call();
    let (a, b) = (call.join("a"), call.join("b"));
    call.leave(&a, Departure::Broken);
    call.leave(&b, Departure::Broken);
    let back = call.ask("a", Some(b.session), None).unwrap();
    assert_eq!(back.slot, b.slot);
    assert!(back.session.proves(&b.session));
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
    let joined: Vec<_> = (1..=4).map(|n| call.join(&format!("client{n}"))).collect();
    call.leave(&joined[2], Departure::Broken);
    assert_eq!(call.ask("newcomer", None, Some(2)).unwrap().slot.index(), 2);
    assert_eq!(call.ask("client3", Some(joined[2].session), None).unwrap_err(), JoinError::Full(4));
}

#[test]
fn a_kept_slot_is_no_free_slot_to_those_who_would_like_it() {
    let mut call = call();
    let a = call.join("client1");
    call.leave(&a, Departure::Broken);
    assert_eq!(call.ask("b", None, Some(0)).unwrap().slot.index(), 1);
}

#[test]
fn who_leaves_takes_the_picture_along() {
    let mut call = call();
    let a = call.join("a");
    call.room.show(a.ticket, shown(), call.now).unwrap();
    let before = call.room.snapshot();
    call.leave(&a, Departure::Broken);
    let after = call.room.snapshot();
    assert!(after.places.is_empty() && after.sequence > before.sequence);
    let back = call.join("a");
    assert!(call.room.snapshot().places[0].shown.is_none(), "the slot number alone is kept");
    assert_eq!(back.slot, a.slot);
}

#[test]
fn video_off_forgets_the_picture_and_a_new_one_turns_it_on() {
    let mut call = call();
    let a = call.join("a");
    call.room.show(a.ticket, shown(), call.now).unwrap();
    let version = call.room.snapshot().layout_version;
    call.room.set_video_off(a.ticket, true, call.now).unwrap();
    let off = call.room.snapshot();
    assert!(off.places[0].video_off && off.places[0].shown.is_none() && off.layout_version > version);
    call.room.set_video_off(a.ticket, true, call.now).unwrap();
    assert_eq!(call.room.snapshot().layout_version, off.layout_version, "nothing changed");
    call.room.show(a.ticket, shown(), call.now).unwrap();
    let on = call.room.snapshot();
    assert!(
        !on.places[0].video_off && on.places[0].shown.is_some() && on.layout_version > off.layout_version
    );
}

#[test]
fn a_tile_is_stale_3_s_after_the_last_word() {
    let mut call = call();
    let (a, begin) = (call.join("a"), call.now);
    let b = call.join("b");
    call.room.heard(b.ticket, begin + Duration::from_secs(1)).unwrap();
    assert_eq!(call.room.next_stale(begin), Some(begin + STALE));
    assert!(call.room.stale(begin + STALE - Duration::from_millis(1)).is_empty());
    assert_eq!(call.room.stale(begin + STALE), [a.slot]);
    assert_eq!(call.room.next_stale(begin + STALE), Some(begin + STALE + Duration::from_secs(1)));
    let before = call.room.change();
    call.room.heard(a.ticket, begin + STALE).unwrap();
    assert!(call.room.stale(begin + STALE).is_empty());
    let after = call.room.change();
    assert!(after != before && after.sequence == before.sequence, "there is news, and no new picture");
}

#[test]
fn only_a_good_frame_ends_a_row_of_refusals() {
    let mut call = call();
    let a = call.join("a");
    assert_eq!(call.room.refuse(a.ticket, call.now), Ok(1));
    call.room.heard(a.ticket, call.now).unwrap();
    assert_eq!(call.room.refuse(a.ticket, call.now), Ok(2));
    call.room.show(a.ticket, shown(), call.now).unwrap();
    assert_eq!(call.room.refuse(a.ticket, call.now), Ok(1));
}

#[test]
fn a_push_needs_the_session_of_a_seat() {
    let mut call = call();
    let (a, b) = (call.join("a"), call.join("b"));
    let id = |text: &str| ClientId::new(text).unwrap();
    let room = &call.room;
    assert_eq!(room.seat_of_push(Some(&id("a")), Some(&a.session)), Ok(a.ticket));
    assert_eq!(room.seat_of_push(None, Some(&a.session)), Ok(a.ticket));
    assert_eq!(room.seat_of_push(Some(&id("a")), Some(&b.session)), Err(PushError::WrongSession));
    assert_eq!(room.seat_of_push(Some(&id("a")), None), Err(PushError::WrongSession));
    assert_eq!(room.seat_of_push(Some(&id("nobody")), Some(&a.session)), Err(PushError::NoSeat));
    assert_eq!(room.seat_of_push(None, None), Err(PushError::NoSeat));
}

#[test]
fn pushes_can_overtake_each_other_and_the_newest_wins() {
    let mut call = call();
    let a = call.join("a");
    assert_eq!(call.room.push_arrived(a.ticket, 5), Ok(true));
    assert_eq!(call.room.push_arrived(a.ticket, 7), Ok(true));
    assert_eq!(call.room.is_newest_push(a.ticket, 5), Ok(false));
    assert_eq!(call.room.is_newest_push(a.ticket, 7), Ok(true));
    assert_eq!(call.room.push_arrived(a.ticket, 6), Ok(false));
    assert_eq!(call.room.push_arrived(a.ticket, 7), Ok(false));
    assert_eq!(call.room.push_arrived(a.ticket, 0), Ok(true), "unnumbered");
    let again = call.ask("a", Some(a.session), None).unwrap();
    assert_eq!(call.room.push_arrived(again.ticket, 1), Ok(true), "a new hold counts anew");
}

#[test]
fn the_log_knows_who_is_here_and_who_left() {
    let mut call = call();
    let (_b, a) = (call.join("b"), call.join("a"));
    call.leave(&a, Departure::Goodbye);
    let names = |ids: &[ClientId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let attendance = call.room.attendance();
    assert_eq!((names(&attendance.connected), names(&attendance.left)), (vec!["b".into()], vec!["a".into()]));
    call.join("a");
    assert!(call.room.attendance().left.is_empty(), "who came back has not left");
    for n in 0..100 {
        let joined = call.join(&format!("guest{n}"));
        call.leave(&joined, Departure::Goodbye);
    }
    assert_eq!(call.room.attendance().left.len(), DEPARTED);
}
