//! What comes in as which tile, and what is refused for what reason.

mod support;

use bytes::Bytes;
use jpeg_encoder::SamplingFactor;
use proptest::prelude::*;
use support::{Foreign, picture, psnr, spec};
use tessera_mosaic::{Fit, FrameError, Ingest, Ingested, Limits, Picture, TileSpec, Way, probe};

fn ingest(jpeg: impl Into<Bytes>, spec: TileSpec) -> Result<Ingested, FrameError> {
    Ingest::new(Limits::default()).jpeg(&jpeg.into(), spec)
}

fn refusal(jpeg: impl Into<Bytes>) -> FrameError {
    ingest(jpeg, spec(64, 64)).unwrap_err()
}

fn tile_picture(ingested: &Ingested) -> Picture {
    Ingest::default().decode(&ingested.tile.to_jpeg().into()).unwrap()
}

/// `jpeg` with `segment` behind SOI.
fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, body, &jpeg[2..]].concat()
}

fn exif(orientation: u8) -> Vec<u8> {
    let mut body = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    body.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    body
}

/// The position behind `marker`'s first occurrence.
fn behind(jpeg: &[u8], marker: u8) -> usize {
    jpeg.windows(2).position(|bytes| bytes == [0xFF, marker]).unwrap() + 2
}

/// `jpeg` of 64x64 pixels with another size in its header.
fn resized(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let at = behind(&jpeg, 0xC0) + 3;
    jpeg[at..at + 2].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn a_canonical_tile_of_a_stranger_is_accepted_as_it_is() {
    let jpeg = Foreign::tile(85, 64).encode(&picture(64, 64, 1));
    let ingested = ingest(jpeg.clone(), spec(64, 64)).unwrap();
    assert_eq!(ingested.way, Way::Accepted);
    // Behind SOS and its parameters everything is the stranger's.
    let scan = behind(&jpeg, 0xDA) + 12;
    assert!(ingested.tile.to_jpeg().ends_with(&jpeg[scan..]));
}

/// Codes of quality 100 under the steps of 85 are sound, and more than any encoder makes of a picture of 85.
#[test]
fn a_tile_with_more_bytes_than_any_picture_has_is_encoded_anew() {
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(320 * 240 * 3)
    .collect();
    let noise = Picture::from_rgb(320, 240, &noise).unwrap();
    let [fine, coarse] = [100, 85].map(|quality| Foreign::tile(quality, 320).encode(&noise));
    let honest = ingest(coarse.clone(), spec(320, 240)).unwrap();
    assert_eq!(honest.way, Way::Accepted, "noise is a picture, too");
    let [fine_scan, coarse_scan] = [&fine, &coarse].map(|jpeg| behind(jpeg, 0xDA) + 12);
    let forged = ingest([&coarse[..coarse_scan], &fine[fine_scan..]].concat(), spec(320, 240)).unwrap();
    assert_eq!(forged.way, Way::Reencoded);
    let [honest, forged] = [honest, forged].map(|ingested| ingested.tile.compressed_len());
    assert!(fine.len() > 2 * honest && forged < 320 * 240 * 5 / 4, "{} {honest} {forged}", fine.len());
}

#[test]
fn our_own_tiles_are_accepted() {
    let mut ingest = Ingest::default();
    let tile = ingest.picture(&picture(300, 200, 1), spec(320, 240));
    assert_eq!(ingest.jpeg(&tile.to_jpeg().into(), spec(320, 240)).unwrap().way, Way::Accepted);
}

#[test]
fn comments_and_application_data_of_a_canonical_tile_are_dropped() {
    let jpeg = Foreign::tile(85, 64).encode(&picture(64, 64, 1));
    let long = with_segment(&with_segment(&jpeg, 0xFE, b"where it was taken"), 0xE2, b"ICC_PROFILE\0");
    let ingested = ingest(long, spec(64, 64)).unwrap();
    assert_eq!(ingested.way, Way::Accepted);
    assert_eq!(ingested.tile.to_jpeg(), ingest(jpeg, spec(64, 64)).unwrap().tile.to_jpeg());
}

#[test]
fn what_differs_from_a_tile_in_anything_is_encoded_anew() {
    let base = Foreign::tile(85, 64);
    let others = [
        Foreign { restart_interval: 0, ..base },
        Foreign { restart_interval: 2, ..base },
        Foreign { quality: 84, ..base },
    ];
    for other in others {
        let ingested = ingest(other.encode(&picture(64, 64, 1)), spec(64, 64)).unwrap();
        assert_eq!(ingested.way, Way::Transcoded);
    }
    let others = [
        Foreign { sampling: SamplingFactor::F_1_1, ..base },
        Foreign { sampling: SamplingFactor::F_2_1, ..base },
        Foreign { progressive: true, ..base },
    ];
    for other in others {
        let ingested = ingest(other.encode(&picture(64, 64, 1)), spec(64, 64)).unwrap();
        assert_eq!(ingested.way, Way::Reencoded);
    }
    let turned = with_segment(&base.encode(&picture(64, 64, 1)), 0xE1, &exif(3));
    assert_eq!(ingest(turned, spec(64, 64)).unwrap().way, Way::Reencoded);
    let rgb = support::with_adobe(&base.encode(&picture(64, 64, 1)), Some(0), false);
    assert_eq!(ingest(rgb, spec(64, 64)).unwrap().way, Way::Reencoded);
}

#[test]
fn every_kind_that_is_taken_looks_as_it_was() {
    let original = picture(128, 96, 7);
    let base = Foreign::plain(95);
    let kinds = [
        base,
        Foreign { sampling: SamplingFactor::F_1_1, ..base },
        Foreign { sampling: SamplingFactor::F_2_1, ..base },
        Foreign { sampling: SamplingFactor::F_1_2, ..base },
        Foreign { sampling: SamplingFactor::F_4_1, ..base },
        Foreign { progressive: true, ..base },
        Foreign { progressive: true, restart_interval: 3, ..base },
        Foreign { restart_interval: 3, ..base },
        // Several scans of one component each.
        Foreign { optimised: true, ..base },
        Foreign { optimised: true, restart_interval: 3, ..base },
    ];
    for (n, kind) in kinds.into_iter().enumerate() {
        let spec = TileSpec { format: support::format(128, 96, 95), fit: Fit::Contain };
        let seen = tile_picture(&ingest(kind.encode(&original), spec).unwrap());
        for plane in 0..3 {
            let decibels = psnr(&seen.planes()[plane], &original.planes()[plane]);
            // 4:1:1 has half the chroma columns of this noisy picture, and zune smooths what is progressive.
            // Chroma that was repeated to full resolution is not what a filter halves best.
            let enough = match n {
                4..=6 if plane > 0 => 16.0,
                1 if plane > 0 => 28.0,
                _ => 30.0,
            };
            assert!(decibels > enough, "kind {n}, plane {plane}: {decibels} dB");
        }
    }
}

/// A JFIF segment decides, then Adobe's, then the components' ids.
#[test]
fn three_components_are_what_libjpeg_takes_them_for() {
    let plain = Picture::from_ycbcr(64, 64, &[81, 90, 240].repeat(64 * 64)).unwrap();
    let as_rgb = Picture::from_rgb(64, 64, &[81, 90, 240].repeat(64 * 64)).unwrap();
    let colour = |picture: &Picture| [0, 1, 2].map(|plane| picture.planes()[plane][0]);
    let kinds = [Foreign::plain(95), Foreign { progressive: true, ..Foreign::plain(95) }];
    for (jfif, adobe, ids, is_rgb) in [
        (true, None, [1, 2, 3], false),
        (true, Some(0), [1, 2, 3], false),
        (true, Some(1), [1, 2, 3], false),
        (true, Some(2), [1, 2, 3], false),
        (true, None, *b"RGB", false),
        (true, Some(0), *b"RGB", false),
        (false, None, [1, 2, 3], false),
        (false, Some(0), [1, 2, 3], true),
        (false, Some(1), [1, 2, 3], false),
        (false, Some(2), [1, 2, 3], false),
        (false, Some(0), *b"RGB", true),
        (false, Some(1), *b"RGB", false),
        (false, None, *b"RGB", true),
        (false, None, *b"RGA", false),
        (false, None, [7, 8, 9], false),
    ] {
        for kind in kinds {
            let mut jpeg = support::with_adobe(&kind.encode(&plain), adobe, jfif);
            renamed(&mut jpeg, ids);
            let expected = colour(if is_rgb { &as_rgb } else { &plain });
            let label =
                format!("JFIF: {jfif}, Adobe: {adobe:?}, ids {ids:?}, progressive: {}", kind.progressive);
            let seen = Ingest::default().decode(&jpeg.clone().into());
            let decoded = colour(&seen.unwrap_or_else(|error| panic!("{label}: {error}")));
            let tile = colour(&tile_picture(&ingest(jpeg, spec(64, 64)).unwrap()));
            for (got, expected) in decoded.iter().chain(&tile).zip(expected.iter().cycle()) {
                assert!(got.abs_diff(*expected) < 5, "{label}: {decoded:?}, {tile:?} for {expected:?}");
            }
        }
    }
}

/// Gives the components other ids, in the frame's header and in the scans'.
fn renamed(jpeg: &mut [u8], ids: [u8; 3]) {
    let frame = jpeg.windows(2).position(|bytes| matches!(bytes, [0xFF, 0xC0 | 0xC2])).unwrap() + 10;
    let before = [0, 1, 2].map(|n| jpeg[frame + 3 * n]);
    (0..3).for_each(|n| jpeg[frame + 3 * n] = ids[n]);
    let scans: Vec<_> = jpeg.windows(2).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xDA]).collect();
    let scans: Vec<_> = scans.into_iter().map(|(at, _)| at + 4).collect();
    for scan in scans {
        for at in (0..usize::from(jpeg[scan])).map(|n| scan + 1 + 2 * n) {
            jpeg[at] = ids[before.iter().position(|&id| id == jpeg[at]).unwrap()];
        }
    }
}

/// AVI and cameras leave them out of motion JPEG: the standard's are meant.
#[test]
fn a_frame_without_huffman_tables_is_decoded_with_the_standards() {
    let jpeg = Foreign::plain(85).encode(&picture(64, 64, 1));
    let mut without = jpeg.to_vec();
    while let Some(at) = without.windows(2).position(|bytes| bytes == [0xFF, 0xC4]) {
        let length = usize::from(u16::from_be_bytes([without[at + 2], without[at + 3]]));
        without.drain(at..at + 2 + length);
    }
    assert!(without.len() < jpeg.len() - 400);
    let tile = |jpeg| ingest(jpeg, spec(64, 64)).unwrap().tile.to_jpeg();
    assert_eq!(tile(without.into()), tile(jpeg));
}

#[test]
fn a_damaged_foreign_frame_is_refused() {
    for kind in [Foreign::plain(85), Foreign { restart_interval: 2, ..Foreign::plain(85) }] {
        let jpeg = kind.encode(&picture(64, 64, 1));
        let middle = jpeg.len() - 600;
        let mut damaged = jpeg.to_vec();
        damaged[middle..middle + 100].fill(0xAA);
        assert!(matches!(refusal(damaged), FrameError::Malformed(_)));
        let shorter = [&jpeg[..middle], &jpeg[middle + 50..]].concat();
        assert!(matches!(refusal(shorter), FrameError::Malformed(_)));
    }
}

#[test]
fn a_grey_picture_becomes_a_tile_without_colour() {
    let luma = picture(64, 64, 3).planes()[0].clone();
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 95).encode(&luma, 64, 64, jpeg_encoder::ColorType::Luma).unwrap();
    let seen = tile_picture(&ingest(jpeg, spec(64, 64)).unwrap());
    assert!(psnr(&seen.planes()[0], &luma) > 28.0);
    assert!(seen.planes()[1].iter().all(|&chroma| chroma == 128));
}

#[test]
fn exif_orientation_is_applied() {
    // One bright corner says which way up the picture is.
    let mut upright = Picture::black(64, 64).unwrap();
    (0..32).for_each(|y| upright.planes_mut()[0][y * 64..][..32].fill(255));
    let jpeg = Foreign::plain(95).encode(&upright);
    let corner = |orientation| {
        let turned = with_segment(&jpeg, 0xE1, &exif(orientation));
        let seen = tile_picture(&ingest(turned, spec(64, 64)).unwrap());
        let bright = |x: usize, y: usize| seen.planes()[0][y * 64 + x] > 128;
        [(8, 8), (56, 8), (56, 56), (8, 56)].iter().position(|&(x, y)| bright(x, y)).unwrap()
    };
    // Where the stored picture's top left is to be seen, clockwise from the top left: TIFF 6.0, tag 274.
    let corners: Vec<_> = (1..=8).map(corner).collect();
    assert_eq!(corners, [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn a_turned_picture_of_another_shape_changes_its_shape() {
    let jpeg = Foreign::plain(90).encode(&picture(96, 64, 1));
    for (orientation, size) in [(1, (96, 64)), (3, (96, 64)), (6, (64, 96)), (8, (64, 96))] {
        let turned = with_segment(&jpeg, 0xE1, &exif(orientation)).into();
        let picture = Ingest::default().decode(&turned).unwrap();
        assert_eq!((picture.width(), picture.height()), size);
    }
}

#[test]
fn no_prefix_of_a_frame_is_taken_for_a_frame() {
    let picture = picture(64, 64, 1);
    for kind in
        [Foreign::tile(85, 64), Foreign::plain(85), Foreign { progressive: true, ..Foreign::plain(85) }]
    {
        let jpeg = kind.encode(&picture);
        for length in 0..jpeg.len() {
            let error = refusal(jpeg.slice(..length));
            assert!(
                matches!(error, FrameError::NotJpeg { .. } | FrameError::Malformed(_)),
                "{length} of {} bytes: {error}",
                jpeg.len()
            );
        }
    }
}

#[test]
fn what_is_no_jpeg_is_told_so() {
    for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>", b"\xFF", b"\xFF\xD8"] {
        assert!(matches!(refusal(bytes), FrameError::NotJpeg { .. }), "{bytes:?}");
    }
    let message = refusal(&b"\x89PNG\r\n"[..]).to_string();
    assert!(message.contains("89 50 4E 47"), "{message}");
}

#[test]
fn a_frame_over_a_limit_is_refused_from_its_header() {
    let jpeg = Foreign::plain(85).encode(&picture(64, 64, 1));
    for (width, height) in [(13000, 13000), (65500, 65500), (4097, 16), (16, 4097), (4096, 4096)] {
        let error = refusal(resized(&jpeg, width, height));
        assert!(matches!(error, FrameError::OverLimit { .. }), "{width}x{height}: {error}");
    }
    let mut bytes = jpeg.to_vec();
    bytes.resize((4 << 20) + 1, 0);
    assert!(matches!(refusal(bytes), FrameError::OverLimit { what: "bytes", got: 4_194_305, .. }));
    let comments = std::iter::repeat_n([0xFF, 0xFE, 0xFF, 0xFF].as_slice(), 80);
    let padded: Vec<_> = comments.flat_map(|head| [head, &[0; 65533]].concat()).collect();
    let bytes = [&jpeg[..2], &padded, &jpeg[2..]].concat();
    assert!(matches!(refusal(bytes), FrameError::OverLimit { what: "bytes", .. }));
}

#[test]
fn a_progressive_frame_of_too_many_scans_is_refused() {
    let jpeg = Foreign { progressive: true, ..Foreign::plain(85) }.encode(&picture(64, 64, 1));
    let first = behind(&jpeg, 0xDA) - 2;
    let more = probe(&jpeg, &Limits::default()).map(|_| jpeg[first..jpeg.len() - 2].repeat(20)).unwrap();
    let bytes = [&jpeg[..first], &more, &[0xFF, 0xD9]].concat();
    assert!(matches!(refusal(bytes), FrameError::OverLimit { what: "scans", .. }));
}

#[test]
fn a_size_of_zero_is_refused_and_one_pixel_is_not() {
    let jpeg = Foreign::plain(85).encode(&picture(64, 64, 1));
    assert!(matches!(refusal(resized(&jpeg, 0, 64)), FrameError::Malformed(_)));
    for width in [0, 64] {
        // It would follow the picture, which almost nobody writes.
        assert!(matches!(refusal(resized(&jpeg, width, 0)), FrameError::Unsupported(_)));
    }
    let dot = Foreign::plain(85).encode(&picture(1, 1, 1));
    assert_eq!(ingest(dot, spec(64, 64)).unwrap().way, Way::Reencoded);
}

#[test]
fn unsupported_kinds_are_named() {
    let jpeg = Foreign::plain(85).encode(&picture(64, 64, 1));
    let sof = behind(&jpeg, 0xC0);
    for (marker, name) in
        [(0xC3, "lossless"), (0xC5, "hierarchical"), (0xC9, "arithmetic"), (0xCB, "arithmetic")]
    {
        let mut other = jpeg.to_vec();
        other[sof - 1] = marker;
        let error = refusal(other);
        assert!(matches!(&error, FrameError::Unsupported(what) if what.contains(name)), "{error}");
    }
    let mut deep = jpeg.to_vec();
    deep[sof + 2] = 12;
    assert!(matches!(refusal(deep), FrameError::Unsupported(what) if what.contains("12-bit")));
    let mut cmyk = Vec::new();
    let pixels = [0; 64 * 64 * 4];
    jpeg_encoder::Encoder::new(&mut cmyk, 90).encode(&pixels, 64, 64, jpeg_encoder::ColorType::Cmyk).unwrap();
    assert!(matches!(refusal(cmyk), FrameError::Unsupported(what) if what.contains("4 components")));
}

#[test]
fn a_canonical_header_over_a_broken_scan_is_refused() {
    let jpeg = Foreign::tile(85, 64).encode(&picture(64, 64, 1));
    let scan = behind(&jpeg, 0xDA) + 10;
    let first_marker = jpeg.windows(2).position(|bytes| bytes == [0xFF, 0xD0]).unwrap();
    let broken = [
        // A segment in which no code can be right.
        [&jpeg[..scan], &[0xAA; 40], &jpeg[first_marker..]].concat(),
        // A segment too few, and one twice.
        [&jpeg[..scan], &jpeg[first_marker + 2..]].concat(),
        [&jpeg[..first_marker + 2], &jpeg[scan..]].concat(),
        // More in a segment than its blocks.
        [&jpeg[..first_marker], &[0x12, 0x34], &jpeg[first_marker..]].concat(),
        // Less in it.
        [&jpeg[..first_marker - 8], &jpeg[first_marker..]].concat(),
        // A marker out of turn.
        [&jpeg[..first_marker], &[0xFF, 0xD3], &jpeg[first_marker + 2..]].concat(),
    ];
    for (n, bytes) in broken.into_iter().enumerate() {
        let error = refusal(bytes);
        assert!(matches!(error, FrameError::Malformed(_)), "{n}: {error}");
    }
}

/// Bits that are right as Huffman codes and, read as bytes, are a marker: a comment that would swallow whatever
/// the splice puts behind it.
#[test]
fn a_marker_that_hides_in_the_data_is_not_spliced() {
    let jpeg = Foreign::tile(85, 128).encode(&Picture::from_gray(128, 64, vec![128; 128 * 64]).unwrap());
    let last =
        jpeg.windows(2).rposition(|bytes| bytes[0] == 0xFF && matches!(bytes[1], 0xD0..=0xD7)).unwrap();
    let chroma = "0000".repeat(2);
    // DC 0, two coefficients; then the code FFFE, a run of 15 and ten bits; a run of 0 and three bits; the end of
    // the block. The ten bits and the six behind them are the comment's length: 34, all the rest of the data.
    let mut bits = "00001001".to_owned() + "1111111111111110" + "0000000000" + "100" + "010" + "1010";
    bits += &("001010".repeat(3) + &chroma);
    bits += &("001010".repeat(4) + &chroma).repeat(7);
    bits += &"1".repeat((8 - bits.len() % 8) % 8);
    let hidden: Vec<_> =
        (0..bits.len()).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap()).collect();
    assert_eq!((&hidden[1..5], hidden.len()), (&[0xFF, 0xFE, 0, 34][..], 3 + 34));
    let jpeg = [&jpeg[..last + 2], &hidden, &[0xFF, 0xD9]].concat();
    assert!(!matches!(ingest(jpeg, spec(128, 64)), Ok(Ingested { way: Way::Accepted, .. })));
}

#[test]
fn nothing_but_the_end_may_follow_the_data_of_an_accepted_tile() {
    let jpeg = Foreign::tile(85, 64).encode(&picture(64, 64, 1));
    let (data, end) = jpeg.split_at(jpeg.len() - 2);
    for between in [&b"\xFF\xFE\0\x04no"[..], b"\xFF", b"\xFF\xE1\0\x02", b"\xFF\xFF\0"] {
        if let Ok(ingested) = ingest([data, between, end].concat(), spec(64, 64)) {
            assert_ne!(ingested.way, Way::Accepted, "{between:?}");
        }
    }
    let doubled = jpeg.windows(2).position(|bytes| bytes == [0xFF, 0]).unwrap();
    let filled = [&jpeg[..doubled], b"\xFF", &jpeg[doubled..]].concat();
    assert!(!matches!(ingest(filled, spec(64, 64)), Ok(Ingested { way: Way::Accepted, .. })));
}

/// Cameras fill up their buffers in front of a marker.
#[test]
fn zeros_in_front_of_a_marker_are_no_damage() {
    for kind in [Foreign::plain(85), Foreign { restart_interval: 2, ..Foreign::plain(85) }] {
        let jpeg = kind.encode(&picture(64, 64, 1));
        let (data, end) = jpeg.split_at(jpeg.len() - 2);
        let filled = ingest([data, &[0; 9], end].concat(), spec(64, 64)).unwrap();
        assert_eq!(filled.tile.to_jpeg(), ingest(jpeg.clone(), spec(64, 64)).unwrap().tile.to_jpeg());
        assert!(matches!(refusal([data, &[0, 1], end].concat()), FrameError::Malformed(_)));
    }
}

#[test]
fn what_follows_the_end_of_a_frame_is_not_passed_on() {
    let jpeg = Foreign::tile(85, 64).encode(&picture(64, 64, 1));
    let trailing = [&jpeg, &b"\xFF\xD0secret"[..]].concat();
    let ingested = ingest(trailing, spec(64, 64)).unwrap();
    assert!(ingested.tile.to_jpeg().ends_with(&jpeg[jpeg.len() - 40..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever bytes are changed: no panic, and what is accepted can be decoded by a strict decoder.
    #[test]
    fn a_changed_frame_is_refused_or_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        canonical in any::<bool>(),
    ) {
        let kind = if canonical { Foreign::tile(85, 64) } else { Foreign::plain(85) };
        let mut jpeg = kind.encode(&picture(64, 64, 9)).to_vec();
        for (index, byte) in changes {
            let at = index.index(jpeg.len());
            jpeg[at] = byte;
        }
        if let Ok(ingested) = ingest(jpeg, spec(64, 64)) {
            let again = ingest(ingested.tile.to_jpeg(), spec(64, 64)).unwrap();
            prop_assert_eq!(again.way, Way::Accepted);
            support::decoded_luma(&ingested.tile.to_jpeg());
        }
    }

    /// Nothing that is not a JPEG panics either.
    #[test]
    fn garbage_behind_a_jpegs_first_bytes_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let jpeg = [&[0xFF, 0xD8, 0xFF], &bytes[..]].concat();
        prop_assert!(ingest(jpeg, spec(64, 64)).is_err());
    }
}
