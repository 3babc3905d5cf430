//! Who is here by address, and what each address has of the server.
//!
//! An address is known as long as it has something: a connection, a request that a proxy handed on, a room; and as long as
//! what it used of the workers is not forgotten. Nobody gains by coming anew.

mod bytes;
mod rate;
mod requests;
mod source;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::counters::{Counters, Share};
use crate::limits::Limits;
use crate::usage::Usage;
use bytes::reserve;
pub(crate) use bytes::{Holding, Keeper, NoRoom, Sending, TooMuch};
use rate::Rate;
pub(crate) use requests::Pace;
use requests::{Requests, Rhythm};
pub(crate) use source::Source;

/// As many requests as in this time may come at once from an address.
const SAVED: Duration = Duration::from_millis(250);
/// And so many on each of its connections, however much others of it ask for: what a page or a call begins with.
const OPENING: u32 = 4;
/// A connection owes no more than so much: it may ask more than its share for hours, where others of its address ask for
/// nothing, and must not go unread for as long when they do. Pings have to be answered, and windows opened.
const OWED: Duration = Duration::from_secs(5);
/// Who rests does so for that long at least: hundreds that wake for one turn each take more than they may ask for.
const REST: Duration = Duration::from_millis(20);

/// From so many addresses on it is looked which of them can be forgotten.
const MANY: usize = 1024;

/// All addresses that are here. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Guests(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caps: Caps,
    counters: Counters,
    /// Bytes that all hold.
    bytes: AtomicUsize,
    /// Bytes that are kept of all.
    kept: AtomicUsize,
    /// Held for a few instructions, never across an await.
    present: Mutex<Present>,
    /// Seats taken.
    joins: Rate,
    /// Those of them that were wished for and free, as after a restart.
    wishes: Rate,
    wrong_tokens: Rate,
    /// Rooms made.
    openings: Rate,
}

/// What may be had at most.
#[derive(Debug)]
struct Caps {
    connections: usize,
    connections_per_ip: usize,
    bytes: usize,
    bytes_per_ip: usize,
    places_per_ip: usize,
    rooms_per_ip: usize,
    /// Of an address.
    requests: Rhythm,
    spares_loopback: bool,
}

#[derive(Debug, Default)]
struct Present {
    connections: usize,
    guests: HashMap<Source, Guest>,
    /// How many guests it takes to look which can be forgotten: twice as many as could not when it was looked last.
    look_at: usize,
}

impl Present {
    /// Forgets who has left, now and then, so that it costs each visit a constant.
    fn forget(&mut self, now: Instant) {
        if self.guests.len() >= self.look_at.max(MANY) {
            self.guests.retain(|_, guest| !guest.is_nothing(now));
            self.look_at = 2 * self.guests.len();
        }
    }
}

/// What one address has.
#[derive(Debug, Default)]
struct Guest {
    /// Connections and forwarded requests. The entry goes with the last, or some time after it.
    visits: usize,
    /// Those that count, which the connections of a proxy do not.
    counted: usize,
    /// What connections have asked for that have left. Together with those that count they are as many as those may be at the
    /// most, as who comes anew goes on where one has left.
    left: Vec<Requests>,
    has: Arc<Has>,
}

impl Guest {
    /// The share of a connection that comes anew, of so many that there may be.
    fn share(&mut self, most: usize, now: Instant) -> Requests {
        self.left.retain(|left| !left.is_nothing(now));
        if self.counted + self.left.len() < most {
            return Requests::default();
        }
        let least = (0..self.left.len()).min_by_key(|&n| self.left[n].debt(now));
        least.map(|n| self.left.swap_remove(n)).unwrap_or_default()
    }

    /// Whether nothing is lost if it is forgotten.
    fn is_nothing(&self, now: Instant) -> bool {
        self.visits == 0 && self.left.iter().all(|left| left.is_nothing(now)) && self.has.is_nothing(now)
    }
}

/// What an address has beside its visits.
#[derive(Debug, Default)]
struct Has {
    /// Bytes that are held for it.
    bytes: AtomicUsize,
    /// Bytes that are on their way to it.
    sent: AtomicUsize,
    /// Bytes of its frames that are kept while they are shown.
    kept: AtomicUsize,
    /// Seats and spectators.
    places: AtomicUsize,
    /// Rooms that somebody of it is in, or was the last to leave.
    rooms: AtomicUsize,
    /// What it asks for.
    requests: Requests,
    /// What it uses of the workers.
    usage: Arc<Usage>,
}

impl Has {
    /// Whether nothing is lost if it is forgotten while nobody of the address is here.
    fn is_nothing(&self, now: Instant) -> bool {
        let is_none = |count: &AtomicUsize| count.load(Ordering::Acquire) == 0;
        [&self.kept, &self.places, &self.rooms].into_iter().all(is_none)
            && self.requests.is_nothing(now)
            && self.usage.is_nothing(now)
    }
}

/// Why there is no place for a connection or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// Of all.
    #[error("there are as many connections as --max-connections allows")]
    InAll,
    /// Of this address.
    #[error("its address has as many connections as --max-connections-per-ip allows")]
    ForAddress,
}

/// An address has as many seats and spectators as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "your address has {0} seats and spectators on this server, which is the most that one may have: try again when one \
     of them has left"
)]
pub(crate) struct TooManyPlaces(usize);

/// An address is in as many rooms as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "your address is in {0} rooms of this server, which is the most that one may be in: join one of them, or leave one"
)]
pub(crate) struct InTooManyRooms(usize);

impl Guests {
    pub(crate) fn new(limits: &Limits, counters: Counters) -> Self {
        let Limits { connections, calls, rooms, .. } = limits;
        let spares_loopback = !connections.limit_loopback;
        Self(Arc::new(Inner {
            caps: Caps {
                connections: connections.max_connections as usize,
                connections_per_ip: connections.max_connections_per_ip as usize,
                bytes: calls.max_held_bytes as usize,
                bytes_per_ip: calls.max_held_bytes_per_ip as usize,
                places_per_ip: rooms.max_places_per_ip as usize,
                rooms_per_ip: rooms.max_rooms_per_ip as usize,
                requests: Rhythm {
                    interval: Duration::from_secs(1) / connections.requests_per_second.max(1),
                    saved: SAVED,
                    owed: Duration::MAX,
                },
                spares_loopback,
            },
            counters,
            bytes: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            present: Mutex::default(),
            joins: Rate::new(calls.joins_per_minute),
            wishes: Rate::new(calls.joins_per_minute),
            wrong_tokens: Rate::new(calls.wrong_tokens_per_minute),
            openings: Rate::new(calls.joins_per_minute),
        }))
    }

    /// Lets a connection in, until the visit is dropped. A proxy's connections are not its own.
    pub(crate) fn connect(&self, address: IpAddr, is_proxy: bool) -> Result<Visit, Full> {
        let mut present = self.lock();
        if present.connections >= self.0.caps.connections {
            return Err(Full::InAll);
        }
        let kind = if is_proxy { Kind::OfProxy } else { Kind::Own };
        let mut visit = self.enter(&mut present, address, kind)?;
        present.connections += 1;
        drop(present);
        visit.connection = Some(self.0.counters.add(|held| &mut held.connections, 1));
        Ok(visit)
    }

    /// Lets a request in that a proxy handed on, until the visit is dropped. It is not from this machine, whatever its
    /// address is: a proxy here that does not say whom it is from gives its own.
    pub(crate) fn hand_on(&self, address: IpAddr) -> Result<Visit, Full> {
        self.enter(&mut self.lock(), address, Kind::HandedOn)
    }

    /// Counts a call until its response is over.
    pub(crate) fn call(&self) -> Share {
        self.0.counters.add(|held| &mut held.streams, 1)
    }

    fn enter(&self, present: &mut Present, address: IpAddr, kind: Kind) -> Result<Visit, Full> {
        let (source, counts) = (Source::of(address), kind != Kind::OfProxy);
        let is_spared = kind != Kind::HandedOn && self.0.caps.spares_loopback && source.is_loopback();
        let now = Instant::now();
        present.forget(now);
        let counted = present.guests.get(&source).map_or(0, |guest| guest.counted);
        if counts && !is_spared && counted >= self.0.caps.connections_per_ip {
            return Err(Full::ForAddress);
        }
        let guest = present.guests.entry(source).or_default();
        let requests = if kind == Kind::Own && !is_spared {
            guest.share(self.0.caps.connections_per_ip, now)
        } else {
            Requests::default()
        };
        guest.visits += 1;
        guest.counted += usize::from(counts);
        let has = Arc::clone(&guest.has);
        Ok(Visit { guests: self.clone(), source, counts, is_spared, requests, has, connection: None })
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        // Nothing under the lock panics half-way.
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A guest's own connection.
    Own,
    /// A proxy's, which is for others.
    OfProxy,
    /// A request that a proxy handed on.
    HandedOn,
}

/// A connection or a forwarded request, and the address that it counts for; ends with this value.
#[derive(Debug)]
pub(crate) struct Visit {
    guests: Guests,
    source: Source,
    /// Whether it is one of those that the address may have.
    counts: bool,
    /// Whether limits for each address do not hold for it.
    is_spared: bool,
    /// What is asked for on the connection.
    requests: Requests,
    has: Arc<Has>,
    /// A connection's share of all.
    connection: Option<Share>,
}

impl Visit {
    /// Counts a seat that is taken. If that is one too many, says how long the guest would have to wait.
    pub(crate) fn join(&self) -> Result<(), Duration> {
        self.check(&self.guests.0.joins)
    }

    /// Counts a seat that was wished for, apart from the others.
    pub(crate) fn join_by_wish(&self) -> Result<(), Duration> {
        self.check(&self.guests.0.wishes)
    }

    /// Counts a wrong token, in the same way.
    pub(crate) fn present_wrong_token(&self) -> Result<(), Duration> {
        self.check(&self.guests.0.wrong_tokens)
    }

    /// Counts a room that is made, in the same way.
    pub(crate) fn open_room(&self) -> Result<(), Duration> {
        self.check(&self.guests.0.openings)
    }

    fn check(&self, rate: &Rate) -> Result<(), Duration> {
        if self.is_spared { Ok(()) } else { rate.check(self.source) }
    }

    /// Counts requests that came on the connection.
    pub(crate) fn ask(&self, count: u64, now: Instant) {
        if self.is_paced() && count > 0 {
            let [of_all, of_one] = self.rhythms();
            self.has.requests.ask(count, of_all, now);
            self.requests.ask(count, of_one, now);
        }
    }

    /// Counts bytes that came on the connection.
    pub(crate) fn earn(&self, bytes: usize) {
        if self.is_paced() {
            let [of_all, of_one] = self.rhythms();
            self.has.requests.earn(bytes as u64, of_all);
            self.requests.earn(bytes as u64, of_one);
        }
    }

    /// How the connection is to be read. If its address asked for too much, those rest that did for more than their share.
    pub(crate) fn pace(&self, now: Instant) -> Pace {
        let [of_all, of_one] = self.rhythms();
        let of_all = self.has.requests.quiet_until(of_all, now).filter(|_| self.is_paced());
        match (of_all, self.requests.quiet_until(of_one, now)) {
            (None, _) => Pace::Free,
            (Some(_), None) => Pace::Sparing,
            (Some(of_all), Some(of_one)) => Pace::Quiet(of_all.min(of_one).max(now + REST)),
        }
    }

    /// The requests of the address, and of one of as many connections as it may have.
    fn rhythms(&self) -> [Rhythm; 2] {
        let caps = &self.guests.0.caps;
        let connections = u32::try_from(caps.connections_per_ip).unwrap_or(u32::MAX);
        let interval = caps.requests.interval.saturating_mul(connections);
        [
            caps.requests,
            Rhythm { interval, saved: interval.saturating_mul(OPENING), owed: OWED.max(interval) },
        ]
    }

    /// Whether its requests are counted by how often they come. Those that a proxy hands on are counted while they last.
    fn is_paced(&self) -> bool {
        self.counts && !self.is_spared
    }

    /// What the guest's address uses of the workers.
    pub(crate) fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.has.usage)
    }

    /// Counts a seat or a spectator, if the address may have one more.
    pub(crate) fn take_place(&self) -> Result<Counted, TooManyPlaces> {
        let most = self.most(self.guests.0.caps.places_per_ip);
        self.count(|has| &has.places, most).ok_or(TooManyPlaces(most))
    }

    /// Counts a room, if the address may be in one more.
    pub(crate) fn enter_room(&self) -> Result<Counted, InTooManyRooms> {
        let most = self.most(self.guests.0.caps.rooms_per_ip);
        self.count(|has| &has.rooms, most).ok_or(InTooManyRooms(most))
    }

    /// Counts a room that counts for the address already, until that ends.
    pub(crate) fn stay_in_room(&self) -> Counted {
        self.has.rooms.fetch_add(1, Ordering::AcqRel);
        Counted { has: Arc::clone(&self.has), of: |has| &has.rooms }
    }

    fn count(&self, of: fn(&Has) -> &AtomicUsize, most: usize) -> Option<Counted> {
        reserve(of(&self.has), 1, most).then(|| Counted { has: Arc::clone(&self.has), of })
    }

    /// Where it is from.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Bytes that are to be held for the guest, none so far.
    pub(crate) fn hold(self: &Arc<Self>) -> Holding {
        let share = self.guests.0.counters.add(|held| &mut held.bytes, 0);
        Holding::none(Arc::clone(self), share)
    }

    /// Bytes that are on their way to the guest, none so far.
    pub(crate) fn send(self: &Arc<Self>) -> Sending {
        Sending::none(Arc::clone(self))
    }

    /// What keeps its frames.
    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::of(self)
    }

    /// How many bytes the address may have: of those that it sends, of those that it is sent, and of its frames that are
    /// shown.
    fn most_bytes(&self) -> usize {
        self.most(self.guests.0.caps.bytes_per_ip)
    }

    /// How many the address may have, where others may have `cap`.
    fn most(&self, cap: usize) -> usize {
        if self.is_spared { usize::MAX } else { cap }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut present = self.guests.lock();
        present.connections -= usize::from(self.connection.is_some());
        if let Some(guest) = present.guests.get_mut(&self.source) {
            guest.visits -= 1;
            guest.counted -= usize::from(self.counts);
            let now = Instant::now();
            if self.is_paced() && !self.requests.is_nothing(now) {
                guest.left.push(std::mem::take(&mut self.requests));
            }
            if guest.is_nothing(now) {
                present.guests.remove(&self.source);
            }
        }
    }
}

/// Something that an address has, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    has: Arc<Has>,
    of: fn(&Has) -> &AtomicUsize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.of)(&self.has).fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
