//! Frames that are no good, each made of a good one (markers and clauses: ITU-T T.81).

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder};
use tessera_wire::refusal::Reason;

use crate::pictures;

const SOF0: u8 = 0xC0;
const DHT: u8 = 0xC4;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const COM: u8 = 0xFE;

/// A frame that is to be refused.
#[derive(Debug, Clone)]
pub struct Forged {
    /// What is wrong with it.
    pub name: &'static str,
    /// What the refusal must say.
    pub reason: Reason,
    /// The frame.
    pub jpeg: Bytes,
}

fn forged(name: &'static str, reason: Reason, jpeg: impl Into<Bytes>) -> Forged {
    Forged { name, reason, jpeg: jpeg.into() }
}

/// A good frame of this size, which is a canonical tile but for its restart interval.
fn good(size: (u32, u32)) -> Vec<u8> {
    pictures::frame(size.0, size.1, 1).to_vec()
}

/// Headers over a few bytes that promise many pixels, or none.
pub fn sizes(tile: (u32, u32)) -> Vec<Forged> {
    let sized = |width, height| resized(&good(tile), width, height);
    vec![
        forged("13000x13000", Reason::OverLimit, sized(13_000, 13_000)),
        forged("65500x65500", Reason::OverLimit, sized(65_500, 65_500)),
        // One that is as small is a picture, and taken.
        forged("one pixel", Reason::Malformed, sized(1, 1)),
        forged("one pixel wide", Reason::Malformed, sized(1, 128)),
        forged("one pixel high", Reason::Malformed, sized(160, 1)),
        forged("no width", Reason::Malformed, sized(0, 128)),
        // A height of 0 is one that follows the picture (B.2.5, DNL).
        forged("no height", Reason::Unsupported, sized(160, 0)),
    ]
}

/// Kinds of JPEG that are not taken.
pub fn kinds(tile: (u32, u32)) -> Vec<Forged> {
    let coded = |kind| {
        let mut jpeg = good(tile);
        let at = find(&jpeg, SOF0);
        jpeg[at + 1] = kind;
        jpeg
    };
    let mut deep = coded(0xC1);
    let at = find(&deep, 0xC1);
    deep[at + 4] = 12;
    vec![
        forged("CMYK", Reason::Unsupported, cmyk(tile)),
        forged("12 bits", Reason::Unsupported, deep),
        forged("arithmetic coding", Reason::Unsupported, coded(0xC9)),
        forged("lossless", Reason::Unsupported, coded(0xC3)),
        forged("two components", Reason::Unsupported, two_components(tile)),
        forged("1,000 scans", Reason::OverLimit, many_scans(tile, 1000)),
    ]
}

/// Tables and restarts that are missing, broken, or too many.
pub fn tables(tile: (u32, u32)) -> Vec<Forged> {
    let jpeg = good(tile);
    let counts_of_a_tree_that_is_too_full = [&[0][..], &[255; 16], &[0; 300]].concat();
    vec![
        forged("no quantisation tables", Reason::Malformed, without(&jpeg, DQT)),
        forged(
            "a Huffman table that is none",
            Reason::Malformed,
            with(&jpeg, DHT, &counts_of_a_tree_that_is_too_full),
        ),
        forged("half a quantisation table", Reason::Malformed, with(&jpeg, DQT, &[0; 33])),
        forged("a restart after each MCU, and none there", Reason::Malformed, with(&jpeg, DRI, &[0, 1])),
        forged("restarts that nobody announced", Reason::Malformed, stray_restarts(&jpeg)),
        forged("5 MB of comments", Reason::OverLimit, commented(&jpeg, 5_000_000)),
    ]
}

/// What is no JPEG at all.
pub fn others() -> Vec<Forged> {
    let not = |name, bytes: &'static [u8]| forged(name, Reason::NotJpeg, bytes);
    vec![
        not("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"),
        not("GIF", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"),
        not("SVG", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        not("HTML", b"<!doctype html><script>alert(1)</script>"),
    ]
}

/// A canonical tile's header over data that is not its own.
pub fn data(tile: (u32, u32)) -> Vec<Forged> {
    let jpeg = canonical(tile);
    let start = scan(&jpeg);
    let garbage: Vec<u8> = (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0xFE).collect();
    let over = |data: &[u8]| [&jpeg[..start], data, &[0xFF, 0xD9]].concat();
    let whole = &jpeg[start..jpeg.len() - 2];
    let last_restart = whole.windows(2).rposition(|pair| pair[0] == 0xFF && (0xD0..0xD8).contains(&pair[1]));
    let too_few = &whole[..last_restart.expect("a tile has restarts")];
    let too_many = [whole, &[0xFF, 0xD0 + restarts(whole) % 8], &whole[..too_few.len() / 2]].concat();
    vec![
        forged("garbage under a tile's header", Reason::Malformed, over(&garbage)),
        forged("nothing under a tile's header", Reason::Malformed, over(&[])),
        forged("too few MCUs", Reason::Malformed, over(too_few)),
        forged("too many MCUs", Reason::Malformed, over(&too_many)),
    ]
}

/// As many pixels as are taken, in as many scans, all colours in full: a good frame within all limits that a decoder has
/// to work on for longer than on most. It has 1 MB, so that many can be on their way at a time.
pub fn dear() -> Bytes {
    progressive((3968, 2392), 50, |n| (n / 60_000) as u8)
}

/// The same with nearly as many bytes as are taken.
pub fn large() -> Bytes {
    progressive((3968, 2392), 30, |n| (n / 7) as u8)
}

fn progressive(size: (u32, u32), quality: u8, sample: impl Fn(u32) -> u8) -> Bytes {
    /// Of each colour: 18 in all.
    const SCANS: u8 = 6;
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
    encoder.set_progressive_scans(SCANS);
    let pixels: Vec<u8> = (0..size.0 * size.1 * 3).map(sample).collect();
    encoder.encode(&pixels, size.0 as u16, size.1 as u16, ColorType::Ycbcr).expect("the picture is sound");
    jpeg.into()
}

/// A canonical tile behind as much Exif as a frame may have, each segment of which sends a reader of all directories through
/// 1,800 of them that lie over each other (TIFF 6.0 section 2). Each `n` is another.
pub fn tangled(tile: (u32, u32), n: u8) -> Bytes {
    const DIRECTORIES: u16 = 1800;
    /// Where the first of them is, behind one that points to all.
    const BEGIN: u32 = 8 + 2 + 12 * DIRECTORIES as u32;
    /// How many entries each has, of no known type, and how long that makes it. Behind it nothing follows.
    const COUNT: [u8; 2] = [0x0B; 2];
    const LENGTH: usize = 2 + 12 * 0x0B0B;
    let pointer = |n: u32| [&[0x87, 0x69, 0, 4, 0, 0, 0, 1], &(BEGIN + 2 * n).to_be_bytes()[..]].concat();
    let pointers: Vec<u8> = (0..DIRECTORIES.into()).flat_map(pointer).collect();
    let directories = [COUNT.repeat(LENGTH / 2), vec![0; 2 * usize::from(DIRECTORIES) + 4]].concat();
    let head = [b"Exif\0\0MM\0*\0\0\0\x08", &DIRECTORIES.to_be_bytes()[..]].concat();
    let exif = segment(APP1, &[head, pointers, directories, vec![n]].concat());
    let jpeg = canonical(tile);
    let times = ((4 << 20) - jpeg.len()) / exif.len();
    [&jpeg[..2], &exif.repeat(times), &jpeg[2..]].concat().into()
}

/// A canonical tile behind so many bytes of comments, and a few more.
pub fn padded(tile: (u32, u32), bytes: usize) -> Bytes {
    commented(&canonical(tile), bytes).into()
}

/// Each way to cut a small frame off.
pub fn prefixes() -> impl Iterator<Item = Bytes> {
    let jpeg = Bytes::from(good((32, 32)));
    (1..jpeg.len()).map(move |length| jpeg.slice(..length))
}

/// A good frame that says where it was taken and by whom, which is nobody's business.
pub fn with_secrets(tile: (u32, u32), secret: &[u8]) -> Bytes {
    let exif = [b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0GPS", secret].concat();
    let profile = [b"ICC_PROFILE\0\x01\x01", secret].concat();
    let jpeg = with(&canonical(tile), APP1, &exif);
    with(&with(&jpeg, APP2, &profile), COM, secret).into()
}

/// A progressive frame in so many scans, which every decoder would have to go through.
pub fn many_scans(tile: (u32, u32), count: usize) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 85);
    encoder.set_progressive(true);
    encode(encoder, tile, ColorType::Ycbcr, 3);
    // Its last scan again and again.
    let last = rfind(&jpeg, SOS);
    let scan = jpeg[last..jpeg.len() - 2].to_vec();
    [&jpeg[..jpeg.len() - 2], &scan.repeat(count), &[0xFF, 0xD9]].concat()
}

/// A tile as the server wants it.
pub fn canonical(tile: (u32, u32)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 85);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.set_restart_interval((tile.0 / 16) as u16);
    encode(encoder, tile, ColorType::Ycbcr, 3);
    jpeg
}

fn cmyk(tile: (u32, u32)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    encode(Encoder::new(&mut jpeg, 85), tile, ColorType::Cmyk, 4);
    jpeg
}

fn encode(encoder: Encoder<&mut Vec<u8>>, tile: (u32, u32), color: ColorType, samples: u32) {
    let pixels: Vec<u8> = (0..tile.0 * tile.1 * samples).map(|n| (n / 7) as u8).collect();
    encoder.encode(&pixels, tile.0 as u16, tile.1 as u16, color).expect("the picture is sound");
}

fn two_components(tile: (u32, u32)) -> Vec<u8> {
    let jpeg = good(tile);
    let at = find(&jpeg, SOF0) + 4;
    let mut body = jpeg[at..at + 12].to_vec();
    body[5] = 2;
    insert(&without(&jpeg, SOF0), SOF0, &body)
}

fn stray_restarts(jpeg: &[u8]) -> Vec<u8> {
    let at = scan(&without(jpeg, DRI)) + 8;
    let mut jpeg = without(jpeg, DRI);
    jpeg.splice(at..at, [0xFF, 0xD0].repeat(1000));
    jpeg
}

fn commented(jpeg: &[u8], bytes: usize) -> Vec<u8> {
    const EACH: usize = 65_000;
    let comment = segment(COM, &[b'x'; EACH]);
    [&jpeg[..2], &comment.repeat(bytes / EACH + 1), &jpeg[2..]].concat()
}

/// The frame with another size in its header (B.2.2).
fn resized(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let at = find(&jpeg, SOF0) + 5;
    jpeg[at..at + 4].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
    jpeg
}

fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).expect("segments are short");
    [&[0xFF, kind][..], &length.to_be_bytes(), body].concat()
}

/// The frame with this segment in place of any of its kind that is about the whole picture.
fn with(jpeg: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    let base = if kind == DRI { without(jpeg, DRI) } else { jpeg.to_vec() };
    insert(&base, kind, body)
}

/// The frame with a segment in front of its scan.
fn insert(jpeg: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    let at = find(jpeg, SOS);
    [&jpeg[..at], &segment(kind, body), &jpeg[at..]].concat()
}

/// The frame without segments of this kind.
fn without(jpeg: &[u8], kind: u8) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    while let Some(at) = jpeg.windows(2).position(|pair| pair == [0xFF, kind]) {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        jpeg.drain(at..at + 2 + length);
    }
    jpeg
}

/// Where the scan's data begins.
fn scan(jpeg: &[u8]) -> usize {
    let at = find(jpeg, SOS);
    at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]))
}

fn restarts(data: &[u8]) -> u8 {
    data.windows(2).filter(|pair| pair[0] == 0xFF && (0xD0..0xD8).contains(&pair[1])).count() as u8
}

fn find(jpeg: &[u8], kind: u8) -> usize {
    jpeg.windows(2).position(|pair| pair == [0xFF, kind]).expect("the frame has it")
}

fn rfind(jpeg: &[u8], kind: u8) -> usize {
    jpeg.windows(2).rposition(|pair| pair == [0xFF, kind]).expect("the frame has it")
}
