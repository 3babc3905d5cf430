//! Who is at the other end of a connection, and whether the connection still stands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The other end of a connection. Clones share the knowledge that it was lost.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    lost: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, lost: Arc::default() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes that nothing can come from there any more.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// Whether the connection is gone. A stream that ends while it stands was cancelled by its client.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}
