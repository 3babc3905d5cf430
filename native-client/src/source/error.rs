//! What can be wrong with a source, each with what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A source that cannot be opened or read on.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such file, folder or device.
    #[error("{0} was not found: check the name, and the folder that it is looked for in")]
    NotFound(String),
    /// A pattern was asked for in another form than it takes.
    #[error(
        "{0} is no test pattern: write test-pattern, or test-pattern:WIDTHxHEIGHT@FPS#LOOK with sides of 16 to 4096 and 1 to 240 frames per second"
    )]
    Pattern(String),
    /// Wildcards that make no sense.
    #[error("{pattern} has a wildcard that cannot be: {reason}")]
    Glob {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder or wildcard without pictures.
    #[error("no pictures in {0}: files that end in .jpg, .jpeg or .png are taken")]
    NoPictures(String),
    /// A file named like a picture that is none.
    #[error("{0} is neither a JPEG nor a PNG, whatever its name says: convert it")]
    NotAPicture(PathBuf),
    /// A codec that only ffmpeg decodes, and ffmpeg is not installed.
    #[error(
        "the video in {path} is {codec}; only progressive 8-bit 4:2:0 H.264 is decoded here: install ffmpeg for others"
    )]
    Codec {
        /// The video file.
        path: PathBuf,
        /// What it holds.
        codec: String,
    },
    /// A file, URL or device that only ffmpeg reads, and ffmpeg is not installed.
    #[error(
        "{0} is read by the ffmpeg program, and that was not found: install ffmpeg, or give an MP4 file with H.264, pictures, or test-pattern"
    )]
    FfmpegMissing(String),
    /// ffmpeg is installed and could not read the source.
    #[error("ffmpeg cannot read {input}: {reason}")]
    Ffmpeg {
        /// The file, URL or device.
        input: String,
        /// The last line that ffmpeg wrote.
        reason: String,
    },
    /// A file whose content is damaged.
    #[error("{path} is broken: {reason}; get a whole copy of it")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot read {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        #[source]
        error: io::Error,
    },
}
