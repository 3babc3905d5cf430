//! What only ffmpeg can open: the program decodes, and its pictures come through a pipe.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read};
use std::mem;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use tessera_mosaic::Picture;

use super::{Content, Frame, Source, SourceError, shown_at};

/// The program's name, looked for in PATH.
pub(super) const PROGRAM: &str = "ffmpeg";

/// To the pictures that we want: full range, BT.601, 4:2:0.
const FILTER: &str = "scale=out_color_matrix=bt601:out_range=full,format=yuv420p";

/// The largest picture that is taken: 16384x16384 at 4:2:0.
const LIMITS: y4m::Limits = y4m::Limits { bytes: 16384 * 16384 / 2 * 3 };

/// What the end of ffmpeg's messages is kept in; the last line is all that is shown.
const MESSAGE_BYTES: usize = 1024;

/// What ffmpeg is to open.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// A file or a device.
    File(&'a Path),
    /// A URL.
    Url(&'a str),
}

/// A running ffmpeg. Dropping it ends the program.
pub(super) struct FfmpegSource {
    input: String,
    process: Process,
    pictures: y4m::Decoder<BufReader<ChildStdout>>,
    frame_rate: f64,
    given: u64,
}

impl FfmpegSource {
    /// Starts `program` on `input`, and waits until it says what it sends.
    pub(super) fn open(program: &OsStr, input: Input<'_>) -> Result<Self, SourceError> {
        let name = input.name();
        let (mut process, pictures) = Process::start(program, input).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::FfmpegMissing(name.clone()),
            _ => SourceError::Ffmpeg { input: name.clone(), reason: error.to_string() },
        })?;
        match y4m::Decoder::new_with_limits(BufReader::new(pictures), LIMITS) {
            Ok(pictures) => {
                let frame_rate = frame_rate(pictures.get_framerate());
                Ok(Self { input: name, process, pictures, frame_rate, given: 0 })
            }
            Err(error) => Err(SourceError::Ffmpeg { input: name, reason: process.reason(&error) }),
        }
    }

    fn error(&mut self, reason: &dyn std::error::Error) -> SourceError {
        SourceError::Ffmpeg { input: self.input.clone(), reason: self.process.reason(reason) }
    }
}

impl Source for FfmpegSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let (width, height) = (self.pictures.get_width() as u32, self.pictures.get_height() as u32);
        let planes = match self.pictures.read_frame() {
            Ok(frame) => [frame.get_y_plane(), frame.get_u_plane(), frame.get_v_plane()].map(<[u8]>::to_vec),
            // The pipe's end is the film's end only if ffmpeg says so.
            Err(y4m::Error::EOF) if self.process.succeeded() => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        let picture = Picture::from_planes(width, height, planes).map_err(|error| self.error(&error))?;
        let frame = Frame { at: shown_at(self.given, self.frame_rate), content: Content::Picture(picture) };
        self.given += 1;
        Ok(Some(frame))
    }

    fn frame_rate(&self) -> f64 {
        self.frame_rate
    }

    fn frame_count(&self) -> Option<u64> {
        None
    }
}

impl Input<'_> {
    /// For messages.
    fn name(self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => without(url, self.userinfo().as_deref()),
        }
    }

    /// The name and the password in a URL, with the sign behind them (RFC 3986 section 3.2.1): nobody is shown them.
    fn userinfo(self) -> Option<String> {
        let Self::Url(url) = self else { return None };
        let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
        authority.rfind('@').map(|at| authority[..=at].to_owned())
    }

    /// The options that choose how to open it, and its name after `-i`.
    fn arguments(self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = match self {
            Self::File(path) if is_camera(path) => vec!["-f".into(), "v4l2".into()],
            // Over UDP, lost packets would spoil pictures, and the network may not let it through.
            Self::Url(url) if url.starts_with("rtsp://") => vec!["-rtsp_transport".into(), "tcp".into()],
            Self::File(_) | Self::Url(_) => Vec::new(),
        };
        arguments.push("-i".into());
        arguments.push(match self {
            Self::File(path) if is_camera(path) => path.into(),
            // With its protocol named, no file name can be an option, a URL or standard input.
            Self::File(path) => [OsStr::new("file:"), path.as_os_str()].into_iter().collect(),
            Self::Url(url) => url.into(),
        });
        arguments
    }
}

/// `text` without what nobody is to be shown.
fn without(text: &str, secret: Option<&str>) -> String {
    secret.map_or_else(|| text.to_owned(), |secret| text.replace(secret, ""))
}

/// Whether `path` is a Linux video device.
fn is_camera(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with("/dev/video"))
}

/// Frames per second of the pipe, which has a constant rate whatever the file has.
fn frame_rate(ratio: y4m::Ratio) -> f64 {
    let rate = ratio.num as f64 / ratio.den as f64;
    if rate.is_finite() && rate > 0.0 { rate } else { super::DEFAULT_FRAME_RATE }
}

/// The children that may still run: threads that hang on them cannot be asked to end them.
static RUNNING: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Ends every ffmpeg that still runs, for a program that ends without waiting for its threads.
pub(super) fn end_all() {
    let running = mem::take(&mut *locked(&RUNNING));
    running.iter().filter_map(Weak::upgrade).for_each(|child| end(&child));
}

/// Kills a child if it still runs, and reaps it.
fn end(child: &Mutex<Child>) {
    let mut child = locked(child);
    // Neither can fail for a child of ours that was not reaped; and if it was, there is nothing to do.
    child.kill().ok();
    child.wait().ok();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks leaves a half of anything.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The child process and the thread that reads its messages, which ends with it.
struct Process {
    child: Arc<Mutex<Child>>,
    messages: Option<JoinHandle<VecDeque<u8>>>,
    /// What its messages may repeat of the input, and must not be shown.
    secret: Option<String>,
}

impl Process {
    fn start(program: &OsStr, input: Input<'_>) -> io::Result<(Self, ChildStdout)> {
        let mut child = Command::new(program)
            .args(["-nostdin", "-hide_banner", "-v", "error"])
            .args(input.arguments())
            .args(["-map", "0:v:0", "-vf", FILTER, "-f", "yuv4mpegpipe", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Read all the time: a full pipe would stop ffmpeg.
        let messages = stderr.map(|stderr| thread::spawn(move || tail(stderr)));
        let child = Arc::new(Mutex::new(child));
        let mut running = locked(&RUNNING);
        running.retain(|other| other.strong_count() > 0);
        running.push(Arc::downgrade(&child));
        let process = Self { child, messages, secret: input.userinfo() };
        stdout.map(|stdout| (process, stdout)).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Waits for the end that its closed pipe announced, and says whether all went well.
    fn succeeded(&mut self) -> bool {
        locked(&self.child).wait().is_ok_and(|status| status.success())
    }

    /// Ends the program, and gives the last line of its messages, or else `otherwise`.
    fn reason(&mut self, otherwise: &dyn std::error::Error) -> String {
        end(&self.child);
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let reason = last_line(&Vec::from(messages)).unwrap_or_else(|| otherwise.to_string());
        without(&reason, self.secret.as_deref())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&self.child);
        if let Some(thread) = self.messages.take() {
            thread.join().ok();
        }
    }
}

/// The last [`MESSAGE_BYTES`] of what can be read.
fn tail(mut from: impl Read) -> VecDeque<u8> {
    let mut tail = VecDeque::new();
    let mut chunk = [0; MESSAGE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        tail.extend(&chunk[..length]);
        tail.drain(..tail.len().saturating_sub(MESSAGE_BYTES));
    }
    tail
}

fn last_line(messages: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(messages);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(input: Input<'_>) -> Vec<String> {
        input.arguments().into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn no_file_name_can_become_an_option_or_another_protocol() {
        assert_eq!(arguments(Input::File(Path::new("-y"))), ["-i", "file:-y"]);
        assert_eq!(arguments(Input::File(Path::new("-"))), ["-i", "file:-"]);
        assert_eq!(arguments(Input::File(Path::new("concat:a|b"))), ["-i", "file:concat:a|b"]);
        assert_eq!(arguments(Input::File(Path::new("a b; rm x.mkv"))), ["-i", "file:a b; rm x.mkv"]);
    }

    #[test]
    fn cameras_and_rtsp_are_opened_as_such() {
        assert_eq!(arguments(Input::File(Path::new("/dev/video0"))), ["-f", "v4l2", "-i", "/dev/video0"]);
        assert_eq!(arguments(Input::Url("rtsp://c/1")), ["-rtsp_transport", "tcp", "-i", "rtsp://c/1"]);
        assert_eq!(arguments(Input::Url("http://h/a")), ["-i", "http://h/a"]);
    }

    #[test]
    fn a_url_is_shown_without_name_and_password_and_opened_with_them() {
        for (url, shown) in [
            ("rtsp://anna:s3cret@camera/1", "rtsp://camera/1"),
            ("rtsp://anna:s3c@ret@camera:554", "rtsp://camera:554"),
            ("rtsp://anna@camera?x", "rtsp://camera?x"),
            ("http://host/a@b.mp4", "http://host/a@b.mp4"),
            ("http://host", "http://host"),
        ] {
            assert_eq!(Input::Url(url).name(), shown);
            assert_eq!(arguments(Input::Url(url)).last().map(String::as_str), Some(url));
        }
    }

    #[test]
    fn the_reason_is_the_last_line_of_however_many_messages() {
        let noise = "noise\n".repeat(100_000) + "the reason\n\n";
        let kept = Vec::from(tail(noise.as_bytes()));
        assert!(kept.len() <= MESSAGE_BYTES);
        assert_eq!(last_line(&kept).as_deref(), Some("the reason"));
        assert_eq!(last_line(b" \n"), None);
    }
}
