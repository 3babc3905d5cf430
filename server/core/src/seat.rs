//! Seats in a room that many streams share: the room's lock, the clock, and a guard that leaves on Drop.
//!
//! The lock is `std`'s and is never held across an await: what it guards is a few dozen words, and what is
//! done under it takes microseconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tessera_mosaic::{Layout, Slot};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tracing::info;

use crate::counters::{Counters, Share};
use crate::guests::{Counted, Keeper, Visit};
use crate::limits::CallLimits;
use crate::names::{ClientId, RoomId, Session};
use crate::pace::{Pace, Verdict};
use crate::peer::Peer;
use crate::piece::Piece;
use crate::room::{
    Attendance, Change, Departure, Gone, Join, JoinError, Missing, NoSuchSeat, PushError, Room, Snapshot,
    Stamp, Standing, Ticket, Unmade,
};
use crate::usage::Account;

/// The seats of one room.
#[derive(Debug)]
pub(crate) struct Seats {
    id: RoomId,
    state: Mutex<State>,
    /// Where the room stands, told to everybody who waits for something new.
    changes: watch::Sender<Change>,
    /// Another number whenever there may be something to do for the grid, and not with every frame.
    plans: watch::Sender<u64>,
    limits: CallLimits,
    counters: Counters,
}

#[derive(Debug)]
struct State {
    room: Room,
    /// The holds that stand; each ends with its entry.
    holds: HashMap<Ticket, Hold>,
}

/// What the streams and pushes of one hold share.
#[derive(Debug)]
struct Hold {
    /// Why the hold was ended, if it was ended from here.
    end: watch::Sender<Option<End>>,
    /// One frame in work for each seat: whoever has this makes a tile of one.
    work: Arc<AsyncMutex<()>>,
    /// Of its pushes.
    pace: Pace,
    account: Account,
    keeper: Keeper,
    /// Counts the seat for an address.
    place: Arc<Counted>,
}

/// Why a hold was ended by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The seat's session came again, or whoever a token gives the id: newest wins.
    TakenOver,
    /// So many frames in a row could not be used.
    TooManyRefusals(u32),
    /// A host ended the seat.
    ByHost,
}

impl Seats {
    pub(crate) fn new(id: RoomId, room: Room, limits: CallLimits, counters: Counters) -> Arc<Self> {
        let changes = watch::Sender::new(room.change());
        let plans = watch::Sender::new(room.plans());
        let state = Mutex::new(State { room, holds: HashMap::new() });
        Arc::new(Self { id, state, changes, plans, limits, counters })
    }

    /// The seats of a room with the limits that hold where no flag is given.
    #[cfg(test)]
    pub(crate) fn of(canvas: tessera_mosaic::Canvas) -> Arc<Self> {
        let limits = crate::limits::Limits::default();
        let room = Room::new(canvas, crate::room::Rules::from(&limits));
        Self::new(RoomId::main(), room, limits.calls, Counters::default())
    }

    /// Takes a seat, which is held until the [`Seat`] is dropped.
    pub(crate) fn take(self: &Arc<Self>, join: Join, peer: Peer) -> Result<Seat, JoinError> {
        let (id, is_host) = (join.id.clone(), join.is_host);
        let (seat, attendance) = self.change(|state| {
            let place = state.place(state.room.standing(&join, now()), peer.visit())?;
            let joined = state.room.join(join, Session::random(), now())?;
            if let Some(replaced) = joined.replaced {
                state.end(replaced, End::TakenOver);
            }
            let (end, ended) = watch::channel(None);
            let pace = Pace::new(&self.limits);
            let account = Account::new(peer.visit().usage());
            let keeper = peer.visit().keeper();
            let hold = Hold { end, work: Arc::default(), pace, account, keeper, place };
            state.holds.insert(joined.ticket, hold);
            let seat = Seat {
                seats: Arc::clone(self),
                ticket: joined.ticket,
                slot: joined.slot,
                session: joined.session,
                is_host,
                peer,
                ended,
                departure: None,
                _counted: self.counters.add(|held| &mut held.seats, 1),
            };
            Ok::<_, JoinError>((seat, state.room.attendance()))
        })?;
        self.log("connected", &id, &seat, &attendance);
        Ok(seat)
    }

    /// The seat that a push may use.
    pub(crate) fn seat_of_push(
        &self,
        id: Option<&ClientId>,
        session: Option<&Session>,
    ) -> Result<Ticket, PushError> {
        self.lock().room.seat_of_push(id, session)
    }

    /// Whether a push of this moment is looked at.
    pub(crate) fn judge_push(&self, ticket: Ticket) -> Result<Verdict, Gone> {
        self.lock().holds.get_mut(&ticket).map(|hold| hold.pace.judge()).ok_or(Gone)
    }

    /// Notes the number of a push that arrived; `false` when a newer one arrived before.
    pub(crate) fn push_arrived(&self, ticket: Ticket, number: u64) -> Result<bool, Gone> {
        self.lock().room.push_arrived(ticket, number)
    }

    /// Whether no newer push than `number` has arrived.
    pub(crate) fn is_newest_push(&self, ticket: Ticket, number: u64) -> Result<bool, Gone> {
        self.lock().room.is_newest_push(ticket, number)
    }

    /// Waits until no other frame of this seat is in work, and keeps others waiting until it is dropped.
    pub(crate) async fn work(&self, ticket: Ticket) -> Result<OwnedMutexGuard<()>, Gone> {
        let work = self.lock().holds.get(&ticket).map(|hold| Arc::clone(&hold.work)).ok_or(Gone)?;
        Ok(work.lock_owned().await)
    }

    /// On whom work on its frames is charged.
    pub(crate) fn account(&self, ticket: Ticket) -> Result<Account, Gone> {
        self.lock().holds.get(&ticket).map(|hold| hold.account.clone()).ok_or(Gone)
    }

    /// What keeps its frames.
    pub(crate) fn keeper(&self, ticket: Ticket) -> Result<Keeper, Gone> {
        self.lock().holds.get(&ticket).map(|hold| hold.keeper.clone()).ok_or(Gone)
    }

    /// Notes that the holder said something.
    pub(crate) fn heard(&self, ticket: Ticket) -> Result<(), Gone> {
        self.change(|state| state.room.heard(ticket, now()))
    }

    /// Turns the camera off or on.
    pub(crate) fn set_video_off(&self, ticket: Ticket, off: bool) -> Result<(), Gone> {
        self.change(|state| state.room.set_video_off(ticket, off, now()))
    }

    /// The last good frame of a seat, and what was made of it.
    pub(crate) fn last_frame(&self, ticket: Ticket) -> Option<(Bytes, Vec<Arc<Piece>>)> {
        self.lock().room.last_frame(ticket)
    }

    /// Shows a new frame, of which `pieces` were made; gives the layout whose piece is missing.
    pub(crate) fn show(
        &self,
        ticket: Ticket,
        jpeg: &Bytes,
        stamp: Stamp,
        pieces: &[Arc<Piece>],
    ) -> Result<Option<Layout>, Gone> {
        self.change(|state| state.room.show(ticket, jpeg, stamp, pieces, now()))
    }

    /// What is shown now.
    pub(crate) fn layout(&self) -> Layout {
        self.lock().room.layout()
    }

    /// Looks whether another grid is to come; gives the tiles that it lacks, and when to look again.
    pub(crate) fn plan(&self) -> (Vec<Missing>, Option<Instant>) {
        self.change(|state| {
            state.room.plan(now());
            (state.room.missing(), state.room.next_plan())
        })
    }

    /// Takes a tile that the next grid lacked.
    pub(crate) fn remade(&self, missing: &Missing, made: Result<Arc<Piece>, Unmade>) {
        self.change(|state| state.room.remade(missing, made));
    }

    /// Counts a refused frame. The last one that is borne ends the hold.
    pub(crate) fn refuse(&self, ticket: Ticket) -> Result<(), Gone> {
        self.change(|state| {
            if state.room.refuse(ticket, now())? {
                state.end(ticket, End::TooManyRefusals(state.room.rules().max_refusals));
            }
            Ok(())
        })
    }

    /// Ends the seat of this id, or keeps its slot no more, and keeps its holder out from now on. The seat is free at
    /// once, its session proves nothing any more, and pushes find nobody, whatever its stream does: one that is not read
    /// learns of it late.
    pub(crate) fn end_seat(&self, id: &ClientId) -> Result<(), NoSuchSeat> {
        self.change(|state| {
            if let Some(ticket) = state.room.bar(id, now())? {
                state.end(ticket, End::ByHost);
                state.holds.remove(&ticket);
                state.room.leave(ticket, Departure::Goodbye, now());
            }
            Ok(())
        })
    }

    /// Whether a joiner may come in, if there is a seat.
    pub(crate) fn admit(&self, join: &Join) -> Result<(), JoinError> {
        self.lock().room.admit(join, now())
    }

    /// Whether a spectator may come in, and stay: `id` is what a token names them.
    pub(crate) fn bars(&self, id: &ClientId) -> bool {
        self.lock().room.is_barred(id, true)
    }

    /// Lets nobody in any more but hosts and those who come back, or everybody again.
    pub(crate) fn set_locked(&self, locked: bool) {
        self.change(|state| state.room.set_locked(locked, now()));
    }

    /// Whether nobody comes in but hosts and those who come back.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock().room.is_locked()
    }

    /// Whether something of the room would be missed: a slot that is kept, or what a host has ruled.
    pub(crate) fn is_to_be_found_again(&self) -> bool {
        self.lock().room.is_to_be_found_again(now())
    }

    /// Everything that a mosaic of this moment needs, and the slots that are stale now.
    pub(crate) fn snapshot(&self) -> (Snapshot, Vec<Slot>) {
        let state = self.lock();
        (state.room.snapshot(), state.room.stale(now()))
    }

    /// The mosaic's number now.
    pub(crate) fn sequence(&self) -> u64 {
        self.lock().room.change().sequence
    }

    /// The slots that are stale now, and when the next one will be.
    pub(crate) fn stale(&self) -> (Vec<Slot>, Option<Instant>) {
        let (state, now) = (self.lock(), now());
        (state.room.stale(now), state.room.next_stale(now))
    }

    /// Tells when there is something new to see.
    pub(crate) fn changes(&self) -> watch::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Tells when there may be something to do for the grid.
    pub(crate) fn plans(&self) -> watch::Receiver<u64> {
        self.plans.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves a room that is whole: every change of it is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells those who wait if there is something new to see by it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        let (now, plans) = (state.room.change(), state.room.plans());
        // Under the lock, so that a number never follows a higher one.
        self.changes.send_if_modified(|told| std::mem::replace(told, now) != now);
        self.plans.send_if_modified(|told| std::mem::replace(told, plans) != plans);
        result
    }

    fn log(&self, what: &str, id: &ClientId, seat: &Seat, attendance: &Attendance) {
        let list = |ids: &[ClientId]| {
            let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
            format!("[{}]", names.join(", "))
        };
        info!(
            room = %self.id,
            slot = %seat.slot,
            peer = %seat.peer.address(),
            connected = %list(&attendance.connected),
            disconnected = %list(&attendance.left),
            "{id} {what}",
        );
    }
}

impl State {
    /// Counts a seat for the address that it is taken from, and the join as well unless somebody comes back.
    fn place(&self, standing: Standing, visit: &Visit) -> Result<Arc<Counted>, JoinError> {
        let place = visit.take_place().map(Arc::new);
        match standing {
            // There is no seat more by it. If this address may have no more, it counts as before.
            Standing::Seated(ticket) => {
                let before = || self.holds.get(&ticket).map(|hold| Arc::clone(&hold.place));
                return Ok(place.or_else(|error| before().ok_or(error))?);
            }
            Standing::Kept => {}
            Standing::Wished if place.is_ok() => visit.join_by_wish().map_err(|_| JoinError::TooMany)?,
            Standing::New if place.is_ok() => visit.join().map_err(|_| JoinError::TooMany)?,
            Standing::Wished | Standing::New => {}
        }
        Ok(place?)
    }

    fn end(&mut self, ticket: Ticket, end: End) {
        if let Some(hold) = self.holds.get(&ticket) {
            hold.end.send_replace(Some(end));
        }
    }
}

/// A seat, held as long as this lives.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    ticket: Ticket,
    slot: Slot,
    session: Session,
    is_host: bool,
    peer: Peer,
    ended: watch::Receiver<Option<End>>,
    /// How the stream ended, once that is known.
    departure: Option<Departure>,
    _counted: Share,
}

impl Seat {
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn is_host(&self) -> bool {
        self.is_host
    }

    /// Waits until the holder has said nothing for too long.
    pub(crate) async fn silent(&self) {
        loop {
            let at = self.seats.lock().room.silent_at(self.ticket);
            // Whoever lost the seat is told so otherwise.
            let Ok(at) = at else { return std::future::pending().await };
            if at <= now() {
                return;
            }
            tokio::time::sleep_until(at.into()).await;
        }
    }

    /// Notes how the stream ended. Without it, a stream that is dropped while its connection stands was
    /// cancelled, and one that is dropped with its connection was broken.
    pub(crate) fn depart(&mut self, departure: Departure) {
        self.departure = Some(departure);
    }

    /// Why the hold was ended by the server, if it was.
    pub(crate) fn end(&self) -> Option<End> {
        *self.ended.borrow()
    }

    /// Waits until the hold is ended by the server.
    pub(crate) async fn ended(&self) -> End {
        match self.ended.clone().wait_for(Option::is_some).await.map(|end| *end) {
            Ok(Some(end)) => end,
            // The sender lives as long as this seat does.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let by_connection =
            if self.peer.is_lost(Instant::now()) { Departure::Broken } else { Departure::Goodbye };
        let departure = self.departure.unwrap_or(by_connection);
        let left = self.seats.change(|state| {
            state.holds.remove(&self.ticket);
            let id = state.room.id(self.ticket).ok()?;
            state.room.leave(self.ticket, departure, now());
            Some((id, state.room.attendance()))
        });
        // Whoever lost the seat to another has nothing to leave.
        if let Some((id, attendance)) = left {
            let what = match departure {
                Departure::Goodbye => "disconnected",
                Departure::Broken => "disconnected unexpectedly; its slot is kept for 30 s",
            };
            self.seats.log(what, &id, self, &attendance);
        }
    }
}

/// The time, by the runtime's clock: tests can turn it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
