//! What the kernel is to do with a socket.

use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;
use tracing::debug;

use crate::limits::ConnectionLimits;

/// Small messages go at once, little waits unsent in the kernel, and a peer that acknowledges nothing is lost when an
/// unanswered ping says so, also over HTTP/1, which has none. A socket without these options works too.
pub(super) fn set_options(stream: &TcpStream, limits: &ConnectionLimits) {
    let socket = SockRef::from(stream);
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| bound(&socket, limits)) {
        debug!(%error, "a socket option was not set");
    }
}

#[cfg(target_os = "linux")]
fn bound(socket: &SockRef<'_>, limits: &ConnectionLimits) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(limits.send_buffer)?;
    socket.set_tcp_user_timeout(Some(limits.ping_after.saturating_add(limits.ping_timeout)))
}

#[cfg(not(target_os = "linux"))]
fn bound(socket: &SockRef<'_>, limits: &ConnectionLimits) -> io::Result<()> {
    socket.set_send_buffer_size(limits.send_buffer as usize)
}
