//! A picture of any size to one of a tile's size.

use fast_image_resize as fir;
use fir::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fir::pixels::U8;
use fir::{Filter, FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::baseline::Reduction;
use crate::format::{Fit, TileSize};
use crate::layout::Rect;
use crate::orientation::Orientation;
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
        let (from_width, from_height) = picture.plane_size(plane);
        let (to_width, to_height) = tile.plane_size(plane);
        let source = TypedImageRef::<U8>::from_buffer(from_width, from_height, &picture.planes[plane])
            .expect("a plane has the length of its size");
        let target = TypedImage::<U8>::from_buffer(to_width, to_height, &mut tile.planes[plane])
            .expect("a plane has the length of its size");
        let divisor = if plane == 0 { 1 } else { 2 };
        let [x, y, width, height] =
            [placement.to.x, placement.to.y, placement.to.width, placement.to.height].map(|n| n / divisor);
        let mut target =
            TypedCroppedImageMut::new(target, x, y, width, height).expect("it is within its tile");
        let (left, width) = placement.across().samples(divisor, from_width);
        let (top, height) = placement.down().samples(divisor, from_height);
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(cubic())).crop(left, top, width, height);
        self.resizer.resize_typed(&source, &mut target, &options).expect("it is within its picture");
    }
}

/// Which part of a picture goes where on its tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// Of the whole picture, in pixels.
    size: (u32, u32),
    /// The rectangle in the picture, in pixels of the whole one. Its corner is even, so that chroma is whole samples.
    from: Rect,
    /// The rectangle on the tile; its corner and its sides are even.
    to: Rect,
    /// What has become one sample already.
    reduction: Reduction,
    /// Whether the samples are counted from the right, and from the bottom.
    is_mirrored: (bool, bool),
}

/// The least number of samples for one of a tile where more than one pixel has become a sample: with fewer it is seen that
/// no sample knows of what is beyond its block.
const LEAST_SAMPLES: u32 = 4;

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
        let size = (width, height);
        Self { size, from, to, reduction: Reduction::NONE, is_mirrored: (false, false) }
    }

    fn across(&self) -> Axis {
        Axis {
            side: self.size.0,
            from: (self.from.x, self.from.width),
            to: self.to.width,
            by: self.reduction.across,
            is_mirrored: self.is_mirrored.0,
        }
    }

    fn down(&self) -> Axis {
        Axis {
            side: self.size.1,
            from: (self.from.y, self.from.height),
            to: self.to.height,
            by: self.reduction.down,
            is_mirrored: self.is_mirrored.1,
        }
    }

    /// How many samples may become one before this is done.
    pub(crate) fn reduction(&self) -> Reduction {
        Reduction { across: self.across().most(), down: self.down().most() }
    }

    /// The placement of the same picture, `reduction` having been made of it already, before it was turned.
    pub(crate) fn after(self, reduction: Reduction, orientation: Orientation) -> Self {
        let is_mirrored = (orientation.mirrors_x(), orientation.mirrors_y());
        Self { reduction, is_mirrored, ..self }
    }

    /// Whether nothing is left to be done to the picture.
    pub(crate) fn is_nothing(&self) -> bool {
        let (width, height) = self.reduction.of(self.size.0, self.size.1);
        let whole = Rect { x: 0, y: 0, width: self.size.0, height: self.size.1 };
        self.from == whole && self.to == Rect { x: 0, y: 0, width, height }
    }
}

/// A placement in one direction.
struct Axis {
    /// Of the whole picture, in pixels.
    side: u32,
    /// Where in it, and how much of it.
    from: (u32, u32),
    /// On the tile.
    to: u32,
    /// So many pixels are a sample of luma.
    by: u32,
    is_mirrored: bool,
}

impl Axis {
    /// Where the part begins and how long it is, in samples of a plane that has `count` of them, each for `divisor`
    /// samples of luma.
    fn samples(&self, divisor: u32, count: u32) -> (f64, f64) {
        let pixels = self.by * divisor;
        // Where the picture ends amid a sample, a mirrored one begins there.
        let before = if self.is_mirrored { count * pixels - self.side } else { 0 };
        let samples = |length: u32| f64::from(length) / f64::from(pixels);
        (samples(self.from.0 + before), samples(self.from.1))
    }

    /// The largest reduction that is not seen, of which no sample has pixels from beyond the picture.
    fn most(&self) -> u32 {
        let is_fine = |by: &u32| self.side.is_multiple_of(*by) && self.from.1 >= LEAST_SAMPLES * by * self.to;
        // Halves that are shown as they are, whole samples of chroma too.
        let is_half = self.from.1 == 2 * self.to && self.from.0.is_multiple_of(4);
        [8, 4, 2].into_iter().find(is_fine).unwrap_or(if is_half && self.side.is_multiple_of(2) {
            2
        } else {
            1
        })
    }
}

/// The filter of Catmull and Rom, which is zero nowhere within its reach: fast_image_resize 6.1 leaves out what is zero
/// where weights begin and end, and reads beyond a fractional crop if that is more for one sample than for the next.
fn cubic() -> FilterType {
    let weight = |distance: f64| {
        let x = distance.abs();
        let weight = match x {
            _ if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            _ if x < 2.0 => ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0,
            _ => return 0.0,
        };
        if weight == 0.0 { f64::MIN_POSITIVE } else { weight }
    };
    FilterType::Custom(Filter::new("Catmull-Rom", weight, 2.0).expect("its reach is a number"))
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

    #[test]
    fn the_transform_halves_and_goes_on_while_four_samples_are_left_for_one() {
        let reduction = |width, height, fit| {
            let Reduction { across, down } = placement((width, height), fit).reduction();
            (across, down)
        };
        assert_eq!(reduction(1280, 720, Fit::Contain), (2, 2));
        assert_eq!(reduction(1280, 720, Fit::Stretch), (2, 1));
        assert_eq!(reduction(1282, 720, Fit::Stretch), (1, 1));
        assert_eq!(reduction(2560, 1920, Fit::Stretch), (1, 1));
        assert_eq!(reduction(5120, 3840, Fit::Cover), (2, 2));
        assert_eq!(reduction(20480, 15362, Fit::Stretch), (8, 2));
        // Chroma would begin amid a sample.
        assert_eq!(reduction(1284, 960, Fit::Cover), (1, 2));
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
