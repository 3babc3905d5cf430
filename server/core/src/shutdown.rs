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
        // Not among the arguments of the log: those are not evaluated where the log is off.
        let first = self.next().await;
        info!("{first}: stopping; once more stops at once");
        stopping.cancel();
        let second = self.next().await;
        warn!("{second} again: stopping at once");
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::subscriber::{NoSubscriber, set_default};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_a_log_it_waits_for_a_signal_all_the_same() {
        let _off = set_default(NoSubscriber::new());
        let stopping = CancellationToken::new();
        let signals = Signals::catch().unwrap();
        let stopped =
            tokio::time::timeout(Duration::from_secs(60), signals.stop_then_abort(stopping.clone()));
        assert!(stopped.await.is_err() && !stopping.is_cancelled());
    }
}
