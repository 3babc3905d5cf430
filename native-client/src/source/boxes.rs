//! The boxes of an MP4 file (ISO/IEC 14496-12 §4.2), looked over before re_mp4 reads them. It takes their word: at a box
//! without a size it goes in circles, and for a promise of samples it takes memory.

use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;

/// As many samples as a file may have: of a picture 60 times a second, a day and a half. re_mp4 has 72 bytes for each.
const MAX_SAMPLES: u64 = 1 << 23;

/// Deeper than any box that is looked into.
const MAX_DEPTH: usize = 10;

/// A box's size and type.
const HEADER: u64 = 8;

/// What stands in a sample description before its entries, and in a video's entry before its boxes (§8.5.2, §12.1.3).
const DESCRIPTION: u64 = 8;
const VIDEO_ENTRY: u64 = 78;

/// What is wrong with a file's boxes.
#[derive(Debug, Error)]
pub(super) enum BoxError {
    #[error("the box at byte {0} does not fit into what is around it")]
    Misfit(u64),
    #[error("boxes are nested {MAX_DEPTH} deep at byte {0}")]
    Depth(u64),
    #[error("{0} frames are more than it has bytes")]
    Promise(u64),
    #[error("{0} frames and pieces of sound are more than can be kept in mind")]
    Samples(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file whose boxes fit into each other, without those that nobody asks for.
#[derive(Debug)]
pub(super) struct Boxes<R> {
    reader: R,
    position: u64,
    /// Where the types of boxes stand that are shown as free space.
    hidden: Vec<u64>,
}

impl<R: Read + Seek> Boxes<R> {
    /// Looks over the `size` bytes of `reader`.
    ///
    /// # Errors
    ///
    /// [`BoxError`], and what the reader says.
    pub(super) fn survey(mut reader: R, size: u64) -> Result<Self, BoxError> {
        let mut survey = Survey { reader: &mut reader, samples: 0, hidden: Vec::new() };
        survey.file(size)?;
        let Survey { samples, hidden, .. } = survey;
        match samples {
            promised if promised > size => Err(BoxError::Promise(promised)),
            held if held > MAX_SAMPLES => Err(BoxError::Samples(held)),
            _ => {
                reader.seek(SeekFrom::Start(0))?;
                Ok(Self { reader, position: 0, hidden })
            }
        }
    }
}

impl<R: Read> Read for Boxes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        for (at, byte) in (self.position..).zip(&mut buffer[..count]) {
            // In the order of the file, so the last one at or before this byte is the one that may cover it.
            let before = self.hidden.partition_point(|begin| *begin <= at);
            let offset = before.checked_sub(1).map(|n| at - self.hidden[n]);
            if let Some(letter) = offset.and_then(|offset| b"free".get(offset as usize)) {
                *byte = *letter;
            }
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Boxes<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.reader.seek(to)?;
        Ok(self.position)
    }
}

/// A box.
struct Found {
    /// Where its header begins, and its content.
    at: u64,
    begin: u64,
    end: u64,
    kind: [u8; 4],
}

impl Found {
    /// Where its type stands.
    fn kind_at(&self) -> u64 {
        self.at + 4
    }
}

/// What is found on the way.
struct Survey<'a, R> {
    reader: &'a mut R,
    samples: u64,
    hidden: Vec<u64>,
}

impl<R: Read + Seek> Survey<'_, R> {
    /// Media data, and what nobody looks into, may be cut off: what is missing is found when it is read.
    fn file(&mut self, size: u64) -> Result<(), BoxError> {
        let mut at = 0;
        while size.saturating_sub(at) >= HEADER {
            let Some(next) = self.header(at, u64::MAX)? else { return Ok(()) };
            if next.end <= size {
                self.look_into(&next, 0)?;
            } else if is_looked_into(next.kind) {
                return Err(BoxError::Misfit(at));
            }
            at = next.end;
        }
        Ok(())
    }

    /// The box at `at`; `None` if it has no size, which means to the end of the file.
    fn header(&mut self, at: u64, end: u64) -> Result<Option<Found>, BoxError> {
        self.reader.seek(SeekFrom::Start(at))?;
        let (size, kind) = (u64::from(self.number()?), self.four()?);
        let (size, header) = match size {
            0 => return Ok(None),
            1 => (u64::from(self.number()?) << 32 | u64::from(self.number()?), 2 * HEADER),
            size => (size, HEADER),
        };
        let found = Found { at, begin: at + header, end: at.saturating_add(size), kind };
        if size < header || found.end > end { Err(BoxError::Misfit(at)) } else { Ok(Some(found)) }
    }

    /// The box at `at`, which must be one.
    fn next(&mut self, at: u64, end: u64) -> Result<Found, BoxError> {
        self.header(at, end)?.ok_or(BoxError::Misfit(at))
    }

    /// The boxes from `at` to `end`, which fill that.
    fn boxes(&mut self, mut at: u64, end: u64, depth: usize) -> Result<(), BoxError> {
        if depth > MAX_DEPTH {
            return Err(BoxError::Depth(at));
        }
        while at < end {
            let next = self.next(at, end)?;
            self.look_into(&next, depth)?;
            at = next.end;
        }
        Ok(())
    }

    fn look_into(&mut self, found: &Found, depth: usize) -> Result<(), BoxError> {
        match &found.kind {
            kind if is_looked_into(*kind) => self.boxes(found.begin, found.end, depth + 1)?,
            b"stsd" => self.entry(found.begin + DESCRIPTION, found.end)?,
            b"stsz" => self.promise(found.begin + 8)?,
            b"trun" => self.promise(found.begin + 4)?,
            // Words about the film, and events.
            b"udta" | b"meta" | b"emsg" => self.hidden.push(found.kind_at()),
            _ => {}
        }
        Ok(())
    }

    /// The first sample entry, the only one that is read.
    fn entry(&mut self, at: u64, end: u64) -> Result<(), BoxError> {
        let entry = self.next(at, end)?;
        match &entry.kind {
            b"avc1" => return self.video_entry(&entry),
            b"mp4a" | b"tx3g" => self.hidden.push(entry.kind_at()),
            _ => {}
        }
        Ok(())
    }

    /// The boxes of a video's entry, as far as they are read: to the decoder's configuration.
    fn video_entry(&mut self, entry: &Found) -> Result<(), BoxError> {
        let mut at = entry.begin + VIDEO_ENTRY;
        loop {
            let next = self.next(at, entry.end)?;
            if &next.kind == b"avcC" {
                return Ok(());
            }
            at = next.end;
        }
    }

    /// Adds the count of samples that stands at `at`.
    fn promise(&mut self, at: u64) -> Result<(), BoxError> {
        self.reader.seek(SeekFrom::Start(at))?;
        self.samples += u64::from(self.number()?);
        Ok(())
    }

    fn number(&mut self) -> io::Result<u32> {
        self.four().map(u32::from_be_bytes)
    }

    fn four(&mut self) -> io::Result<[u8; 4]> {
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Boxes that have boxes alone, and are of use.
fn is_looked_into(kind: [u8; 4]) -> bool {
    [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts", b"mvex", b"moof", b"traf"]
        .contains(&&kind)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn survey(file: &[u8]) -> Result<Vec<u8>, BoxError> {
        let mut shown = Vec::new();
        Boxes::survey(Cursor::new(file), file.len() as u64)?.read_to_end(&mut shown)?;
        Ok(shown)
    }

    #[test]
    fn what_nobody_asks_for_is_shown_as_free_space_and_the_rest_as_it_is() {
        let large = [&[0, 0, 0, 1][..], b"meta", &20_u64.to_be_bytes(), b"1234"].concat();
        let file = |udta: &[u8; 4], meta: &[u8]| {
            let moov = [boxed(b"mvhd", b"12345"), boxed(udta, b"udta"), meta.to_vec()].concat();
            [boxed(b"ftyp", b"isom"), boxed(b"moov", &moov), boxed(b"mdat", b"meta")].concat()
        };
        let free = [&large[..4], b"free", &large[8..]].concat();
        assert_eq!(survey(&file(b"udta", &large)).unwrap(), file(b"free", &free));
    }

    #[test]
    fn a_box_without_a_size_or_beyond_the_one_around_it_is_a_misfit() {
        let misfits: [&[u8]; 5] = [
            &[0, 0, 0, 0, b'f', b'r', b'e', b'e'],
            &[0, 0, 0, 7, b'f', b'r', b'e', b'e'],
            &[0, 0, 0, 9, b'f', b'r', b'e', b'e'],
            &[0, 0, 0, 1, b'f', b'r', b'e', b'e', 0, 0, 0, 0, 0, 0, 0, 15],
            &[0xFF; 16],
        ];
        for misfit in misfits {
            let file = boxed(b"moov", &boxed(b"trak", misfit));
            assert!(matches!(survey(&file), Err(BoxError::Misfit(16))), "{misfit:?}");
        }
    }

    #[test]
    fn more_samples_than_bytes_are_a_broken_promise() {
        for (kind, before) in [(b"stsz", 8), (b"trun", 4)] {
            let table = [vec![0; before], u32::MAX.to_be_bytes().to_vec()].concat();
            let file = boxed(b"moov", &boxed(b"stbl", &boxed(kind, &table)));
            assert!(matches!(survey(&file), Err(BoxError::Promise(0xFFFF_FFFF))));
        }
    }

    #[test]
    fn boxes_in_boxes_in_boxes_end_somewhere() {
        let deep = (0..100).fold(Vec::new(), |inner, _| boxed(b"moov", &inner));
        assert!(matches!(survey(&deep), Err(BoxError::Depth(_))));
    }
}
