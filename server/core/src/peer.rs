//! Who is at the other end of a connection, and whether the connection still stands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// After so much silence an HTTP/2 peer is asked whether it lives.
pub(crate) const PING_AFTER: Duration = Duration::from_secs(15);
/// So long it has to answer.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that lives is never silent for so long: it answers the ping.
const SILENT: Duration = PING_AFTER.saturating_add(Duration::from_secs(5));

/// How a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// Whether it is TLS.
    pub(crate) secure: bool,
}

impl Arrival {
    /// Whether it is from this machine: from loopback, or from the very address that it came to.
    pub(crate) fn is_from_here(&self) -> bool {
        let (peer, local) = (self.peer.ip().to_canonical(), self.local.ip().to_canonical());
        peer.is_loopback() || peer == local
    }
}

/// The other end of a connection. Clones share what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    opened: Instant,
    /// Milliseconds from `opened` to the last byte that came.
    heard: AtomicU64,
    lost: AtomicBool,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, now: Instant) -> Self {
        let line = Line { opened: now, heard: AtomicU64::new(0), lost: AtomicBool::new(false) };
        Self { address, line: Arc::new(line) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes that bytes came.
    pub(crate) fn hear(&self, now: Instant) {
        let passed = now.saturating_duration_since(self.line.opened).as_millis();
        self.line.heard.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Notes that nothing can come from there any more.
    pub(crate) fn lose(&self) {
        self.line.lost.store(true, Ordering::Release);
    }

    /// Whether the connection is gone. A stream that ends while it stands was cancelled by its client.
    ///
    /// A peer that vanished without a word is known by its silence: when the ping's time is over, the streams end
    /// before anybody could note that.
    pub(crate) fn is_lost(&self, now: Instant) -> bool {
        let heard = self.line.opened + Duration::from_millis(self.line.heard.load(Ordering::Acquire));
        self.line.lost.load(Ordering::Acquire) || now.saturating_duration_since(heard) >= SILENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_from_here_if_it_is_from_loopback_or_from_the_address_that_it_came_to() {
        let arrival = |peer: &str, local: &str| {
            let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
            Arrival { peer: at(peer), local: at(local), secure: false }
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
        assert!(!peer.is_lost(begin + Duration::from_secs(40) + PING_AFTER + Duration::from_secs(1)));
        assert!(peer.is_lost(begin + Duration::from_secs(40) + PING_AFTER + PING_TIMEOUT));
        peer.hear(begin + Duration::from_secs(66));
        assert!(!peer.is_lost(begin + Duration::from_secs(66)));
        peer.clone().lose();
        assert!(peer.is_lost(begin + Duration::from_secs(66)));
    }
}
