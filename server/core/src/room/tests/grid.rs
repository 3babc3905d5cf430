//! How the grid grows and shrinks, and what it shows meanwhile.

use super::*;

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
fn whoever_comes_and_goes_beyond_the_next_grid_does_not_hold_it_up() {
    let mut call = call();
    let a = call.join("a");
    call.show(&a, 1);
    let _far = call.ask("far", None, Some(8)).unwrap();
    let farther = call.ask("farther", None, Some(15)).unwrap();
    let missing = call.room.missing();
    assert_eq!(missing[0].format, canvas().layout(Grid::new(4).unwrap()).format);
    call.leave(&farther, Departure::Goodbye);
    call.room.remade(&missing[0], Ok(black(missing[0].format)));
    assert_eq!((call.side(), call.shown(0)), (4, Some(1)), "what was begun is good");
    call.now += growth::SHRINK_AFTER;
    call.room.plan(call.now);
    remake(&mut call);
    assert_eq!(call.side(), 3);

    // Nobody needs another grid any more.
    let farther = call.ask("farther", None, Some(15)).unwrap();
    call.leave(&farther, Departure::Goodbye);
    assert!(call.room.missing().is_empty());
    assert_eq!(call.side(), 3);
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
