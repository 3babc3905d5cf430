//! Whole jobs beside what else one would run: the pairs that have targets.

mod codec;
mod encoder;
mod servers;
mod splice;
mod viewers;

use crate::results::{Pair, Target};
use crate::setup::Setup;
use crate::turns::Rounds;

/// Measures all pairs; with `peers` those too that need other programs.
///
/// # Errors
///
/// When one of the programs fails.
pub fn measure(setup: &Setup, peers: bool, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    if peers {
        for job in codec::jobs(setup) {
            progress(job.what());
            pairs.extend(job.measure(setup)?);
        }
    }
    progress("the splice beside a memcpy");
    pairs.extend(splice::measure(setup)?);
    if peers {
        progress("the encoder beside libjpeg-turbo's");
        pairs.push(encoder::measure(setup)?);
        progress("the server beside the original's kind");
        pairs.extend(servers::measure(setup)?);
    }
    progress("50 viewers beside a bare loop");
    pairs.push(viewers::measure(setup)?);
    Ok(pairs)
}

/// What the two of a pair are called, and how they are told.
struct Names {
    job: String,
    against: String,
    unit: &'static str,
    /// From CPU seconds for one job to the unit.
    scale: f64,
}

fn pair(names: Names, target: Target, ours: &Rounds, theirs: &Rounds) -> Pair {
    let compared = ours.beside(theirs);
    let ratio = |ratio| target.ratio(ratio);
    let ends = (ratio(compared.min), ratio(compared.max));
    Pair {
        job: names.job,
        against: names.against,
        target,
        ratio: ratio(compared.ratio),
        spread: (ends.0.min(ends.1), ends.0.max(ends.1)),
        unit: names.unit.to_owned(),
        ours: ours.cpu() * names.scale,
        theirs: theirs.cpu() * names.scale,
        bytes: Some((ours.bytes(), theirs.bytes())),
        psnr: None,
        same_quality: false,
    }
}
