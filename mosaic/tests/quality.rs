//! How near a tile comes to its frame: no further off than decoding, scaling and encoding one after the other, which is
//! what `Ingest::decode` and `Ingest::picture` do. What it should be is scaled here, by two filters that are not ours.

mod support;

use bytes::Bytes;
use image::GrayImage;
use image::imageops::{self, FilterType};
use jpeg_encoder::SamplingFactor;
use support::{Foreign, format, psnr};
use tessera_mosaic::{Fit, Ingest, Picture, TileSpec};

const FITS: [Fit; 3] = [Fit::Contain, Fit::Cover, Fit::Stretch];

/// Left, top, width and height.
type Part = [u32; 4];

/// What of a frame is shown where on its tile: sides and corners are even, and the middle is kept.
fn parts((width, height): (u32, u32), tile: (u32, u32), fit: Fit) -> (Part, Part) {
    let scales = [f64::from(tile.0) / f64::from(width), f64::from(tile.1) / f64::from(height)];
    let (smaller, larger) = (scales[0].min(scales[1]), scales[0].max(scales[1]));
    let even = |length: f64| (length / 2.0).round() as u32 * 2;
    let middle = |(width, height): (u32, u32), inner: [u32; 2]| {
        [(width - inner[0]) / 4 * 2, (height - inner[1]) / 4 * 2, inner[0], inner[1]]
    };
    let whole = |(width, height): (u32, u32)| [0, 0, width, height];
    match fit {
        Fit::Stretch => (whole((width, height)), whole(tile)),
        Fit::Contain => {
            let seen = [width, height].map(|side| even(f64::from(side) * smaller));
            (whole((width, height)), middle(tile, seen))
        }
        Fit::Cover => {
            let seen = [tile.0, tile.1].map(|side| even(f64::from(side) / larger));
            (middle((width, height), seen), whole(tile))
        }
    }
}

/// The luma of a part of a picture.
fn luma(picture: &Picture, [left, top, width, height]: Part) -> GrayImage {
    let whole = GrayImage::from_raw(picture.width(), picture.height(), picture.planes()[0].clone()).unwrap();
    imageops::crop_imm(&whole, left, top, width, height).to_image()
}

/// The averages over the areas of the pixels.
fn averaged(image: &GrayImage, width: u32, height: u32) -> Vec<u8> {
    // For each pixel, which ones it is of and to what part.
    let shares = |from: u32, to: u32| -> Vec<Vec<(u32, f64)>> {
        let scale = f64::from(from) / f64::from(to);
        let of = |n: u32| {
            let (begin, end) = (f64::from(n) * scale, f64::from(n + 1) * scale);
            let share = |at: u32| (end.min(f64::from(at + 1)) - begin.max(f64::from(at))).max(0.0) / scale;
            (begin as u32..from.min(end.ceil() as u32)).map(|at| (at, share(at))).collect()
        };
        (0..to).map(of).collect()
    };
    let (columns, rows) = (shares(image.width(), width), shares(image.height(), height));
    let sample = |column: &[(u32, f64)], row: &[(u32, f64)]| -> f64 {
        let along = |y: u32| -> f64 {
            column.iter().map(|&(x, share)| share * f64::from(image.get_pixel(x, y).0[0])).sum()
        };
        row.iter().map(|&(y, share)| share * along(y)).sum()
    };
    rows.iter().flat_map(|row| columns.iter().map(|column| sample(column, row).round() as u8)).collect()
}

/// How much nearer a frame's tile is than that of the decoded frame, in dB, to the frame scaled by a Lanczos filter and by
/// averages.
fn gains(frame: &Picture, tile: (u32, u32), fit: Fit) -> [f64; 2] {
    let jpeg = Foreign::plain(95).encode(frame);
    let spec = TileSpec { format: format(tile.0, tile.1, 85), fit };
    let mut ingest = Ingest::default();
    let ours = ingest.jpeg(&jpeg, spec).unwrap().tile.to_jpeg();
    let decoded = ingest.decode(&jpeg).unwrap();
    let straight = ingest.picture(&decoded, spec).to_jpeg();
    let (from, to) = parts((frame.width(), frame.height()), tile, fit);
    let source = luma(frame, from);
    let expected = [
        imageops::resize(&source, to[2], to[3], FilterType::Lanczos3).into_raw(),
        averaged(&source, to[2], to[3]),
    ];
    let [ours, straight] = [ours, straight].map(|jpeg| luma(&ingest.decode(&jpeg.into()).unwrap(), to));
    expected.map(|expected| psnr(&ours, &expected) - psnr(&straight, &expected))
}

/// Something like a photograph: clouds of all sizes, and bodies with edges in front of them.
fn photograph(width: u32, height: u32) -> Picture {
    let hash = |x: u32, y: u32, octave: u32| {
        let mixed = (x ^ y.rotate_left(16) ^ octave << 11).wrapping_mul(0x9E37_79B1);
        f64::from((mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77) >> 16) / 65536.0 - 0.5
    };
    let cloud = |x: f64, y: f64, octave: u32| {
        let (x, y) = (x * f64::from(1 << octave), y * f64::from(1 << octave));
        let (column, row, x, y) = (x as u32, y as u32, x.fract(), y.fract());
        let ease = |t: f64| t * t * (3.0 - 2.0 * t);
        let at = |dx: u32, dy: u32| hash(column + dx, row + dy, octave);
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        mix(mix(at(0, 0), at(1, 0), ease(x)), mix(at(0, 1), at(1, 1), ease(x)), ease(y))
    };
    let sample = |x: f64, y: f64, add: f64| {
        let clouds: f64 =
            (1..9).map(|octave| cloud(x, y, octave) * 140.0 * 0.55f64.powi(octave as i32)).sum();
        let is_inside = |cx: f64, cy: f64, r: f64| (x - cx).hypot(y - cy) < r;
        let bodies = [(0.3, 0.4, 0.2, -50.0), (0.7, 0.2, 0.1, 70.0), (0.6, 0.5, 0.13, 40.0)];
        let body: f64 = bodies.iter().filter(|b| is_inside(b.0, b.1, b.2)).map(|b| b.3).sum();
        (120.0 + add + clouds + body).clamp(0.0, 255.0) as u8
    };
    let longest = f64::from(width.max(height));
    let plane = |width: u32, height: u32, step: f64, add: f64| -> Vec<u8> {
        let at = |n: u32| (f64::from(n) + 0.5) * step / longest;
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| sample(at(x), at(y), add))
            .collect()
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let planes = [
        plane(width, height, 1.0, 0.0),
        plane(half_width, half_height, 2.0, 20.0),
        plane(half_width, half_height, 2.0, -20.0),
    ];
    Picture::from_planes(width, height, planes).unwrap()
}

/// Whether halves are what is shown, in one direction at least: those are made by the transform, block by block.
fn is_halved((width, height): (u32, u32), tile: (u32, u32), fit: Fit) -> bool {
    let (from, to) = parts((width, height), tile, fit);
    from[2] == 2 * to[2] || from[3] == 2 * to[3]
}

#[test]
fn a_tile_is_no_more_than_a_tenth_of_a_decibel_behind_decoding_and_scaling() {
    let sizes = [(640, 480), (1080, 1080), (1280, 720), (1300, 730), (1440, 900), (1920, 1080)];
    for size in sizes {
        let frame = photograph(size.0, size.1);
        for (tile, fit) in [(64, 64), (160, 128), (320, 240)].into_iter().flat_map(|t| FITS.map(|f| (t, f))) {
            let gains = gains(&frame, tile, fit);
            let label = format!("{size:?} to {tile:?} {fit:?}: {gains:.3?} dB");
            // What is halved has less of what Lanczos keeps, and more of what averages keep.
            let worst = if is_halved(size, tile, fit) { -0.2 } else { -0.1 };
            assert!(gains.iter().all(|&gain| gain >= worst) && gains[0] + gains[1] >= -0.2, "{label}");
        }
    }
}

/// The frame with an Exif segment that says how the camera was held.
fn held(jpeg: &[u8], orientation: u8) -> Bytes {
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    let body = [&b"Exif\0\0"[..], tiff, &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &body, &jpeg[2..]].concat().into()
}

/// Where a side is no whole number of chroma samples, a mirrored picture begins amid one.
#[test]
fn a_reduced_frame_is_where_the_whole_one_is_however_the_camera_was_held() {
    let frame = photograph(1026, 1034);
    let spec = |fit| TileSpec { format: format(64, 80, 95), fit };
    for sampling in [SamplingFactor::F_2_2, SamplingFactor::F_2_1, SamplingFactor::F_1_1] {
        let jpeg = Foreign { sampling, ..Foreign::plain(95) }.encode(&frame);
        for (orientation, fit) in (1..=8).flat_map(|orientation| FITS.map(|fit| (orientation, fit))) {
            let jpeg = held(&jpeg, orientation);
            let mut ingest = Ingest::default();
            let ours = ingest.jpeg(&jpeg, spec(fit)).unwrap().tile.to_jpeg();
            let whole = ingest.decode(&jpeg).unwrap();
            let straight = ingest.picture(&whole, spec(fit)).to_jpeg();
            let [ours, straight] = [ours, straight].map(|tile| ingest.decode(&tile.into()).unwrap());
            for plane in 0..3 {
                let decibels = psnr(&ours.planes()[plane], &straight.planes()[plane]);
                assert!(
                    decibels > 42.0,
                    "{sampling:?}, orientation {orientation}, {fit:?}, plane {plane}: {decibels} dB"
                );
            }
        }
    }
}
