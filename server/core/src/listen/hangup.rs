//! Whether a peer has gone whose connection is not read.

use futures_util::FutureExt as _;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that knows of its end before all that came has been read.
pub(super) trait Hangup {
    /// Whether nothing will come but what has come already: it was closed or reset, by the peer or by its program's death.
    /// An end behind more bytes than the kernel takes unread is not known yet.
    fn has_hung_up(&self) -> bool;
}

impl Hangup for TcpStream {
    fn has_hung_up(&self) -> bool {
        let known = self.ready(Interest::READABLE).now_or_never();
        matches!(known, Some(Ok(ready)) if ready.is_read_closed())
    }
}

impl<S: Hangup> Hangup for TlsStream<S> {
    fn has_hung_up(&self) -> bool {
        self.get_ref().0.has_hung_up()
    }
}
