//! The tasks of HTTP/2's streams.

use hyper::rt::Executor;
use tracing::Instrument;

use super::stall::{Patience, Progress, unless_stalled};

/// Runs each stream of a connection in a task of its own, until its viewer takes too long. To drop a stream is to reset
/// it (CANCEL) and to drop what was not sent of it; the connection and its other streams go on.
#[derive(Debug, Clone)]
pub(super) struct Streams(pub(super) Patience);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let watched = unless_stalled(Progress::new(), self.0, stream);
        tokio::spawn(async { watched.await.unwrap_or_default() }.in_current_span());
    }
}
