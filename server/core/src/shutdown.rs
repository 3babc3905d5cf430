//! Signals: the first one stops the server, the second one at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The signals that stop the server.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to catch SIGINT (Ctrl-C) and SIGTERM.
    ///
    /// # Errors
    ///
    /// When the system does not let the process catch them.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Cancels `stopping` at the first signal and returns at the second.
    pub async fn stop_then_abort(mut self, stopping: CancellationToken) {
        info!("{}: stopping; once more stops at once", self.next().await);
        stopping.cancel();
        warn!("{} again: stopping at once", self.next().await);
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "terminated",
        }
    }
}
