//! Slots and where they are in the mosaic: arithmetic only.

use std::fmt;

use crate::format::{TileFormat, TileSize};

/// Slots a side of the mosaic: 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grid(u8);

impl Grid {
    /// The most slots a side.
    pub const MAX: u32 = 7;

    /// A grid of `side` times `side` slots, or `None` outside 1 to [`Grid::MAX`].
    pub fn new(side: u32) -> Option<Self> {
        u8::try_from(side).ok().filter(|_| (1..=Self::MAX).contains(&side)).map(Self)
    }

    /// The largest grid.
    pub const LARGEST: Self = Self(7);

    /// The smallest grid that has the slot `slot`.
    pub fn with_slot(slot: Slot) -> Self {
        let sides = (1..=7).find(|side| slot.0 < side * side);
        Self(sides.unwrap_or(Self::LARGEST.0))
    }

    /// Slots a side.
    pub fn side(self) -> u32 {
        self.0.into()
    }

    /// The number of slots.
    pub fn slot_count(self) -> usize {
        usize::from(self.0) * usize::from(self.0)
    }

    /// The slots, row by row from the top left.
    pub fn slots(self) -> impl Iterator<Item = Slot> {
        (0..self.0 * self.0).map(Slot)
    }
}

/// A place in the grid, counted row by row from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The slot `index` of a grid, or `None` if the grid has no such slot.
    pub fn new(index: usize, grid: Grid) -> Option<Self> {
        u8::try_from(index).ok().filter(|_| index < grid.slot_count()).map(Self)
    }

    /// The slot's number, from 0.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A rectangle in pixels, from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// A grid of tiles of one format: everything about a mosaic but the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Slots a side.
    pub grid: Grid,
    /// What each tile is.
    pub format: TileFormat,
}

impl Layout {
    /// The mosaic's width in pixels, 13440 at most.
    pub fn width(&self) -> u32 {
        self.format.size.width() * self.grid.side()
    }

    /// The mosaic's height in pixels, 13440 at most.
    pub fn height(&self) -> u32 {
        self.format.size.height() * self.grid.side()
    }

    /// Where the tile of `slot` is.
    pub fn rect(&self, slot: Slot) -> Rect {
        let (width, height) = (self.format.size.width(), self.format.size.height());
        let (column, row) = (u32::from(slot.0) % self.grid.side(), u32::from(slot.0) / self.grid.side());
        Rect { x: column * width, y: row * height, width, height }
    }
}

/// The size that a mosaic keeps, whatever its grid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    smallest: Layout,
}

impl Canvas {
    /// The canvas of a mosaic whose smallest grid is that of `smallest`.
    pub fn new(smallest: Layout) -> Self {
        Self { smallest }
    }

    /// The smallest grid.
    pub fn smallest(&self) -> Grid {
        self.smallest.grid
    }

    /// The layout of `grid`: a tile's sides are the canvas's divided by the grid and rounded down to whole MCUs,
    /// but never under the least that a tile can have.
    pub fn layout(&self, grid: Grid) -> Layout {
        let side = |canvas: u32| (canvas / grid.side() / 16 * 16).max(TileSize::MIN);
        let size = TileSize::new(side(self.smallest.width()), side(self.smallest.height()));
        let size = size.unwrap_or(self.smallest.format.size);
        Layout { grid, format: TileFormat { size, ..self.smallest.format } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Quality;

    fn layout(side: u32) -> Layout {
        let size = TileSize::new(640, 480).unwrap();
        let format = TileFormat { size, quality: Quality::new(85).unwrap() };
        Layout { grid: Grid::new(side).unwrap(), format }
    }

    #[test]
    fn slots_go_row_by_row_from_the_top_left() {
        let layout = layout(2);
        let corners: Vec<_> = layout.grid.slots().map(|slot| layout.rect(slot)).map(|r| (r.x, r.y)).collect();
        assert_eq!(corners, [(0, 0), (640, 0), (0, 480), (640, 480)]);
        assert_eq!((layout.width(), layout.height()), (1280, 960));
    }

    #[test]
    fn the_tiles_of_every_grid_cover_the_mosaic_once() {
        for side in 1..=Grid::MAX {
            let layout = layout(side);
            let area: u32 =
                layout.grid.slots().map(|slot| layout.rect(slot)).map(|r| r.width * r.height).sum();
            assert_eq!(area, layout.width() * layout.height());
        }
    }

    #[test]
    fn a_grid_has_1_to_7_slots_a_side_and_no_slot_beyond_them() {
        assert_eq!(Grid::new(0), None);
        assert_eq!(Grid::new(8), None);
        let grid = Grid::new(7).unwrap();
        assert_eq!(Slot::new(48, grid).unwrap().index(), 48);
        assert_eq!(Slot::new(49, grid), None);
    }

    #[test]
    fn a_canvas_keeps_about_its_size_whatever_the_grid() {
        let canvas = Canvas::new(layout(2));
        let sizes: Vec<_> =
            (2..=7).map(|side| canvas.layout(Grid::new(side).unwrap()).format.size.to_string()).collect();
        assert_eq!(sizes, ["640x480", "416x320", "320x240", "256x192", "208x160", "176x128"]);
    }

    #[test]
    fn a_small_canvas_grows_rather_than_have_tiles_that_are_none() {
        let mut small = layout(2);
        small.format.size = TileSize::new(64, 80).unwrap();
        let largest = Canvas::new(small).layout(Grid::LARGEST);
        assert_eq!(largest.format.size, TileSize::new(64, 64).unwrap());
        assert_eq!(Canvas::new(small).layout(small.grid), small);
    }

    #[test]
    fn the_smallest_grid_with_a_slot_has_it_and_the_one_below_has_not() {
        for index in 0..49 {
            let slot = Slot::new(index, Grid::LARGEST).unwrap();
            let grid = Grid::with_slot(slot);
            assert!(index < grid.slot_count());
            assert!(Grid::new(grid.side() - 1).is_none_or(|less| index >= less.slot_count()));
        }
    }
}
