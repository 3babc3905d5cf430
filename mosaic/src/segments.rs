//! A scan's entropy-coded data, cut at its restart markers and with the stuffing taken out (T.81 B.1.1.5, F.1.2.3).

use memchr::memchr_iter;

use crate::bits::{BitReader, LOOKAHEAD};
use crate::header::{marker, marker_after};
use crate::limits::FrameError;

/// The restart segments of one scan; keeps its memory from one scan to the next.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// The segments' bytes without stuffing, one segment behind the other, and what a reader looks ahead at.
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    has_fill: bool,
}

/// One restart segment.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Its end in [`Segments::bytes`].
    end: usize,
    /// Its end in the data that was read, the marker behind it included.
    end_in_data: usize,
}

impl Segments {
    /// Reads `data`: what stands between a scan's header and the first marker that is no restart. It must have
    /// `count` segments, one at least, with the restart markers that are due between them (T.81 E.1.4).
    pub(crate) fn read(&mut self, data: &[u8], count: usize) -> Result<(), FrameError> {
        self.bytes.clear();
        self.bytes.reserve(data.len() + LOOKAHEAD);
        self.segments.clear();
        self.has_fill = false;
        // What has been copied ends here.
        let mut copied = 0;
        for at in memchr_iter(0xFF, data) {
            // The byte behind a stuffed 0xFF is zero, so it is no 0xFF that was passed over.
            match data.get(at + 1) {
                Some(0) => {
                    self.bytes.extend_from_slice(&data[copied..=at]);
                    copied = at + 2;
                }
                Some(&kind @ marker::RST0..marker::SOI) => {
                    self.bytes.extend_from_slice(&data[copied..at]);
                    self.end_before(kind, at + 2, count)?;
                    copied = at + 2;
                }
                // T.81 B.1.1.2: any number of them may stand in front of a marker.
                _ => {
                    self.bytes.extend_from_slice(&data[copied..at]);
                    self.has_fill = true;
                    copied = at + 1;
                }
            }
        }
        self.bytes.extend_from_slice(&data[copied..]);
        self.end_segment(data.len() + 2);
        self.bytes.extend_from_slice(&[0; LOOKAHEAD]);
        if self.segments.len() < count { Err(malformed("a restart segment is missing")) } else { Ok(()) }
    }

    fn end_before(&mut self, marker: u8, end_in_data: usize, count: usize) -> Result<(), FrameError> {
        let index = self.segments.len();
        self.end_segment(end_in_data);
        if marker != marker_after(index, usize::MAX) {
            return Err(malformed("a restart marker is not the one that is due"));
        }
        if self.segments.len() >= count {
            return Err(malformed("a restart segment too many"));
        }
        Ok(())
    }

    fn end_segment(&mut self, end_in_data: usize) {
        self.segments.push(Segment { end: self.bytes.len(), end_in_data });
    }

    /// Whether there are bytes that mean nothing, as T.81 B.1.1.2 allows in front of a marker.
    pub(crate) fn has_fill(&self) -> bool {
        self.has_fill
    }

    /// Where each segment ends in the data that was read, the two bytes of the marker behind it included.
    pub(crate) fn ends_in_data(&self) -> impl Iterator<Item = usize> {
        self.segments.iter().map(|segment| segment.end_in_data)
    }

    /// Reads the segments in their order.
    pub(crate) fn readers(&self) -> impl Iterator<Item = BitReader<'_>> {
        let begins = std::iter::once(0).chain(self.segments.iter().map(|segment| segment.end));
        begins
            .zip(&self.segments)
            .map(|(begin, segment)| BitReader::new(&self.bytes[begin..], segment.end - begin))
    }
}

fn malformed(what: &str) -> FrameError {
    FrameError::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(data: &[u8], count: usize) -> (Vec<Vec<u8>>, Segments) {
        let mut segments = Segments::default();
        segments.read(data, count).unwrap();
        let mut begin = 0;
        let cut = |segment: &Segment| {
            segments.bytes[std::mem::replace(&mut begin, segment.end)..segment.end].to_vec()
        };
        let bytes = segments.segments.iter().map(cut).collect();
        (bytes, segments)
    }

    fn refusal(data: &[u8], count: usize) -> String {
        Segments::default().read(data, count).unwrap_err().to_string()
    }

    #[test]
    fn data_is_cut_at_its_restart_markers_and_stuffing_is_taken_out() {
        let (bytes, segments) = segments(&[1, 0xFF, 0, 2, 0xFF, 0xD0, 0xFF, 0, 0, 0xFF, 0xD1, 3], 3);
        assert_eq!(bytes, [&[1, 0xFF, 2][..], &[0xFF, 0], &[3]]);
        assert_eq!(segments.ends_in_data().collect::<Vec<_>>(), [6, 11, 14]);
        assert!(!segments.has_fill());
    }

    #[test]
    fn fill_in_front_of_a_marker_means_nothing() {
        let (bytes, segments) = segments(&[1, 0xFF, 0xFF, 0xFF, 0xD0, 2, 0xFF], 2);
        assert_eq!(bytes, [[1], [2]]);
        assert!(segments.has_fill());
    }

    #[test]
    fn segments_that_are_not_those_expected_are_refused() {
        let two = &[1, 0xFF, 0xD0, 2];
        assert!(refusal(two, 1).contains("too many"));
        assert!(refusal(two, 3).contains("missing"));
        assert!(refusal(&[1, 0xFF, 0xD1, 2], 2).contains("due"));
    }

    #[test]
    fn nothing_is_one_empty_segment() {
        let (bytes, segments) = segments(&[], 1);
        assert_eq!(bytes, [[0u8; 0]]);
        assert!(segments.readers().all(|mut reader| reader.is_at_padding()));
    }
}
