//! Everything that was measured: what the JSON file holds, and what the table and the page are made of.

use serde::{Deserialize, Serialize};
use tessera_client::bench::BenchResult;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// What was sent.
    pub frames: Vec<FrameSet>,
    /// The codec step by step.
    pub steps: Vec<Step>,
    /// Whole jobs beside what else one would run.
    pub pairs: Vec<Pair>,
    /// The server under load.
    pub loads: Vec<Load>,
    /// What happens as more people come.
    pub growth: Vec<Curve>,
}

/// Where and when it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them the system has.
    pub processors: usize,
    /// The day.
    pub date: String,
    /// The commit, if git knows it.
    pub commit: String,
}

/// Frames that were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameSet {
    /// What they are.
    pub name: String,
    /// How many.
    pub count: usize,
    /// Bytes of one, on average.
    pub bytes: usize,
}

/// One step of the codec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The tile's size.
    pub tile: String,
    /// What is done.
    pub step: String,
    /// The way in that the frame took, if one came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// CPU time in microseconds: the median.
    pub median_us: f64,
}

/// A job, done by us and by somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// What is done.
    pub job: String,
    /// By whom else.
    pub against: String,
    /// What is wanted, and how the ratio is to be read.
    pub target: Target,
    /// The ratio, in the middle of all rounds.
    pub ratio: f64,
    /// The worst and the best round.
    pub spread: (f64, f64),
    /// What the two figures are.
    pub unit: String,
    /// Ours.
    pub ours: f64,
    /// Theirs.
    pub theirs: f64,
    /// Bytes of what is made, ours and theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(f64, f64)>,
    /// Luma of the quadrants against the frames scaled by a Lanczos filter, in dB, ours and theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psnr: Option<(f64, f64)>,
    /// Both were asked for the same JPEG quality, so that bytes and PSNR must be about the same too.
    pub same_quality: bool,
}

/// What is wanted of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// How it is read.
    pub sense: Sense,
    /// Less good than this is a fault.
    pub at_least: f64,
    /// What we would like.
    pub aim: f64,
}

/// How a ratio is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sense {
    /// So many times less CPU time than theirs.
    TimesLess,
    /// Such a part of their time.
    OfItsTime,
    /// Such a part of their rate.
    OfItsRate,
}

/// The server under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Who is there.
    pub name: String,
    /// What came of it.
    pub result: BenchResult,
}

/// A cost as more people come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What grows.
    pub name: String,
    /// What the points' x is.
    pub x: String,
    /// What their y is.
    pub y: String,
    /// The largest y that is wanted, if there is such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Number of people and cost.
    pub points: Vec<(f64, f64)>,
}

impl Target {
    /// So many times less CPU.
    pub const fn times_less(at_least: f64, aim: f64) -> Self {
        Self { sense: Sense::TimesLess, at_least, aim }
    }

    /// Such a part of its time.
    pub const fn of_its_time(at_least: f64, aim: f64) -> Self {
        Self { sense: Sense::OfItsTime, at_least, aim }
    }

    /// Such a part of its rate.
    pub const fn of_its_rate(at_least: f64, aim: f64) -> Self {
        Self { sense: Sense::OfItsRate, at_least, aim }
    }

    /// The ratio that it speaks of, from our CPU time over theirs.
    pub fn ratio(&self, ours_over_theirs: f64) -> f64 {
        match self.sense {
            Sense::TimesLess | Sense::OfItsRate => 1.0 / ours_over_theirs,
            Sense::OfItsTime => ours_over_theirs,
        }
    }

    /// How good `ratio` is: 1 is just what it must be, more is better.
    pub fn score(&self, ratio: f64) -> f64 {
        match self.sense {
            Sense::TimesLess | Sense::OfItsRate => ratio / self.at_least,
            Sense::OfItsTime => self.at_least / ratio,
        }
    }

    /// `value` with the words that say how it is read.
    pub fn in_words(&self, value: f64) -> String {
        match self.sense {
            Sense::TimesLess if value >= 10.0 => format!("{value:.1}× less"),
            Sense::TimesLess => format!("{value:.2}× less"),
            Sense::OfItsTime => format!("{value:.2} of its time"),
            Sense::OfItsRate => format!("{value:.2} of its rate"),
        }
    }
}

impl Pair {
    /// Whether ours is neither worse nor larger than it may be, if that was compared.
    pub fn keeps_quality(&self) -> Option<bool> {
        let ((our_bytes, their_bytes), (ours, theirs)) =
            self.bytes.zip(self.psnr).filter(|_| self.same_quality)?;
        Some(ours >= theirs - WORSE_DB && our_bytes <= their_bytes * LARGER)
    }

    /// What came of it beside what was wanted.
    pub fn verdict(&self) -> Verdict {
        let score = self.target.score(self.ratio);
        if score >= self.target.score(self.target.aim) {
            Verdict::Aim
        } else if score >= 1.0 {
            Verdict::AtLeast
        } else {
            Verdict::Missed
        }
    }
}

/// At the same quality number our mosaics may be so much worse in dB...
const WORSE_DB: f64 = 0.1;
/// ...and so much larger.
const LARGER: f64 = 1.02;

/// How a ratio stands beside its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As good as we would like.
    Aim,
    /// As good as it must be.
    AtLeast,
    /// Not that good.
    Missed,
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::AtLeast => "met",
            Self::Missed => "missed",
        }
    }
}

impl Curve {
    /// The largest cost over the smallest: 1 means that nobody costs more because others are there.
    pub fn spread(&self) -> f64 {
        let costs = || self.points.iter().map(|(_, cost)| *cost);
        costs().fold(0.0, f64::max) / costs().fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(target: Target, ours_over_theirs: f64) -> Pair {
        Pair {
            job: String::new(),
            against: String::new(),
            target,
            ratio: target.ratio(ours_over_theirs),
            spread: (0.0, 0.0),
            unit: String::new(),
            ours: 0.0,
            theirs: 0.0,
            bytes: None,
            psnr: None,
            same_quality: true,
        }
    }

    #[test]
    fn less_is_better_for_a_time_and_more_for_the_others() {
        for (target, good, fair, bad) in [
            (Target::times_less(8.0, 16.0), 1.0 / 20.0, 1.0 / 9.0, 1.0 / 7.0),
            (Target::of_its_time(1.2, 1.0), 0.9, 1.1, 1.3),
            (Target::of_its_rate(0.5, 0.8), 1.0, 1.0 / 0.6, 1.0 / 0.4),
        ] {
            let verdicts = [good, fair, bad].map(|ratio| pair(target, ratio).verdict());
            assert_eq!(verdicts, [Verdict::Aim, Verdict::AtLeast, Verdict::Missed], "{target:?}");
        }
    }

    #[test]
    fn speed_must_not_be_bought_with_quality_or_bytes() {
        let pair = |bytes, psnr| Pair {
            bytes: Some((bytes, 100.0)),
            psnr: Some((psnr, 40.0)),
            ..pair(Target::times_less(1.0, 2.0), 1.0)
        };
        assert_eq!(pair(101.0, 39.95).keeps_quality(), Some(true));
        assert_eq!(pair(101.0, 39.8).keeps_quality(), Some(false));
        assert_eq!(pair(103.0, 41.0).keeps_quality(), Some(false));
        assert_eq!(Pair { same_quality: false, ..pair(103.0, 41.0) }.keeps_quality(), None);
    }

    #[test]
    fn a_flat_curve_spreads_by_nothing() {
        let curve =
            |points| Curve { name: String::new(), x: String::new(), y: String::new(), limit: None, points };
        assert_eq!(curve(vec![(1.0, 3.0), (2.0, 3.0)]).spread(), 1.0);
        assert_eq!(curve(vec![(1.0, 3.0), (2.0, 6.0)]).spread(), 2.0);
    }
}
