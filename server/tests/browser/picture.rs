//! Pictures that are known, to be shown to a camera and found in a mosaic.

use tessera_mosaic::{Picture, Quality, encode_jpeg};

/// Width and height of a camera's picture and of a tile.
pub(crate) const SIZE: (u32, u32) = (640, 480);

/// Samples of a tile that are compared, a side.
const GRID: u32 = 8;

/// One of four pictures that nobody confuses: a chequerboard of two colours, in its own size of squares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look(pub(crate) usize);

impl Look {
    const COLOURS: [[[u8; 3]; 2]; 4] = [
        [[200, 60, 40], [40, 60, 200]],
        [[40, 170, 80], [230, 220, 90]],
        [[150, 60, 170], [90, 200, 210]],
        [[235, 140, 40], [40, 50, 60]],
    ];

    /// The colour at a place of the picture.
    fn colour(self, x: u32, y: u32) -> [u8; 3] {
        let square = self.square();
        Self::COLOURS[self.0][((x / square + y / square) % 2) as usize]
    }

    /// A script that paints it over a canvas of [`SIZE`], whose context is `context`.
    pub(crate) fn painting(self) -> String {
        let square = self.square();
        let colours = Self::COLOURS[self.0].map(|[red, green, blue]| format!("rgb({red} {green} {blue})"));
        format!(
            "for (let x = 0; x < 640; x += {square}) for (let y = 0; y < 480; y += {square}) {{ \
             context.fillStyle = {colours:?}[(x + y) / {square} % 2]; \
             context.fillRect(x, y, {square}, {square}); }}"
        )
    }

    /// A square's side.
    fn square(self) -> u32 {
        40 * (self.0 as u32 + 2)
    }

    pub(crate) fn jpeg(self) -> Vec<u8> {
        let (width, height) = SIZE;
        let rgb: Vec<u8> = (0..width * height).flat_map(|n| self.colour(n % width, n / width)).collect();
        encode_jpeg(&Picture::from_rgb(width, height, &rgb).unwrap(), Quality::new(95).unwrap())
    }

    /// Whether the tile of `slot` in a mosaic of `side` by `side` shows this picture.
    pub(crate) fn is_shown(self, mosaic: &image::RgbImage, slot: usize, side: u32) -> bool {
        samples(mosaic, slot, side).all(|((x, y), seen)| {
            let here = self.colour(x, y);
            // At the edge of two squares the colours blend.
            let around = [(-12, 0), (12, 0), (0, -12), (0, 12)];
            let is_inside = around.into_iter().all(|(dx, dy)| {
                self.colour(x.saturating_add_signed(dx), y.saturating_add_signed(dy)) == here
            });
            !is_inside || is_near(here, seen)
        })
    }
}

/// Whether the tile is black.
pub(crate) fn is_black(mosaic: &image::RgbImage, slot: usize, side: u32) -> bool {
    samples(mosaic, slot, side).all(|(_, seen)| is_near([0; 3], seen))
}

/// Places in a picture, and the colours that the tile has there.
fn samples(
    mosaic: &image::RgbImage,
    slot: usize,
    side: u32,
) -> impl Iterator<Item = ((u32, u32), [u8; 3])> + '_ {
    let (width, height) = (mosaic.width() / side, mosaic.height() / side);
    let (left, top) = (slot as u32 % side * width, slot as u32 / side * height);
    (0..GRID * GRID).map(move |n| {
        let (column, row) = (2 * (n % GRID) + 1, 2 * (n / GRID) + 1);
        let at = |size: u32, index: u32| size * index / (2 * GRID);
        let seen = mosaic.get_pixel(left + at(width, column), top + at(height, row)).0;
        ((at(SIZE.0, column), at(SIZE.1, row)), seen)
    })
}

/// Twice through JPEG and once through a camera, colours are a little off.
fn is_near(wanted: [u8; 3], seen: [u8; 3]) -> bool {
    wanted.into_iter().zip(seen).all(|(wanted, seen)| wanted.abs_diff(seen) <= 24)
}
