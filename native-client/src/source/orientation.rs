//! Videos that say how they are to be turned: phones film lying and write how they were held.

use re_mp4::TkhdBox;
use tessera_mosaic::{Picture, PictureError};

/// A quarter turn, clockwise, as often as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    Right,
    UpsideDown,
    Left,
}

impl Turn {
    /// The turn in a track's matrix (ISO/IEC 14496-12 §8.3.2). Mirrors and skews, which no camera writes, count as none.
    pub(super) fn of_track(track: &TkhdBox) -> Self {
        let matrix = &track.matrix;
        match [matrix.a, matrix.b, matrix.c, matrix.d].map(i32::signum) {
            [0, 1, -1, 0] => Self::Right,
            [-1, 0, 0, -1] => Self::UpsideDown,
            [0, -1, 1, 0] => Self::Left,
            _ => Self::None,
        }
    }

    /// `picture`, turned.
    ///
    /// # Errors
    ///
    /// None for a picture that is one; the signature is the constructor's.
    pub(super) fn apply(self, picture: Picture) -> Result<Picture, PictureError> {
        let (width, height) = (picture.width(), picture.height());
        let (turned_width, turned_height) = match self {
            Self::None => return Ok(picture),
            Self::UpsideDown => (width, height),
            Self::Right | Self::Left => (height, width),
        };
        let [y, cb, cr] = picture.planes();
        let (chroma_width, chroma_height) = (width.div_ceil(2) as usize, height.div_ceil(2) as usize);
        let planes = [
            self.turn_plane(y, width as usize, height as usize),
            self.turn_plane(cb, chroma_width, chroma_height),
            self.turn_plane(cr, chroma_width, chroma_height),
        ];
        Picture::from_planes(turned_width, turned_height, planes)
    }

    fn turn_plane(self, plane: &[u8], width: usize, height: usize) -> Vec<u8> {
        let column = |x: usize| plane.iter().skip(x).step_by(width).copied();
        match self {
            Self::None => plane.to_vec(),
            Self::UpsideDown => plane.iter().rev().copied().collect(),
            Self::Right => (0..width).flat_map(|x| column(x).rev()).collect(),
            Self::Left => (0..width).rev().flat_map(|x| column(x).take(height)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        // 3x2, luma 1 2 3 / 4 5 6, chroma 7 8.
        Picture::from_planes(3, 2, [vec![1, 2, 3, 4, 5, 6], vec![7, 8], vec![9, 10]]).unwrap()
    }

    #[test]
    fn each_turn_moves_every_sample_to_its_place() {
        let turned = |turn: Turn| turn.apply(picture()).unwrap().planes().clone();
        assert_eq!(turned(Turn::None), *picture().planes());
        assert_eq!(turned(Turn::Right), [vec![4, 1, 5, 2, 6, 3], vec![7, 8], vec![9, 10]]);
        assert_eq!(turned(Turn::Left), [vec![3, 6, 2, 5, 1, 4], vec![8, 7], vec![10, 9]]);
        assert_eq!(turned(Turn::UpsideDown), [vec![6, 5, 4, 3, 2, 1], vec![8, 7], vec![10, 9]]);
    }

    #[test]
    fn right_and_left_undo_each_other() {
        let right = Turn::Right.apply(picture()).unwrap();
        assert_eq!((right.width(), right.height()), (2, 3));
        assert_eq!(Turn::Left.apply(right).unwrap(), picture());
    }
}
