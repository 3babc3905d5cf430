//! JPEG work, off the async threads and never more of it at once than there are processors.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tessera_mosaic::{FrameError, Ingest, Ingested, Limits, TileSpec};
use thiserror::Error;
use tokio::sync::Semaphore;
use tracing::error;

/// Makes tiles of frames.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: Limits,
    /// One for each frame that may be in work; those who wait are served in turn.
    permits: Arc<Semaphore>,
    /// Rested workers with their working memory: never more than permits.
    rested: Arc<Mutex<Vec<Ingest>>>,
}

/// Why there is no tile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PoolError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The codec panicked, which is our fault: the frame is lost, the server is not.
    #[error("the frame made our decoder fail; send it as plain baseline JPEG")]
    Panicked,
}

impl Pool {
    /// A pool of as many workers as there are processors.
    pub(crate) fn new(limits: Limits) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self { limits, permits: Arc::new(Semaphore::new(workers)), rested: Arc::default() }
    }

    /// Makes a tile of `jpeg`, when it is its turn.
    pub(crate) async fn tile(&self, jpeg: Bytes, spec: TileSpec) -> Result<Ingested, PoolError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| PoolError::Panicked)?;
        let (limits, rested) = (self.limits, Arc::clone(&self.rested));
        let work = move || {
            // Held by the work and not by whoever waits for it, who may be gone before it is done.
            let _permit = permit;
            let lock = || rested.lock().unwrap_or_else(PoisonError::into_inner);
            let worker = lock().pop();
            let mut worker = worker.unwrap_or_else(|| Ingest::new(limits));
            let tile = worker.jpeg(&jpeg, spec);
            // A worker that panicked does not come back.
            lock().push(worker);
            tile
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(tile) => Ok(tile?),
            Err(failure) => {
                error!(%failure, "a frame made the decoder fail");
                Err(PoolError::Panicked)
            }
        }
    }
}
