//! The figures of a measurement, for people and for programs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::figures::Figures;
use super::usage::Usage;
use super::{Load, Up};
use crate::pacing::Pace;
use crate::tiles::FrameSize;

/// What a measurement came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchResult {
    /// What was asked of the server.
    pub load: Asked,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// Frames sent, and their bytes.
    pub frames: u64,
    /// Bytes of all frames.
    pub frame_bytes: u64,
    /// Frames that the server could not use.
    pub refused: u64,
    /// Pushes that a newer one overtook.
    pub superseded: u64,
    /// Mosaics received, by publishers and viewers.
    pub mosaics: u64,
    /// Bytes of all mosaics.
    pub mosaic_bytes: u64,
    /// Mosaics a second of each viewer; absent without viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewer_fps: Option<ViewerRates>,
    /// From a frame's capture to a viewer, in milliseconds; absent when no viewer saw one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Percentiles>,
    /// From a frame's sending to its answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<Percentiles>,
    /// What the server used; absent when its process is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerCost>,
}

/// What was asked of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Participants who send.
    pub publishers: u32,
    /// Spectators.
    pub viewers: u32,
    /// Rooms.
    pub rooms: u32,
    /// Frames a second of each publisher; absent for as many as are answered or as the source has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// `StreamFrames` or `PushFrame`.
    pub up: String,
    /// `tiles` or `full size`.
    pub frames: String,
}

/// Slowest, middle and fastest of the viewers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ViewerRates {
    /// The slowest viewer's.
    pub min: f64,
    /// The one's in the middle.
    pub median: f64,
    /// The fastest viewer's.
    pub max: f64,
}

/// Of a time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half were no longer.
    pub p50: f64,
    /// 95 of 100 were no longer.
    pub p95: f64,
    /// 99 of 100 were no longer.
    pub p99: f64,
    /// How many there were.
    pub count: u64,
}

/// What the server's process used while it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// CPU time, in the kernel too.
    pub cpu_seconds: f64,
    /// CPU time for each mosaic received, in milliseconds.
    pub cpu_ms_per_mosaic: f64,
    /// CPU time for each frame sent, in milliseconds.
    pub cpu_ms_per_frame: f64,
    /// CPU time for each viewer and second, in milliseconds; 0 without viewers.
    pub cpu_ms_per_viewer_second: f64,
    /// Bytes of mosaics for each second of CPU time.
    pub mosaic_bytes_per_cpu_second: f64,
    /// Its memory.
    pub memory: Memory,
}

/// Bytes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Before anybody came in.
    pub before: u64,
    /// At the end, under load.
    pub loaded: u64,
    /// The most there ever was.
    pub peak: u64,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) time: Duration,
    pub(super) usage: Option<(Usage, Usage)>,
    pub(super) memory_before: Option<u64>,
    pub(super) publishers: Figures,
    pub(super) viewers: Vec<Figures>,
}

impl BenchResult {
    pub(super) fn new(load: &Load, sample: Sample) -> Self {
        let Sample { time, usage, memory_before, publishers: mut all, viewers } = sample;
        let seconds = time.as_secs_f64();
        let viewer_fps = ViewerRates::of(&viewers, seconds);
        let seconds = round(seconds, 6);
        viewers.iter().for_each(|viewer| all.add(viewer));
        let mut result = Self {
            load: Asked::of(load),
            seconds,
            frames: all.frames,
            frame_bytes: all.frame_bytes,
            refused: all.refused,
            superseded: all.superseded,
            mosaics: all.mosaics,
            mosaic_bytes: all.mosaic_bytes,
            viewer_fps,
            latency_ms: Percentiles::of(&all.latency),
            round_trip_ms: Percentiles::of(&all.round_trip),
            server: None,
        };
        result.server = usage.map(|(before, after)| {
            let memory = Memory {
                before: memory_before.unwrap_or(before.memory),
                loaded: after.memory,
                peak: after.memory_peak,
            };
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            result.cost(cpu, viewers.len(), memory)
        });
        result
    }

    fn cost(&self, cpu: f64, viewers: usize, memory: Memory) -> ServerCost {
        let per = |count: f64| if count > 0.0 { cpu / count } else { 0.0 };
        ServerCost {
            cpu_seconds: round(cpu, 6),
            cpu_ms_per_mosaic: round(1e3 * per(self.mosaics as f64), 6),
            cpu_ms_per_frame: round(1e3 * per(self.frames as f64), 6),
            cpu_ms_per_viewer_second: round(1e3 * per(viewers as f64 * self.seconds), 6),
            mosaic_bytes_per_cpu_second: if cpu > 0.0 {
                round(self.mosaic_bytes as f64 / cpu, 0)
            } else {
                0.0
            },
            memory,
        }
    }
}

impl Asked {
    fn of(load: &Load) -> Self {
        Self {
            publishers: load.publishers,
            viewers: load.viewers,
            rooms: load.rooms.count(),
            fps: match load.pace {
                // A period is whole nanoseconds, which few rates are.
                Pace::Every(period) => Some(round(1.0 / period.as_secs_f64(), 6)),
                Pace::Source | Pace::Max => None,
            },
            up: if load.up == Up::Stream { "StreamFrames" } else { "PushFrame" }.to_owned(),
            frames: if load.frame_size == FrameSize::Tile { "tiles" } else { "full size" }.to_owned(),
        }
    }
}

impl ViewerRates {
    fn of(viewers: &[Figures], seconds: f64) -> Option<Self> {
        let rate = |viewer: &Figures| round(viewer.mosaics as f64 / seconds, 3);
        let mut rates: Vec<_> = viewers.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        Some(Self { min: *rates.first()?, median: rates[rates.len() / 2], max: *rates.last()? })
    }
}

/// `value` with so many digits behind the point.
fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

impl Percentiles {
    fn of(times_us: &Histogram<u64>) -> Option<Self> {
        let ms = |percent| times_us.value_at_percentile(percent) as f64 / 1e3;
        let some = Self { p50: ms(50.0), p95: ms(95.0), p99: ms(99.0), count: times_us.len() };
        (some.count > 0).then_some(some)
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", self.p50, self.p95, self.p99)
    }
}

impl fmt::Display for BenchResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = |count: u64| count as f64 / self.seconds;
        let megabits = |bytes: u64| per_second(bytes) * 8.0 / 1e6;
        let Asked { publishers, viewers, rooms, up, frames, .. } = &self.load;
        writeln!(
            f,
            "  load              {publishers} publishers by {up} ({frames}), {viewers} viewers, {rooms} room(s)"
        )?;
        writeln!(
            f,
            "  frames up         {:.1} a second, {:.1} Mbit/s",
            per_second(self.frames),
            megabits(self.frame_bytes)
        )?;
        let why = if self.superseded > 0 {
            " (by newer ones, or above the server's --pushes-per-second)"
        } else {
            ""
        };
        writeln!(f, "  refused           {}, superseded {}{why}", self.refused, self.superseded)?;
        writeln!(
            f,
            "  mosaics down      {:.1} a second, {:.1} Mbit/s",
            per_second(self.mosaics),
            megabits(self.mosaic_bytes)
        )?;
        if let Some(ViewerRates { min, median, max }) = self.viewer_fps {
            writeln!(f, "  for a viewer      {median:.1} mosaics a second ({min:.1} to {max:.1})")?;
        }
        if let Some(latency) = &self.latency_ms {
            writeln!(f, "  capture to viewer {latency}")?;
        }
        if let Some(round_trip) = &self.round_trip_ms {
            writeln!(f, "  round trip        {round_trip}")?;
        }
        match &self.server {
            Some(server) => write!(f, "{server}"),
            None => write!(
                f,
                "  server            CPU time and memory unknown: --server-pid names its process, on Linux"
            ),
        }
    }
}

impl fmt::Display for ServerCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { before, loaded, peak } = self.memory;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        writeln!(
            f,
            "  server CPU        {:.3} ms a mosaic received, {:.3} ms a frame sent, {:.2} ms a viewer and second",
            self.cpu_ms_per_mosaic, self.cpu_ms_per_frame, self.cpu_ms_per_viewer_second
        )?;
        write!(
            f,
            "  server memory     {:.1} MB before, {:.1} MB loaded, {:.1} MB at most",
            megabytes(before),
            megabytes(loaded),
            megabytes(peak)
        )
    }
}
