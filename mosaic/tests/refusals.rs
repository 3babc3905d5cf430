//! Every reason for which a frame is refused, with a frame that is refused for it, and for nothing else.
//!
//! Those of limits, of what is no JPEG and of frames that are cut off are in `ingest.rs`; those of a restart segment that
//! is damaged also beside the code that finds them.

mod support;

use support::oracle::coefficients::{self, Coefficients, Component, Huffman, Tables};
use support::{Foreign, picture, spec};
use tessera_mosaic::{FrameError, Ingest, Ingested, Way};

/// A baseline frame that is transcoded, being of the tile's size.
fn frame() -> Vec<u8> {
    Foreign::plain(85).encode(&picture(64, 64, 1)).to_vec()
}

/// The position of the marker's second byte.
fn marker(jpeg: &[u8], kind: u8) -> usize {
    jpeg.windows(2).position(|bytes| bytes == [0xFF, kind]).unwrap() + 1
}

/// The position of the body of the marker's segment.
fn body(jpeg: &[u8], kind: u8) -> usize {
    marker(jpeg, kind) + 3
}

fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    coefficients::segment(&mut segment, kind, body);
    segment
}

/// The frame with a segment in front of its scan.
fn with(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut jpeg = frame();
    let at = marker(&jpeg, 0xDA) - 1;
    jpeg.splice(at..at, segment(kind, body));
    jpeg
}

/// The frame without any segment of this kind.
fn without(kind: u8) -> Vec<u8> {
    let mut jpeg = frame();
    while let Some(at) = jpeg.windows(2).position(|bytes| bytes == [0xFF, kind]) {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        jpeg.drain(at..at + 2 + length);
    }
    jpeg
}

/// The frame with bytes of its `kind` segment's body changed.
fn changed(kind: u8, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut jpeg = frame();
    let body = body(&jpeg, kind);
    changes.iter().for_each(|&(at, byte)| jpeg[body + at] = byte);
    jpeg
}

/// Says what a frame is refused for, by the way to a tile of its own size and by the decoder.
fn refusals(jpeg: &[u8]) -> [FrameError; 2] {
    let bytes = jpeg.to_vec().into();
    let by_decoder = Ingest::default().decode(&bytes).map(|_| "a picture").unwrap_err();
    [Ingest::default().jpeg(&bytes, spec(64, 64)).map(|ingested| ingested.way).unwrap_err(), by_decoder]
}

fn expect_malformed(jpeg: &[u8], reason: &str) {
    for error in refusals(jpeg) {
        assert!(
            matches!(&error, FrameError::Malformed(why) if why.contains(reason)),
            "{error}, not {reason}"
        );
    }
}

fn expect_unsupported(jpeg: &[u8], reason: &str) {
    for error in refusals(jpeg) {
        assert!(
            matches!(&error, FrameError::Unsupported(why) if why.contains(reason)),
            "{error}, not {reason}"
        );
    }
}

#[test]
fn marker_segments_that_are_none_are_refused() {
    let jpeg = frame();
    let frame_header = marker(&jpeg, 0xC0) - 1;
    let stray = [&jpeg[..frame_header], &[0x12], &jpeg[frame_header..]].concat();
    expect_malformed(&stray, "no marker at byte");
    let short = [&jpeg[..frame_header], &[0xFF, 0xFE, 0, 1], &jpeg[frame_header..]].concat();
    expect_malformed(&short, "a segment of 1 bytes");
    let long = [&jpeg[..frame_header], &[0xFF, 0xFE, 0xFF, 0xFF], &jpeg[frame_header..]].concat();
    expect_malformed(&long, "cut off");
    for kind in [0x01, 0xD0, 0xD8, 0xBF, 0xF0] {
        expect_malformed(&with(kind, b"body"), &format!("a marker {kind:02X} that has no place here"));
    }
    expect_unsupported(&with(0xDC, &[0, 64]), "DNL");
}

#[test]
fn frame_headers_that_are_none_are_refused() {
    let whole = frame()[body(&frame(), 0xC0)..][..15].to_vec();
    expect_malformed(&with(0xC0, &whole), "two pictures in one");
    let header = |body: &[u8]| {
        let mut jpeg = without(0xC0);
        let at = marker(&jpeg, 0xDA) - 1;
        jpeg.splice(at..at, segment(0xC0, body));
        jpeg
    };
    expect_malformed(&header(&whole[..5]), "a frame header that is too short");
    expect_malformed(&header(&whole[..14]), "another length than its components take");
    expect_malformed(
        &header(&[&whole[..], &[4, 0x11, 1]].concat()),
        "another length than its components take",
    );
    expect_malformed(&without(0xC0), "no frame header");
    // Behind its data.
    let late = [&without(0xC0)[..], &segment(0xC0, &whole)].concat();
    let end = late.len() - 2 - whole.len() - 4;
    expect_malformed(&[&late[..end], &late[end + 2..], &[0xFF, 0xD9]].concat(), "no frame header");
    for ids in [(6, whole[9]), (9, whole[12]), (6, whole[12])] {
        expect_malformed(&changed(0xC0, &[ids]), "two components of one id");
    }
    expect_unsupported(&header(&[&[8, 0, 64, 0, 64, 2], &whole[6..12]].concat()), "2 components");
    for (kind, what) in
        [(0xC6, "hierarchical"), (0xC7, "hierarchical"), (0xCA, "arithmetic"), (0xCF, "arithmetic")]
    {
        let mut other = frame();
        let at = marker(&other, 0xC0);
        other[at] = kind;
        expect_unsupported(&other, what);
    }
}

#[test]
fn a_frame_without_a_scan_is_refused() {
    let jpeg = frame();
    let scan = marker(&jpeg, 0xDA) - 1;
    expect_malformed(&[&jpeg[..scan], &[0xFF, 0xD9]].concat(), "no picture data");
}

#[test]
fn tables_that_are_none_are_refused() {
    for body in [&[0, 1, 2][..], &[4; 65], &[0x10; 65], &[0; 66]] {
        expect_malformed(&with(0xDB, body), "a broken quantisation table");
    }
    let table = |id: u8, first: u8, symbols: usize| [&[id, first], &[0; 15][..], &vec![0; symbols]].concat();
    let broken = [
        // No counts, no symbols, no such class, no such table, more codes than one bit has.
        vec![0, 1],
        table(0, 1, 0),
        table(0x20, 1, 1),
        table(4, 1, 1),
        table(0, 3, 3),
    ];
    for body in broken {
        expect_malformed(&with(0xC4, &body), "a broken Huffman table");
    }
    for body in [&[][..], &[1], &[0, 1, 2]] {
        expect_malformed(&with(0xDD, body), "a broken restart interval");
    }
}

#[test]
fn tables_that_are_missing_are_refused() {
    // The standard has only tables 0 and 1.
    for tables in [0x20, 0x02, 0xF0, 0x0F] {
        expect_malformed(&changed(0xDA, &[(2, tables)]), "a Huffman table is missing");
    }
    // Without quantisation tables nothing of ours begins; zune-jpeg refuses it then.
    for jpeg in [without(0xDB), changed(0xC0, &[(8, 3)]), changed(0xC0, &[(14, 9)])] {
        for error in refusals(&jpeg) {
            assert!(matches!(error, FrameError::Malformed(_)), "{error}");
        }
    }
    expect_malformed(&later_scan_without_its_steps(), "a quantisation table is missing");
}

/// Several scans, and 16-bit steps in front of the second, which are not ours to use.
fn later_scan_without_its_steps() -> Vec<u8> {
    let mut jpeg = Foreign { optimised: true, ..Foreign::plain(85) }.encode(&picture(64, 64, 1)).to_vec();
    let second = jpeg.windows(2).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xDA]).nth(1).unwrap().0;
    let mut wide = Vec::new();
    coefficients::segment(&mut wide, 0xDB, &[&[0x11][..], &[1; 128]].concat());
    jpeg.splice(second..second, wide);
    jpeg
}

#[test]
fn scan_headers_that_are_none_are_refused() {
    let broken = [
        // No component, more than there is room for, an unknown one, a part of the spectrum, a part of the bits.
        changed(0xDA, &[(0, 0)]),
        changed(0xDA, &[(0, 4)]),
        changed(0xDA, &[(1, 9)]),
        changed(0xDA, &[(7, 1)]),
        changed(0xDA, &[(8, 62)]),
        changed(0xDA, &[(9, 0x10)]),
    ];
    for jpeg in broken {
        expect_malformed(&jpeg, "a broken scan header");
    }
    let mut empty = frame();
    let at = marker(&empty, 0xDA);
    empty.splice(at + 1..at + 13, [0, 2]);
    expect_malformed(&empty, "a broken scan header");
    let first = frame()[body(&frame(), 0xDA) + 1];
    expect_malformed(&changed(0xDA, &[(3, first)]), "a colour is there twice");
}

#[test]
fn a_frame_without_one_of_its_colours_is_refused() {
    let jpeg = Foreign { optimised: true, ..Foreign::plain(85) }.encode(&picture(64, 64, 1));
    let scans: Vec<_> = jpeg.windows(2).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xDA]).collect();
    let last = scans.last().unwrap().0;
    expect_malformed(&[&jpeg[..last], &[0xFF, 0xD9]].concat(), "a colour is missing");
}

#[test]
fn restart_segments_that_are_not_those_that_are_due_are_refused() {
    let jpeg = Foreign { restart_interval: 4, ..Foreign::plain(60) }.encode(&picture(64, 64, 1)).to_vec();
    let second = marker(&jpeg, 0xD1);
    let mut renumbered = jpeg.clone();
    renumbered[second] = 0xD2;
    expect_malformed(&renumbered, "a restart marker is not the one that is due");
    let end = jpeg.len() - 2;
    expect_malformed(&[&jpeg[..end], &[0xFF, 0xD3], &jpeg[end..]].concat(), "a restart segment too many");
    let last = marker(&jpeg, 0xD2) - 1;
    expect_malformed(&[&jpeg[..last], &jpeg[end..]].concat(), "a restart segment is missing");
}

/// The coefficients of a frame of the tile's size, nearly all of them zero.
fn nearly_black() -> Coefficients {
    let component = |factor: usize| Component {
        factors: (factor, factor),
        steps: [1; 64],
        across: 4 * factor,
        blocks: vec![[0; 64]; 16 * factor * factor],
    };
    Coefficients { width: 64, height: 64, components: vec![component(2), component(1), component(1)] }
}

fn any_tables() -> Tables {
    [Huffman::of_every_symbol(), Huffman::of_every_symbol()]
}

/// The data of a frame replaced.
fn with_data(jpeg: &[u8], data: &[u8]) -> Vec<u8> {
    let scan = body(jpeg, 0xDA) + 10;
    [&jpeg[..scan], data, &[0xFF, 0xD9]].concat()
}

#[test]
fn damaged_data_is_refused_with_what_is_wrong_with_it() {
    let jpeg = frame();
    let damage = |data: &[u8], flaw: &str| {
        expect_malformed(&with_data(&jpeg, data), &format!("its data is damaged: {flaw}"));
    };
    // The standard's codes of ones alone mean nothing; DC 0 is 00.
    damage(&[0b0011_1111, 0xFF, 0, 0xFF, 0, 0xFF, 0], "bits that are no Huffman code");
    damage(&[], "too few blocks");
    damage(&[0b0010_1000, 0b1010_0010], "too few blocks");
    // A run of 15 and a zero, 11111111001, four times and once more.
    damage(
        &[0x3F, 0xE7, 0xFC, 0xFF, 0, 0x9F, 0xF3, 0xFE, 0x7F, 0xCF, 0xF9],
        "more than 64 coefficients in a block",
    );
    let end = jpeg.len() - 2;
    let trailing = [&jpeg[..end], &[0x12, 0x34], &jpeg[end..]].concat();
    expect_malformed(&trailing, "its data is damaged: more than its blocks");
}

#[test]
fn dc_coefficients_that_no_picture_has_are_refused() {
    for (values, is_taken) in [
        ([2047, 0], true),
        ([-2048, 0], true),
        ([2048, 0], false),
        ([-2049, 0], false),
        ([1500, 2050], false),
        ([32767, 0], false),
    ] {
        let mut coefficients = nearly_black();
        [coefficients.components[0].blocks[0][0], coefficients.components[0].blocks[1][0]] = values;
        let jpeg = coefficients.write(&any_tables(), 0);
        if is_taken {
            let ingested = Ingest::default().jpeg(&jpeg.into(), spec(64, 64));
            assert!(matches!(ingested, Ok(Ingested { way: Way::Transcoded, .. })));
        } else {
            expect_malformed(&jpeg, "a DC coefficient that no picture has");
        }
    }
    // A size of 16 bits and more, which no DC coefficient has.
    let mut tables = any_tables();
    tables[0][0].symbols.iter_mut().for_each(|symbol| *symbol += 16);
    let mut jpeg = nearly_black().write(&any_tables(), 0);
    let table = body(&jpeg, 0xC4) + 17;
    jpeg[table..table + 16].copy_from_slice(&tables[0][0].symbols);
    expect_malformed(&jpeg, "a DC coefficient that no picture has");
}

#[test]
fn samplings_that_are_no_powers_of_two_are_refused() {
    for factors in [0x31, 0x13, 0x00, 0x52] {
        expect_unsupported(&changed(0xC0, &[(7, factors)]), "sampling factors other than 1, 2 and 4");
    }
}

/// A sound frame of components with these factors, of colours that are red, green and blue if an Adobe segment says so.
fn of_factors(size: (u16, u16), factors: [(usize, usize); 3]) -> Vec<u8> {
    let most = |of: fn((usize, usize)) -> usize| factors.map(of).into_iter().max().unwrap() * 8;
    let across = usize::from(size.0).div_ceil(most(|f| f.0));
    let down = usize::from(size.1).div_ceil(most(|f| f.1));
    let component = |(x, y): (usize, usize)| Component {
        factors: (x, y),
        steps: [4; 64],
        across: across * x,
        blocks: (0..across * x * down * y)
            .map(|n| std::array::from_fn(|at| (n * 7 + at) as i32 % 5))
            .collect(),
    };
    let components = factors.map(component).to_vec();
    Coefficients { width: size.0, height: size.1, components }.write(&any_tables(), 0)
}

/// zune-jpeg panics where a colour has more samples than the first, which is legal, and nobody writes.
#[test]
fn frames_of_every_sampling_are_decoded_or_refused_for_it() {
    let all = [1, 2, 4].map(|x| [1, 2, 4].map(|y| (x, y)));
    let all = all.as_flattened();
    let adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0");
    let (mut decoded, mut refused) = (0, 0);
    for (&first, &second, &third) in
        all.iter().flat_map(|a| all.iter().flat_map(move |b| all.iter().map(move |c| (a, b, c))))
    {
        let factors = [first, second, third];
        if factors.iter().map(|(x, y)| x * y).sum::<usize>() > 10 {
            continue;
        }
        let has_more = |&(x, y): &(usize, usize)| x > first.0 || y > first.1;
        for size in [(17, 33), (70, 531)] {
            let jpeg = of_factors(size, factors);
            let rgb = [&jpeg[..2], &adobe, &jpeg[2..]].concat();
            for jpeg in [jpeg, rgb] {
                match Ingest::default().jpeg(&jpeg.into(), spec(64, 64)) {
                    Ok(_) => decoded += 1,
                    Err(FrameError::Unsupported(why)) if why.contains("more samples of a colour") => {
                        assert!(factors.iter().any(has_more), "{factors:?}");
                        refused += 1;
                    }
                    // Without an Adobe segment it is our own decoder's, which takes it.
                    Err(FrameError::Unsupported(why)) if why.contains("factor 2 under 4") => {
                        assert!(first.1 == 4 && (second.1 == 2 || third.1 == 2), "{factors:?}");
                    }
                    Err(error) => panic!("{factors:?}: {error}"),
                }
            }
        }
    }
    assert!(decoded > 100 && refused > 100, "{decoded} decoded, {refused} refused");
}

#[test]
fn what_zune_jpeg_refuses_is_refused() {
    let progressive = Foreign { progressive: true, ..Foreign::plain(85) }.encode(&picture(64, 64, 1));
    let mut damaged = progressive.to_vec();
    let first = body(&damaged, 0xDA) + 10;
    damaged[first..first + 40].fill(0xAA);
    for error in refusals(&damaged) {
        assert!(matches!(error, FrameError::Malformed(_)), "{error}");
    }
}
