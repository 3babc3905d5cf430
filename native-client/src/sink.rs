//! Where mosaics are kept: whole files in a folder, or one motion JPEG stream.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Mosaics that may wait to be written. A disk that is slower for longer slows the session down.
const QUEUE: usize = 8;

/// Where mosaics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One file each: `STEM_N.jpg` in a folder.
    Folder {
        /// The folder; made if it is not there.
        folder: PathBuf,
        /// What comes before `_N.jpg`.
        stem: String,
    },
    /// One after the other at the end of a file.
    Recording(PathBuf),
    /// One after the other to standard output.
    Stdout,
}

/// Why a mosaic was not kept.
#[derive(Debug, Error)]
pub enum SinkError {
    /// Whoever read the stream has gone.
    #[error("nobody reads the output any more")]
    BrokenPipe,
    /// The file system said no.
    #[error("{} cannot be written: {error} (--out names another place)", path.display())]
    File {
        /// What was to be written.
        path: PathBuf,
        /// What the file system said.
        error: io::Error,
    },
    /// The writer was ended from outside.
    #[error("the writer was ended")]
    Ended,
}

impl SinkError {
    fn file(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::File { path: path.to_owned(), error },
        }
    }
}

/// Keeps mosaics, off the async threads and in order.
#[derive(Debug)]
pub struct Sink {
    queue: mpsc::Sender<(u64, Bytes)>,
    writer: JoinHandle<Result<(), SinkError>>,
}

impl Sink {
    /// A sink for `target`, which is opened with the first mosaic: a call that comes to nothing leaves no
    /// empty folder behind.
    pub fn new(target: Target) -> Self {
        let (queue, mut mosaics) = mpsc::channel::<(u64, Bytes)>(QUEUE);
        let writer = spawn_blocking(move || {
            let Some((number, mosaic)) = mosaics.blocking_recv() else { return Ok(()) };
            let mut place = Place::open(target)?;
            place.keep(number, &mosaic)?;
            while let Some((number, mosaic)) = mosaics.blocking_recv() {
                place.keep(number, &mosaic)?;
            }
            Ok(())
        });
        Self { queue, writer }
    }

    /// Hands over mosaic `number`; waits if the disk is behind.
    ///
    /// # Errors
    ///
    /// [`SinkError::Ended`] when writing has failed; [`Sink::finish`] tells why.
    pub async fn keep(&self, number: u64, mosaic: Bytes) -> Result<(), SinkError> {
        self.queue.send((number, mosaic)).await.map_err(|_| SinkError::Ended)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    ///
    /// The first error of writing.
    pub async fn finish(self) -> Result<(), SinkError> {
        drop(self.queue);
        self.writer.await.map_err(|_| SinkError::Ended)?
    }
}

/// An open target.
enum Place {
    Folder { folder: PathBuf, stem: String },
    Recording { file: File, path: PathBuf },
    Stdout,
}

impl Place {
    fn open(target: Target) -> Result<Self, SinkError> {
        match target {
            Target::Folder { folder, stem } => {
                fs::create_dir_all(&folder).map_err(|error| SinkError::file(&folder, error))?;
                Ok(Self::Folder { folder, stem })
            }
            Target::Recording(path) => {
                let opened = OpenOptions::new().append(true).create(true).open(&path);
                let file = opened.map_err(|error| SinkError::file(&path, error))?;
                Ok(Self::Recording { file, path })
            }
            Target::Stdout => Ok(Self::Stdout),
        }
    }

    fn keep(&mut self, number: u64, mosaic: &[u8]) -> Result<(), SinkError> {
        match self {
            Self::Folder { folder, stem } => {
                let path = folder.join(format!("{stem}_{number}.jpg"));
                write_whole(folder, &path, mosaic).map_err(|error| SinkError::file(&path, error))
            }
            Self::Recording { file, path } => {
                append_whole(file, mosaic).map_err(|error| SinkError::file(path, error))
            }
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(mosaic).and_then(|()| stdout.flush());
                written.map_err(|error| SinkError::file(Path::new("standard output"), error))
            }
        }
    }
}

/// Writes `path` in `folder` so that nobody ever sees a part of it.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tessera-").suffix(".part");
    // A temporary file is its owner's alone; this one becomes an ordinary file, as the umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Appends all of `bytes` or, where the file can be shortened again, nothing.
fn append_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(bytes).inspect_err(|_| {
        // A pipe cannot be shortened; the error of writing is the one to tell.
        drop(file.set_len(before));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &Path) -> Target {
        Target::Folder { folder: path.to_owned(), stem: "client_a_frame".to_owned() }
    }

    async fn keep_all(target: Target, mosaics: &[&'static [u8]]) -> Result<(), SinkError> {
        let sink = Sink::new(target);
        for (number, mosaic) in (1..).zip(mosaics) {
            sink.keep(number, Bytes::from_static(mosaic)).await?;
        }
        sink.finish().await
    }

    #[tokio::test]
    async fn each_mosaic_is_a_file_and_nothing_else_stays() {
        let place = tempfile::tempdir().unwrap();
        let inner = place.path().join("a").join("b");
        keep_all(folder(&inner), &[b"one", b"two"]).await.unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["client_a_frame_1.jpg", "client_a_frame_2.jpg"]);
        assert_eq!(fs::read(inner.join("client_a_frame_2.jpg")).unwrap(), b"two");
    }

    #[tokio::test]
    async fn without_a_mosaic_nothing_is_made() {
        let place = tempfile::tempdir().unwrap();
        keep_all(folder(&place.path().join("a")), &[]).await.unwrap();
        keep_all(Target::Recording(place.path().join("b")), &[]).await.unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_saved_mosaic_is_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        keep_all(folder(place.path()), &[b"one"]).await.unwrap();
        let ordinary = File::create(place.path().join("ordinary")).unwrap().metadata().unwrap();
        let saved = fs::metadata(place.path().join("client_a_frame_1.jpg")).unwrap();
        assert_eq!(saved.permissions().mode(), ordinary.permissions().mode());
    }

    #[tokio::test]
    async fn a_file_from_before_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("client_a_frame_1.jpg"), b"something longer").unwrap();
        keep_all(folder(place.path()), &[b"one"]).await.unwrap();
        assert_eq!(fs::read(place.path().join("client_a_frame_1.jpg")).unwrap(), b"one");
    }

    #[tokio::test]
    async fn a_recording_goes_on_where_it_ended() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("call.mjpeg");
        keep_all(Target::Recording(path.clone()), &[b"one", b"two"]).await.unwrap();
        keep_all(Target::Recording(path.clone()), &[b"three"]).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), b"onetwothree");
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_made_is_an_error_that_names_the_flag() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = keep_all(folder(&file.join("below")), &[b"one"]).await.unwrap_err();
        assert!(error.to_string().contains("--out"), "{error}");
    }

    #[tokio::test]
    async fn a_disk_that_fails_ends_the_sink_with_the_path() {
        let place = tempfile::tempdir().unwrap();
        // A folder in the file's place: the rename fails.
        fs::create_dir(place.path().join("client_a_frame_1.jpg")).unwrap();
        let error = keep_all(folder(place.path()), &[b"one"]).await.unwrap_err();
        assert!(error.to_string().contains("client_a_frame_1.jpg"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_reader_that_goes_away_is_a_broken_pipe() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut file = File::from(std::os::fd::OwnedFd::from(writer));
        let error = SinkError::file(Path::new("pipe"), append_whole(&mut file, b"one").unwrap_err());
        assert!(matches!(error, SinkError::BrokenPipe));
    }
}
