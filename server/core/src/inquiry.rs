//! What the server holds, for whoever asks it by SIGUSR1.

use std::io;

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::counters::{Counters, Held};

/// Asks of the server's owner.
#[derive(Debug)]
pub(crate) struct Inquiries(Signal);

impl Inquiries {
    /// Starts to catch SIGUSR1.
    ///
    /// # Errors
    ///
    /// When the system does not let the process catch it.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::user_defined1())?))
    }

    /// Answers each by a line in the log, for as long as it is polled.
    pub(crate) async fn answer(mut self, counters: Counters) {
        while self.0.recv().await.is_some() {
            let Held { connections, streams, rooms, seats, viewers, bytes } = counters.held();
            let tasks = Handle::current().metrics().num_alive_tasks();
            info!(connections, streams, rooms, seats, viewers, bytes, tasks, "held now");
        }
    }
}
