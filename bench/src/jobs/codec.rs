//! A frame in, a mosaic out; no network: the codec beside OpenCV's and ffmpeg's.

use std::cell::RefCell;

use bytes::Bytes;

use super::{Names, pair};
use crate::cpu::thread_time;
use crate::peers;
use crate::quality::{Shown, mean_psnr};
use crate::results::{Pair, Target};
use crate::setup::{Codec, Frames, ORIGINALS_QUALITY, QUALITY, Setup};
use crate::turns::{Contestant, Cost, Rounds, by_turns};

/// Mosaics in each round.
const MOSAICS: usize = 144;
/// Mosaics that are looked at for their quality.
const LOOKED_AT: usize = 48;

/// What is done, once for each frame or once for every four.
pub(super) struct Job<'a> {
    what: String,
    frames: &'a Frames,
    /// Frames taken in for a mosaic.
    each: usize,
    target: Target,
}

/// All of them, with their targets.
pub(super) fn jobs(setup: &Setup) -> Vec<Job<'_>> {
    let job = |what: &str, frames, each, target| Job { what: what.to_owned(), frames, each, target };
    vec![
        job("640x480 canonical tile in, one mosaic out", &setup.tiles, 1, Target::times_less(8.0, 16.0)),
        job("640x480 baseline JPEG in, one mosaic out", &setup.small, 1, Target::times_less(4.0, 8.0)),
        job("1280x720 JPEG in, one mosaic out", &setup.large, 1, Target::times_less(1.7, 3.0)),
        job("four 640x480 frames in, one mosaic out", &setup.small, 4, Target::times_less(2.0, 4.0)),
        job("four 1280x720 frames in, one mosaic out", &setup.large, 4, Target::times_less(1.2, 2.2)),
    ]
}

impl Job<'_> {
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Beside OpenCV at our quality and at the original's, or beside ffmpeg.
    pub(super) fn measure(&self, setup: &Setup) -> anyhow::Result<Vec<Pair>> {
        let mosaics = self.mosaics(LOOKED_AT)?;
        let psnr = mean_psnr(&mosaics, &self.frames.jpegs, self.shown())?;
        let names = RefCell::new(vec![String::new(); 2]);
        let rounds = by_turns(setup.rounds, &mut self.contestants(setup, &names))?;
        let names = names.into_inner();
        let pairs = self.qualities().into_iter().zip(&rounds[1..]).zip(names);
        pairs
            .map(|((quality, theirs), name)| {
                let pair = self.pair(&format!("{name}{}", self.quality_word(quality)), &rounds[0], theirs);
                let their_psnr =
                    mean_psnr(&self.their_mosaics(setup, quality)?, &self.frames.jpegs, self.shown())?;
                let same_quality = self.each == 1 && quality == QUALITY;
                Ok(Pair { psnr: Some((psnr, their_psnr)), same_quality, ..pair })
            })
            .collect()
    }

    /// The qualities of theirs that ours is set beside. ffmpeg has a scale of its own: 4 is often used, 2 comes
    /// nearest to our quality.
    fn qualities(&self) -> [u32; 2] {
        if self.each == 1 { [QUALITY, ORIGINALS_QUALITY] } else { [4, 2] }
    }

    fn quality_word(&self, quality: u32) -> String {
        if self.each == 1 { format!(", quality {quality}") } else { format!(" xstack, -q:v {quality}") }
    }

    /// Mosaics show four frames each, new ones all of them or one.
    fn shown(&self) -> Shown {
        if self.each == 1 { Shown::OneNew } else { Shown::AllNew }
    }

    fn pair(&self, against: &str, ours: &Rounds, theirs: &Rounds) -> Pair {
        let names = Names {
            job: self.what.clone(),
            against: against.to_owned(),
            unit: "CPU ms a mosaic",
            scale: 1e3,
        };
        pair(names, self.target, ours, theirs)
    }

    /// Ours and then theirs; `names` learns what theirs call themselves.
    fn contestants<'a>(
        &'a self,
        setup: &'a Setup,
        names: &'a RefCell<Vec<String>>,
    ) -> Vec<(&'static str, Contestant<'a>)> {
        let mut all: Vec<(&'static str, Contestant<'a>)> = vec![("tessera", self.ours())];
        for (index, quality) in self.qualities().into_iter().enumerate() {
            let theirs = move || {
                let answer = match self.each {
                    1 => peers::opencv(setup, self.frames, quality, MOSAICS)?,
                    _ => peers::xstack(setup, self.frames, quality, MOSAICS / self.each)?,
                };
                names.borrow_mut()[index] = answer.name;
                Ok(answer.cost)
            };
            all.push(("another program", Box::new(theirs)));
        }
        all
    }

    fn ours(&self) -> Contestant<'_> {
        let mut codec = Codec::default();
        Box::new(move || {
            let (begin, mut bytes) = (thread_time(), 0);
            for mosaic in 0..MOSAICS {
                bytes += self.job(&mut codec, mosaic)?.len();
            }
            let cpu = (thread_time() - begin).as_secs_f64() / MOSAICS as f64;
            Ok(Cost { cpu, bytes: bytes as f64 / MOSAICS as f64 })
        })
    }

    /// The frames of mosaic number `mosaic` in, and the mosaic.
    fn job(&self, codec: &mut Codec, mosaic: usize) -> anyhow::Result<Vec<u8>> {
        for n in mosaic * self.each..(mosaic + 1) * self.each {
            codec.take(n, &self.frames.jpegs[n % self.frames.jpegs.len()])?;
        }
        codec.mosaic()
    }

    fn mosaics(&self, count: usize) -> anyhow::Result<Vec<Bytes>> {
        let mut codec = Codec::default();
        (0..count).map(|mosaic| Ok(self.job(&mut codec, mosaic)?.into())).collect()
    }

    fn their_mosaics(&self, setup: &Setup, quality: u32) -> anyhow::Result<Vec<Bytes>> {
        match self.each {
            1 => peers::opencv_mosaics(setup, self.frames, quality, LOOKED_AT),
            _ => peers::xstack_mosaics(setup, self.frames, quality, LOOKED_AT / 4),
        }
    }
}
