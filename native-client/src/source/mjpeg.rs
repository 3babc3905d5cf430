//! A file of JPEGs one after the other, as cameras and `ffmpeg -f mjpeg` write it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thiserror::Error;

use super::{Content, DEFAULT_FRAME_RATE, Frame, MAX_FRAME_BYTES, Source, SourceError, shown_at};

/// An MJPEG file. One picture at a time is in memory.
pub(super) struct MjpegSource {
    path: PathBuf,
    splitter: Splitter<BufReader<File>>,
    given: u64,
}

impl MjpegSource {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|error| SourceError::Io { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), splitter: Splitter::new(BufReader::new(file)), given: 0 })
    }

    fn error(&self, error: SplitError, begin: u64) -> SourceError {
        let path = self.path.clone();
        match error {
            SplitError::Io(error) => SourceError::Io { path, error },
            damage => {
                let reason = format!("picture {}, which begins at byte {begin}, {damage}", self.given + 1);
                SourceError::Broken { path, reason }
            }
        }
    }
}

impl Source for MjpegSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let split = self.splitter.next_picture();
        let Some(bytes) = split.map_err(|error| self.error(error, self.splitter.begin))? else {
            return Ok(None);
        };
        let frame = Frame { at: shown_at(self.given, DEFAULT_FRAME_RATE), content: Content::Jpeg(bytes) };
        self.given += 1;
        Ok(Some(frame))
    }

    fn frame_rate(&self) -> f64 {
        DEFAULT_FRAME_RATE
    }

    fn frame_count(&self) -> Option<u64> {
        None
    }
}

/// What is wrong with a picture, so that "picture 3 …" makes a sentence.
#[derive(Debug, Error)]
enum SplitError {
    #[error("does not begin like a JPEG")]
    NotJpeg,
    #[error("is cut off")]
    Truncated,
    #[error("has no marker {0} bytes on, where one must be")]
    NoMarker(usize),
    #[error("has another picture's beginning {0} bytes on, before its own end")]
    NoEnd(usize),
    #[error("is larger than {} MiB", MAX_FRAME_BYTES >> 20)]
    TooLarge,
    #[error(transparent)]
    Io(#[from] io::Error),
}

// Markers, ITU-T T.81 §B.1.1.3.
const FILL: u8 = 0xFF;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;

/// RST0 to RST7.
fn is_restart(marker: u8) -> bool {
    matches!(marker, 0xD0..=0xD7)
}

/// Splits a stream into JPEGs by walking their marker segments: what is within a segment, such as the thumbnail that a
/// camera puts into APP1, is never taken for a marker.
struct Splitter<R> {
    reader: R,
    /// The picture that is being read.
    picture: Vec<u8>,
    /// Where in the stream it begins.
    begin: u64,
}

impl<R: BufRead> Splitter<R> {
    fn new(reader: R) -> Self {
        Self { reader, picture: Vec::new(), begin: 0 }
    }

    /// The next picture from SOI to EOI, or `None` at the stream's end.
    fn next_picture(&mut self) -> Result<Option<Bytes>, SplitError> {
        if !self.skip_padding()? {
            return Ok(None);
        }
        if self.marker()? != SOI {
            return Err(SplitError::NotJpeg);
        }
        // Fill bytes may stand before any marker, but not everybody takes them before the first.
        let fill = self.picture.len() - 2;
        self.picture.drain(..fill);
        self.begin += fill as u64;
        let mut marker = self.marker()?;
        while marker != EOI {
            marker = self.walk(marker)?;
        }
        self.begin += self.picture.len() as u64;
        Ok(Some(Bytes::from(std::mem::take(&mut self.picture))))
    }

    /// Passes over the zero bytes that some programs put after a picture. False at the stream's end.
    fn skip_padding(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let (zeros, available) = (buffer.iter().take_while(|byte| **byte == 0).count(), buffer.len());
            self.reader.consume(zeros);
            self.begin += zeros as u64;
            if zeros < available || available == 0 {
                return Ok(available != 0);
            }
        }
    }

    /// Reads what belongs to `marker`, and the marker after that.
    fn walk(&mut self, marker: u8) -> Result<u8, SplitError> {
        match marker {
            SOI => return Err(SplitError::NoEnd(self.picture.len() - 2)),
            TEM => {}
            _ if is_restart(marker) => {}
            _ => self.segment()?,
        }
        if marker == SOS { self.scan() } else { self.marker() }
    }

    /// Reads a marker with the fill bytes before it (§B.1.1.2).
    fn marker(&mut self) -> Result<u8, SplitError> {
        if self.byte()? != FILL {
            return Err(match self.picture.len() {
                1 => SplitError::NotJpeg,
                length => SplitError::NoMarker(length - 1),
            });
        }
        self.marker_code()
    }

    fn marker_code(&mut self) -> Result<u8, SplitError> {
        loop {
            match self.byte()? {
                FILL => {}
                0 => return Err(SplitError::NoMarker(self.picture.len() - 1)),
                marker => return Ok(marker),
            }
        }
    }

    /// Reads a marker segment: its length, which counts its own two bytes, and so many bytes (§B.1.1.4).
    fn segment(&mut self) -> Result<(), SplitError> {
        let at = self.picture.len();
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        let rest = u64::from(length).checked_sub(2).ok_or(SplitError::NoMarker(at))?;
        if rest > self.room() {
            return Err(SplitError::TooLarge);
        }
        let read = self.reader.by_ref().take(rest).read_to_end(&mut self.picture)?;
        if (read as u64) < rest { Err(SplitError::Truncated) } else { Ok(()) }
    }

    /// Reads entropy-coded data, which holds stuffed zeros and restart markers (§F.1.2.3), and the marker that ends it.
    fn scan(&mut self) -> Result<u8, SplitError> {
        loop {
            let room = self.room();
            self.reader.by_ref().take(room).read_until(FILL, &mut self.picture)?;
            if self.picture.last() != Some(&FILL) {
                return Err(if self.room() == 0 { SplitError::TooLarge } else { SplitError::Truncated });
            }
            match self.byte()? {
                0 => {}
                marker if is_restart(marker) => {}
                FILL => return self.marker_code(),
                marker => return Ok(marker),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, SplitError> {
        if self.room() == 0 {
            return Err(SplitError::TooLarge);
        }
        let byte = *self.reader.fill_buf()?.first().ok_or(SplitError::Truncated)?;
        self.reader.consume(1);
        self.picture.push(byte);
        Ok(byte)
    }

    /// Bytes that the picture may still have.
    fn room(&self) -> u64 {
        MAX_FRAME_BYTES - self.picture.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceSpec;
    use crate::source::tests::jpeg;

    fn split(stream: &[u8]) -> Result<Vec<Bytes>, SplitError> {
        // A small buffer, so that everything crosses its border somewhere.
        let mut splitter = Splitter::new(BufReader::with_capacity(7, stream));
        std::iter::from_fn(|| splitter.next_picture().transpose()).collect()
    }

    /// A JPEG with `content` in an APP1 segment.
    fn with_app1(jpeg: &[u8], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xFF, 0xE1], &length, content, &jpeg[2..]].concat()
    }

    #[test]
    fn pictures_one_after_the_other_come_out_byte_by_byte_as_they_went_in() {
        let pictures: Vec<_> = (0..20).map(|n| jpeg(48, 32, n * 12)).collect();
        assert_eq!(split(&pictures.concat()).unwrap(), pictures);
        assert_eq!(split(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_thumbnail_in_app1_does_not_split_its_picture() {
        let picture = with_app1(&jpeg(48, 32, 7), &jpeg(16, 16, 9));
        assert_eq!(split(&[picture.clone(), picture.clone()].concat()).unwrap(), [picture.clone(), picture]);
    }

    #[test]
    fn several_scans_restarts_and_fill_bytes_stay_in_their_picture() {
        let mut encoded = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut encoded, 90);
        encoder.set_progressive(true);
        encoder.set_restart_interval(2);
        let noise: Vec<u8> =
            (0..64 * 64 * 3_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        encoder.encode(&noise, 64, 64, jpeg_encoder::ColorType::Rgb).unwrap();
        let end = encoded.len() - 2;
        encoded.splice(end..end, [0xFF, 0xFF]);
        assert_eq!(split(&[encoded.clone(), encoded.clone()].concat()).unwrap(), [encoded.clone(), encoded]);
    }

    #[test]
    fn fill_bytes_before_a_picture_are_passed_over() {
        let picture = jpeg(16, 16, 3);
        let stream = [&[FILL; 5][..], &picture, &[FILL; 2], &picture].concat();
        assert_eq!(split(&stream).unwrap(), [picture.clone(), picture]);
    }

    #[test]
    fn zero_bytes_between_pictures_are_passed_over() {
        let picture = jpeg(16, 16, 3);
        let stream = [&[0; 9][..], &picture, &[0; 30], &picture, &[0; 5]].concat();
        assert_eq!(split(&stream).unwrap(), [picture.clone(), picture]);
    }

    #[test]
    fn a_picture_cut_off_anywhere_is_truncated() {
        let picture = jpeg(16, 16, 3);
        for length in 1..picture.len() {
            assert!(matches!(split(&picture[..length]), Err(SplitError::Truncated)), "{length}");
        }
    }

    #[test]
    fn what_is_no_jpeg_is_told_from_what_is_broken_within() {
        let picture = jpeg(16, 16, 3);
        assert!(matches!(split(b"RIFF"), Err(SplitError::NotJpeg)));
        assert!(matches!(split(b"\xFF\xD9"), Err(SplitError::NotJpeg)));
        assert!(matches!(split(&[&picture[..2], b"x"].concat()), Err(SplitError::NoMarker(2))));
        assert!(matches!(split(&[&picture[..2], &picture].concat()), Err(SplitError::NoEnd(2))));
        assert!(matches!(split(b"\xFF\xD8\xFF\xE0\x00\x01"), Err(SplitError::NoMarker(4))));
    }

    #[test]
    fn a_picture_without_end_is_given_up_at_the_limit() {
        let header = jpeg(16, 16, 3);
        let scan = header.windows(2).position(|pair| pair == [0xFF, SOS]).unwrap();
        let stream = header[..scan + 14].chain(io::repeat(0x55));
        let mut splitter = Splitter::new(BufReader::new(stream));
        assert!(matches!(splitter.next_picture(), Err(SplitError::TooLarge)));
        assert!(splitter.picture.len() as u64 <= MAX_FRAME_BYTES);
        let mut filled = Splitter::new(BufReader::new((&[0xFF_u8, SOI][..]).chain(io::repeat(0xFF))));
        assert!(matches!(filled.next_picture(), Err(SplitError::TooLarge)));
    }

    #[test]
    fn a_truncated_last_picture_is_an_error_with_its_number_and_offset_after_the_whole_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mjpeg");
        let picture = jpeg(16, 16, 3);
        let stream = [&picture[..], &picture, &picture[..picture.len() - 5]].concat();
        std::fs::write(&path, stream).unwrap();
        let mut source = path.to_str().unwrap().parse::<SourceSpec>().unwrap().open().unwrap();
        for n in 0..2 {
            let frame = source.next_frame().unwrap().unwrap();
            assert_eq!(frame.at, shown_at(n, 25.0));
        }
        let error = source.next_frame().unwrap_err().to_string();
        let begin = picture.len() * 2;
        assert!(error.contains(&format!("picture 3, which begins at byte {begin}, is cut off")), "{error}");
    }
}
