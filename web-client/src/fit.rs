//! Where a camera's picture goes in its tile.

use tessera_wire::Fit;

/// A rectangle in pixels of the tile: left, top, width, height. It may reach beyond the tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Where a picture of `picture` pixels goes in a tile of `tile` pixels, as the server would put it.
pub fn place(picture: (f64, f64), tile: (f64, f64), fit: Fit) -> Place {
    let (across, down) = (tile.0 / picture.0.max(1.0), tile.1 / picture.1.max(1.0));
    let (across, down) = match fit {
        Fit::Stretch => (across, down),
        Fit::Cover => (across.max(down), across.max(down)),
        Fit::Contain | Fit::Unspecified => (across.min(down), across.min(down)),
    };
    let (width, height) = (picture.0 * across, picture.1 * down);
    Place { x: (tile.0 - width) / 2.0, y: (tile.1 - height) / 2.0, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64, width: f64, height: f64) -> Place {
        Place { x, y, width, height }
    }

    #[test]
    fn contain_shows_all_cover_fills_all_stretch_does_both() {
        let (wide, tile) = ((1280.0, 720.0), (640.0, 480.0));
        assert_eq!(place(wide, tile, Fit::Contain), at(0.0, 60.0, 640.0, 360.0));
        assert_eq!(place(wide, tile, Fit::Stretch), at(0.0, 0.0, 640.0, 480.0));
        let cover = place(wide, tile, Fit::Cover);
        assert_eq!((cover.y, cover.height), (0.0, 480.0));
        assert!(cover.x < 0.0 && (cover.x * 2.0 + cover.width - 640.0).abs() < 1e-9);
    }

    #[test]
    fn the_tiles_own_size_goes_as_it_is() {
        for fit in [Fit::Contain, Fit::Cover, Fit::Stretch] {
            assert_eq!(place((640.0, 480.0), (640.0, 480.0), fit), at(0.0, 0.0, 640.0, 480.0));
        }
    }
}
