//! Pixels to entropy-coded data: forward DCT, quantisation, Huffman codes.

use std::borrow::Cow;

use crate::dct::{Quantised, Quantiser};
use crate::format::{MCU, Quality};
use crate::header;
use crate::huffman::{Encoder, MCU_BLOCKS};
use crate::picture::Picture;
use crate::rows::RowWriter;
use crate::simd::{self, Loop, Vectors};
use crate::tables::quantisation;

/// Encodes `picture`, of any size, as a baseline 4:2:0 JPEG with the standard's tables and one restart
/// interval for each row of MCUs: what a canonical tile is, at sizes that no tile can have too.
pub fn jpeg(picture: &Picture, quality: Quality) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.planes[0].len() / 4);
    // A picture's sides fit 16 bits.
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    header::write(&mut out, width, height, quality, width.div_ceil(MCU as u16));
    let mut writer = RowWriter::default();
    rows(&padded(picture), quality, &mut writer);
    out.extend_from_slice(writer.scan());
    out
}

/// Encodes `picture`, whose sides are whole MCUs: see [`padded`].
pub(crate) fn rows(picture: &Picture, quality: Quality, writer: &mut RowWriter) {
    let quantisers = quantisation(quality).map(|table| Quantiser::new(&table));
    let [mcus, rows] = [picture.width(), picture.height()].map(|side| (side / MCU) as usize);
    writer.begin(rows, mcus);
    simd::widest(McuRows { picture, quantisers: &quantisers, writer, mcus, rows });
}

/// Writes the rows of MCUs.
struct McuRows<'a> {
    picture: &'a Picture,
    quantisers: &'a [Quantiser; 2],
    writer: &'a mut RowWriter,
    /// In a row.
    mcus: usize,
    rows: usize,
}

impl Loop for McuRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let encoders = Encoder::standard();
        for row in 0..self.rows {
            let mut codes = self.writer.codes();
            let mut dc = [0; 3];
            for column in 0..self.mcus {
                // All transforms first: none of them waits for another, but codes wait for those before them.
                let blocks = transformed(self.picture, self.quantisers, (column, row), vectors);
                for (component, block) in MCU_BLOCKS.into_iter().zip(&blocks) {
                    encoders[usize::from(component > 0)].block(&mut codes, block, dc[component]);
                    dc[component] = block.coefficients[0];
                }
            }
            let length = codes.finish();
            self.writer.end_row(length);
        }
    }
}

/// The blocks of one MCU, in the order of the scan.
#[inline(always)]
fn transformed<V: Vectors>(
    picture: &Picture,
    quantisers: &[Quantiser; 2],
    (column, row): (usize, usize),
    vectors: V,
) -> [Quantised; 6] {
    let [luma, cb, cr] = &picture.planes;
    let stride = picture.width() as usize;
    let upper = &luma[row * 16 * stride + column * 16..];
    let lower = &upper[8 * stride..];
    let chroma = row * 8 * (stride / 2) + column * 8;
    let [a, b] = vectors.forward([upper, &upper[8..]], stride, &quantisers[0]);
    let [c, d] = vectors.forward([lower, &lower[8..]], stride, &quantisers[0]);
    let [e, f] = vectors.forward([&cb[chroma..], &cr[chroma..]], stride / 2, &quantisers[1]);
    [a, b, c, d, e, f]
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
        let picture = Picture::noise(64, 64);
        for quality in [1, 50, 85, 100] {
            let quantisers = quantisation(Quality::new(quality).unwrap()).map(|table| Quantiser::new(&table));
            let scan = |is_wide: bool| {
                let mut writer = RowWriter::default();
                writer.begin(4, 4);
                let rows = McuRows {
                    picture: &picture,
                    quantisers: &quantisers,
                    writer: &mut writer,
                    mcus: 4,
                    rows: 4,
                };
                if is_wide {
                    simd::widest(rows);
                } else {
                    rows.run(Plain);
                }
                (writer.scan().to_vec(), writer.ends().to_vec())
            };
            assert_eq!(scan(false), scan(true), "quality {quality}");
        }
    }
}
