//! How a picture has to be turned to be upright, as cameras write it (Exif 2.32, "Orientation").

/// The Exif tag 0x0112, 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    /// What the body of an APP1 segment says, if it is Exif and names a possible one.
    ///
    /// One tag of the first directory (TIFF 6.0 section 2) is all that is read. What readers of all tags do for the
    /// others would be a stranger's to ask for: directories that overlap make them work for a quarter of a second on 64 KiB,
    /// and a frame has place for sixty such segments.
    pub(crate) fn of_exif(body: &[u8]) -> Option<Self> {
        let tiff = body.strip_prefix(b"Exif\0\0")?;
        let number: fn(&[u8]) -> Option<u32> = match tiff.first_chunk()? {
            b"II*\0" => {
                |bytes| Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
            }
            b"MM\0*" => |bytes| Some(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))),
            _ => return None,
        };
        let directory = tiff.get(number(tiff.get(4..8)?)? as usize..)?;
        let (count, entries) = directory.split_at_checked(2)?;
        let mut entries = entries.chunks_exact(ENTRY).take(number(count)? as usize);
        let entry = entries.find(|entry| number(&entry[..2]) == Some(ORIENTATION))?;
        // One byte, a SHORT or a LONG, at the begin of the value's place.
        let length = match number(&entry[2..4])? {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => return None,
        };
        let value = u8::try_from(number(&entry[8..8 + length])?).ok()?;
        (1..=8).contains(&value).then_some(Self(value))
    }

    pub(crate) fn is_upright(self) -> bool {
        self.0 == 1
    }

    /// Whether left and right change places, after rows and columns did.
    pub(crate) fn mirrors_x(self) -> bool {
        matches!(self.0, 2 | 3 | 6 | 7)
    }

    /// Whether top and bottom change places, after rows and columns did.
    pub(crate) fn mirrors_y(self) -> bool {
        matches!(self.0, 3 | 4 | 7 | 8)
    }

    /// Whether rows become columns.
    pub(crate) fn transposes(self) -> bool {
        self.0 >= 5
    }
}

const ORIENTATION: u32 = 0x0112;
/// Bytes of a directory's entry: tag, type, count, value.
const ENTRY: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// Exif with one entry behind another one.
    fn exif(order: &[u8; 4], number: impl Fn(u32, usize) -> Vec<u8>, kind: u32, value: &[u8; 4]) -> Vec<u8> {
        let entry =
            |tag, kind, value: &[u8]| [number(tag, 2), number(kind, 2), number(1, 4), value.into()].concat();
        let directory = [number(2, 2), entry(0x010F, 2, b"Me\0\0"), entry(ORIENTATION, kind, value)].concat();
        [b"Exif\0\0", &order[..], &number(10, 4), b"??", &directory, &number(0, 4)].concat()
    }

    fn big(number: u32, length: usize) -> Vec<u8> {
        number.to_be_bytes()[4 - length..].into()
    }

    fn little(number: u32, length: usize) -> Vec<u8> {
        number.to_le_bytes()[..length].into()
    }

    #[test]
    fn both_orders_of_bytes_and_all_kinds_of_numbers_are_read() {
        for (kind, first, last) in [
            (1, [6, 0, 0, 0], [6, 9, 9, 9]),
            (3, [6, 0, 0, 0], [0, 6, 9, 9]),
            (4, [6, 0, 0, 0], [0, 0, 0, 6]),
        ] {
            for exif in [exif(b"II*\0", little, kind, &first), exif(b"MM\0*", big, kind, &last)] {
                assert_eq!(Orientation::of_exif(&exif), Some(Orientation(6)), "{kind}: {exif:?}");
                for end in 0..exif.len() - 4 {
                    assert_eq!(Orientation::of_exif(&exif[..end]), None, "cut off at {end}");
                }
            }
        }
    }

    #[test]
    fn what_names_no_possible_one_names_none() {
        for value in [0, 9, 255] {
            assert_eq!(Orientation::of_exif(&exif(b"II*\0", little, 3, &[value, 0, 0, 0])), None);
        }
        assert_eq!(Orientation::of_exif(&exif(b"II*\0", little, 3, &[1, 1, 0, 0])), None, "257");
        assert_eq!(Orientation::of_exif(&exif(b"II*\0", little, 2, &[6, 0, 0, 0])), None, "text");
        assert_eq!(Orientation::of_exif(&exif(b"II\0*", little, 3, &[6, 0, 0, 0])), None, "no TIFF");
        let far = [b"Exif\0\0II*\0", &[0xFF; 60][..]].concat();
        assert_eq!(Orientation::of_exif(&far), None);
    }
}
