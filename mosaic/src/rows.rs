//! A scan's data as it is written: a restart segment for each row of MCUs, each with the marker behind it.

use crate::bits::{BitWriter, write_stuffed};
use crate::header::marker_after;
use crate::huffman::{Encoder, MCU_BLOCKS};

/// Writes a scan row by row; keeps its memory from one scan to the next.
#[derive(Debug, Default)]
pub(crate) struct RowWriter {
    /// One row before it is stuffed.
    row: Vec<u8>,
    scan: Vec<u8>,
    ends: Vec<u32>,
    /// How many there will be.
    rows: usize,
}

impl RowWriter {
    /// Begins a scan of so many rows of so many MCUs.
    pub(crate) fn begin(&mut self, rows: usize, mcus_per_row: usize) {
        let most = mcus_per_row * MCU_BLOCKS.len() * Encoder::MAX_BLOCK + BitWriter::SPARE;
        self.row.resize(most.max(self.row.len()), 0);
        self.scan.clear();
        self.ends.clear();
        self.rows = rows;
    }

    /// Where the codes of the next row go.
    #[inline(always)]
    pub(crate) fn codes(&mut self) -> BitWriter<'_> {
        BitWriter::new(&mut self.row)
    }

    /// Ends the row whose codes have `length` bytes.
    pub(crate) fn end_row(&mut self, length: usize) {
        write_stuffed(&self.row[..length], &mut self.scan);
        self.scan.extend_from_slice(&[0xFF, marker_after(self.ends.len(), self.rows)]);
        self.ends.push(self.scan.len() as u32);
    }

    /// The rows' segments one after the other, each with the two bytes of the marker behind it, the last of which is EOI.
    pub(crate) fn scan(&self) -> &[u8] {
        &self.scan
    }

    /// Where each row ends in the scan, marker included.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends
    }
}
