//! Tests of the sources against ffmpeg, and what the other tests share.

mod ffmpeg;
mod mp4;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tessera_mosaic::Picture;

use super::{Content, Frame, Source, SourceError, SourceSpec};

/// A grey JPEG of this size and shade.
pub(super) fn jpeg(width: u16, height: u16, shade: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let pixels = vec![shade; usize::from(width) * usize::from(height)];
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Luma)
        .expect("a small grey picture can be encoded");
    jpeg
}

/// Sample clip `n`, 1 to 4.
fn clip(n: usize) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../clips/{n}.mp4"))
}

fn open(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    path.to_str().expect("test paths are UTF-8").parse::<SourceSpec>()?.open()
}

/// Opens `path` on a machine without ffmpeg.
fn open_without_ffmpeg(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    let spec: SourceSpec = path.to_str().expect("test paths are UTF-8").parse()?;
    spec.open_with(OsStr::new("no-such-ffmpeg"))
}

fn all_frames(mut source: Box<dyn Source>) -> Result<Vec<Frame>, SourceError> {
    std::iter::from_fn(|| source.next_frame().transpose()).collect()
}

fn picture(frame: &Frame) -> &Picture {
    let Content::Picture(picture) = &frame.content else { panic!("a JPEG where pixels must be") };
    picture
}

/// Whether this test may use ffmpeg. Without the program it fails, unless `SKIP_E2E` allows to skip it.
fn ffmpeg_or_skip(test: &str) -> bool {
    let there =
        Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if there {
        return true;
    }
    assert!(
        std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1"),
        "{test} needs ffmpeg: install it, or set SKIP_E2E=1"
    );
    writeln!(std::io::stderr(), "skipped, as SKIP_E2E=1 and there is no ffmpeg: {test}").unwrap();
    false
}

/// Runs ffmpeg, and gives its standard output.
fn ffmpeg(arguments: &[&OsStr]) -> Vec<u8> {
    let fixed = ["-nostdin", "-hide_banner", "-v", "error", "-y"];
    let output = Command::new("ffmpeg").args(fixed).args(arguments).output().expect("ffmpeg starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Makes `out` from ffmpeg's test picture, 176x144, 10 frames at 10 frames per second.
fn make_video(out: &Path, codec: &[&str]) {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=176x144:r=10:d=1"];
    let arguments = input.iter().chain(codec).map(OsStr::new).chain([out.as_os_str()]);
    ffmpeg(&arguments.collect::<Vec<_>>());
}
