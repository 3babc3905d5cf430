//! Who is at the other end of a connection, and whether the connection still stands.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::guests::{Holding, Pace, Sending, Visit};
use crate::names::RoomId;

/// How much longer than until the ping a peer that lives can be silent: it answers that.
const ANSWER: Duration = Duration::from_secs(5);

/// How a connection came in, or a request that a trusted proxy handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// Whether it is TLS.
    pub(crate) secure: bool,
    /// Whether a trusted proxy handed it on: then the others are of the connection to that, but for our end.
    pub(crate) forwarded: bool,
}

impl Arrival {
    /// Whether it is from this machine: from loopback, or from the very address that it came to. What a proxy on this
    /// machine hands on is not.
    pub(crate) fn is_from_here(&self) -> bool {
        let (peer, local) = (self.peer.ip().to_canonical(), self.local.ip().to_canonical());
        !self.forwarded && (peer.is_loopback() || peer == local)
    }
}

/// An address for the log. A proxy often tells no port, which is 0 then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(SocketAddr);

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            0 => write!(formatter, "{}", self.0.ip()),
            _ => write!(formatter, "{}", self.0),
        }
    }
}

/// What the server knows of a stream, below and above what answers on it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    given_up: AtomicBool,
    room: Mutex<Option<RoomId>>,
}

impl StreamState {
    /// Notes that the server ends it, as its viewer does not read it.
    pub(crate) fn give_up(&self) {
        self.0.given_up.store(true, Ordering::Release);
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.0.given_up.load(Ordering::Acquire)
    }

    /// The room that it is of, if it is of one.
    pub(crate) fn room(&self) -> Option<RoomId> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn enter(&self, room: &RoomId) {
        *self.0.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(room.clone());
    }
}

/// Whom a request is from: the other end of its connection, or whom a trusted proxy handed it on for. Clones share what
/// is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    line: Arc<Line>,
    stream: StreamState,
    visit: Arc<Visit>,
}

/// A connection.
#[derive(Debug)]
struct Line {
    opened: Instant,
    /// Milliseconds from `opened` to the last byte that came.
    heard: AtomicU64,
    /// A peer that lives is never silent for so long.
    silent: Duration,
    /// Whether a request has come.
    asked: AtomicBool,
    /// Whether one of HTTP/2 has.
    multiplexed: AtomicBool,
    lost: AtomicBool,
}

impl Peer {
    /// The other end of a connection that begins `now`, and is asked after `ping_after` whether it lives.
    pub(crate) fn connected(address: SocketAddr, visit: Visit, ping_after: Duration, now: Instant) -> Self {
        let line = Line {
            opened: now,
            heard: AtomicU64::new(0),
            silent: ping_after.saturating_add(ANSWER),
            asked: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        };
        Self { address, line: Arc::new(line), stream: StreamState::default(), visit: Arc::new(visit) }
    }

    /// Whom a request on this connection is for, if the other end is a proxy.
    pub(crate) fn on_behalf_of(&self, address: SocketAddr, visit: Visit) -> Self {
        Self { address, visit: Arc::new(visit), ..self.clone() }
    }

    /// The same for one stream, which may end alone.
    pub(crate) fn of_stream(self, stream: StreamState) -> Self {
        Self { stream, ..self }
    }

    /// Notes that the stream is of that room.
    pub(crate) fn enter(&self, room: &RoomId) {
        self.stream.enter(room);
    }

    pub(crate) fn address(&self) -> Address {
        Address(self.address)
    }

    /// What limits of each address are asked about.
    pub(crate) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// Bytes that are to be held for it, none so far.
    pub(crate) fn hold(&self) -> Holding {
        self.visit.hold()
    }

    /// Bytes that are on their way to it, none so far.
    pub(crate) fn send(&self) -> Sending {
        self.visit.send()
    }

    /// Notes that bytes came.
    pub(crate) fn hear(&self, now: Instant) {
        let passed = now.saturating_duration_since(self.line.opened).as_millis();
        self.line.heard.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Notes that a request came, of HTTP/2 or of the one before.
    pub(crate) fn ask(&self, is_http2: bool) {
        self.line.asked.store(true, Ordering::Release);
        self.line.multiplexed.store(is_http2, Ordering::Release);
        if !is_http2 {
            // Those of HTTP/2 are counted before they are read.
            self.count_requests(1, Instant::now());
        }
    }

    /// Counts requests that came on the connection.
    pub(crate) fn count_requests(&self, count: u64, now: Instant) {
        self.visit.ask(count, now);
    }

    /// Counts bytes that came on the connection.
    pub(crate) fn earn(&self, bytes: usize) {
        self.visit.earn(bytes);
    }

    /// Waits until the request that was just counted may be looked at. One of HTTP/2 may at once, as it was counted before it
    /// was read. Those of HTTP/1 come one after the other, though many may have been read.
    pub(crate) async fn rest(&self) {
        while !self.is_http2()
            && let Pace::Quiet(until) = self.pace(Instant::now())
        {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// How the connection is to be read, by what it and its address asked for.
    pub(crate) fn pace(&self, now: Instant) -> Pace {
        self.visit.pace(now)
    }

    /// Whether a request has come on the connection.
    pub(crate) fn has_asked(&self) -> bool {
        self.line.asked.load(Ordering::Acquire)
    }

    /// Whether the connection is known to speak HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.line.multiplexed.load(Ordering::Acquire)
    }

    /// Notes that nothing can come from there any more.
    pub(crate) fn lose(&self) {
        self.line.lost.store(true, Ordering::Release);
    }

    /// Whether the connection is gone, or the stream was given up. A stream that ends without was cancelled by its
    /// client.
    ///
    /// A peer that vanished without a word is known by its silence: when the ping's time is over, the streams end
    /// before anybody could note that.
    pub(crate) fn is_lost(&self, now: Instant) -> bool {
        let heard = self.line.opened + Duration::from_millis(self.line.heard.load(Ordering::Acquire));
        self.stream.is_given_up()
            || self.line.lost.load(Ordering::Acquire)
            || now.saturating_duration_since(heard) >= self.line.silent
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Peer {
    /// Somebody, by default limits.
    pub(crate) fn new(address: SocketAddr, now: Instant) -> Self {
        let limits = crate::limits::Limits::default();
        let guests = crate::guests::Guests::new(&limits, crate::counters::Counters::default());
        let visit = guests.connect(address.ip(), false).expect("there is nobody else");
        Self::connected(address, visit, limits.connections.ping_after, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_from_here_if_it_is_from_loopback_or_from_the_address_that_it_came_to() {
        let arrival = |peer: &str, local: &str| {
            let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
            Arrival { peer: at(peer), local: at(local), secure: false, forwarded: false }
        };
        for (peer, local) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.2", "127.0.0.1"),
            ("::1", "::1"),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
            ("192.168.0.7", "192.168.0.7"),
            ("::ffff:192.168.0.7", "192.168.0.7"),
            ("2001:db8::7", "2001:db8::7"),
        ] {
            assert!(arrival(peer, local).is_from_here(), "{peer} to {local}");
        }
        for (peer, local) in [
            ("192.168.0.8", "192.168.0.7"),
            ("::ffff:192.168.0.8", "::ffff:192.168.0.7"),
            ("2001:db8::8", "2001:db8::7"),
            ("192.168.0.8", "127.0.0.1"),
        ] {
            assert!(!arrival(peer, local).is_from_here(), "{peer} to {local}");
        }
    }

    #[test]
    fn a_peer_is_lost_when_its_connection_ended_or_it_left_a_ping_unanswered() {
        let begin = Instant::now();
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), begin);
        peer.hear(begin + Duration::from_secs(40));
        assert!(!peer.is_lost(begin + Duration::from_secs(40 + 15 + 1)));
        assert!(peer.is_lost(begin + Duration::from_secs(40 + 15 + 10)));
        peer.hear(begin + Duration::from_secs(66));
        assert!(!peer.is_lost(begin + Duration::from_secs(66)));
        peer.clone().lose();
        assert!(peer.is_lost(begin + Duration::from_secs(66)));
    }

    #[test]
    fn an_address_without_a_port_is_shown_without() {
        let shown = |address: &str| Address(address.parse().unwrap()).to_string();
        assert_eq!(shown("203.0.113.9:0"), "203.0.113.9");
        assert_eq!(shown("203.0.113.9:99"), "203.0.113.9:99");
        assert_eq!(shown("[2001:db8::7]:0"), "2001:db8::7");
    }

    #[test]
    fn a_stream_that_was_given_up_is_lost_alone() {
        let begin = Instant::now();
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), begin);
        let state = StreamState::default();
        let stream = peer.clone().of_stream(state.clone());
        state.give_up();
        assert!(stream.is_lost(begin) && !peer.is_lost(begin));
    }
}
