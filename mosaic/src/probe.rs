//! Is this a JPEG that we take? The marker segments of ITU-T T.81 Annex B, read once, from front to end,
//! without decoding or allocating for the picture.

use std::ops::Range;

use memchr::memchr;

use crate::header::marker;
use crate::limits::{FrameError, Limits};
use crate::orientation::Orientation;
use crate::tables::{HuffmanSpec, ZIGZAG};

/// What the marker segments of a JPEG say.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    pub(crate) frame: Frame,
    /// One at least.
    pub(crate) scans: Vec<Scan<'a>>,
    pub(crate) orientation: Orientation,
    /// Whether the components are those of YCbCr, or grey alone; red, green and blue otherwise.
    pub(crate) is_ycbcr: bool,
    /// Where the JPEG ends, EOI included. What follows is none of its business.
    pub(crate) end: usize,
}

/// SOFn (T.81 B.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) coding: Coding,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Id, sampling factors and quantisation table of each component, as the segment holds them.
    pub(crate) components: Vec<[u8; 3]>,
}

/// The ways of coding that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Baseline,
    Extended,
    Progressive,
}

/// SOS and what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Scan<'a> {
    /// What is in force for it.
    pub(crate) tables: Tables<'a>,
    /// The parameters behind the segment's length (T.81 B.2.3).
    pub(crate) parameters: Range<usize>,
    /// The entropy-coded data, restart markers included.
    pub(crate) data: Range<usize>,
}

/// The tables and the restart interval that are in force at some point of a JPEG.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tables<'a> {
    /// In natural order; 8-bit ones only.
    pub(crate) quantisation: [Option<[u8; 64]>; 4],
    /// By class (DC, AC) and number.
    pub(crate) huffman: [[Option<HuffmanSpec<'a>>; 4]; 2],
    /// In MCUs; 0 where there is none.
    pub(crate) restart_interval: u32,
}

impl Header<'_> {
    /// Width in pixels, before any turning.
    pub fn width(&self) -> u32 {
        self.frame.width
    }

    /// Height in pixels, before any turning.
    pub fn height(&self) -> u32 {
        self.frame.height
    }

    /// Width and height in pixels once it is upright.
    pub(crate) fn upright_size(&self) -> (u32, u32) {
        let (width, height) = (self.frame.width, self.frame.height);
        if self.orientation.transposes() { (height, width) } else { (width, height) }
    }
}

/// Reads the marker segments of `jpeg` and holds them against `limits`.
///
/// # Errors
///
/// The [`FrameError`] that says why this cannot become a tile. What it does not find are wrong Huffman
/// codes: those take decoding.
pub fn probe<'a>(jpeg: &'a [u8], limits: &Limits) -> Result<Header<'a>, FrameError> {
    if !jpeg.starts_with(&[0xFF, marker::SOI, 0xFF]) {
        return Err(not_jpeg(jpeg));
    }
    Limits::hold("bytes", jpeg.len(), limits.bytes)?;
    let mut segments = Segments { jpeg, at: 2 };
    let mut found = Found::default();
    loop {
        match segments.next_marker()? {
            marker::EOI => return found.finish(segments.at),
            marker::SOS => {
                found.expect_frame_header()?;
                let parameters = segments.body()?;
                let data = segments.entropy_coded_data()?;
                found.scans.push(Scan { tables: found.tables, parameters, data });
                Limits::hold("scans", found.scans.len(), limits.scans)?;
            }
            kind => {
                let body = segments.body()?;
                found.segment(kind, &jpeg[body], limits)?;
            }
        }
    }
}

fn not_jpeg(bytes: &[u8]) -> FrameError {
    let begin: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    FrameError::NotJpeg { begin: if begin.is_empty() { "nothing".to_owned() } else { begin.join(" ") } }
}

fn malformed(what: impl Into<String>) -> FrameError {
    FrameError::Malformed(what.into())
}

/// Walks from marker to marker.
struct Segments<'a> {
    jpeg: &'a [u8],
    at: usize,
}

impl Segments<'_> {
    /// The kind of the next marker, which must be right here (T.81 B.1.1.2: 0xFF may be repeated).
    fn next_marker(&mut self) -> Result<u8, FrameError> {
        let fill = self.jpeg[self.at..].iter().take_while(|&&byte| byte == 0xFF).count();
        let Some(&kind) = self.jpeg.get(self.at + fill) else { return Err(cut_off()) };
        if fill == 0 {
            return Err(malformed(format!("no marker at byte {}", self.at)));
        }
        self.at += fill + 1;
        Ok(kind)
    }

    /// The body of the segment whose marker was read, its length not included.
    fn body(&mut self) -> Result<Range<usize>, FrameError> {
        let Some(length) = self.jpeg[self.at..].first_chunk() else { return Err(cut_off()) };
        let length = usize::from(u16::from_be_bytes(*length));
        let body = self.at + 2..self.at + length;
        if length < 2 {
            return Err(malformed(format!("a segment of {length} bytes at byte {}", self.at)));
        }
        if body.end > self.jpeg.len() {
            return Err(cut_off());
        }
        self.at = body.end;
        Ok(body)
    }

    /// The data behind a scan's header, up to the marker that is neither a restart nor a stuffed byte.
    fn entropy_coded_data(&mut self) -> Result<Range<usize>, FrameError> {
        let begin = self.at;
        loop {
            let Some(offset) = memchr(0xFF, &self.jpeg[self.at..]) else { return Err(cut_off()) };
            self.at += offset;
            match self.jpeg.get(self.at + 1) {
                None => return Err(cut_off()),
                Some(0xFF) => self.at += 1,
                Some(0 | marker::RST0..marker::SOI) => self.at += 2,
                Some(_) => return Ok(begin..self.at),
            }
        }
    }
}

fn cut_off() -> FrameError {
    malformed("it is cut off")
}

/// What has been read so far.
#[derive(Default)]
struct Found<'a> {
    frame: Option<Frame>,
    scans: Vec<Scan<'a>>,
    tables: Tables<'a>,
    orientation: Option<Orientation>,
    is_jfif: bool,
    /// The colour transform that an Adobe APP14 segment names.
    adobe_transform: Option<u8>,
}

impl<'a> Found<'a> {
    fn segment(&mut self, kind: u8, body: &'a [u8], limits: &Limits) -> Result<(), FrameError> {
        match kind {
            marker::DQT => self.tables.define_quantisation(body),
            marker::DHT => self.tables.define_huffman(body),
            marker::DRI => self.tables.define_restart_interval(body),
            marker::APP1 => {
                self.orientation = self.orientation.or_else(|| Orientation::of_exif(body));
                Ok(())
            }
            // What comes behind a scan says nothing of it any more.
            marker::APP0 if self.scans.is_empty() => {
                self.is_jfif |= body.len() >= JFIF_LENGTH && body.starts_with(b"JFIF\0");
                Ok(())
            }
            marker::APP14 if self.scans.is_empty() => {
                self.adobe_transform = adobe_transform(body).or(self.adobe_transform);
                Ok(())
            }
            marker::APP0..=marker::APP15 | 0xFE => Ok(()),
            marker::SOF0..=0xCF => self.frame_header(kind, body, limits),
            0xDC => Err(FrameError::Unsupported("a height that follows the picture (DNL)".to_owned())),
            _ => Err(malformed(format!("a marker {kind:02X} that has no place here"))),
        }
    }

    fn frame_header(&mut self, kind: u8, body: &[u8], limits: &Limits) -> Result<(), FrameError> {
        if self.frame.is_some() {
            return Err(malformed("two pictures in one"));
        }
        let coding = coding(kind)?;
        let Some((&[precision, h0, h1, w0, w1, count], components)) = body.split_first_chunk() else {
            return Err(malformed("a frame header that is too short"));
        };
        let (width, height) = (u32::from_be_bytes([0, 0, w0, w1]), u32::from_be_bytes([0, 0, h0, h1]));
        let components = components.as_chunks().0.to_vec();
        if components.len() != usize::from(count) {
            return Err(malformed("a frame header of another length than its components take"));
        }
        let is_taken =
            |n: usize| components[..n].iter().any(|before: &[u8; 3]| before[0] == components[n][0]);
        if (0..components.len()).any(is_taken) {
            return Err(malformed("two components of one id"));
        }
        if precision != 8 {
            return Err(FrameError::Unsupported(format!("{precision}-bit JPEG")));
        }
        if !matches!(count, 1 | 3) {
            return Err(FrameError::Unsupported(format!("JPEG of {count} components (CMYK has 4)")));
        }
        if height == 0 {
            // T.81 B.2.5: the number of lines is to follow the first scan.
            return Err(FrameError::Unsupported("a height that follows the picture (DNL)".to_owned()));
        }
        if width == 0 {
            return Err(malformed(format!("a size of {width}x{height} pixels")));
        }
        Limits::hold("pixels a side", width.max(height) as usize, limits.side as usize)?;
        Limits::hold("pixels", (width * height) as usize, limits.pixels as usize)?;
        self.frame = Some(Frame { coding, width, height, components });
        Ok(())
    }

    /// T.81 B.2.1: the frame header comes before the scans.
    fn expect_frame_header(&self) -> Result<(), FrameError> {
        self.frame
            .as_ref()
            .map(|_| ())
            .ok_or_else(|| malformed("it has no frame header in front of its data"))
    }

    /// As libjpeg guesses it (`default_decompress_parms` in jdapimin.c), and others after it: a JFIF segment decides, then
    /// Adobe's, then the components' ids.
    fn is_ycbcr(&self, frame: &Frame) -> bool {
        let ids = || frame.components.iter().map(|&[id, _, _]| id);
        match self.adobe_transform {
            _ if self.is_jfif || frame.components.len() == 1 => true,
            // It has other numbers for four components.
            Some(transform) => transform != 0,
            None => !ids().eq(*b"RGB"),
        }
    }

    fn finish(mut self, end: usize) -> Result<Header<'a>, FrameError> {
        let frame = self.frame.take().ok_or_else(|| malformed("it has no frame header"))?;
        if self.scans.is_empty() {
            return Err(malformed("it has no picture data"));
        }
        Ok(Header {
            is_ycbcr: self.is_ycbcr(&frame),
            frame,
            scans: self.scans,
            orientation: self.orientation.unwrap_or(Orientation::UPRIGHT),
            end,
        })
    }
}

impl<'a> Tables<'a> {
    /// T.81 B.2.4.1: any number of tables in one segment.
    fn define_quantisation(&mut self, mut body: &[u8]) -> Result<(), FrameError> {
        while let Some((&id, rest)) = body.split_first() {
            let steps = if id >> 4 == 0 { 64 } else { 128 };
            let table = usize::from(id & 15);
            if rest.len() < steps || table > 3 {
                return Err(malformed("a broken quantisation table"));
            }
            let (steps, rest) = rest.split_at(steps);
            self.quantisation[table] = <&[u8; 64]>::try_from(steps).ok().map(natural_order);
            body = rest;
        }
        Ok(())
    }

    /// T.81 B.2.4.2: any number of tables in one segment.
    fn define_huffman(&mut self, mut body: &'a [u8]) -> Result<(), FrameError> {
        while let Some((&id, rest)) = body.split_first() {
            let (class, table) = (usize::from(id >> 4), usize::from(id & 15));
            let broken = || malformed("a broken Huffman table");
            let (counts, rest) = rest.split_first_chunk().ok_or_else(broken)?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or_else(broken)?;
            let spec = HuffmanSpec { counts, symbols };
            if class > 1 || table > 3 || !spec.is_sound() {
                return Err(broken());
            }
            self.huffman[class][table] = Some(spec);
            body = rest;
        }
        Ok(())
    }

    fn define_restart_interval(&mut self, body: &[u8]) -> Result<(), FrameError> {
        let interval = <[u8; 2]>::try_from(body).map_err(|_| malformed("a broken restart interval"))?;
        self.restart_interval = u16::from_be_bytes(interval).into();
        Ok(())
    }
}

fn coding(kind: u8) -> Result<Coding, FrameError> {
    match kind {
        marker::SOF0 => Ok(Coding::Baseline),
        marker::SOF1 => Ok(Coding::Extended),
        marker::SOF2 => Ok(Coding::Progressive),
        0xC3 => Err(FrameError::Unsupported("lossless JPEG".to_owned())),
        0xC5..=0xC7 => Err(FrameError::Unsupported("hierarchical JPEG".to_owned())),
        _ => Err(FrameError::Unsupported("arithmetic-coded JPEG".to_owned())),
    }
}

fn natural_order(zigzag: &[u8; 64]) -> [u8; 64] {
    let mut table = [0; 64];
    for (&step, position) in zigzag.iter().zip(ZIGZAG) {
        table[usize::from(position)] = step;
    }
    table
}

/// The colour transform of an Adobe segment (Adobe TN 5116, "Supporting the DCT Filters").
fn adobe_transform(body: &[u8]) -> Option<u8> {
    body.strip_prefix(b"Adobe")?.get(6).copied()
}

/// Bytes of a JFIF segment at least, its length not counted (JFIF 1.02).
const JFIF_LENGTH: usize = 14;
