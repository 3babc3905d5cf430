//! The test pattern: a picture that moves and counts, made here, so that a call can be tried without any file.

use std::str::FromStr;

use tessera_mosaic::Picture;

use super::{Content, Frame, Source, SourceError, shown_at};

/// How a test pattern looks: `test-pattern[:WIDTHxHEIGHT][@FPS][#LOOK]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatternSpec {
    /// Width and height in pixels, each 16 to 4096; 640x480 unless given.
    size: (u32, u32),
    /// Frames per second, 1 to 240; 30 unless given.
    frame_rate: f64,
    /// Which colours: neighbouring numbers look different; 0 unless given.
    look: u8,
}

impl Default for PatternSpec {
    fn default() -> Self {
        Self { size: (640, 480), frame_rate: 30.0, look: 0 }
    }
}

impl FromStr for PatternSpec {
    type Err = SourceError;

    /// Parses `test-pattern[:WIDTHxHEIGHT][@FPS][#LOOK]`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Pattern`] for another form, or a number out of range.
    fn from_str(text: &str) -> Result<Self, SourceError> {
        parse(text).ok_or_else(|| SourceError::Pattern(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<PatternSpec> {
    let mut spec = PatternSpec::default();
    let rest = text.strip_prefix("test-pattern")?;
    let (rest, look) = rest.split_once('#').map_or((rest, None), |(rest, look)| (rest, Some(look)));
    let (size, rate) = rest.split_once('@').map_or((rest, None), |(size, rate)| (size, Some(rate)));
    if let Some(look) = look {
        spec.look = look.parse().ok()?;
    }
    if let Some(rate) = rate {
        spec.frame_rate = rate.parse().ok().filter(|rate| (1.0..=240.0).contains(rate))?;
    }
    if !size.is_empty() {
        let (width, height) = size.strip_prefix(':')?.split_once('x')?;
        spec.size = (side(width)?, side(height)?);
    }
    Some(spec)
}

fn side(text: &str) -> Option<u32> {
    text.parse().ok().filter(|side| (16..=4096).contains(side))
}

/// Y, Cb, Cr.
type Colour = [u8; 3];

/// 75 % colour bars (as in SMPTE EG 1), full range, BT.601.
const BARS: [Colour; 8] = [
    [191, 128, 128],
    [169, 32, 144],
    [134, 160, 32],
    [112, 64, 48],
    [79, 192, 208],
    [57, 96, 224],
    [22, 224, 112],
    [0, 128, 128],
];
const PAPER: Colour = [236, 124, 132];
const LIT: Colour = [16, 130, 126];

/// Cb and Cr of the sky's top and foot, for each look.
const SKIES: [[(u8, u8); 2]; 6] = [
    [(168, 96), (104, 164)],
    [(96, 104), (150, 92)],
    [(160, 158), (92, 168)],
    [(84, 128), (118, 176)],
    [(176, 120), (150, 108)],
    [(112, 152), (170, 140)],
];

/// An endless test pattern: a sky with a ball that wanders, the frame's number, and colour bars.
pub(super) struct PatternSource {
    spec: PatternSpec,
    /// All that does not change.
    backdrop: Picture,
    given: u64,
}

impl PatternSource {
    /// A pattern that begins with frame 0.
    pub(super) fn new(spec: PatternSpec) -> Self {
        Self { spec, backdrop: backdrop(spec), given: 0 }
    }
}

impl Source for PatternSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let at = shown_at(self.given, self.spec.frame_rate);
        let mut picture = self.backdrop.clone();
        draw_ball(&mut picture, at.as_secs_f64());
        draw_number(&mut picture, self.given);
        self.given += 1;
        Ok(Some(Frame { at, content: Content::Picture(picture) }))
    }

    fn frame_rate(&self) -> f64 {
        self.spec.frame_rate
    }

    fn frame_count(&self) -> Option<u64> {
        None
    }
}

fn backdrop(spec: PatternSpec) -> Picture {
    let (width, height) = spec.size;
    let mut picture = Picture::black(width, height).expect("sides were checked to be 16 to 4096");
    let sky = SKIES[usize::from(spec.look) % SKIES.len()];
    let bars = height - height / 6;
    for y in 0..height {
        let mix =
            |[top, foot]: [u8; 2]| ((u32::from(top) * (height - y) + u32::from(foot) * y) / height) as u8;
        let colour = [mix([56, 196]), mix([sky[0].0, sky[1].0]), mix([sky[0].1, sky[1].1])];
        fill(&mut picture, Area { x: 0, y, width, height: 1 }, colour);
    }
    for (n, colour) in (0..).zip(BARS) {
        let (left, right) = (width * n / 8, width * (n + 1) / 8);
        fill(&mut picture, Area { x: left, y: bars, width: right - left, height: height - bars }, colour);
    }
    picture
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy)]
struct Area {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// Fills `area` as far as it is within the picture. A chroma sample takes the colour of the last pixel that touches it.
fn fill(picture: &mut Picture, area: Area, colour: Colour) {
    let (width, height) = (picture.width(), picture.height());
    let columns = area.x.min(width)..(area.x + area.width).min(width);
    let rows = area.y.min(height)..(area.y + area.height).min(height);
    let chroma = |range: &std::ops::Range<u32>| range.start / 2..range.end.div_ceil(2);
    let (chroma_columns, chroma_rows) = (chroma(&columns), chroma(&rows));
    let [y, cb, cr] = picture.planes_mut();
    fill_plane(y, width, columns, rows, colour[0]);
    fill_plane(cb, width.div_ceil(2), chroma_columns.clone(), chroma_rows.clone(), colour[1]);
    fill_plane(cr, width.div_ceil(2), chroma_columns, chroma_rows, colour[2]);
}

fn fill_plane(
    plane: &mut [u8],
    width: u32,
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
    sample: u8,
) {
    for row in rows {
        let start = (row * width) as usize;
        plane[start + columns.start as usize..start + columns.end as usize].fill(sample);
    }
}

/// A ball on a path that fills the sky and closes only after 55 s.
fn draw_ball(picture: &mut Picture, seconds: f64) {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let radius = width.min(height) / 9.0;
    let sky = height - height / 6.0;
    let wave = |period: f64| (seconds * std::f64::consts::TAU / period).sin();
    let x = width / 2.0 + (width / 2.0 - radius) * wave(5.0);
    let y = sky / 2.0 + (sky / 2.0 - radius) * wave(2.2);
    // Rows of the disc, each a rectangle.
    let top = pixels(y - radius);
    for row in top..pixels(y + radius) {
        let above = f64::from(row) + 0.5 - y;
        let half = (radius * radius - above * above).max(0.0).sqrt();
        let left = pixels(x - half);
        let right = pixels(x + half);
        fill(picture, Area { x: left, y: row, width: right.saturating_sub(left), height: 1 }, [225, 60, 148]);
    }
}

/// Whole pixels. What lies before the picture counts as its edge.
fn pixels(length: f64) -> u32 {
    (length.max(0.0) as i64).unsigned_abs() as u32
}

/// Segments that are lit for each digit, from the lowest bit: top, upper right, lower right, foot, lower left, upper
/// left, middle.
const SEGMENTS: [u8; 10] = [0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F];

/// The frame's number, its last six digits, on a plate amid the bars, where the ball never comes.
fn draw_number(picture: &mut Picture, number: u64) {
    let bars = picture.height() / 6;
    // A digit is 4 units wide and 7 high, with 1 unit to the next; the plate has 1 unit around.
    let unit = (picture.width() / 44).min(bars / 9).max(1);
    let (width, height) = (unit * 31, unit * 9);
    let left = picture.width().saturating_sub(width) / 2;
    let top = picture.height() - bars + bars.saturating_sub(height) / 2;
    fill(picture, Area { x: left, y: top, width, height }, PAPER);
    for place in 0..6 {
        let digit = number / 10_u64.pow(5 - place) % 10;
        draw_digit(picture, (left + unit + place * unit * 5, top + unit), unit, digit as usize);
    }
}

fn draw_digit(picture: &mut Picture, (x, y): (u32, u32), unit: u32, digit: usize) {
    // Left, top, width and height of each segment, in units.
    const PLACES: [[u32; 4]; 7] =
        [[0, 0, 4, 1], [3, 0, 1, 4], [3, 3, 1, 4], [0, 6, 4, 1], [0, 3, 1, 4], [0, 0, 1, 4], [0, 3, 4, 1]];
    let lit = PLACES.iter().enumerate().filter(|(n, _)| SEGMENTS[digit] >> n & 1 == 1);
    for (_, [left, top, width, height]) in lit {
        let (x, y) = (x + left * unit, y + top * unit);
        fill(picture, Area { x, y, width: width * unit, height: height * unit }, LIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str, count: usize) -> Vec<(f64, Picture)> {
        let mut source = PatternSource::new(text.parse().unwrap());
        let mut next = || {
            let frame = source.next_frame().unwrap().unwrap();
            let Content::Picture(picture) = frame.content else { panic!("not a picture") };
            (frame.at.as_secs_f64(), picture)
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn the_form_is_a_size_a_rate_and_a_look_each_optional() {
        let spec = |text: &str| text.parse::<PatternSpec>().unwrap();
        assert_eq!(spec("test-pattern"), PatternSpec { size: (640, 480), frame_rate: 30.0, look: 0 });
        assert_eq!(spec("test-pattern:320x200"), PatternSpec { size: (320, 200), ..PatternSpec::default() });
        assert_eq!(spec("test-pattern@12.5"), PatternSpec { frame_rate: 12.5, ..PatternSpec::default() });
        assert_eq!(spec("test-pattern#3"), PatternSpec { look: 3, ..PatternSpec::default() });
        let all = PatternSpec { size: (17, 4096), frame_rate: 240.0, look: 255 };
        assert_eq!(spec("test-pattern:17x4096@240#255"), all);
    }

    #[test]
    fn another_form_is_an_error_that_shows_the_right_one() {
        let wrong = ["test-patterns", "test-pattern:640", "test-pattern:8x8", "test-pattern:640x9999"];
        let rates =
            ["test-pattern@0", "test-pattern@NaN", "test-pattern@inf", "test-pattern#x", "test-pattern:@5"];
        for text in wrong.into_iter().chain(rates) {
            let error = text.parse::<PatternSpec>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("WIDTHxHEIGHT@FPS"), "{error}");
        }
    }

    #[test]
    fn frames_have_the_size_and_the_times_asked_for_and_each_is_another_picture() {
        let frames = frames("test-pattern:321x243@10", 40);
        for (n, (at, picture)) in frames.iter().enumerate() {
            assert!((at - n as f64 / 10.0).abs() < 1e-6);
            assert_eq!((picture.width(), picture.height()), (321, 243));
        }
        assert!(frames.windows(2).all(|pair| pair[0].1 != pair[1].1));
    }

    #[test]
    fn the_same_frame_is_the_same_picture_again_and_another_look_is_another() {
        assert_eq!(frames("test-pattern", 3), frames("test-pattern", 3));
        assert_ne!(frames("test-pattern#0", 1), frames("test-pattern#1", 1));
    }

    #[test]
    fn the_smallest_and_the_narrowest_patterns_are_drawn_within_their_sides() {
        for size in ["16x16", "4096x16", "16x4096", "17x31"] {
            assert_eq!(frames(&format!("test-pattern:{size}"), 70).len(), 70);
        }
    }

    #[test]
    fn the_number_never_hides_the_ball() {
        let mut numbered = Picture::black(640, 480).unwrap();
        draw_number(&mut numbered, 888_888);
        let black = Picture::black(640, 480).unwrap();
        for tenth in 0..550 {
            let mut ball = black.clone();
            draw_ball(&mut ball, f64::from(tenth) / 10.0);
            let both = |plane: usize| {
                let differs = |of: &Picture, at: usize| of.planes()[plane][at] != black.planes()[plane][at];
                (0..black.planes()[plane].len()).any(|at| differs(&ball, at) && differs(&numbered, at))
            };
            assert!(!both(0) && !both(1), "at {tenth} tenths of a second");
        }
    }

    #[test]
    fn a_digit_lights_its_segments_and_no_others() {
        let mut picture = Picture::black(16, 16).unwrap();
        draw_digit(&mut picture, (0, 0), 2, 7);
        let luma = |x: usize, y: usize| picture.planes()[0][y * 16 + x];
        // The top and the right are lit; the middle and the lower left are not.
        assert_eq!([luma(1, 1), luma(7, 5), luma(7, 12)], [LIT[0]; 3]);
        assert_eq!([luma(3, 7), luma(1, 10)], [0; 2]);
    }
}
