//! Frames and their times, from sources made for the test.

use bytes::Bytes;

use super::*;

const PERIOD: Duration = Duration::from_millis(100);
/// The frame that nobody can decode.
const BUG: u32 = 1 << 20;

/// Ten frames a second, `left` of them.
struct Ticks {
    next: u32,
    count: u32,
    show: fn(u32) -> Content,
}

/// One byte, which says which frame it is.
fn byte(n: u32) -> Content {
    Content::Jpeg(Bytes::from(vec![u8::try_from(n % 251).unwrap()]))
}

impl Source for Ticks {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let n = self.next;
        assert!(n != BUG, "a decoder's bug");
        self.next += 1;
        Ok((n < self.count).then(|| Frame { at: PERIOD * n, content: (self.show)(n) }))
    }

    fn frame_rate(&self) -> f64 {
        10.0
    }

    fn frame_count(&self) -> Option<u64> {
        Some(self.count.into())
    }
}

const ONCE: Playback = Playback { pace: Pace::Source, repeat: false, max_frames: None };

/// `count` frames of one byte each, their number.
pub(crate) async fn ticks(count: u32, playback: Playback) -> Frames {
    shows(count, byte, playback).await
}

/// `count` frames of what `show` makes.
pub(crate) async fn shows(count: u32, show: fn(u32) -> Content, playback: Playback) -> Frames {
    Frames::read_from(move || Ok(Box::new(Ticks { next: 0, count, show })), playback).await.unwrap()
}

/// Frames of a source whose decoder panics after `count` of them.
pub(crate) async fn crashing_after(count: u32) -> Frames {
    let next = BUG - count;
    let open = move || Ok(Box::new(Ticks { next, count: u32::MAX, show: byte }) as Box<dyn Source>);
    Frames::read_from(open, Playback { pace: Pace::Max, ..ONCE }).await.unwrap()
}

async fn times(frames: &mut Frames, count: usize) -> Vec<u128> {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < count && frames.next().await.transpose().unwrap().is_some() {
        times.push(start.elapsed().as_millis());
    }
    times
}

#[tokio::test(start_paused = true)]
async fn frames_come_at_the_sources_own_pace() {
    let mut frames = ticks(4, ONCE).await;
    assert_eq!(frames.total(), Some(4));
    assert_eq!(times(&mut frames, 9).await, [0, 100, 200, 300]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_goes_on_one_period_after_the_last_frame() {
    let mut frames = ticks(2, Playback { repeat: true, ..ONCE }).await;
    assert_eq!(frames.total(), None);
    assert_eq!(times(&mut frames, 5).await, [0, 100, 200, 300, 400]);
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_frames_are_sent() {
    let mut frames = ticks(9, Playback { max_frames: Some(3), pace: Pace::Max, ..ONCE }).await;
    assert_eq!(frames.total(), Some(3));
    assert_eq!(times(&mut frames, 9).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_source_without_frames_is_an_error_even_in_a_loop() {
    let mut frames = ticks(0, Playback { repeat: true, ..ONCE }).await;
    assert!(matches!(frames.next().await, Some(Err(FramesError::Empty))));
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_panics_is_an_error_and_no_end() {
    let mut frames = crashing_after(0).await;
    assert!(matches!(frames.next().await, Some(Err(FramesError::Crashed))));
}

#[tokio::test]
async fn closing_ends_the_readers_thread() {
    let frames = ticks(u32::MAX, Playback { repeat: true, ..ONCE }).await;
    frames.close().await;
}
