//! The headers that we write: in front of a tile, a mosaic, or a picture of any size.

use crate::format::Quality;
use crate::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC, ZIGZAG, quantisation};

/// The second byte of the markers that we write and read (T.81 table B.1).
pub(crate) mod marker {
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const SOF1: u8 = 0xC1;
    pub(crate) const SOF2: u8 = 0xC2;
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP1: u8 = 0xE1;
    pub(crate) const APP14: u8 = 0xEE;
    pub(crate) const APP15: u8 = 0xEF;
}

/// Writes everything in front of the scan's data of a baseline 4:2:0 JPEG with the standard's tables:
/// byte for byte what libjpeg writes for the same parameters.
///
/// `restart_interval` is in MCUs.
pub(crate) fn write(out: &mut Vec<u8>, width: u16, height: u16, quality: Quality, restart_interval: u16) {
    out.extend_from_slice(&[0xFF, marker::SOI]);
    // JFIF 1.01, no density, no thumbnail.
    segment(out, marker::APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    for (table, id) in quantisation(quality).iter().zip(0..) {
        let mut body = vec![id];
        body.extend(ZIGZAG.iter().map(|&position| table[usize::from(position)]));
        segment(out, marker::DQT, &body);
    }
    let [[h0, h1], [w0, w1]] = [height, width].map(u16::to_be_bytes);
    segment(out, marker::SOF0, &[8, h0, h1, w0, w1, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    for (id, table) in [(0x00, LUMA_DC), (0x10, LUMA_AC), (0x01, CHROMA_DC), (0x11, CHROMA_AC)] {
        segment(out, marker::DHT, &huffman(id, &table));
    }
    segment(out, marker::DRI, &restart_interval.to_be_bytes());
    segment(out, marker::SOS, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
}

/// Writes a marker segment; its length counts itself (T.81 B.1.1.4).
fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
    out.extend_from_slice(body);
}

fn huffman(id: u8, table: &HuffmanSpec<'_>) -> Vec<u8> {
    [&[id], table.counts.as_slice(), table.symbols].concat()
}

/// The marker behind restart segment `index` of `count`: RST0 to RST7 in turn, EOI behind the last
/// (T.81 E.1.4).
#[inline]
pub(crate) fn marker_after(index: usize, count: usize) -> u8 {
    if index + 1 == count { marker::EOI } else { marker::RST0 + (index & 7) as u8 }
}
