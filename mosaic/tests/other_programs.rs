//! Held against libjpeg-turbo's and ffmpeg's own programs.
//!
//! They must be installed (`make test` sees to it); `SKIP_E2E=1` skips these tests and says so.

mod support;

use std::path::Path;
use std::sync::Arc;

use support::programs::{run, skipped};
use support::{format, layout};
use tessera_mosaic::{Fit, Ingest, Picture, Splicer, TileSpec};

/// A colourful picture: interleaved R, G, B.
fn pixels(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let [luma, _, _] = support::picture(width * 3, height, seed).planes().clone();
    luma
}

fn write_ppm(path: &Path, width: u32, height: u32, rgb: &[u8]) {
    let head = format!("P6\n{width} {height}\n255\n").into_bytes();
    std::fs::write(path, [&head, rgb].concat()).unwrap();
}

/// The pixels of four tiles as one picture, two by two.
fn joined(tiles: &[Vec<u8>], width: u32) -> Vec<u8> {
    let row = width as usize * 3;
    let side_by_side = |pair: &[Vec<u8>]| -> Vec<u8> {
        pair[0].chunks(row).zip(pair[1].chunks(row)).flat_map(|(a, b)| [a, b].concat()).collect()
    };
    tiles.chunks(2).flat_map(side_by_side).collect()
}

#[test]
fn four_spliced_tiles_are_the_bytes_of_the_whole_picture_encoded_by_libjpeg_turbo() {
    if skipped("the mosaic beside libjpeg-turbo's cjpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ppm, jpeg) = (folder.path().join("whole.ppm"), folder.path().join("whole.jpg"));
    for (width, height, quality) in
        [(640, 480, 85), (160, 128, 85), (64, 64, 1), (320, 240, 50), (96, 64, 100)]
    {
        let format = format(width, height, quality);
        let parts: Vec<_> = (0..4).map(|seed| pixels(width, height, seed)).collect();
        let tiles: Vec<_> = parts
            .iter()
            .map(|rgb| Picture::from_rgb(width, height, rgb).unwrap())
            .map(|picture| Ingest::default().picture(&picture, TileSpec { format, fit: Fit::Contain }))
            .map(|tile| Some(Arc::new(tile)))
            .collect();
        let mosaic = Splicer::new(layout(2, format)).splice(&tiles).unwrap();

        write_ppm(&ppm, width * 2, height * 2, &joined(&parts, width));
        let (quality, restart) = (quality.to_string(), format!("{}B", width / 16));
        let [ppm, jpeg_path] = [&ppm, &jpeg].map(|path| path.to_str().unwrap());
        let switches =
            ["-baseline", "-sample", "2x2", "-dct", "int", "-quality", &quality, "-restart", &restart];
        let output = run("cjpeg", &[&switches[..], &["-outfile", jpeg_path, ppm]].concat());
        assert!(output.status.success(), "{output:?}");
        let whole = std::fs::read(&jpeg).unwrap();
        assert!(
            mosaic == whole,
            "{width}x{height} at quality {quality}: {} and {} bytes",
            mosaic.len(),
            whole.len()
        );
    }
}

#[test]
fn our_decoder_gives_the_luma_that_libjpeg_turbo_gives() {
    if skipped("our decoder beside libjpeg-turbo's djpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [ppm, jpeg, pgm] = ["in.ppm", "in.jpg", "out.pgm"].map(|name| folder.path().join(name));
    let [ppm_path, jpeg_path, pgm_path] = [&ppm, &jpeg, &pgm].map(|path| path.to_str().unwrap());
    for (width, height) in [(640, 480), (177, 93), (1, 1), (16, 200)] {
        write_ppm(&ppm, width, height, &pixels(width, height, width));
        for sampling in ["2x2", "1x1", "2x1", "1x2", "4x1", "4x2"] {
            for more in [
                &["-quality", "100"][..],
                &["-optimize", "-restart", "3B"],
                &["-quality", "20", "-restart", "1"],
            ] {
                let switches =
                    [&["-sample", sampling, "-baseline"][..], more, &["-outfile", jpeg_path, ppm_path]]
                        .concat();
                assert!(run("cjpeg", &switches).status.success());
                assert!(
                    run("djpeg", &["-grayscale", "-dct", "int", "-outfile", pgm_path, jpeg_path])
                        .status
                        .success()
                );
                let picture = Ingest::default().decode(&std::fs::read(&jpeg).unwrap().into()).unwrap();
                let expected = std::fs::read(&pgm).unwrap();
                let luma = &picture.planes()[0];
                assert!(expected.ends_with(luma), "{width}x{height} {sampling} {more:?}");
            }
        }
    }
}

#[test]
fn a_mosaic_decodes_without_a_warning_in_libjpeg_turbo_and_ffmpeg() {
    if skipped("the mosaic in libjpeg-turbo's djpeg and in ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mosaic.jpg");
    // Never all black: ffmpeg 5.1 says "EOI missing" of any flat picture, whoever encoded it.
    for (side, taken) in [(1, 1), (2, 1), (2, 4), (3, 5), (7, 30)] {
        let format = format(160, 128, 85);
        let picture = support::picture(200, 100, side);
        let tile = Ingest::default().picture(&picture, TileSpec { format, fit: Fit::Contain });
        let tiles = vec![Some(Arc::new(tile)); taken];
        std::fs::write(&path, Splicer::new(layout(side, format)).splice(&tiles).unwrap()).unwrap();
        let path = path.to_str().unwrap();
        let djpeg = run("djpeg", &["-outfile", "/dev/null", path]);
        let ffmpeg = run("ffmpeg", &["-v", "warning", "-i", path, "-f", "null", "-"]);
        for output in [djpeg, ffmpeg] {
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }
}
