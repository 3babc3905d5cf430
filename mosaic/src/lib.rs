//! Joins JPEG tiles into one mosaic without decoding them.
//!
//! A **tile** is a baseline 4:2:0 JPEG with the standard's tables and one restart interval for each row of
//! MCUs. Restart markers reset the DC prediction, so a **mosaic** is the tiles' restart segments interleaved
//! row by row under one fresh header: [`Splicer::splice`] copies memory and renumbers markers, no more.
//!
//! Whatever a participant sends comes in through [`Ingest`], which makes a [`Tile`] of it by the cheapest way
//! that fits. A `Tile` exists only if it can be spliced.
//!
//! ```
//! use std::sync::Arc;
//! use tessera_mosaic::{Fit, Grid, Ingest, Layout, Limits, Picture, Quality, Splicer, TileFormat, TileSize, TileSpec};
//!
//! let format = TileFormat { size: TileSize::new(640, 480)?, quality: Quality::new(85).unwrap() };
//! let mut ingest = Ingest::new(Limits::default());
//! let tile = ingest.picture(&Picture::black(1280, 720)?, TileSpec { format, fit: Fit::Contain });
//!
//! let splicer = Splicer::new(Layout { grid: Grid::new(2).unwrap(), format });
//! let mosaic: Vec<u8> = splicer.splice(&[None, Some(Arc::new(tile))])?;
//! assert!(mosaic.starts_with(&[0xFF, 0xD8]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No async, no network, no clock; it builds for wasm32 too. "T.81" in these pages is ITU-T Recommendation
//! T.81, the JPEG standard.

// `expect` with the reason why it holds, or an error; casts that say what they do.
#![warn(clippy::unwrap_used, clippy::cast_sign_loss)]

mod baseline;
mod bits;
mod dct;
mod decode;
mod encode;
mod format;
mod header;
mod huffman;
mod ingest;
mod layout;
mod limits;
mod orientation;
mod picture;
mod probe;
mod rows;
mod scale;
mod segments;
mod simd;
mod splice;
mod tables;
mod tile;
mod transcode;

pub use encode::jpeg as encode_jpeg;
pub use format::{Fit, ParseTileSizeError, Quality, TileFormat, TileSize, TileSizeError, TileSpec};
pub use ingest::{Ingest, Ingested, Received, Way};
pub use layout::{Canvas, Grid, Layout, Rect, Slot};
pub use limits::{FrameError, Limits};
pub use picture::{Picture, PictureError};
pub use probe::{Header, probe};
pub use splice::{ForeignTile, Splicer};
pub use tile::Tile;
