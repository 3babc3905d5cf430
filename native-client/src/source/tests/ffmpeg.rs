//! What goes through the ffmpeg program.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{all_frames, ffmpeg_or_skip, make_video, open, open_without_ffmpeg, picture};
use crate::source::{SourceError, SourceSpec};

#[test]
fn a_file_of_another_kind_comes_through_ffmpeg_with_its_rate_and_all_its_frames() {
    if !ffmpeg_or_skip("a_file_of_another_kind_comes_through_ffmpeg_with_its_rate_and_all_its_frames") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("-a b.mkv");
    make_video(&path, &["-c:v", "ffv1"]);
    let source = open(&path).unwrap();
    assert!((source.frame_rate() - 10.0).abs() < 1e-9);
    let frames = all_frames(source).unwrap();
    assert_eq!(frames.len(), 10);
    assert_eq!(frames[3].at, Duration::from_millis(300));
    assert_eq!((picture(&frames[0]).width(), picture(&frames[0]).height()), (176, 144));
}

#[test]
fn pictures_from_ffmpeg_are_full_range() {
    if !ffmpeg_or_skip("pictures_from_ffmpeg_are_full_range") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    for (filter, luma) in [("geq=lum=235:cb=128:cr=128", 255), ("geq=lum=16:cb=128:cr=128", 0)] {
        make_video(&path, &["-vf", &format!("format=yuv420p,{filter}"), "-c:v", "ffv1"]);
        let frames = all_frames(open(&path).unwrap()).unwrap();
        let [y, cb, cr] = picture(&frames[0]).planes();
        assert!(y.iter().all(|sample| *sample == luma), "{}", y[0]);
        assert!(cb.iter().chain(cr).all(|sample| *sample == 128));
    }
}

#[test]
fn odd_sides_come_through() {
    if !ffmpeg_or_skip("odd_sides_come_through") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    make_video(&path, &["-vf", "format=yuv444p,crop=75:33:0:0:exact=1", "-c:v", "ffv1"]);
    let frames = all_frames(open(&path).unwrap()).unwrap();
    assert_eq!((picture(&frames[9]).width(), picture(&frames[9]).height()), (75, 33));
}

#[test]
fn what_ffmpeg_cannot_read_is_an_error_with_its_reason() {
    if !ffmpeg_or_skip("what_ffmpeg_cannot_read_is_an_error_with_its_reason") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    fs::write(&path, "not a film").unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.starts_with("ffmpeg cannot read ") && error.contains("Invalid data"), "{error}");
}

#[test]
fn a_missing_ffmpeg_is_said_with_what_can_be_read_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    fs::write(&path, "").unwrap();
    let error = open_without_ffmpeg(&path).err().unwrap();
    assert!(matches!(&error, SourceError::FfmpegMissing(_)));
    assert!(error.to_string().contains("install ffmpeg, or give an MP4 file"), "{error}");
    assert!(matches!(open_without_ffmpeg(Path::new("rtsp://host/1")), Err(SourceError::FfmpegMissing(_))));
}

#[test]
fn dropping_the_source_ends_an_ffmpeg_that_would_go_on_for_long() {
    if !ffmpeg_or_skip("dropping_the_source_ends_an_ffmpeg_that_would_go_on_for_long") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    make_video(
        &path,
        &[
            "-vf",
            "loop=loop=20000:size=1,scale=1280:720",
            "-frames:v",
            "2000",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
        ],
    );
    let mut source = path.to_str().unwrap().parse::<SourceSpec>().unwrap().open().unwrap();
    source.next_frame().unwrap().unwrap();
    let before = Instant::now();
    // Joins the child and the thread that reads its messages: that it returns at all proves that both ended.
    drop(source);
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn no_error_repeats_the_password_of_a_camera() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/tests/ffmpeg-that-repeats.sh");
    let spec: SourceSpec = "rtsp://anna:s3cret@camera/1".parse().unwrap();
    let error = spec.open_with(program.as_os_str()).err().unwrap().to_string();
    assert_eq!(error, "ffmpeg cannot read rtsp://camera/1: rtsp://camera/1: Connection refused");
    let missing = spec.open_with("no-such-ffmpeg".as_ref()).err().unwrap().to_string();
    assert!(missing.starts_with("rtsp://camera/1 is read by the ffmpeg program"), "{missing}");
}

#[cfg(unix)]
#[test]
fn an_ffmpeg_that_fails_on_the_way_gives_its_frames_and_then_its_reason() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/tests/ffmpeg-that-fails.sh");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mkv");
    fs::write(&path, "").unwrap();
    let spec: SourceSpec = path.to_str().unwrap().parse().unwrap();
    let mut source = spec.open_with(program.as_os_str()).unwrap();
    let frame = source.next_frame().unwrap().unwrap();
    assert_eq!(picture(&frame).planes(), &[b"abcd".to_vec(), b"e".to_vec(), b"f".to_vec()]);
    let error = source.next_frame().unwrap_err().to_string();
    assert!(error.ends_with("a.mkv: camera unplugged"), "{error}");
}
