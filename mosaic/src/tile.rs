//! A tile: compressed, checked, and nothing else than what can be spliced.

use std::fmt;

use crate::encode;
use crate::format::TileFormat;
use crate::header;
use crate::huffman;
use crate::picture::Picture;
use crate::probe::{Coding, Header};
use crate::rows::RowWriter;
use crate::segments::Segments;
use crate::tables::{CHROMA_AC, CHROMA_DC, LUMA_AC, LUMA_DC, quantisation};
use bytes::Bytes;

/// One participant's piece of the mosaic.
///
/// A `Tile` is a proof: it was encoded here or every Huffman code of it was checked, and it holds one
/// restart segment of the right number of MCUs for each row of its format. Nothing looks at it again.
#[derive(Clone)]
pub struct Tile {
    format: TileFormat,
    /// The restart segments one after the other, each with the two bytes of the marker behind it.
    scan: Bytes,
    /// Where each segment ends in `scan`, marker included; as many as the format has rows of MCUs.
    ends: Vec<u32>,
}

impl Tile {
    /// The black tile of a format.
    pub fn black(format: TileFormat) -> Self {
        let picture = Picture::black(format.size.width(), format.size.height());
        Self::encode(
            &picture.expect("a tile's sides are within a picture's"),
            format,
            &mut RowWriter::default(),
        )
    }

    /// Encodes `picture`, which has the format's size.
    pub(crate) fn encode(picture: &Picture, format: TileFormat, rows: &mut RowWriter) -> Self {
        debug_assert_eq!((picture.width(), picture.height()), (format.size.width(), format.size.height()));
        encode::rows(picture, format.quality, rows);
        Self::written(format, rows)
    }

    /// The tile of what an encoder wrote: a restart segment for each row of MCUs.
    pub(crate) fn written(format: TileFormat, rows: &RowWriter) -> Self {
        Self { format, scan: Bytes::copy_from_slice(rows.scan()), ends: rows.ends().to_vec() }
    }

    /// Takes a JPEG that is a canonical tile of `format` already, without copying it, once every Huffman
    /// code has been checked; `None` when it is anything else. `header` is what probing `jpeg` gave.
    pub(crate) fn accept(
        jpeg: &Bytes,
        header: &Header<'_>,
        format: TileFormat,
        segments: &mut Segments,
    ) -> Option<Self> {
        if !is_canonical(jpeg, header, format) {
            return None;
        }
        let data = header.scans[0].data.clone();
        segments.read(&jpeg[data.clone()], format.size.mcu_rows() as usize).ok()?;
        if segments.has_fill() || !huffman::is_sound(segments, format.size.mcus_per_row()) {
            return None;
        }
        let ends = segments.ends_in_data().map(|end| end as u32).collect();
        Some(Self { format, scan: jpeg.slice(data.start..header.end), ends })
    }

    /// The tile's size and quality.
    pub fn format(&self) -> TileFormat {
        self.format
    }

    /// Bytes of compressed data, headers not counted.
    pub fn compressed_len(&self) -> usize {
        self.scan.len()
    }

    /// The restart segments one after the other, each with the two bytes of the marker behind it, and where
    /// each of them ends.
    pub(crate) fn segments(&self) -> (&[u8], &[u32]) {
        (&self.scan, &self.ends)
    }

    /// The tile as a JPEG of its own.
    pub fn to_jpeg(&self) -> Vec<u8> {
        let TileFormat { size, quality } = self.format;
        let mut jpeg = Vec::with_capacity(self.scan.len() + 1024);
        let (width, height) = (size.width() as u16, size.height() as u16);
        header::write(&mut jpeg, width, height, quality, size.mcus_per_row() as u16);
        jpeg.extend_from_slice(&self.scan);
        jpeg
    }
}

impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, scan, .. } = self;
        f.debug_struct("Tile").field("format", format).field("bytes", &scan.len()).finish_non_exhaustive()
    }
}

/// Whether everything in front of the scan's data is as a canonical tile of `format` has it.
fn is_canonical(jpeg: &[u8], header: &Header<'_>, format: TileFormat) -> bool {
    let [luma, chroma] = quantisation(format.quality);
    let (size, frame, scan) = (format.size, &header.frame, &header.scans[0]);
    // The components' ids, sampling and tables, as SOF0 and SOS hold them (T.81 B.2.2, B.2.3).
    // Some encoders count the components from 0, which changes nothing else.
    let first = frame.components[0][0];
    let components = [[first, 0x22, 0], [first.wrapping_add(1), 0x11, 1], [first.wrapping_add(2), 0x11, 1]];
    let parameters = [3, first, 0x00, first.wrapping_add(1), 0x11, first.wrapping_add(2), 0x11, 0, 63, 0];
    frame.coding == Coding::Baseline
        && (frame.width, frame.height) == (size.width(), size.height())
        && first <= 1
        && frame.components == components
        // Other colours would be lost with the segment that names them.
        && header.is_ycbcr
        && header.orientation.is_upright()
        && header.scans.len() == 1
        // EOI stands right behind the data.
        && scan.data.end + 2 == header.end
        && jpeg[scan.parameters.clone()] == parameters
        && scan.tables.restart_interval == size.mcus_per_row()
        && scan.tables.quantisation[..2] == [luma, chroma].map(Some)
        && scan.tables.huffman[0][..2] == [LUMA_DC, CHROMA_DC].map(Some)
        && scan.tables.huffman[1][..2] == [LUMA_AC, CHROMA_AC].map(Some)
}
