//! Each way from a frame to a tile, held against libjpeg-turbo's and ffmpeg's own programs: see `support/programs.rs`.

mod support;

use std::path::PathBuf;
use std::process::Output;

use bytes::Bytes;
use jpeg_encoder::SamplingFactor;
use support::oracle::coefficients::{self, Coefficients, Huffman};
use support::programs::{run, skipped};
use support::{Changes, Foreign, format, pictures, psnr};
use tempfile::TempDir;
use tessera_mosaic::{Fit, Ingest, Ingested, Picture, TileSpec, Way};

/// A folder for what the programs read and write.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a program with the last argument being a file of these bytes.
    fn run(&self, program: &str, arguments: &[&str], bytes: &[u8]) -> Output {
        let path = self.path("in");
        std::fs::write(&path, bytes).unwrap();
        run(program, &[arguments, &[path.to_str().unwrap()]].concat())
    }

    /// What djpeg writes, without the header, and what it complains of.
    fn djpeg(&self, arguments: &[&str], jpeg: &[u8]) -> (Vec<u8>, String) {
        let output =
            self.run("djpeg", &[&["-dct", "int", "-nosmooth", "-pnm"][..], arguments].concat(), jpeg);
        // "P5", two sides and 255, with a line's end behind each.
        let mut lines = output.stdout.splitn(4, |&byte| byte == b'\n');
        (lines.nth(3).unwrap_or_default().to_vec(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// One component's plane, decoded by djpeg.
    fn plane(&self, jpeg: &Coefficients, index: usize, arguments: &[&str]) -> Vec<u8> {
        let tables = [Huffman::of_every_symbol(), Huffman::of_every_symbol()];
        let (plane, complaint) = self.djpeg(arguments, &jpeg.alone(index).write(&tables, 0));
        assert_eq!(complaint, "");
        plane
    }

    /// Frames of all sample clips, as ffmpeg's encoder writes them.
    fn real_frames(&self) -> Vec<Bytes> {
        let clips = concat!(env!("CARGO_MANIFEST_DIR"), "/../clips/");
        for clip in 1..=4 {
            let source = format!("{clips}{clip}.mp4");
            let target = self.path(&format!("{clip}-%d.jpg"));
            let to = [
                "-vf",
                "fps=1,scale=640:480,format=yuvj420p",
                "-frames:v",
                "2",
                "-q:v",
                "4",
                "-huffman",
                "optimal",
                target.to_str().unwrap(),
            ];
            let output = run("ffmpeg", &[&["-v", "error", "-i", &source][..], &to].concat());
            assert!(output.status.success(), "{output:?}");
        }
        let names = (1..=4).flat_map(|clip| [1, 2].map(|n| self.path(&format!("{clip}-{n}.jpg"))));
        names.map(|path| std::fs::read(path).unwrap().into()).collect()
    }

    /// The frame as cjpeg encodes it.
    fn cjpeg(&self, switches: &[&str], jpeg: &[u8]) -> Bytes {
        let ppm = self.run("djpeg", &["-pnm"], jpeg).stdout;
        let output = self.run("cjpeg", switches, &ppm);
        assert!(output.status.success(), "{output:?}");
        output.stdout.into()
    }
}

fn ingest(jpeg: &Bytes, quality: u32) -> Ingested {
    let spec = TileSpec { format: format(640, 480, quality), fit: Fit::Stretch };
    Ingest::default().jpeg(jpeg, spec).unwrap()
}

#[test]
fn real_frames_keep_their_pixels_when_they_are_accepted_or_transcoded() {
    if skipped("frames of the sample clips in cjpeg, djpeg and ffmpeg") {
        return;
    }
    let desk = Desk::new();
    for frame in desk.real_frames() {
        let tile = ingest(&frame, 85);
        assert_eq!(tile.way, Way::Transcoded);
        let (shown, transcoded) = (desk.djpeg(&[], &frame), desk.djpeg(&[], &tile.tile.to_jpeg()));
        assert!(shown.1.is_empty() && transcoded.1.is_empty() && psnr(&shown.0, &transcoded.0) > 36.0);

        let canonical = ["-quality", "85", "-baseline", "-restart", "40B"];
        let other_codes = ["-quality", "85", "-optimize", "-restart", "17B"];
        for (switches, way) in [(&canonical, Way::Accepted), (&other_codes, Way::Transcoded)] {
            let jpeg = desk.cjpeg(switches, &frame);
            let tile = ingest(&jpeg, 85);
            assert_eq!(tile.way, way);
            assert!(desk.djpeg(&[], &tile.tile.to_jpeg()) == desk.djpeg(&[], &jpeg));
        }
    }
}

#[test]
fn all_planes_are_those_of_libjpeg_turbo_to_the_bit() {
    if skipped("all planes of our decoder beside djpeg's") {
        return;
    }
    let desk = Desk::new();
    let frames = desk.real_frames().into_iter().step_by(3).collect::<Vec<_>>();
    let generated = pictures(75, 50).into_iter().zip([1, 30, 85, 100].into_iter().cycle());
    let generated = generated.map(|(picture, quality)| Foreign::plain(quality).encode(&picture));
    for jpeg in frames.into_iter().chain(generated) {
        let coefficients = coefficients::read(&jpeg).unwrap();
        let picture = Ingest::default().decode(&jpeg).unwrap();
        for (index, plane) in picture.planes().iter().enumerate() {
            assert!(*plane == desk.plane(&coefficients, index, &[]), "plane {index}");
        }
    }
}

/// An Adobe segment says it, as libjpeg writes it: three components, and no transform.
#[test]
fn a_frame_of_red_green_and_blue_is_taken_as_it_looks() {
    if skipped("frames of red, green and blue from cjpeg -rgb") {
        return;
    }
    let desk = Desk::new();
    for frame in desk.real_frames().into_iter().step_by(3) {
        for switches in [&["-rgb", "-quality", "90"][..], &["-rgb", "-progressive", "-quality", "90"]] {
            let jpeg = desk.cjpeg(switches, &frame);
            let picture = Ingest::default().decode(&jpeg).unwrap();
            let (rgb, complaint) = desk.djpeg(&[], &jpeg);
            assert_eq!(complaint, "");
            let expected = Picture::from_rgb(640, 480, &rgb).unwrap();
            for (ours, expected) in picture.planes().iter().zip(expected.planes()) {
                assert!(psnr(ours, expected) > 50.0);
            }
        }
    }
}

/// Whatever segments say of its colours.
#[test]
fn the_colours_of_a_frame_are_those_that_libjpeg_turbo_shows() {
    if skipped("frames with JFIF and Adobe segments in djpeg") {
        return;
    }
    let desk = Desk::new();
    let picture = Picture::from_ycbcr(64, 64, &[81, 90, 240].repeat(64 * 64)).unwrap();
    for progressive in [false, true] {
        let jpeg = Foreign { progressive, ..Foreign::plain(95) }.encode(&picture);
        for (adobe, jfif) in
            [None, Some(0), Some(1), Some(2)].map(|adobe| [(adobe, true), (adobe, false)]).concat()
        {
            let jpeg = support::with_adobe(&jpeg, adobe, jfif);
            let expected = Picture::from_rgb(64, 64, &desk.djpeg(&[], &jpeg).0).unwrap();
            let ours = Ingest::default().decode(&jpeg.into()).unwrap();
            for (ours, expected) in ours.planes().iter().zip(expected.planes()) {
                assert!(
                    ours[0].abs_diff(expected[0]) < 3,
                    "Adobe {adobe:?}, JFIF {jfif}: {} {}",
                    ours[0],
                    expected[0]
                );
            }
        }
    }
}

/// The tile of a much larger frame is the very tile of what djpeg makes of it at a quarter or an eighth of its size.
#[test]
fn a_frame_that_is_reduced_has_the_samples_that_libjpeg_turbo_gives() {
    if skipped("reduced frames beside djpeg -scale") {
        return;
    }
    let desk = Desk::new();
    for (side, scale, reduced) in [(1024, "1/4", 256), (2048, "1/8", 256)] {
        for seed in [1, 5] {
            let frame = Foreign::plain(85).encode(&support::picture(side, side, seed));
            let read = coefficients::read(&frame).unwrap();
            let planes = [0, 1, 2].map(|index| desk.plane(&read, index, &["-scale", scale]));
            let picture = Picture::from_planes(reduced, reduced, planes).unwrap();
            let spec = TileSpec { format: format(64, 64, 100), fit: Fit::Stretch };
            let ours = Ingest::default().jpeg(&frame, spec).unwrap();
            let expected = Ingest::default().picture(&picture, spec);
            assert!(ours.tile.to_jpeg() == expected.to_jpeg(), "{scale}, seed {seed}");
        }
    }
}

/// Frames of many kinds with some bytes changed.
fn changed_frames() -> impl Iterator<Item = Bytes> {
    let picture = support::picture(64, 64, 4);
    let plain = Foreign::plain(85);
    let bases = [
        Foreign::tile(85, 64),
        plain,
        Foreign { restart_interval: 3, ..plain },
        Foreign { optimised: true, ..plain },
        Foreign { sampling: SamplingFactor::F_2_1, ..plain },
        Foreign { sampling: SamplingFactor::F_1_1, restart_interval: 7, ..plain },
    ]
    .map(|kind| kind.encode(&picture));
    (0..500).map(move |seed| Changes::new(seed).of(&bases[seed as usize % bases.len()]).into())
}

#[test]
fn whatever_we_and_libjpeg_turbo_take_is_the_same_picture() {
    if skipped("changed frames in djpeg") {
        return;
    }
    let desk = Desk::new();
    let mut both = 0;
    for jpeg in changed_frames() {
        let Ok(picture) = Ingest::default().decode(&jpeg) else { continue };
        let (luma, complaint) = desk.djpeg(&["-grayscale"], &jpeg);
        // What it goes on to show with a warning we would show to everybody without one.
        assert!(!["Corrupt", "Premature"].iter().any(|word| complaint.contains(word)), "{complaint}");
        let coefficients = coefficients::read(&jpeg).unwrap();
        // It refuses some tables that nobody uses; and samples far beyond white or black are what each decoder likes.
        if complaint.is_empty() && coefficients.components[0].is_tame() {
            assert!(picture.planes()[0] == luma);
            both += 1;
        }
    }
    assert!(both > 50, "too few to tell anything: {both}");
}

#[test]
fn no_program_complains_of_a_tile_whatever_it_was_made_of() {
    if skipped("tiles of changed frames in djpeg and ffmpeg") {
        return;
    }
    let desk = Desk::new();
    let spec = TileSpec { format: format(64, 64, 85), fit: Fit::Contain };
    let tiles = changed_frames().filter_map(|jpeg| Ingest::default().jpeg(&jpeg, spec).ok());
    let tiles: Vec<_> = tiles.map(|ingested| ingested.tile.to_jpeg()).collect();
    assert!(tiles.len() > 50);
    for tile in &tiles {
        assert_eq!(desk.djpeg(&[], tile).1, "");
    }
    // One after the other, as a camera sends them.
    let input = desk.path("in").to_str().unwrap().to_owned();
    std::fs::write(&input, tiles.concat()).unwrap();
    let output = run("ffmpeg", &["-v", "error", "-f", "mjpeg", "-i", &input, "-f", "null", "-"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
