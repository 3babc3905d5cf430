//! Whom to attack, and from where.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

/// Nothing here takes so long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// `future`'s result, or a failed test if it hangs.
///
/// # Panics
///
/// When it takes longer than [`PATIENCE`].
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this hangs")
}

/// A server, and the address that is used against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: SocketAddr,
    /// The attacker's own address.
    pub from: Ipv4Addr,
}

impl Target {
    /// The server as the healthy see it.
    pub fn healthy(server: SocketAddr) -> Self {
        Self { server, from: Ipv4Addr::LOCALHOST }
    }

    /// From an address that this process has not used yet: what one attacker used up is not the next one's.
    pub fn from_elsewhere(server: SocketAddr) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(2);
        Self::from_address(server, NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// From the `n`th address of 127.0.0.0/8.
    pub fn from_address(server: SocketAddr, n: u32) -> Self {
        let from = Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 0, 0).to_bits() | (n & 0x00FF_FFFF));
        Self { server, from }
    }

    /// The same from an address of many, which nobody else has: somebody of a crowd.
    #[must_use]
    pub fn of_a_crowd(self) -> Self {
        // The half of 127.0.0.0/8 that is not counted up from below; each process begins elsewhere in it.
        const CROWD: u32 = 0x0080_0000;
        const STRIDE: u32 = 5003;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let begin = self.from.to_bits().wrapping_mul(STRIDE);
        let n = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % CROWD;
        Self::from_address(self.server, CROWD + n)
    }

    /// A connection.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn connect(self) -> io::Result<TcpStream> {
        let stream = self.socket()?.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection whose end here takes in a few kilobytes and no more until they are read.
    ///
    /// # Errors
    ///
    /// As those of sockets.
    pub async fn connect_narrow(self) -> io::Result<TcpStream> {
        let socket = self.socket()?;
        // The least that Linux takes; it must be said before the window is.
        socket.set_recv_buffer_size(2048)?;
        socket.connect(self.server).await
    }

    fn socket(self) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        Ok(socket)
    }
}
