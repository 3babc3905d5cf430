//! Pictures as a video: a folder of them, those that a wildcard finds, or one.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::vec;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, ImageReader};
use tessera_mosaic::Picture;

use super::{Content, DEFAULT_FRAME_RATE, Frame, MAX_FRAME_BYTES, Source, SourceError, shown_at};

/// Endings of the files that are taken, in small letters.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Picture files, each a frame. JPEGs are handed on as they are, PNGs are decoded.
pub(super) struct PictureSource {
    paths: vec::IntoIter<PathBuf>,
    count: u64,
    given: u64,
}

impl PictureSource {
    /// The files at `paths`, in this order.
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { count: paths.len() as u64, paths: paths.into_iter(), given: 0 }
    }
}

impl Source for PictureSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let Some(path) = self.paths.next() else { return Ok(None) };
        let frame = Frame { at: shown_at(self.given, DEFAULT_FRAME_RATE), content: read(&path)? };
        self.given += 1;
        Ok(Some(frame))
    }

    fn frame_rate(&self) -> f64 {
        DEFAULT_FRAME_RATE
    }

    fn frame_count(&self) -> Option<u64> {
        Some(self.count)
    }
}

/// The pictures in the folder at `path`, in the order of their names, numbers by their value.
pub(super) fn in_folder(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let io = |error| SourceError::Io { path: path.to_owned(), error };
    let entries: io::Result<Vec<_>> = fs::read_dir(path).map_err(io)?.collect();
    let paths = entries.map_err(io)?.into_iter().map(|entry| entry.path());
    sorted_pictures(paths).ok_or_else(|| SourceError::NoPictures(path.display().to_string()))
}

/// The pictures that `pattern` matches, in the order of their paths, numbers by their value.
pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let paths = glob::glob(pattern)
        .map_err(|error| SourceError::Glob { pattern: pattern.to_owned(), reason: error.to_string() })?;
    // Folders that may not be read are passed over, as a shell does.
    sorted_pictures(paths.flatten()).ok_or_else(|| SourceError::NoPictures(pattern.to_owned()))
}

fn sorted_pictures(paths: impl Iterator<Item = PathBuf>) -> Option<Vec<PathBuf>> {
    let mut pictures: Vec<_> = paths.filter(|path| is_picture(path) && path.is_file()).collect();
    pictures.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    (!pictures.is_empty()).then_some(pictures)
}

/// Whether a file is taken for a picture, by its ending.
pub(super) fn is_picture(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// A file name's ending, in small letters; empty without one.
pub(super) fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Compares names as people do: `frame9` before `frame10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    runs(a).cmp(runs(b)).then_with(|| a.cmp(b))
}

/// A run of digits, which compares by value, or of anything else. Numbers come first, as digits do in ASCII.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Run<'a> {
    /// Without leading zeros, the longer number is the larger, and equal lengths compare digit by digit.
    Number(usize, &'a [u8]),
    Text(&'a [u8]),
}

fn runs(name: &str) -> impl Iterator<Item = Run<'_>> {
    let runs = name.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    runs.map(|run| {
        if !run[0].is_ascii_digit() {
            return Run::Text(run);
        }
        let zeros = run.iter().take_while(|digit| **digit == b'0').count();
        Run::Number(run.len() - zeros, &run[zeros..])
    })
}

/// The picture in the file at `path`, of the kind that its first bytes tell.
fn read(path: &Path) -> Result<Content, SourceError> {
    let bytes = read_bounded(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound(path.display().to_string()),
        _ => SourceError::Io { path: path.to_owned(), error },
    })?;
    match image::guess_format(&bytes) {
        Ok(ImageFormat::Jpeg) => Ok(Content::Jpeg(Bytes::from(bytes))),
        Ok(ImageFormat::Png) => decode_png(&bytes)
            .map(Content::Picture)
            .map_err(|reason| SourceError::Broken { path: path.to_owned(), reason }),
        _ => Err(SourceError::NotAPicture(path.to_owned())),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FRAME_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FRAME_BYTES {
        let limit = MAX_FRAME_BYTES >> 20;
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a picture has at most {limit} MiB"),
        ));
    }
    Ok(bytes)
}

/// Decodes a PNG of any kind, what is transparent over black. `image` keeps its own limit on memory.
fn decode_png(bytes: &[u8]) -> Result<Picture, String> {
    let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let image = reader.decode().map_err(|error| error.to_string())?;
    let (width, height) = (image.width(), image.height());
    Picture::from_rgb(width, height, &over_black(image)).map_err(|error| error.to_string())
}

/// R, G, B with 8 bits each.
fn over_black(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_alpha() {
        return image.into_rgb8().into_raw();
    }
    let rgba = image.into_rgba8();
    rgba.pixels().flat_map(|pixel| dimmed(pixel.0)).collect()
}

fn dimmed([r, g, b, alpha]: [u8; 4]) -> [u8; 3] {
    [r, g, b].map(|sample| ((u16::from(sample) * u16::from(alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use image::{ImageBuffer, Rgb, Rgba, RgbaImage};

    use super::*;
    use crate::source::SourceSpec;
    use crate::source::tests::jpeg;

    fn frames(argument: &Path) -> Result<Vec<Frame>, SourceError> {
        let mut source = argument.to_str().unwrap().parse::<SourceSpec>()?.open()?;
        std::iter::from_fn(|| source.next_frame().transpose()).collect()
    }

    fn bytes(frame: &Frame) -> &[u8] {
        let Content::Jpeg(bytes) = &frame.content else { panic!("not handed on as a JPEG") };
        bytes
    }

    fn only_picture(path: &Path) -> Picture {
        let Content::Picture(picture) = frames(path).unwrap().remove(0).content else {
            panic!("not decoded")
        };
        picture
    }

    #[test]
    fn a_folders_jpegs_come_untouched_in_the_order_of_their_numbers_25_a_second() {
        let dir = tempfile::tempdir().unwrap();
        for (name, shade) in [("f10.jpg", 3), ("f9.JPG", 2), ("f008.jpeg", 1), ("notes.txt", 9)] {
            fs::write(dir.path().join(name), jpeg(16, 16, shade)).unwrap();
        }
        let frames = frames(dir.path()).unwrap();
        assert_eq!(frames.len(), 3);
        for (n, frame) in frames.iter().enumerate() {
            assert_eq!(bytes(frame), jpeg(16, 16, n as u8 + 1));
            assert_eq!(frame.at, Duration::from_millis(40 * n as u64));
        }
    }

    #[test]
    fn a_wildcard_takes_what_it_matches_and_counts_it_beforehand() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a1.jpg", "a2.jpg", "b1.jpg", "a3.txt"] {
            fs::write(dir.path().join(name), jpeg(16, 16, 1)).unwrap();
        }
        let pattern = dir.path().join("a*");
        let source = pattern.to_str().unwrap().parse::<SourceSpec>().unwrap().open().unwrap();
        assert_eq!(source.frame_count(), Some(2));
        assert_eq!(frames(&pattern).unwrap().len(), 2);
    }

    #[test]
    fn a_png_is_decoded_and_what_is_transparent_is_black() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        RgbaImage::from_fn(2, 2, |x, _| Rgba([255, 255, 255, if x == 0 { 255 } else { 0 }]))
            .save(&path)
            .unwrap();
        let picture = only_picture(&path);
        assert_eq!(picture.planes()[0], [255, 0, 255, 0]);
    }

    #[test]
    fn a_png_of_16_bits_keeps_its_colours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        ImageBuffer::<Rgb<u16>, _>::from_pixel(2, 2, Rgb([0xffff, 0x8080, 0])).save(&path).unwrap();
        assert_eq!(only_picture(&path), Picture::from_rgb(2, 2, &[0xff, 0x80, 0].repeat(4)).unwrap());
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let dir = tempfile::tempdir().unwrap();
        let (jpeg_path, other) = (dir.path().join("jpeg.png"), dir.path().join("text.jpg"));
        fs::write(&jpeg_path, jpeg(16, 16, 5)).unwrap();
        fs::write(&other, "text").unwrap();
        assert_eq!(bytes(&frames(&jpeg_path).unwrap()[0]), jpeg(16, 16, 5));
        assert!(matches!(frames(&other), Err(SourceError::NotAPicture(path)) if path == other));
    }

    #[test]
    fn a_cut_off_png_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        RgbaImage::new(64, 64).save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = frames(&path).unwrap_err();
        assert!(matches!(&error, SourceError::Broken { path: named, .. } if *named == path), "{error}");
    }

    #[test]
    fn a_picture_over_the_limit_is_refused_without_reading_it_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jpg");
        File::create(&path).unwrap().set_len(MAX_FRAME_BYTES + 1).unwrap();
        assert!(matches!(frames(&path), Err(SourceError::Io { .. })));
    }

    #[test]
    fn a_folder_or_wildcard_without_pictures_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "").unwrap();
        assert!(matches!(frames(dir.path()), Err(SourceError::NoPictures(_))));
        assert!(matches!(frames(&dir.path().join("*")), Err(SourceError::NoPictures(_))));
    }

    #[test]
    fn a_wildcard_that_cannot_be_is_an_error() {
        assert!(matches!(frames(Path::new("a[.jpg")), Err(SourceError::Glob { .. })));
    }

    #[test]
    fn a_picture_that_went_away_after_the_folder_was_read_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.jpg"), jpeg(16, 16, 1)).unwrap();
        let mut source = PictureSource::new(in_folder(dir.path()).unwrap());
        fs::remove_file(dir.path().join("a.jpg")).unwrap();
        assert!(matches!(source.next_frame(), Err(SourceError::NotFound(_))));
    }

    #[test]
    fn numbers_in_names_compare_by_value_and_equal_ones_still_have_an_order() {
        let mut names = ["f10", "f2", "g1", "f02", "f", "f99999999999999999999999", "f2b"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["f", "f02", "f2", "f2b", "f10", "f99999999999999999999999", "g1"]);
    }
}
