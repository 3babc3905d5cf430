//! What must hold of any file whatever that is given as a source. Each function is a target of `fuzz/` and panics if it
//! does not hold; what the fuzzer found is given to them again by the tests below.
#![allow(clippy::missing_panics_doc, reason = "to panic is how they tell")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::source::{Content, MAX_FRAME_BYTES, Source, SourceSpec};

/// As many frames as are looked at: a file may show the same bytes for ever so long.
const FRAMES: usize = 64;

/// Whatever ends in `.mp4` gives frames in order, or an error.
pub fn mp4(data: &[u8]) {
    file(data, ".mp4", |path| SourceSpec::Mp4(path.to_owned()));
}

/// Whatever ends in `.mjpeg` gives JPEGs in order, or an error.
pub fn mjpeg(data: &[u8]) {
    file(data, ".mjpeg", |path| SourceSpec::Mjpeg(path.to_owned()));
}

fn file(data: &[u8], ending: &str, spec: impl FnOnce(&Path) -> SourceSpec) {
    let mut file =
        tempfile::Builder::new().suffix(ending).tempfile().expect("there is room for a small file");
    file.write_all(data).expect("there is room for a small file");
    match spec(file.path()).open_with(OsStr::new("no-such-ffmpeg")) {
        Ok(source) => frames(source),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn frames(mut source: Box<dyn Source>) {
    assert!(source.frame_rate() > 0.0 && source.frame_rate().is_finite());
    let mut last = Duration::ZERO;
    for _ in 0..FRAMES {
        let Ok(Some(frame)) = source.next_frame() else { return };
        assert!(frame.at >= last, "{:?} comes after {last:?}", frame.at);
        last = frame.at;
        match frame.content {
            Content::Jpeg(jpeg) => {
                assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
                assert!(jpeg.len() as u64 <= MAX_FRAME_BYTES);
            }
            Content::Picture(picture) => assert!(picture.width() > 0 && picture.height() > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Gives a target its seeds and what it once failed at.
    fn replay(name: &str, target: fn(&[u8])) {
        for kind in ["seeds", "regressions"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(name);
            for file in fs::read_dir(folder).into_iter().flatten() {
                let path = file.expect("the folder can be read").path();
                println!("{}", path.display());
                target(&fs::read(path).expect("the file can be read"));
            }
        }
    }

    #[test]
    fn mp4_holds() {
        replay("mp4", super::mp4);
    }

    #[test]
    fn mjpeg_holds() {
        replay("mjpeg", super::mjpeg);
    }
}
