//! The rules of seats, without a network.

mod grid;
mod joining;
mod returning;

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
        self.room.join(Join { session, preferred, ..Join::of(id) }, Session::random(), self.now)
    }

    fn ask_as_host(&mut self, id: &str) -> Result<Joined, JoinError> {
        self.room.join(host(id), Session::random(), self.now)
    }

    /// As somebody to whom a token gives that id.
    fn ask_by_token(&mut self, id: &str, session: Option<Session>) -> Result<Joined, JoinError> {
        let join = Join { session, is_named: true, ..Join::of(id) };
        self.room.join(join, Session::random(), self.now)
    }

    /// Ends the seat of that id as a host does.
    fn end(&mut self, id: &str) -> Result<(), NoSuchSeat> {
        if let Some(ticket) = self.room.bar(&ClientId::new(id).unwrap(), self.now)? {
            assert!(self.room.leave(ticket, Departure::Goodbye, self.now));
        }
        Ok(())
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
fn a_hold_is_to_be_ended_thirty_seconds_after_the_last_word() {
    let mut call = call();
    let a = call.join("a");
    let joined = call.now;
    assert_eq!(call.room.silent_at(a.ticket), Ok(joined + Duration::from_secs(30)));
    call.now += Duration::from_secs(20);
    call.room.heard(a.ticket, call.now).unwrap();
    assert_eq!(call.room.silent_at(a.ticket), Ok(joined + Duration::from_secs(50)));
}
