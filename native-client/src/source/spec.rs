//! What a SOURCE argument means.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::ffmpeg::{FfmpegSource, Input, PROGRAM};
use super::mjpeg::MjpegSource;
use super::mp4::Mp4Source;
use super::pattern::{PatternSource, PatternSpec};
use super::pictures::{self, PictureSource};
use super::{Source, SourceError};

/// A SOURCE argument, classified once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SourceSpec {
    /// `test-pattern…`: made in the program.
    TestPattern(PatternSpec),
    /// A file that ends in `.mp4`, `.m4v` or `.mov`.
    Mp4(PathBuf),
    /// A folder, whose pictures are the frames.
    Folder(PathBuf),
    /// A path with wildcards, whose pictures are the frames.
    Glob(String),
    /// A file that ends in `.mjpeg` or `.mjpg`: JPEGs one after the other.
    Mjpeg(PathBuf),
    /// A single JPEG or PNG.
    Picture(PathBuf),
    /// A file of another kind or a device: what ffmpeg can open.
    FfmpegFile(PathBuf),
    /// A URL, for ffmpeg.
    FfmpegUrl(String),
}

impl SourceSpec {
    /// Opens the source at its first frame. It may be opened as often as one likes, for instance to loop.
    ///
    /// # Errors
    ///
    /// When it is gone, empty, broken, or holds what is not decoded here and ffmpeg is not installed.
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        self.open_with(OsStr::new(PROGRAM))
    }

    /// [`Self::open`] with another program in place of ffmpeg.
    pub(crate) fn open_with(&self, ffmpeg: &OsStr) -> Result<Box<dyn Source>, SourceError> {
        Ok(match self {
            // Endless, and needs nothing.
            Self::TestPattern(spec) => Box::new(PatternSource::new(*spec)),
            // Decoded here; what is not H.264 is ffmpeg's.
            Self::Mp4(path) => return open_mp4(path, ffmpeg),
            Self::Folder(path) => Box::new(PictureSource::new(pictures::in_folder(path)?)),
            Self::Glob(pattern) => Box::new(PictureSource::new(pictures::matching(pattern)?)),
            Self::Mjpeg(path) => Box::new(MjpegSource::open(path)?),
            // Its only frame.
            Self::Picture(path) => Box::new(PictureSource::new(vec![path.clone()])),
            Self::FfmpegFile(path) => Box::new(FfmpegSource::open(ffmpeg, Input::File(path))?),
            Self::FfmpegUrl(url) => Box::new(FfmpegSource::open(ffmpeg, Input::Url(url))?),
        })
    }
}

impl FromStr for SourceSpec {
    type Err = SourceError;

    /// Classifies `argument`, by its form and its ending, and by what is there on the disk.
    ///
    /// # Errors
    ///
    /// When it names a file, folder or device that does not exist, or a pattern that cannot be.
    fn from_str(argument: &str) -> Result<Self, SourceError> {
        if argument.starts_with("test-pattern") && !Path::new(argument).exists() {
            return argument.parse().map(Self::TestPattern);
        }
        if is_url(argument) {
            return Ok(Self::FfmpegUrl(argument.to_owned()));
        }
        let path = PathBuf::from(argument);
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        if path.exists() {
            return Ok(Self::of_file(path));
        }
        // Only now: a file may well have a bracket in its name.
        if argument.contains(['*', '?', '[']) {
            return Ok(Self::Glob(argument.to_owned()));
        }
        Err(SourceError::NotFound(argument.to_owned()))
    }
}

impl SourceSpec {
    /// What a file is, by its ending.
    fn of_file(path: PathBuf) -> Self {
        match pictures::ending(&path).as_str() {
            "mp4" | "m4v" | "mov" => Self::Mp4(path),
            "mjpeg" | "mjpg" => Self::Mjpeg(path),
            _ if pictures::is_picture(&path) => Self::Picture(path),
            _ => Self::FfmpegFile(path),
        }
    }
}

/// Whether `argument` begins with a scheme (RFC 3986 §3.1) and `://`.
fn is_url(argument: &str) -> bool {
    argument.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

fn open_mp4(path: &Path, ffmpeg: &OsStr) -> Result<Box<dyn Source>, SourceError> {
    let unsupported = match Mp4Source::open(path) {
        Err(error @ SourceError::Codec { .. }) => error,
        opened => return Ok(Box::new(opened?)),
    };
    match FfmpegSource::open(ffmpeg, Input::File(path)) {
        // Which codec it is says more than that a program is missing.
        Err(SourceError::FfmpegMissing(_)) => Err(unsupported),
        opened => Ok(Box::new(opened?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, b"").unwrap();
        let path = path.to_str().unwrap().to_owned();
        (dir, path)
    }

    #[test]
    fn a_file_is_classified_by_its_ending_in_any_case() {
        let kind = |name| {
            let (_dir, path) = file(name);
            path.parse::<SourceSpec>().unwrap()
        };
        assert!(matches!(kind("a.MP4"), SourceSpec::Mp4(_)));
        assert!(matches!(kind("a.mov"), SourceSpec::Mp4(_)));
        assert!(matches!(kind("a.MJpeg"), SourceSpec::Mjpeg(_)));
        assert!(matches!(kind("a.JPG"), SourceSpec::Picture(_)));
        assert!(matches!(kind("a.png"), SourceSpec::Picture(_)));
        assert!(matches!(kind("a.webm"), SourceSpec::FfmpegFile(_)));
        assert!(matches!(kind("[a].jpg"), SourceSpec::Picture(_)));
    }

    #[test]
    fn a_folder_is_a_folder_and_wildcards_are_wildcards() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        assert!(matches!(folder.parse().unwrap(), SourceSpec::Folder(_)));
        assert!(matches!(format!("{folder}/*.jpg").parse().unwrap(), SourceSpec::Glob(_)));
    }

    #[test]
    fn urls_go_to_ffmpeg_and_nothing_that_looks_like_an_option_does() {
        for url in ["rtsp://camera/1", "http://host/a.mp4", "rtmp+x://host"] {
            assert_eq!(url.parse::<SourceSpec>().unwrap(), SourceSpec::FfmpegUrl(url.to_owned()));
        }
        assert!(matches!("-f://x".parse::<SourceSpec>(), Err(SourceError::NotFound(_))));
    }

    #[test]
    fn a_path_that_does_not_exist_is_an_error_that_names_it() {
        for path in ["nowhere/film.mp4", "/dev/video-nowhere", "film.mkv"] {
            let error = path.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(error.contains(path) && error.contains("not found"), "{error}");
        }
    }
}
