//! Each way from a frame to a tile, held against a reader of coefficients written from the standard alone
//! (`support/oracle`), the cosine transform as the standard has it, and the decoder of the `image` crate.
//! `differential_programs.rs` does the same with libjpeg-turbo and ffmpeg.

mod support;

use bytes::Bytes;
use image::DynamicImage;
use support::oracle::coefficients::{self, Coefficients, Component, Huffman, Tables};
use support::oracle::{expect_cosine, expect_halved, expect_requantised};
use support::{Changes, Foreign, format, pictures, psnr};
use tessera_mosaic::{Fit, Ingest, Ingested, Picture, Quality, TileSpec, Way};

fn ingest(jpeg: &Bytes, quality: u32) -> Ingested {
    let picture = Ingest::default().decode(jpeg).unwrap();
    let spec = TileSpec { format: format(picture.width(), picture.height(), quality), fit: Fit::Stretch };
    Ingest::default().jpeg(jpeg, spec).unwrap()
}

fn pixels(jpeg: &[u8]) -> DynamicImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap()
}

/// Frames of every picture that are baseline 4:2:0 with other restart intervals and tables than a tile's.
fn transcodable(quality: u8) -> impl Iterator<Item = Bytes> {
    let any_tables = [Huffman::of_every_symbol(), Huffman::of_every_symbol()];
    pictures(96, 80).into_iter().zip([0, 1, 2, 5, 6, 7, 29, 30, 31].into_iter().cycle()).flat_map(
        move |(picture, restart_interval)| {
            let plain = Foreign { restart_interval, ..Foreign::plain(quality) }.encode(&picture);
            let other_codes = coefficients::read(&plain).unwrap().write(&any_tables, restart_interval);
            [plain, other_codes.into()]
        },
    )
}

#[test]
fn an_accepted_tile_has_the_frames_coefficients_and_pixels() {
    for quality in [1, 10, 50, 85, 100] {
        for picture in pictures(96, 80) {
            let jpeg = Foreign::tile(quality, 96).encode(&picture);
            let Ingested { tile, way } = ingest(&jpeg, quality.into());
            assert_eq!(way, Way::Accepted);
            let tile = tile.to_jpeg();
            assert_eq!(coefficients::read(&tile), coefficients::read(&jpeg));
            assert!(pixels(&tile) == pixels(&jpeg));
        }
    }
}

#[test]
fn a_transcoded_frame_of_the_tiles_own_steps_keeps_every_coefficient_and_pixel() {
    for quality in [1, 35, 85, 100] {
        for jpeg in transcodable(quality) {
            let Ingested { tile, way } = ingest(&jpeg, quality.into());
            let tile = tile.to_jpeg();
            assert_ne!(way, Way::Reencoded);
            assert_eq!(coefficients::read(&tile), coefficients::read(&jpeg));
            assert!(pixels(&tile) == pixels(&jpeg));
        }
    }
}

#[test]
fn a_transcoded_frame_of_other_steps_has_the_nearest_coefficients() {
    for (from, to) in [(1, 100), (50, 85), (75, 85), (90, 85), (95, 10), (100, 1), (100, 99), (86, 85)] {
        for jpeg in transcodable(from) {
            let Ingested { tile, way } = ingest(&jpeg, to);
            assert_eq!(way, Way::Transcoded);
            let [from, to] = [&jpeg[..], &tile.to_jpeg()].map(|jpeg| coefficients::read(jpeg).unwrap());
            expect_requantised(&from, &to);
        }
    }
}

/// What transcoding leaves out is the rounding to samples, so it is better, mostly. Where samples are cut at 0 and 255
/// it is not; above 46 dB nobody sees either.
#[test]
fn transcoding_loses_no_more_than_a_fifth_of_a_decibel_to_decoding_and_encoding() {
    for (from, to) in [(95, 85), (75, 85), (90, 50)] {
        for picture in pictures(96, 80) {
            let jpeg = Foreign::plain(from).encode(&picture);
            let shown = Ingest::default().decode(&jpeg).unwrap();
            let encoded = Foreign::plain(to as u8).encode(&shown);
            let transcoded = ingest(&jpeg, to).tile.to_jpeg();
            let [transcoded, encoded, shown] = [&transcoded[..], &encoded, &jpeg].map(support::decoded_luma);
            let [transcoded, encoded] = [transcoded, encoded].map(|luma| psnr(&luma, &shown));
            assert!(transcoded > encoded.min(46.0) - 0.2, "{from} to {to}: {transcoded} dB, {encoded} dB");
        }
    }
}

#[test]
fn every_component_is_decoded_as_the_cosine_transform_of_its_coefficients() {
    for quality in [5, 85, 100] {
        for (n, picture) in pictures(61, 45).iter().enumerate() {
            let restart_interval = n as u16 % 5;
            let jpeg = Foreign { restart_interval, ..Foreign::plain(quality) }.encode(picture);
            let planes = Ingest::default().decode(&jpeg).unwrap();
            let read = coefficients::read(&jpeg).unwrap();
            expect_cosine(&read.components[0], &planes.planes()[0], (61, 45));
            expect_cosine(&read.components[1], &planes.planes()[1], (31, 23));
            expect_cosine(&read.components[2], &planes.planes()[2], (31, 23));
        }
    }
}

#[test]
fn chroma_of_full_resolution_is_halved_by_a_cubic_filter_block_by_block() {
    for quality in [5, 85, 100] {
        for picture in pictures(75, 50) {
            let sampling = jpeg_encoder::SamplingFactor::F_1_1;
            let jpeg = Foreign { sampling, ..Foreign::plain(quality) }.encode(&picture);
            let planes = Ingest::default().decode(&jpeg).unwrap();
            let read = coefficients::read(&jpeg).unwrap();
            expect_cosine(&read.components[0], &planes.planes()[0], (75, 50));
            expect_halved(&read.components[1], &planes.planes()[1], (38, 25));
            expect_halved(&read.components[2], &planes.planes()[2], (38, 25));
        }
    }
}

/// A grey picture of one block for each coefficient, nothing else in it.
fn single_coefficients(value: i32, step: u16) -> Coefficients {
    let alone = |n: usize| std::array::from_fn(|at| if at == n { value } else { 0 });
    let blocks = (0..64).map(alone).collect();
    let component = Component { factors: (1, 1), steps: [step; 64], across: 8, blocks };
    Coefficients { width: 64, height: 64, components: vec![component] }
}

fn any_tables() -> Tables {
    [Huffman::of_every_symbol(), Huffman::of_every_symbol()]
}

#[test]
fn one_coefficient_alone_is_its_cosine() {
    for (value, step) in
        [(1, 1), (-1, 1), (1, 8), (-3, 80), (1000, 1), (-1023, 1), (1, 255), (-9, 255), (16, 64)]
    {
        let coefficients = single_coefficients(value, step);
        let jpeg = coefficients.write(&any_tables(), 0).into();
        let picture = Ingest::default().decode(&jpeg).unwrap();
        expect_cosine(&coefficients.components[0], &picture.planes()[0], (64, 64));
    }
}

#[test]
fn coefficients_that_no_picture_has_become_tiles_that_every_decoder_takes() {
    for (value, step) in [(2047, 255), (-2047, 255), (2047, 1), (-2047, 3)] {
        let grey = single_coefficients(value, step).components.remove(0);
        let luma = Component { factors: (2, 2), ..grey.clone() };
        let chroma = Component { across: 4, blocks: grey.blocks[..16].to_vec(), ..grey };
        let colour = Coefficients { width: 64, height: 64, components: vec![luma, chroma.clone(), chroma] };
        let frame = colour.write(&any_tables(), 3).into();
        let Ingested { tile, way } = ingest(&frame, 85);
        assert_eq!(way, Way::Transcoded);
        expect_requantised(&colour, &coefficients::read(&tile.to_jpeg()).unwrap());
        pixels(&tile.to_jpeg());
        let reencoded = Ingest::default().jpeg(&frame, support::spec(128, 64)).unwrap();
        pixels(&reencoded.tile.to_jpeg());
    }
}

#[test]
fn what_is_decoded_by_zune_jpeg_has_the_pixels_that_we_would_give() {
    for picture in pictures(61, 45) {
        let [baseline, progressive] = [false, true]
            .map(|progressive| Foreign { progressive, ..Foreign::plain(90) }.encode(&picture))
            .map(|jpeg| Ingest::default().decode(&jpeg).unwrap());
        let pairs = baseline.planes()[0].iter().zip(&progressive.planes()[0]);
        // Two integer transforms, each within one of the true one.
        assert!(pairs.map(|(a, b)| a.abs_diff(*b)).max() <= Some(2));
    }
}

/// An Adobe segment without a transform says so, whatever the components' ids are.
#[test]
fn three_components_without_a_transform_are_red_green_and_blue() {
    for picture in pictures(60, 40) {
        let sampling = jpeg_encoder::SamplingFactor::F_1_1;
        let jpeg = Foreign { sampling, ..Foreign::plain(95) }.encode(&picture);
        let rgb = support::with_adobe(&jpeg, Some(0), false);
        let seen = Ingest::default().decode(&rgb.into()).unwrap();
        let expected = Picture::from_rgb(60, 40, &support::interleaved(&picture)).unwrap();
        for (seen, expected) in seen.planes().iter().zip(expected.planes()) {
            assert!(psnr(seen, expected) > 30.0);
        }
    }
}

/// Each block adds to the DC coefficient until it times its step has more than 32 bits. It is no picture, and no panic,
/// in builds that count overflows either.
#[test]
fn sums_that_overflow_in_zune_jpeg_are_no_panic() {
    let block = |n: usize| std::array::from_fn(|at| if at == 0 { 32767 * n as i32 } else { 0 });
    let component = Component {
        factors: (1, 1),
        steps: [255; 64],
        across: 24,
        blocks: (1..=24 * 24).map(block).collect(),
    };
    let components = vec![component; 3];
    let jpeg = Coefficients { width: 192, height: 192, components }.write(&any_tables(), 0);
    let mut adobe = Vec::new();
    coefficients::segment(&mut adobe, 0xEE, b"Adobe\0\x64\0\0\0\0\0");
    let rgb = [&jpeg[..2], &adobe, &jpeg[2..]].concat();
    assert!(Ingest::default().decode(&rgb.into()).is_ok());
}

#[test]
fn the_tile_of_a_decoded_frame_is_that_of_its_picture() {
    for quality in [1, 40, 85, 100] {
        for picture in pictures(128, 96) {
            let sampling = jpeg_encoder::SamplingFactor::F_2_1;
            let jpeg = Foreign { sampling, ..Foreign::plain(quality) }.encode(&picture);
            let Ingested { tile, way } = ingest(&jpeg, quality.into());
            assert_eq!(way, Way::Reencoded);
            let shown = Ingest::default().decode(&jpeg).unwrap();
            let ours = tessera_mosaic::encode_jpeg(&shown, Quality::new(quality.into()).unwrap());
            assert_eq!(tile.to_jpeg(), ours);
            // Another encoder differs in no coefficient by more than its rounding.
            let theirs = Foreign::tile(quality, 128).encode(&shown);
            expect_near(&ours, &theirs);
        }
    }
}

/// No coefficient of one encoder is more than one from another's.
fn expect_near(ours: &[u8], theirs: &[u8]) {
    let [ours, theirs] = [ours, theirs].map(|jpeg| coefficients::read(jpeg).unwrap());
    for (ours, theirs) in ours.components.iter().zip(&theirs.components) {
        assert_eq!(ours.steps, theirs.steps);
        let pairs = ours.blocks.as_flattened().iter().zip(theirs.blocks.as_flattened());
        assert!(pairs.map(|(a, b)| a.abs_diff(*b)).max() <= Some(1));
    }
}

#[test]
fn a_changed_frame_is_refused_or_shown_as_its_coefficients_say() {
    let kinds = [
        Foreign::tile(85, 64),
        Foreign { restart_interval: 3, ..Foreign::plain(90) },
        Foreign { sampling: jpeg_encoder::SamplingFactor::F_1_1, ..Foreign::plain(70) },
    ];
    let bases = kinds.map(|kind| kind.encode(&support::picture(64, 64, 9)));
    let mut taken = [0; 3];
    for (seed, base) in (0..1500).zip(bases.iter().cycle()) {
        let jpeg = Bytes::from(Changes::new(seed).of(base));
        let Ok(Ingested { tile, way }) = Ingest::default().jpeg(&jpeg, support::spec(64, 64)) else {
            continue;
        };
        taken[way as usize] += 1;
        let tile = tile.to_jpeg();
        pixels(&tile);
        let read = |jpeg: &[u8]| coefficients::read(jpeg).expect("what is taken is sound");
        match way {
            Way::Accepted => assert_eq!(read(&tile), read(&jpeg)),
            Way::Transcoded => expect_requantised(&read(&jpeg), &read(&tile)),
            Way::Reencoded => expect_shown(&jpeg),
        }
    }
    assert!(taken.iter().all(|&taken| taken > 10), "too few to tell anything: {taken:?}");
}

/// Luma is as the coefficients say, whatever has become of the rest.
fn expect_shown(jpeg: &Bytes) {
    let Some(read) = coefficients::read(jpeg) else { return };
    let picture: Picture = Ingest::default().decode(jpeg).unwrap();
    let size = (picture.width() as usize, picture.height() as usize);
    expect_cosine(&read.components[0], &picture.planes()[0], size);
}
