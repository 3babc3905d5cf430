//! A participant's piece of the mosaic: a frame that is good, and its tile once a mosaic has wanted one.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tessera_mosaic::{Ingest, Received, Tile, TileFormat};

/// A good frame and its tile.
///
/// Whoever sends faster than anybody watches has frames replaced that no mosaic took: those are never scaled nor
/// encoded.
#[derive(Debug)]
pub(crate) struct Piece {
    format: TileFormat,
    /// What the tile is made of; gone when it is begun.
    received: Mutex<Option<Received>>,
    /// `None` inside if it cannot be made.
    tile: OnceLock<Option<Arc<Tile>>>,
}

impl Piece {
    /// What the tile is, or will be.
    pub(crate) fn format(&self) -> TileFormat {
        self.format
    }

    /// Whether the tile is still to be made.
    pub(crate) fn is_pending(&self) -> bool {
        self.tile.get().is_none()
    }

    /// Makes the tile, if it has not been made. Whoever comes meanwhile waits.
    pub(crate) fn finish(&self, ingest: &mut Ingest) {
        self.tile.get_or_init(|| {
            let received = self.received.lock().unwrap_or_else(PoisonError::into_inner).take();
            received.map(|received| Arc::new(ingest.finish(received).tile))
        });
    }

    /// The tile; `None`, which is black, where it has not been made or cannot be.
    pub(crate) fn tile(&self) -> Option<Arc<Tile>> {
        self.tile.get().cloned().flatten()
    }
}

impl From<Received> for Piece {
    fn from(received: Received) -> Self {
        match received.tile() {
            Some(tile) => tile.clone().into(),
            None => Self {
                format: received.spec().format,
                received: Mutex::new(Some(received)),
                tile: OnceLock::new(),
            },
        }
    }
}

impl From<Tile> for Piece {
    fn from(tile: Tile) -> Self {
        let format = tile.format();
        Self { format, received: Mutex::default(), tile: OnceLock::from(Some(Arc::new(tile))) }
    }
}
