//! Slots and where they are in the mosaic: arithmetic only.

use std::fmt;

use crate::format::TileFormat;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Quality, TileSize};

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
}
