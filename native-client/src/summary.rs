//! What a session came to, in figures.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use tessera_wire::refusal::Reason;
use tokio::time::Instant;

/// The longest round trip that is told from longer ones, in microseconds: a minute.
const LONGEST_ROUND_TRIP_US: u64 = 60_000_000;

/// The shortest time of which a rate is told: a few mosaics are early or late by as much as lies between two.
const SHORTEST: Duration = Duration::from_secs(1);

/// What has happened so far.
#[derive(Debug)]
pub struct Tally {
    sends: bool,
    sent: u64,
    received: u64,
    /// When the first mosaic came.
    first_at: Option<Instant>,
    refusals: BTreeMap<&'static str, u64>,
    reconnects: u64,
    bytes_up: u64,
    bytes_down: u64,
    /// In microseconds.
    round_trips: Histogram<u64>,
}

impl Tally {
    /// The tally of a participant, who sends and receives.
    pub(crate) fn of_participant() -> Self {
        // Three digits are as precise as any clock here.
        let round_trips =
            Histogram::new_with_bounds(1, LONGEST_ROUND_TRIP_US, 3).expect("1 to a minute with 3 digits");
        Self {
            sends: true,
            sent: 0,
            received: 0,
            first_at: None,
            refusals: BTreeMap::new(),
            reconnects: 0,
            bytes_up: 0,
            bytes_down: 0,
            round_trips,
        }
    }

    /// The tally of a spectator, who only receives.
    pub(crate) fn of_spectator() -> Self {
        Self { sends: false, ..Self::of_participant() }
    }

    /// Frames sent, each counted once however often it went.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Mosaics received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Frames that the server could not use.
    pub fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }

    /// How often the connection was made anew.
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    pub(crate) fn add_frame(&mut self) {
        self.sent += 1;
    }

    pub(crate) fn add_bytes_up(&mut self, bytes: usize) {
        self.bytes_up += bytes as u64;
    }

    pub(crate) fn add_mosaic(&mut self, bytes: usize, at: Instant) {
        self.received += 1;
        self.first_at.get_or_insert(at);
        self.bytes_down += bytes as u64;
    }

    pub(crate) fn add_round_trip(&mut self, round_trip: Duration) {
        self.round_trips.saturating_record(u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add_reconnect(&mut self) {
        self.reconnects += 1;
    }

    /// Counts a refusal; says whether it is the first for this reason.
    pub(crate) fn add_refusal(&mut self, reason: Reason) -> bool {
        let count = self.refusals.entry(reason.as_str_name()).or_default();
        *count += 1;
        *count == 1
    }

    /// The figures of the time from `since` to `end`.
    pub fn summary(&self, since: Instant, end: Instant) -> Summary<'_> {
        Summary { tally: self, elapsed: end.saturating_duration_since(since), rate: self.rate(end) }
    }

    /// Mosaics a second from the first one on; none where that is too short a time to say.
    fn rate(&self, end: Instant) -> Option<f64> {
        let time = end.saturating_duration_since(self.first_at?);
        (time >= SHORTEST).then(|| (self.received - 1) as f64 / time.as_secs_f64())
    }

    /// A round trip that `percent` of all did not exceed, in milliseconds.
    fn round_trip_ms(&self, percent: f64) -> f64 {
        self.round_trips.value_at_percentile(percent) as f64 / 1000.0
    }
}

/// A tally to be read by people.
#[derive(Debug)]
pub struct Summary<'a> {
    tally: &'a Tally,
    elapsed: Duration,
    rate: Option<f64>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        if tally.sends {
            writeln!(f, "  frames sent       {}", tally.sent)?;
        }
        writeln!(f, "  mosaics received  {}", tally.received)?;
        if tally.sends {
            writeln!(f, "  frames refused    {}{}", tally.refused(), Reasons(&tally.refusals))?;
        }
        writeln!(f, "  reconnects        {}", tally.reconnects)?;
        if tally.sends {
            writeln!(f, "  pictures up       {}", Bytes(tally.bytes_up))?;
        }
        writeln!(f, "  pictures down     {}", Bytes(tally.bytes_down))?;
        if !tally.round_trips.is_empty() {
            let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| tally.round_trip_ms(percent));
            writeln!(f, "  round trip        p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms")?;
        }
        write!(f, "  time              {:.1} s", self.elapsed.as_secs_f64())?;
        match self.rate {
            Some(rate) => write!(f, ", {rate:.1} mosaics a second"),
            None => Ok(()),
        }
    }
}

/// The reasons of refusals with their counts, in brackets, if there are any.
struct Reasons<'a>(&'a BTreeMap<&'static str, u64>);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (reason, count)) in self.0.iter().enumerate() {
            write!(f, "{}{reason} {count}", if index == 0 { " (" } else { ", " })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// A number of bytes with its unit.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} bytes", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", self.0 as f64 / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", self.0 as f64 / 1e6),
            _ => write!(f, "{:.2} GB", self.0 as f64 / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_all_figures() {
        let mut tally = Tally::of_participant();
        let begin = Instant::now();
        for n in 1..=101 {
            tally.add_frame();
            tally.add_bytes_up(10_000);
            tally.add_mosaic(49_900, begin + Duration::from_millis(40) * (n - 1));
            tally.add_round_trip(Duration::from_millis(n.into()));
        }
        assert!(tally.add_refusal(Reason::Malformed));
        assert!(!tally.add_refusal(Reason::Malformed));
        assert!(tally.add_refusal(Reason::NotJpeg));
        tally.add_reconnect();
        let text = tally.summary(begin, begin + Duration::from_secs(4)).to_string();
        let expected = "  frames sent       101\n  \
             mosaics received  101\n  \
             frames refused    3 (MALFORMED 2, NOT_JPEG 1)\n  \
             reconnects        1\n  \
             pictures up       1.0 MB\n  \
             pictures down     5.0 MB\n  \
             round trip        p50 51.0 ms, p95 96.1 ms, p99 100.0 ms\n  \
             time              4.0 s, 25.0 mosaics a second";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_spectators_summary_says_nothing_of_sending() {
        let now = Instant::now();
        let text = Tally::of_spectator().summary(now, now).to_string();
        assert!(["sent", "refused", "up", "round trip"].iter().all(|word| !text.contains(word)), "{text}");
    }

    #[test]
    fn a_rate_counts_the_times_between_mosaics_and_a_moment_has_none() {
        let begin = Instant::now();
        let mut tally = Tally::of_spectator();
        let after = |ms| begin + Duration::from_millis(ms);
        (0..10).for_each(|n| tally.add_mosaic(1, after(500 + 100 * n)));
        let text = tally.summary(begin, after(1400)).to_string();
        assert!(text.ends_with("time              1.4 s"), "{text}");
        tally.add_mosaic(1, after(1500));
        let text = tally.summary(begin, after(1500)).to_string();
        assert!(text.ends_with("1.5 s, 10.0 mosaics a second"), "{text}");
    }
}
