//! Pixels to entropy-coded data: forward DCT, quantisation, Huffman codes.

use std::borrow::Cow;

use crate::bits::BitWriter;
use crate::dct::Quantiser;
use crate::format::{MCU, Quality};
use crate::header::{self, marker_after};
use crate::huffman::{Encoder, MCU_BLOCKS};
use crate::picture::Picture;
use crate::simd::{self, Loop, Vectors};
use crate::tables::quantisation;

/// Encodes `picture`, of any size, as a baseline 4:2:0 JPEG with the standard's tables and one restart
/// interval for each row of MCUs: what a canonical tile is, at sizes that no tile can have too.
pub fn jpeg(picture: &Picture, quality: Quality) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.planes[0].len() / 4);
    // A picture's sides fit 16 bits.
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    header::write(&mut out, width, height, quality, width.div_ceil(MCU as u16));
    let begin = out.len();
    let ends = scan(&padded(picture), quality, &mut out, begin);
    out.truncate(begin + ends.last().map_or(0, |&end| end as usize));
    out
}

/// Writes the scan's data of `picture` into `out` from `begin` on: a restart segment for each row of MCUs, each with
/// the marker behind it, the last of which is EOI. Gives the end of each segment, marker included, counted from
/// `begin`. What is in `out` behind the last end means nothing. The picture's sides are whole MCUs: see [`padded`].
pub(crate) fn scan(picture: &Picture, quality: Quality, out: &mut Vec<u8>, begin: usize) -> Vec<u32> {
    let quantisers = quantisation(quality).map(|table| Quantiser::new(&table));
    let mut ends = Vec::with_capacity((picture.height() / MCU) as usize);
    simd::widest(McuRows { picture, quantisers: &quantisers, writer: BitWriter::new(out, begin), ends: &mut ends });
    ends.iter_mut().for_each(|end| *end -= begin as u32);
    ends
}

/// Writes the rows of MCUs, each of which is a restart interval.
struct McuRows<'a> {
    picture: &'a Picture,
    quantisers: &'a [Quantiser; 2],
    writer: BitWriter<'a>,
    /// The end of each row in what is written.
    ends: &'a mut Vec<u32>,
}

impl Loop for McuRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Self { picture, quantisers, mut writer, ends } = self;
        let encoders = Encoder::standard();
        let strides = [0, 1, 2].map(|plane| picture.plane_size(plane).0 as usize);
        let rows = (picture.height() / MCU) as usize;
        for row in 0..rows {
            let mut dc = [0; 3];
            for column in 0..(picture.width() / MCU) as usize {
                writer.reserve(MCU_BLOCKS.len() * Encoder::MAX_BLOCK);
                for (component, block) in MCU_BLOCKS.into_iter().zip(0..) {
                    let (x, y) = if component == 0 {
                        (2 * column + (block & 1), 2 * row + (block >> 1))
                    } else {
                        (column, row)
                    };
                    let stride = strides[component];
                    let samples = &picture.planes[component][y * 8 * stride + x * 8..];
                    let table = usize::from(component > 0);
                    let quantised = vectors.forward(samples, stride, &quantisers[table]);
                    encoders[table].block(&mut writer, &quantised, dc[component]);
                    dc[component] = quantised.coefficients[0];
                }
            }
            writer.finish_segment([0xFF, marker_after(row, rows)]);
            ends.push(writer.position() as u32);
        }
    }
}

/// `picture` continued to whole MCUs by its last column and row: what a decoder cuts off again.
fn padded(picture: &Picture) -> Cow<'_, Picture> {
    let [width, height] = [picture.width(), picture.height()].map(|side| side.next_multiple_of(MCU));
    if (width, height) == (picture.width(), picture.height()) {
        return Cow::Borrowed(picture);
    }
    let planes = [0, 1, 2].map(|index| {
        let divisor = if index == 0 { 1 } else { 2 };
        let (from_width, _) = picture.plane_size(index);
        let to = [width / divisor, height / divisor].map(|side| side as usize);
        continued(&picture.planes[index], from_width as usize, to)
    });
    let padded = Picture::from_planes(width, height, planes);
    Cow::Owned(padded.expect("the largest side of a picture is whole MCUs"))
}

/// A plane of rows of `from_width` samples, continued to `width` x `height`.
fn continued(plane: &[u8], from_width: usize, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(width * height);
    for row in plane.chunks(from_width) {
        out.extend_from_slice(row);
        out.extend(std::iter::repeat_n(row[from_width - 1], width - from_width));
    }
    while out.len() < width * height {
        out.extend_from_within(out.len() - width..);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Plain;

    #[test]
    fn plain_and_wide_vectors_agree_to_the_bit() {
        let samples =
            (0..64 * 64 * 3).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
        let picture = Picture::from_rgb(64, 64, &samples).unwrap();
        for quality in [1, 50, 85, 100] {
            let quantisers = quantisation(Quality::new(quality).unwrap()).map(|table| Quantiser::new(&table));
            let scan = |is_wide: bool| {
                let (mut out, mut ends) = (Vec::new(), Vec::new());
                let writer = BitWriter::new(&mut out, 0);
                let rows = McuRows { picture: &picture, quantisers: &quantisers, writer, ends: &mut ends };
                if is_wide { simd::widest(rows) } else { rows.run(Plain) }
                out.truncate(ends[3] as usize);
                (out, ends)
            };
            assert_eq!(scan(false), scan(true), "quality {quality}");
        }
    }
}
