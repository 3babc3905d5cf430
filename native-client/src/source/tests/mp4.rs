//! MP4 files: against ffmpeg's decoder, and broken ones.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tessera_mosaic::Picture;

use super::{all_frames, clip, ffmpeg, ffmpeg_or_skip, make_video, open, open_without_ffmpeg, picture};
use crate::source::{Frame, SourceError, SourceSpec, shown_at};

/// Width, height, frames per second and frames of each clip, as clips/README.md has them.
const CLIPS: [(u32, u32, f64, usize); 4] =
    [(640, 480, 30.0, 150), (1280, 720, 25.0, 125), (480, 640, 24.0, 120), (426, 240, 15.0, 75)];

fn decode(path: &Path) -> Vec<Frame> {
    all_frames(open_without_ffmpeg(path).unwrap()).unwrap()
}

/// Every frame of `path` as ffmpeg decodes it and `filter` converts it.
fn reference(path: &Path, filter: &str, (width, height): (u32, u32)) -> Vec<Picture> {
    let raw = ["-vsync", "passthrough", "-vf", filter, "-f", "rawvideo", "-"].map(OsStr::new);
    let arguments = [OsStr::new("-i"), path.as_os_str()].into_iter().chain(raw);
    let bytes = ffmpeg(&arguments.collect::<Vec<_>>());
    let luma = (width * height) as usize;
    let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
    let frames = bytes.chunks(luma + chroma * 2).map(|frame| {
        let (y, chromas) = frame.split_at(luma);
        let (cb, cr) = chromas.split_at(chroma);
        Picture::from_planes(width, height, [y, cb, cr].map(<[u8]>::to_vec)).unwrap()
    });
    frames.collect()
}

/// Peak signal-to-noise ratio in decibels, of each plane.
fn psnr(a: &Picture, b: &Picture) -> [f64; 3] {
    std::array::from_fn(|plane| {
        let pairs = a.planes()[plane].iter().zip(&b.planes()[plane]);
        let squares: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        10.0 * (255.0 * 255.0 * a.planes()[plane].len() as f64 / squares).log10()
    })
}

#[test]
fn every_clip_has_its_frames_at_their_times_and_in_its_shape_without_any_program() {
    for (n, (width, height, rate, count)) in (1..).zip(CLIPS) {
        let source = open_without_ffmpeg(&clip(n)).unwrap();
        assert_eq!(source.frame_count(), Some(count as u64));
        assert!((source.frame_rate() - rate).abs() < 0.01, "{}", source.frame_rate());
        let frames = all_frames(source).unwrap();
        assert_eq!(frames.len(), count);
        for (index, frame) in (0..).zip(&frames) {
            assert_eq!((picture(frame).width(), picture(frame).height()), (width, height));
            assert!(frame.at.abs_diff(shown_at(index, rate)) < Duration::from_millis(1));
        }
    }
}

#[test]
fn a_spec_opens_the_same_frames_again_and_again() {
    let spec: SourceSpec = clip(4).to_str().unwrap().parse().unwrap();
    let first = |spec: &SourceSpec| spec.open().unwrap().next_frame().unwrap().unwrap();
    let (once, again) = (first(&spec), first(&spec));
    assert_eq!((once.at, picture(&once)), (again.at, picture(&again)));
}

#[test]
fn after_the_last_frame_there_is_none_however_often_one_asks() {
    let mut source = open(&clip(4)).unwrap();
    while source.next_frame().unwrap().is_some() {}
    assert!(source.next_frame().unwrap().is_none());
}

#[test]
fn every_frame_of_every_clip_is_ffmpegs_converted_to_full_range_bt601() {
    if !ffmpeg_or_skip("every_frame_of_every_clip_is_ffmpegs_converted_to_full_range_bt601") {
        return;
    }
    for (n, (width, height, ..)) in (1..).zip(CLIPS) {
        let filter = "scale=out_color_matrix=bt601:out_range=full:sws_flags=accurate_rnd+full_chroma_int,format=yuv420p";
        let reference = reference(&clip(n), filter, (width, height));
        let frames = decode(&clip(n));
        assert_eq!(frames.len(), reference.len());
        for (index, (frame, reference)) in frames.iter().zip(&reference).enumerate() {
            let psnr = psnr(picture(frame), reference);
            assert!(psnr.iter().all(|psnr| *psnr > 45.0), "clip {n}, frame {index}: {psnr:?}");
        }
    }
}

#[test]
fn without_b_frames_full_range_bt601_is_ffmpegs_to_the_last_bit() {
    if !ffmpeg_or_skip("without_b_frames_full_range_bt601_is_ffmpegs_to_the_last_bit") {
        return;
    }
    // OpenH264 predicts direct blocks of B-frames now and then one off; all else is exact.
    let dir = tempfile::tempdir().unwrap();
    let path =
        made(&dir, "a.mp4", &["-pix_fmt", "yuvj420p", "-color_range", "pc", "-c:v", "libx264", "-bf", "0"]);
    let reference = reference(&path, "null", (176, 144));
    assert!(decode(&path).iter().map(picture).eq(&reference));
}

/// A video of 10 frames made for one test.
fn made(dir: &tempfile::TempDir, name: &str, codec: &[&str]) -> PathBuf {
    let path = dir.path().join(name);
    make_video(&path, codec);
    path
}

const X264: [&str; 4] = ["-pix_fmt", "yuv420p", "-c:v", "libx264"];

#[test]
fn a_fragmented_file_gives_all_its_frames() {
    if !ffmpeg_or_skip("a_fragmented_file_gives_all_its_frames") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let fragments = ["-g", "4", "-movflags", "frag_keyframe+empty_moov"];
    let path = made(&dir, "a.mp4", &[&X264[..], &fragments].concat());
    let frames = decode(&path);
    assert_eq!(frames.len(), 10);
    assert!((0..).zip(&frames).all(|(n, frame)| frame.at == Duration::from_millis(100 * n)));
}

#[test]
fn what_an_edit_list_cuts_away_is_not_shown() {
    if !ffmpeg_or_skip("what_an_edit_list_cuts_away_is_not_shown") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let whole = made(&dir, "whole.mp4", &X264);
    let cut = dir.path().join("cut.mp4");
    // Copied, not encoded anew: the stream still begins at its only key frame, 0.5 s earlier.
    let copy = ["-c", "copy"].map(OsStr::new);
    let from = ["-ss", "0.5", "-i"].map(OsStr::new);
    ffmpeg(&[&from[..], &[whole.as_os_str()], &copy, &[cut.as_os_str()]].concat());
    let frames = decode(&cut);
    let reference = reference(&cut, "null", (176, 144));
    assert_eq!(frames.len(), reference.len());
    assert_eq!((frames.len(), frames[0].at), (5, Duration::ZERO));
    let whole = decode(&whole);
    assert!(whole[5..].iter().zip(&frames).all(|(a, b)| picture(a) == picture(b)));
}

#[test]
fn a_phones_video_is_turned_as_it_was_held() {
    if !ffmpeg_or_skip("a_phones_video_is_turned_as_it_was_held") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lying = made(&dir, "lying.mp4", &X264);
    for degrees in ["90", "180", "270"] {
        let held = dir.path().join("held.mp4");
        let copy = ["-c", "copy", "-metadata:s:v:0"].map(OsStr::new);
        let rotate = format!("rotate={degrees}");
        ffmpeg(
            &[&[OsStr::new("-i"), lying.as_os_str()][..], &copy, &[OsStr::new(&rotate), held.as_os_str()]]
                .concat(),
        );
        let size = if degrees == "180" { (176, 144) } else { (144, 176) };
        // ffmpeg turns by itself.
        let reference = reference(&held, "scale=out_range=full:sws_flags=accurate_rnd,format=yuv420p", size);
        let first = &decode(&held)[0];
        let psnr = psnr(picture(first), &reference[0]);
        assert!(psnr.iter().all(|psnr| *psnr > 45.0), "{degrees}: {psnr:?}");
    }
}

#[test]
fn another_codec_is_named_and_ffmpeg_asked_for_where_it_is_missing() {
    if !ffmpeg_or_skip("another_codec_is_named_and_ffmpeg_asked_for_where_it_is_missing") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 4] = [
        ("of the kind mp4v", &["-c:v", "mpeg4"]),
        ("4:4:4 H.264", &["-pix_fmt", "yuv444p", "-c:v", "libx264"]),
        ("4:2:2 H.264", &["-pix_fmt", "yuv422p", "-c:v", "libx264"]),
        ("interlaced H.264", &["-pix_fmt", "yuv420p", "-c:v", "libx264", "-flags", "+ildct+ilme"]),
    ];
    for (codec, arguments) in cases {
        let path = made(&dir, "a.mp4", arguments);
        let error = open_without_ffmpeg(&path).err().unwrap().to_string();
        assert!(
            error.contains(&format!("a.mp4 is {codec}; ")) && error.contains("install ffmpeg"),
            "{error}"
        );
        let frames = all_frames(open(&path).unwrap()).unwrap();
        assert_eq!(frames.len(), 10, "{codec}");
    }
}

/// Clip 4 with `damage` done to its bytes.
fn damaged(dir: &tempfile::TempDir, damage: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let path = dir.path().join("a.mp4");
    let mut bytes = fs::read(clip(4)).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    path
}

/// Where the content of the first box of this type begins.
fn content_of(bytes: &[u8], kind: &[u8; 4]) -> usize {
    bytes.windows(4).position(|four| four == kind).unwrap() + 4
}

fn reason_of(path: &Path) -> String {
    match open(path).and_then(all_frames) {
        Err(SourceError::Broken { path: named, reason }) if named == path => reason,
        Err(other) => panic!("{other}"),
        Ok(frames) => panic!("{} frames", frames.len()),
    }
}

#[test]
fn a_file_that_is_no_mp4_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"not a film at all", &[0; 4096]] {
        reason_of(&damaged(&dir, |bytes| *bytes = content.to_vec()));
    }
}

#[test]
fn a_file_cut_off_is_broken_wherever_the_cut_is() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(clip(4)).unwrap().len();
    for length in [20, 600, 3000, whole / 2, whole - 1] {
        reason_of(&damaged(&dir, |bytes| bytes.truncate(length)));
    }
}

#[test]
fn frames_before_the_damage_are_given_and_the_error_names_the_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(&dir, |bytes| {
        let half = bytes.len() / 2;
        bytes[half..].fill(0xFF);
    });
    let mut source = open(&path).unwrap();
    let mut given = 0;
    let error = loop {
        match source.next_frame() {
            Ok(frame) => given += usize::from(frame.is_some()),
            Err(error) => break error.to_string(),
        }
    };
    assert!(given > 10 && error.contains("OpenH264 gives it up"), "{given} {error}");
}

#[test]
fn tables_that_contradict_each_other_are_broken_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(&dir, |bytes| {
        // No entries in the table of chunks.
        let stsc = content_of(bytes, b"stsc");
        bytes[stsc + 4..stsc + 8].fill(0);
    });
    assert!(reason_of(&path).contains("contradict"));
}

#[test]
fn a_sample_that_claims_gigabytes_is_refused_before_memory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = damaged(&dir, |bytes| {
        let stsz = content_of(bytes, b"stsz");
        bytes[stsz + 12..stsz + 16].fill(0xFF);
    });
    assert!(reason_of(&path).contains("more than a frame may have"));
}

#[test]
fn words_that_end_with_zeros_as_quicktime_writes_them_are_passed_over() {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions/mp4");
    assert_eq!(decode(&regressions.join("words-ended-by-zeros.mp4")).len(), 4);
}
