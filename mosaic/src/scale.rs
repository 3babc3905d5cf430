//! A picture of any size to one of a tile's size.

use fast_image_resize as fir;
use fir::images::{TypedCroppedImage, TypedCroppedImageMut, TypedImage, TypedImageRef};
use fir::pixels::U8;
use fir::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::baseline::Reduction;
use crate::format::{Fit, TileSize};
use crate::layout::Rect;
use crate::picture::Picture;

/// Scales pictures; keeps its working memory from one to the next.
#[derive(Default)]
pub(crate) struct Scaler {
    resizer: Resizer,
    /// The tile that was made last and the rectangle that is not black.
    last: Option<(Picture, Rect)>,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scaler").finish_non_exhaustive()
    }
}

impl Scaler {
    /// `picture`, of which `placement` tells, on a tile of `size`, with black where it does not reach.
    pub(crate) fn scale(&mut self, picture: &Picture, size: TileSize, placement: &Placement) -> &Picture {
        let is_alike = |(last, rect): &(Picture, Rect)| {
            (last.width(), last.height()) == (size.width(), size.height()) && *rect == placement.to
        };
        // What is not black is written over.
        let mut tile = match self.last.take().filter(is_alike) {
            Some((tile, _)) => tile,
            None => {
                Picture::black(size.width(), size.height()).expect("a tile's sides are within a picture's")
            }
        };
        for plane in 0..3 {
            self.scale_plane(picture, &mut tile, plane, placement);
        }
        &self.last.insert((tile, placement.to)).0
    }

    fn scale_plane(&mut self, picture: &Picture, tile: &mut Picture, plane: usize, placement: &Placement) {
        let divisor = if plane == 0 { 1 } else { 2 };
        let part = |rect: Rect| [rect.x, rect.y, rect.width, rect.height].map(|side| side.div_ceil(divisor));
        let (from_width, from_height) = picture.plane_size(plane);
        let (to_width, to_height) = tile.plane_size(plane);
        let source = TypedImageRef::<U8>::from_buffer(from_width, from_height, &picture.planes[plane])
            .expect("a plane has the length of its size");
        let target = TypedImage::<U8>::from_buffer(to_width, to_height, &mut tile.planes[plane])
            .expect("a plane has the length of its size");
        // A view and not the resizer's own crop: fast_image_resize 6.1 reads beyond a fractional crop when a
        // weight at its edge is zero.
        let [x, y, width, height] = part(placement.from);
        let source = TypedCroppedImage::new(source, x, y, width, height).expect("it is within its picture");
        let [x, y, width, height] = part(placement.to);
        let mut target =
            TypedCroppedImageMut::new(target, x, y, width, height).expect("it is within its tile");
        self.resizer.resize_typed(&source, &mut target, &placement.options()).expect("both have pixels");
    }
}

/// Which part of a picture goes where on its tile. Corners are even, so that chroma is whole samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// The rectangle in the picture.
    from: Rect,
    /// The rectangle on the tile; its sides are even too.
    to: Rect,
    /// What was reduced before.
    reduction: Reduction,
}

impl Placement {
    /// The placement of a picture of this size.
    pub(crate) fn new((width, height): (u32, u32), size: TileSize, fit: Fit) -> Self {
        let whole_tile = Rect { x: 0, y: 0, width: size.width(), height: size.height() };
        let whole_picture = Rect { x: 0, y: 0, width, height };
        let across = f64::from(size.width()) / f64::from(width);
        let down = f64::from(size.height()) / f64::from(height);
        let (from, to) = match fit {
            Fit::Stretch => (whole_picture, whole_tile),
            Fit::Contain => {
                let scale = across.min(down);
                let seen = [width, height].map(|side| f64::from(side) * scale);
                (whole_picture, middle(whole_tile, seen))
            }
            Fit::Cover => {
                let scale = across.max(down);
                let seen = [size.width(), size.height()].map(|side| f64::from(side) / scale);
                (middle(whole_picture, seen), whole_tile)
            }
        };
        Self { from, to, reduction: Reduction::NONE }
    }

    /// How many samples may become one before this is done: so many that no fewer are left than are shown.
    pub(crate) fn reduction(&self) -> Reduction {
        let most = |from: u32, to: u32| [8, 4, 2].into_iter().find(|by| from / by >= to).unwrap_or(1);
        Reduction {
            across: most(self.from.width, self.to.width),
            down: most(self.from.height, self.to.height),
        }
    }

    /// The placement of the same picture, `reduction` having been made of it already.
    pub(crate) fn after(self, reduction: Reduction, (width, height): (u32, u32)) -> Self {
        let Reduction { across, down } = reduction;
        let (x, y) = (self.from.x / across / 2 * 2, self.from.y / down / 2 * 2);
        let side = |from: u32, by: u32, left: u32| from.div_ceil(by).next_multiple_of(2).min(left);
        let from = Rect {
            x,
            y,
            width: side(self.from.width, across, width - x),
            height: side(self.from.height, down, height - y),
        };
        Self { from, reduction, ..self }
    }

    /// Whether nothing is left to be done to a picture of this size.
    pub(crate) fn is_nothing(&self, (width, height): (u32, u32)) -> bool {
        let whole = Rect { x: 0, y: 0, width, height };
        self.from == whole && self.to == whole
    }

    fn options(&self) -> ResizeOptions {
        // Samples that are averages already want the sharper filter: both together are about what one of the
        // sharper kind is.
        let is_averaged = |by: u32, from: u32, to: u32| by > 1 && from != to;
        let filter = if is_averaged(self.reduction.across, self.from.width, self.to.width)
            || is_averaged(self.reduction.down, self.from.height, self.to.height)
        {
            FilterType::Lanczos3
        } else {
            FilterType::CatmullRom
        };
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter))
    }
}

/// The middle of `whole`, with sides that are the even numbers nearest to these.
fn middle(whole: Rect, sides: [f64; 2]) -> Rect {
    let (width, height) = (even(sides[0], whole.width), even(sides[1], whole.height));
    Rect { x: (whole.width - width) / 4 * 2, y: (whole.height - height) / 4 * 2, width, height }
}

/// The even number nearest to `length`, from 2 up; `limit` when it is not below that.
fn even(length: f64, limit: u32) -> u32 {
    let half = (length / 2.0).round().max(1.0);
    // A float that is too large becomes the largest integer, and the limit then.
    #[expect(clippy::cast_sign_loss, reason = "it is at least 1")]
    let half = half as u32;
    half.saturating_mul(2).min(limit)
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
        assert_eq!(wide.from, Rect { x: 0, y: 0, width: 1280, height: 720 });
    }

    #[test]
    fn cover_cuts_evenly_what_hangs_over() {
        let wide = placement((1280, 720), Fit::Cover);
        assert_eq!(wide.from, Rect { x: 160, y: 0, width: 960, height: 720 });
        assert_eq!(wide.to, Rect { x: 0, y: 0, width: 640, height: 480 });
    }

    #[test]
    fn stretch_shows_all_of_the_frame_on_all_of_the_tile() {
        let wide = placement((1280, 720), Fit::Stretch);
        assert_eq!(wide.from, Rect { x: 0, y: 0, width: 1280, height: 720 });
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
            let mut scaler = Scaler::default();
            let tile = scaler.scale(&picture, size, &Placement::new((width, height), size, fit));
            prop_assert!(tile.planes[0].iter().all(|&luma| luma == 0 || luma == 200));
            prop_assert!(tile.planes[0].contains(&200));
            prop_assert!(tile.planes[1].iter().all(|&chroma| chroma == 128));
            if fit != Fit::Contain {
                prop_assert!(tile.planes[0].iter().all(|&luma| luma == 200));
            }
        }
    }
}
