//! The rules of seats, without a network.

use tessera_mosaic::{Quality, Tile, TileFormat, TileSize};

use super::joining::Joined;
use super::*;
use crate::limits::Limits;

struct Call {
    room: Room,
    now: Instant,
}

fn canvas() -> Canvas {
    let format = TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
    Canvas::new(Layout { grid: Grid::new(2).unwrap(), format })
}

fn host(id: &str) -> Join {
    Join { is_host: true, ..Join::of(id) }
}

fn rules() -> Rules {
    Rules::from(&Limits::default())
}

fn call() -> Call {
    Call { room: Room::new(canvas(), rules()), now: Instant::now() }
}

fn black(format: TileFormat) -> Arc<Piece> {
    Arc::new(Tile::black(format).into())
}

/// The piece that the next grid lacks, as somebody makes it.
fn remake(call: &mut Call) {
    for missing in call.room.missing() {
        call.room.remade(&missing, Ok(black(missing.format)));
    }
}

impl Call {
    /// Shows a frame of that number, with a piece for each format that the room wants.
    fn show(&mut self, joined: &Joined, sequence: u64) {
        let stamp = Stamp { sequence, ..Stamp::default() };
        let mut pieces = vec![black(self.room.layout().format)];
        while let Some(missing) =
            self.room.show(joined.ticket, &Bytes::new(), stamp, &pieces, self.now).unwrap()
        {
            pieces.push(black(missing.format));
        }
    }

    fn side(&self) -> u32 {
        self.room.layout().grid.side()
    }

    /// What slot `slot` shows: the number of its frame.
    fn shown(&self, slot: usize) -> Option<u64> {
        let snapshot = self.room.snapshot();
        let place = snapshot.places.iter().find(|place| place.slot.index() == slot)?;
        place.shown.map(|stamp| stamp.sequence)
    }

    fn ask(
        &mut self,
        id: &str,
        session: Option<Session>,
        preferred: Option<usize>,
    ) -> Result<Joined, JoinError> {
        let id = ClientId::new(id).unwrap();
        let name = DisplayName::new("", &id).unwrap();
        self.room.join(Join { id, name, session, preferred, is_host: false }, Session::random(), self.now)
    }

    fn ask_as_host(&mut self, id: &str) -> Result<Joined, JoinError> {
        self.room.join(host(id), Session::random(), self.now)
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
    let again = call.join("a");
    call.room.set_locked(true, call.now);
    assert_eq!(call.room.bar(&ClientId::new("a").unwrap()), Some(again.ticket));
    call.leave(&again, Departure::Goodbye);
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
fn who_leaves_takes_the_picture_along() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
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
    call.show(&a, 1);
    let version = call.room.snapshot().layout_version;
    call.room.set_video_off(a.ticket, true, call.now).unwrap();
    let off = call.room.snapshot();
    assert!(off.places[0].video_off && off.places[0].shown.is_none() && off.layout_version > version);
    call.room.set_video_off(a.ticket, true, call.now).unwrap();
    assert_eq!(call.room.snapshot().layout_version, off.layout_version, "nothing changed");
    call.show(&a, 1);
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
    assert_eq!(call.room.next_stale(begin), Some(begin + rules().stale_after));
    assert!(call.room.stale(begin + rules().stale_after - Duration::from_millis(1)).is_empty());
    assert_eq!(call.room.stale(begin + rules().stale_after), [a.slot]);
    assert_eq!(
        call.room.next_stale(begin + rules().stale_after),
        Some(begin + rules().stale_after + Duration::from_secs(1))
    );
    let before = call.room.change();
    call.room.heard(a.ticket, begin + rules().stale_after).unwrap();
    assert!(call.room.stale(begin + rules().stale_after).is_empty());
    let after = call.room.change();
    assert!(after != before && after.sequence == before.sequence, "there is news, and no new picture");
}

#[test]
fn only_a_good_frame_ends_a_row_of_refusals() {
    let mut call = call();
    let a = call.join("a");
    let most = rules().max_refusals;
    for _ in 1..most {
        assert_eq!(call.room.refuse(a.ticket, call.now), Ok(false));
    }
    call.show(&a, 1);
    for _ in 1..most {
        assert_eq!(call.room.refuse(a.ticket, call.now), Ok(false));
        call.room.heard(a.ticket, call.now).unwrap();
    }
    assert_eq!(call.room.refuse(a.ticket, call.now), Ok(true));
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

#[test]
fn the_fifth_makes_the_grid_3x3_as_soon_as_every_tile_is_there_anew() {
    let mut call = call();
    let joined: Vec<_> = (1..=4).map(|n| call.join(&format!("client{n}"))).collect();
    for (joined, number) in joined.iter().zip(1..) {
        call.show(joined, number);
    }
    let fifth = call.join("client5");
    assert_eq!((fifth.slot.index(), call.side()), (4, 2), "the old grid is served meanwhile");
    assert_eq!(call.room.snapshot().places.len(), 4, "what is not shown has no place");
    let before = call.room.snapshot();
    remake(&mut call);
    let after = call.room.snapshot();
    assert_eq!((call.side(), after.places.len()), (3, 5));
    assert!(after.layout_version > before.layout_version && after.sequence > before.sequence);
    for slot in 0..4 {
        assert_eq!(call.shown(slot), Some(slot as u64 + 1));
    }
}

#[test]
fn a_frame_during_the_switch_is_the_one_that_is_shown_after_it() {
    let mut call = call();
    let (a, b) = (call.join("a"), call.join("b"));
    call.show(&a, 1);
    call.show(&b, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    let missing = call.room.missing();
    assert_eq!(missing.len(), 2);
    call.show(&a, 2);
    assert_eq!((call.side(), call.shown(0)), (2, Some(2)), "shown at once, in the old grid");
    for missing in missing {
        call.room.remade(&missing, Ok(black(missing.format)));
    }
    assert_eq!((call.side(), call.shown(0), call.shown(1)), (3, Some(2), Some(1)));
}

#[test]
fn a_tile_that_was_made_for_the_grid_before_is_asked_for_again() {
    let mut call = call();
    let a = call.join("a");
    let old = [black(call.room.layout().format)];
    let _far = call.ask("far", None, Some(8)).unwrap();
    assert_eq!(call.side(), 3, "nobody shows anything: at once");
    let missing = call.room.show(a.ticket, &Bytes::new(), Stamp::default(), &old, call.now).unwrap();
    assert_eq!(missing, Some(call.room.layout()));
    assert_eq!(call.shown(0), None);
}

#[test]
fn a_frame_that_makes_no_tile_for_the_next_grid_leaves_it_black_and_holds_nobody_up() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    for missing in call.room.missing() {
        call.room.remade(&missing, Err(Unmade::Impossible));
    }
    assert_eq!((call.side(), call.shown(0)), (3, None));
    assert!(call.room.missing().is_empty(), "it is not tried again");
}

#[test]
fn a_tile_that_the_next_grid_did_not_wait_for_follows() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    let missing = call.room.missing();
    assert!(missing.len() == 1 && missing[0].is_awaited);
    call.room.remade(&missing[0], Err(Unmade::Late));
    assert_eq!((call.side(), call.shown(0)), (3, None));

    let late = call.room.missing();
    assert!(late.len() == 1 && !late[0].is_awaited && late[0].format == missing[0].format);
    let sequence = call.room.change().sequence;
    call.room.remade(&late[0], Ok(black(late[0].format)));
    assert_eq!(call.shown(0), Some(1));
    assert!(call.room.change().sequence > sequence && call.room.missing().is_empty());
}

#[test]
fn whoever_takes_the_own_seat_over_does_not_hold_the_grid_up() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    let missing = call.room.missing();
    call.ask("a", Some(a.session), None).unwrap();
    call.room.remade(&missing[0], Ok(black(missing[0].format)));
    assert_eq!((call.side(), call.shown(0)), (3, Some(1)));
}

#[test]
fn the_grid_shrinks_when_a_smaller_one_has_sufficed_for_ten_seconds() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let far = call.ask("far", None, Some(8)).unwrap();
    remake(&mut call);
    call.leave(&far, Departure::Goodbye);
    let due = call.room.next_plan().unwrap();
    assert_eq!(due, call.now + growth::SHRINK_AFTER);
    call.now = due - Duration::from_millis(1);
    call.room.plan(call.now);
    assert!(call.room.missing().is_empty());
    call.now = due;
    call.room.plan(call.now);
    assert_eq!(call.side(), 3, "not before its tiles are there");
    remake(&mut call);
    assert_eq!((call.side(), call.shown(0)), (2, Some(1)));
    assert_eq!(call.room.next_plan(), None);
}

#[test]
fn each_smaller_grid_has_ten_seconds_of_its_own() {
    let mut call = call();
    let near = call.ask("near", None, Some(4)).unwrap();
    let far = call.ask("far", None, Some(48)).unwrap();
    assert_eq!(call.side(), 7);
    let begin = call.now;
    call.leave(&far, Departure::Goodbye);
    call.now = begin + growth::SHRINK_AFTER - Duration::from_secs(1);
    call.leave(&near, Departure::Goodbye);
    let mut at = |after: Duration| {
        call.now = begin + after;
        call.room.plan(call.now);
        (call.side(), call.room.next_plan().map(|due| due - begin))
    };
    let second = growth::SHRINK_AFTER * 2 - Duration::from_secs(1);
    assert_eq!(at(growth::SHRINK_AFTER), (3, Some(second)), "slot 4 was needed a second ago");
    assert_eq!(at(second), (2, None));
}

#[test]
fn frames_alone_are_no_work_for_the_grid_and_whatever_moves_its_time_is() {
    let mut call = call();
    let a = call.join("a");
    let far = call.ask("far", None, Some(8)).unwrap();
    let before = call.room.plans();
    call.show(&a, 1);
    call.room.refuse(a.ticket, call.now).unwrap();
    assert_eq!(call.room.plans(), before);
    call.leave(&far, Departure::Broken);
    assert!(call.room.next_plan().is_some() && call.room.plans() > before);
}

#[test]
fn who_is_back_in_time_keeps_the_grid_and_who_is_late_turns_it_again() {
    for (after, meanwhile) in [(Duration::from_millis(1), 3), (Duration::ZERO, 2)] {
        let mut call = call();
        let far = call.ask("far", None, Some(8)).unwrap();
        call.leave(&far, Departure::Broken);
        let due = call.room.next_plan().unwrap();
        assert_eq!(due, call.now + growth::SHRINK_AFTER, "a kept slot is not in use");
        call.now = due - after;
        call.room.plan(call.now);
        assert_eq!(call.side(), meanwhile);
        let back = call.ask("far", None, None).unwrap();
        assert_eq!((back.slot, call.side()), (far.slot, 3), "the slot was kept");
        call.now = due;
        call.room.plan(call.now);
        assert_eq!((call.side(), call.room.next_plan()), (3, None));
    }
}

#[test]
fn whoever_turns_the_camera_off_has_no_picture_to_be_made_anew() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    call.room.set_video_off(a.ticket, true, call.now).unwrap();
    assert_eq!((call.side(), call.room.missing().len(), call.shown(0)), (3, 0, None));
}

#[test]
fn whatever_happens_a_snapshot_has_one_format_nobody_moves_and_the_newest_frame_is_shown() {
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Join(Option<usize>),
        Leave(usize, bool),
        Show(usize),
        Remake,
        Wait(u64),
    }
    let step = prop_oneof![
        proptest::option::of(0..50_usize).prop_map(Step::Join),
        (0..50_usize, any::<bool>()).prop_map(|(who, broken)| Step::Leave(who, broken)),
        (0..50_usize).prop_map(Step::Show),
        Just(Step::Remake),
        (0..15_000_u64).prop_map(Step::Wait),
    ];
    proptest!(ProptestConfig::with_cases(200), |(steps in proptest::collection::vec(step, 1..80))| {
        let mut call = call();
        let mut seats: Vec<(Joined, Option<u64>)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Join(wish) => {
                    seats.extend(call.ask(&format!("g{number}"), None, wish).ok().map(|joined| (joined, None)));
                }
                Step::Leave(who, broken) if !seats.is_empty() => {
                    let (joined, _) = seats.swap_remove(who % seats.len());
                    call.leave(&joined, if broken { Departure::Broken } else { Departure::Goodbye });
                }
                Step::Show(who) if !seats.is_empty() => {
                    let index = who % seats.len();
                    call.show(&seats[index].0, number as u64);
                    seats[index].1 = Some(number as u64);
                }
                Step::Remake => remake(&mut call),
                Step::Wait(time) => {
                    call.now += Duration::from_millis(time);
                    call.room.plan(call.now);
                }
                Step::Leave(..) | Step::Show(_) => {}
            }
            let snapshot = call.room.snapshot();
            let mut pieces = snapshot.pieces.iter().flatten();
            prop_assert!(pieces.all(|piece| piece.format() == snapshot.layout.format));
            for place in &snapshot.places {
                let (_, newest) = seats.iter().find(|(joined, _)| joined.slot == place.slot).unwrap();
                prop_assert_eq!(place.shown.map(|stamp| stamp.sequence), *newest);
                prop_assert_eq!(snapshot.pieces[place.slot.index()].is_some(), newest.is_some());
            }
        }
        remake(&mut call);
        let snapshot = call.room.snapshot();
        prop_assert_eq!(snapshot.places.len(), seats.len(), "everybody is shown once the switch is done");
        for (joined, _) in &seats {
            call.leave(joined, Departure::Goodbye);
        }
        call.now += KEPT;
        call.room.plan(call.now);
        call.now += growth::SHRINK_AFTER;
        call.room.plan(call.now);
        prop_assert_eq!(call.side(), 2);
    });
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
    let id = ClientId::new("a").unwrap();
    assert_eq!(call.room.bar(&ClientId::new("nobody").unwrap()), None);
    assert_eq!(call.room.bar(&id), Some(a.ticket));
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
fn a_hold_is_to_be_ended_thirty_seconds_after_the_last_word() {
    let mut call = call();
    let a = call.join("a");
    let joined = call.now;
    assert_eq!(call.room.silent_at(a.ticket), Ok(joined + Duration::from_secs(30)));
    call.now += Duration::from_secs(20);
    call.room.heard(a.ticket, call.now).unwrap();
    assert_eq!(call.room.silent_at(a.ticket), Ok(joined + Duration::from_secs(50)));
}
