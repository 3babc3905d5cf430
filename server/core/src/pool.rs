//! JPEG work, off the async threads and hardly more of it at once than there are processors.

mod turns;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tessera_mosaic::{FrameError, Ingest, Limits, TileSpec};
use thiserror::Error;
use tracing::error;

use crate::guests::NoRoom;
use crate::limits::FrameLimits;
use crate::piece::Piece;
use crate::usage::Account;
use turns::Turns;

/// Makes tiles of frames.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: Limits,
    /// One for each frame that may be in work.
    turns: Turns,
    /// Rested workers with their working memory: never more than turns at a time.
    rested: Arc<Mutex<Vec<Ingest>>>,
}

/// Why there is no tile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PoolError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The tile would be so large that mosaics of such tiles are larger than any may be.
    #[error(
        "too large: it makes a tile of more than {0} bytes, which is a tile's share of a mosaic; send one of lower quality"
    )]
    TooLargeTile(usize),
    /// There is no room for the frame, of which other tiles may have to be made.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The codec panicked, which is our fault: the frame is lost, the server is not.
    #[error("the frame made our decoder fail; send it as plain baseline JPEG")]
    Panicked,
}

impl Pool {
    /// A pool of as many workers as the limits say, or as there are processors.
    pub(crate) fn new(limits: &FrameLimits) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = limits.decoders.map_or_else(processors, |workers| workers as usize);
        Self { limits: limits.into(), turns: Turns::new(workers), rested: Arc::default() }
    }

    /// Makes a tile of `jpeg`, when it is its turn.
    pub(crate) async fn tile(
        &self,
        jpeg: Bytes,
        spec: TileSpec,
        account: &Account,
    ) -> Result<Arc<Piece>, PoolError> {
        let tile = self.run(Some(account), move |ingest| ingest.jpeg(&jpeg, spec)).await??.tile;
        Ok(Arc::new(tile.into()))
    }

    /// Takes `jpeg` as far as it takes to know that it is good. The rest is done when a mosaic wants its tile.
    pub(crate) async fn receive(
        &self,
        jpeg: Bytes,
        spec: TileSpec,
        account: &Account,
    ) -> Result<Arc<Piece>, PoolError> {
        let received = self.run(Some(account), move |ingest| ingest.receive(&jpeg, spec)).await??;
        Ok(Arc::new(received.into()))
    }

    /// Makes the tile of `piece`, before any other work: a mosaic waits for it, and what is dear was done before.
    pub(crate) async fn finish(&self, piece: Arc<Piece>) {
        if let Err(error) = self.run(None, move |ingest| piece.finish(ingest)).await {
            error!(%error, "a frame that was good makes no tile");
        }
    }

    /// Does `work` with a worker, when it is its turn.
    async fn run<T: Send + 'static>(
        &self,
        account: Option<&Account>,
        work: impl FnOnce(&mut Ingest) -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let turn = self.turns.next(account).await;
        let (limits, rested) = (self.limits, Arc::clone(&self.rested));
        let work = move || {
            // Held by the work and not by whoever waits for it, who may be gone before it is done.
            let _turn = turn;
            let lock = || rested.lock().unwrap_or_else(PoisonError::into_inner);
            let worker = lock().pop();
            let mut worker = worker.unwrap_or_else(|| Ingest::new(limits));
            let result = work(&mut worker);
            // A worker that panicked does not come back.
            lock().push(worker);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|failure| {
            error!(%failure, "a frame made the decoder fail");
            PoolError::Panicked
        })
    }
}

#[cfg(test)]
impl Pool {
    /// Keeps all workers busy, of which there are so many, until what this gives is dropped.
    pub(crate) async fn occupy(&self, workers: usize) -> impl Sized + use<> {
        futures_util::future::join_all((0..workers).map(|_| self.turns.next(None))).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tessera_mosaic::{Fit, Picture, Quality, TileFormat, TileSize, encode_jpeg};

    use super::*;

    const WORKERS: u32 = 2;
    /// Nothing here takes so long, unless a turn is lost.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn quality() -> Quality {
        Quality::new(85).unwrap()
    }

    /// Whether a good frame of this account becomes a tile.
    async fn makes_a_tile(pool: &Pool, account: &Account) -> bool {
        let jpeg = encode_jpeg(&Picture::black(160, 128).unwrap(), quality()).into();
        let format = TileFormat { size: TileSize::new(160, 128).unwrap(), quality: quality() };
        let tile = pool.tile(jpeg, TileSpec { format, fit: Fit::Stretch }, account);
        tokio::time::timeout(PATIENCE, tile).await.expect("it waits for a turn").is_ok()
    }

    #[tokio::test]
    async fn a_decoder_that_panics_loses_its_frame_and_neither_a_turn_nor_the_next_frame() {
        let limits = FrameLimits { decoders: Some(WORKERS), ..crate::Limits::default().frames };
        let (pool, account) = (Pool::new(&limits), Account::default());
        let rested = || pool.rested.lock().unwrap().len();
        assert!(makes_a_tile(&pool, &account).await);
        assert_eq!(rested(), 1);
        // There is a turn more than workers, and the panics are more than either.
        for _ in 0..WORKERS + 2 {
            let broken = pool.run::<()>(Some(&account), |_| panic!("a fault of the decoder"));
            let result = tokio::time::timeout(PATIENCE, broken).await.expect("it waits for a turn");
            assert_eq!(result, Err(PoolError::Panicked));
            assert_eq!(rested(), 0, "what it left in its working memory is nobody's");
        }
        assert_eq!(account.workers(), 0);
        assert!(makes_a_tile(&pool, &account).await);
        assert!(pool.occupy(WORKERS as usize + 1).now_or_never().is_some(), "all turns have come back");
    }
}
