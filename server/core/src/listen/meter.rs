//! Frames of HTTP/2 that carry nothing, counted as they come.
//!
//! h2 keeps nothing of a flood of PINGs, SETTINGS, WINDOW_UPDATEs or resets of streams that it has handed out, and reads
//! it as fast as it comes: no memory, but as much of a processor as the peer likes. Honest peers send such frames for
//! what is sent to them, and a few in between, so that is what they may.

use std::time::{Duration, Instant};

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What one such frame costs of the time that a connection has: 200 a second.
const COST: Duration = Duration::from_millis(5);
/// Time that can be saved: 2,000 frames at once.
const SAVED: Duration = Duration::from_secs(10);
/// Time for a byte that is sent in either direction: a frame for each KiB. (Who reads 16 KiB at a time answers with a
/// WINDOW_UPDATE of the stream, one of the connection, and maybe a PING that measures.)
const PER_BYTE: Duration = Duration::from_nanos(4883);

/// The length of a frame's header (RFC 9113 §4.1), and its types that carry something.
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
/// h2 bounds these by the size of the headers.
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

/// Looks at what a connection says.
#[derive(Debug)]
pub(super) struct Meter {
    state: State,
    /// Requests that came and were not taken note of.
    requests: u64,
    credit: Duration,
    /// When the credit was counted.
    at: Instant,
}

/// Where in the bytes of a connection it is.
#[derive(Debug)]
enum State {
    /// After so many bytes of the preface.
    Preface(usize),
    /// After so many bytes of a frame's header.
    Head([u8; HEAD], usize),
    /// So many bytes in front of the next frame.
    Payload(usize),
    /// It is not HTTP/2.
    Other,
}

/// There were too many frames that carry nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a flood of frames that carry nothing")]
pub(super) struct Flood;

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Preface(0), requests: 0, credit: SAVED, at: now }
    }

    /// Looks at what came.
    pub(super) fn read(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flood> {
        self.earn(now.saturating_duration_since(self.at));
        self.at = now;
        self.exchange(bytes.len());
        while !bytes.is_empty() {
            let step = self.step(bytes)?;
            bytes = &bytes[step..];
        }
        Ok(())
    }

    /// How much more may come so that no more than one request begins.
    pub(super) fn until_next(&self) -> usize {
        /// Of what has no frames.
        const LITTLE: usize = 256;
        match self.state {
            State::Preface(matched) => PREFACE.len() - matched,
            State::Head(_, have) => HEAD - have,
            State::Payload(left) => left,
            State::Other => LITTLE,
        }
    }

    /// How many requests came since this was asked last.
    pub(super) fn take_requests(&mut self) -> u64 {
        std::mem::take(&mut self.requests)
    }

    /// Notes that so many bytes went in either direction.
    pub(super) fn exchange(&mut self, bytes: usize) {
        self.earn(PER_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }

    fn earn(&mut self, credit: Duration) {
        self.credit = self.credit.saturating_add(credit).min(SAVED);
    }

    /// Goes as far as the next state, and says how far that was.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Flood> {
        match &mut self.state {
            State::Preface(matched) => {
                let rest = &PREFACE[*matched..];
                let length = rest.len().min(bytes.len());
                self.state = match *matched + length {
                    _ if bytes[..length] != rest[..length] => State::Other,
                    all if all == PREFACE.len() => State::Head([0; HEAD], 0),
                    part => State::Preface(part),
                };
                Ok(length)
            }
            State::Head(head, have) => {
                let length = (HEAD - *have).min(bytes.len());
                head[*have..*have + length].copy_from_slice(&bytes[..length]);
                *have += length;
                if *have == HEAD {
                    let head = *head;
                    self.begin(head)?;
                }
                Ok(length)
            }
            State::Payload(left) => {
                let length = (*left).min(bytes.len());
                *left -= length;
                if *left == 0 {
                    self.state = State::Head([0; HEAD], 0);
                }
                Ok(length)
            }
            State::Other => Ok(bytes.len()),
        }
    }

    /// A frame begins.
    fn begin(&mut self, [a, b, c, kind, flags, ..]: [u8; HEAD]) -> Result<(), Flood> {
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        self.state = if length == 0 { State::Head([0; HEAD], 0) } else { State::Payload(length) };
        self.requests += u64::from(kind == HEADERS);
        let carries = match kind {
            DATA => length > 0 || flags & END_STREAM != 0,
            HEADERS | CONTINUATION => true,
            _ => false,
        };
        if !carries {
            self.credit = self.credit.checked_sub(COST).ok_or(Flood)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + usize::from(length), 7);
        frame
    }

    /// How many of `frames` come through, at one moment, if they are cut at every `cut` bytes.
    fn come_through(frame: &[u8], cut: usize) -> usize {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        meter.read(PREFACE, now).unwrap();
        let mut read = 0;
        for part in frame.repeat(5000).chunks(cut) {
            if meter.read(part, now).is_err() {
                break;
            }
            read += part.len();
        }
        read / frame.len()
    }

    #[test]
    fn a_flood_of_frames_that_carry_nothing_is_noticed_however_it_is_cut() {
        for (kind, flags, length) in
            [(DATA, 0, 0), (2, 0, 5), (3, 0, 4), (4, 0, 0), (PING, 0, 8), (8, 0, 4), (99, 0, 0)]
        {
            let frame = frame(kind, flags, length);
            for cut in [1, 7, 1000] {
                let count = come_through(&frame, cut);
                assert!((1900..2200).contains(&count), "{count} of {kind} by {cut}");
            }
        }
    }

    #[test]
    fn requests_come_one_by_one_if_no_more_is_read_than_until_the_next() {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        let said =
            [PREFACE.to_vec(), frame(4, 0, 12), frame(HEADERS, 4, 6).repeat(5), frame(DATA, 0, 200)].concat();
        let (mut rest, mut reads, mut requests) = (&said[..], Vec::new(), 0);
        while !rest.is_empty() {
            let (read, more) = rest.split_at(meter.until_next());
            meter.read(read, now).unwrap();
            let new = meter.take_requests();
            assert!(new <= 1);
            (rest, requests) = (more, requests + new);
            reads.push(read.len());
        }
        assert_eq!(requests, 5);
        assert_eq!(reads, [24, 9, 12, 9, 6, 9, 6, 9, 6, 9, 6, 9, 6, 9, 200]);
    }

    #[test]
    fn what_carries_something_is_not_counted() {
        for (kind, flags, length) in
            [(DATA, 0, 1), (DATA, END_STREAM, 0), (HEADERS, 0, 9), (CONTINUATION, 0, 9)]
        {
            assert_eq!(come_through(&frame(kind, flags, length), 1000), 5000);
        }
    }

    #[test]
    fn who_takes_much_may_say_so_and_who_takes_time_too() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin);
        meter.read(PREFACE, begin).unwrap();
        for _ in 0..10_000 {
            meter.exchange(16 << 10);
            for kind in [8, 8, PING] {
                meter.read(&frame(kind, 0, 4), begin).unwrap();
            }
        }
        for n in 0..10_000 {
            meter.read(&frame(PING, 0, 8), begin + n * COST).unwrap();
        }
    }

    #[test]
    fn http_1_has_no_frames() {
        let now = Instant::now();
        let mut meter = Meter::new(now);
        meter.read(b"PRI", now).unwrap();
        meter.read(b"NT / HTTP/1.1\r\n", now).unwrap();
        assert_eq!(meter.read(&frame(PING, 0, 8).repeat(5000), now), Ok(()));
    }
}
