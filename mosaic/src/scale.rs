//! A picture of any size to one of a tile's size.

use fast_image_resize as fir;
use fir::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fir::pixels::U8;
use fir::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::format::{Fit, TileSize};
use crate::layout::Rect;
use crate::picture::Picture;

/// Scales pictures; keeps its working memory from one to the next.
#[derive(Default)]
pub(crate) struct Scaler {
    resizer: Resizer,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scaler").finish_non_exhaustive()
    }
}

impl Scaler {
    /// `picture` on a tile of `size`, with black where it does not reach.
    pub(crate) fn scale(&mut self, picture: &Picture, size: TileSize, fit: Fit) -> Picture {
        let placement = Placement::new((picture.width(), picture.height()), size, fit);
        let mut tile =
            Picture::black(size.width(), size.height()).expect("a tile's sides are within a picture's");
        for plane in 0..3 {
            self.scale_plane(picture, &mut tile, plane, &placement);
        }
        tile
    }

    fn scale_plane(&mut self, picture: &Picture, tile: &mut Picture, plane: usize, placement: &Placement) {
        let divisor = if plane == 0 { 1 } else { 2 };
        let [left, top, width, height] = placement.from.map(|side| side / f64::from(divisor));
        let to = placement.to;
        let shrinks = width * height >= f64::from(to.width * to.height / (divisor * divisor));
        // Hamming is as sharp as a bicubic filter for the price of a bilinear one, but only when shrinking.
        let filter = if shrinks { FilterType::Hamming } else { FilterType::CatmullRom };
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(left, top, width, height);

        let (from_width, from_height) = picture.plane_size(plane);
        let (to_width, to_height) = tile.plane_size(plane);
        let source = TypedImageRef::<U8>::from_buffer(from_width, from_height, &picture.planes[plane])
            .expect("a plane has the length of its size");
        let target = TypedImage::<U8>::from_buffer(to_width, to_height, &mut tile.planes[plane])
            .expect("a plane has the length of its size");
        let [x, y, width, height] = [to.x, to.y, to.width, to.height].map(|side| side / divisor);
        let mut target =
            TypedCroppedImageMut::new(target, x, y, width, height).expect("a placement is within its tile");
        self.resizer
            .resize_typed(&source, &mut target, &options)
            .expect("a placement's source is within the picture");
    }
}

/// Which part of a picture goes where on its tile.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placement {
    /// Left, top, width and height in the picture, in its pixels.
    from: [f64; 4],
    /// The rectangle on the tile; all even, so that its chroma is whole samples.
    to: Rect,
}

impl Placement {
    fn new((width, height): (u32, u32), size: TileSize, fit: Fit) -> Self {
        let (tile_width, tile_height) = (size.width(), size.height());
        let whole_tile = Rect { x: 0, y: 0, width: tile_width, height: tile_height };
        let (width, height) = (f64::from(width), f64::from(height));
        let whole_picture = [0.0, 0.0, width, height];
        let (across, down) = (f64::from(tile_width) / width, f64::from(tile_height) / height);
        match fit {
            Fit::Stretch => Self { from: whole_picture, to: whole_tile },
            Fit::Contain => {
                let scale = across.min(down);
                let to_width = even(width * scale, tile_width);
                let to_height = even(height * scale, tile_height);
                let to = Rect {
                    x: (tile_width - to_width) / 4 * 2,
                    y: (tile_height - to_height) / 4 * 2,
                    width: to_width,
                    height: to_height,
                };
                Self { from: whole_picture, to }
            }
            Fit::Cover => {
                let scale = across.max(down);
                let seen = [f64::from(tile_width) / scale, f64::from(tile_height) / scale];
                let (seen_width, seen_height) = (seen[0].min(width), seen[1].min(height));
                let from =
                    [(width - seen_width) / 2.0, (height - seen_height) / 2.0, seen_width, seen_height];
                Self { from, to: whole_tile }
            }
        }
    }
}

/// The even number nearest to `length`, from 2 to `limit`, which is even.
fn even(length: f64, limit: u32) -> u32 {
    let half = (length / 2.0).round().max(1.0);
    // A float that is too large becomes the largest integer, and the limit then.
    #[expect(clippy::cast_sign_loss, reason = "it is at least 1")]
    let half = half as u32;
    half.min(limit / 2) * 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placement(picture: (u32, u32), fit: Fit) -> Placement {
        Placement::new(picture, TileSize::new(640, 480).unwrap(), fit)
    }

    #[test]
    fn contain_keeps_the_shape_between_black_bars() {
        let wide = placement((1280, 720), Fit::Contain);
        assert_eq!(wide.to, Rect { x: 0, y: 60, width: 640, height: 360 });
        let tall = placement((480, 640), Fit::Contain);
        assert_eq!(tall.to, Rect { x: 140, y: 0, width: 360, height: 480 });
        assert_eq!(wide.from, [0.0, 0.0, 1280.0, 720.0]);
    }

    #[test]
    fn cover_cuts_evenly_what_hangs_over() {
        let wide = placement((1280, 720), Fit::Cover);
        assert_eq!(wide.from, [160.0, 0.0, 960.0, 720.0]);
        assert_eq!(wide.to, Rect { x: 0, y: 0, width: 640, height: 480 });
    }

    #[test]
    fn stretch_shows_all_of_the_frame_on_all_of_the_tile() {
        let wide = placement((1280, 720), Fit::Stretch);
        assert_eq!(wide.from, [0.0, 0.0, 1280.0, 720.0]);
        assert_eq!(wide.to, Rect { x: 0, y: 0, width: 640, height: 480 });
    }

    proptest! {
        #[test]
        fn every_picture_of_every_shape_can_be_scaled(
            width in 1u32..700, height in 1u32..700, fit in prop::sample::select(vec![Fit::Contain, Fit::Cover, Fit::Stretch]),
        ) {
            let size = TileSize::new(64, 96).unwrap();
            let mut picture = Picture::black(width, height).unwrap();
            picture.planes[0].fill(200);
            let tile = Scaler::default().scale(&picture, size, fit);
            prop_assert!(tile.planes[0].iter().all(|&luma| luma == 0 || luma == 200));
            prop_assert!(tile.planes[0].contains(&200));
            prop_assert!(tile.planes[1].iter().all(|&chroma| chroma == 128));
            if fit != Fit::Contain {
                prop_assert!(tile.planes[0].iter().all(|&luma| luma == 200));
            }
        }
    }
}
