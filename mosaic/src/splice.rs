//! Tiles to one JPEG, without any codec work.
//!
//! A restart marker resets the DC prediction (T.81 F.2.1.3.1), so a restart segment means the same wherever
//! it stands. The mosaic's scan is the tiles' segments, row by row of MCUs through the grid, with the markers
//! behind them numbered anew.

use std::sync::Arc;

use thiserror::Error;

use crate::header;
use crate::layout::Layout;
use crate::tile::Tile;

mod interleave;

use interleave::{capacity, interleave, length};

/// Splices mosaics of one layout.
#[derive(Debug, Clone)]
pub struct Splicer {
    layout: Layout,
    /// Everything in front of the scan's data.
    header: Vec<u8>,
    black: Arc<Tile>,
}

/// A tile of another format than the mosaic's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a tile of another size or quality than the mosaic's")]
pub struct ForeignTile;

impl Splicer {
    /// Splices mosaics of `layout`; makes its header and its black tile once.
    pub fn new(layout: Layout) -> Self {
        let mut header = Vec::new();
        let (width, height) = (layout.width() as u16, layout.height() as u16);
        let size = layout.format.size;
        header::write(&mut header, width, height, layout.format.quality, size.mcus_per_row() as u16);
        Self { layout, header, black: Arc::new(Tile::black(layout.format)) }
    }

    /// The mosaics' layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The mosaic of `tiles`, by slot. A slot with no tile is black, and so are those beyond the last given;
    /// tiles beyond the last slot are left out.
    ///
    /// # Errors
    ///
    /// [`ForeignTile`] when a tile has another format than the layout.
    pub fn splice(&self, tiles: &[Option<Arc<Tile>>]) -> Result<Vec<u8>, ForeignTile> {
        self.splice_behind(tiles, |_| Vec::new())
    }

    /// As [`Splicer::splice`], behind a head that is made once the length of the mosaic in bytes is known: so that what
    /// surrounds it on the wire needs no other copy.
    ///
    /// # Errors
    ///
    /// As [`Splicer::splice`].
    pub fn splice_behind(
        &self,
        tiles: &[Option<Arc<Tile>>],
        head: impl FnOnce(usize) -> Vec<u8>,
    ) -> Result<Vec<u8>, ForeignTile> {
        let tiles: Vec<&Tile> = (0..self.layout.grid.slot_count())
            .map(|slot| &**tiles.get(slot).and_then(Option::as_ref).unwrap_or(&self.black))
            .collect();
        if tiles.iter().any(|tile| tile.format() != self.layout.format) {
            return Err(ForeignTile);
        }
        let mut jpeg = head(self.header.len() + length(&tiles));
        jpeg.reserve(self.header.len() + capacity(&tiles));
        jpeg.extend_from_slice(&self.header);
        interleave(&tiles, self.layout.grid.side() as usize, &mut jpeg);
        Ok(jpeg)
    }
}
