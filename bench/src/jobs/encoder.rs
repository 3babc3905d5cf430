//! Planes to a tile, beside libjpeg-turbo's encoder.

use std::cell::RefCell;
use std::hint::black_box;

use tessera_mosaic::Ingest;

use super::{Names, pair};
use crate::cpu::thread_time;
use crate::peers::Turbo;
use crate::results::{Pair, Target};
use crate::setup::{Setup, spec};
use crate::turns::{Contestant, Cost, by_turns};

pub(super) fn measure(setup: &Setup) -> anyhow::Result<Pair> {
    let turbo = Turbo::prepare(setup, &setup.pictures)?;
    let name = RefCell::new(String::new());
    let theirs = || {
        let answer = turbo.run(setup)?;
        *name.borrow_mut() = answer.name;
        Ok(answer.cost)
    };
    let rounds =
        by_turns(setup.rounds, &mut [("tessera", ours(setup)), ("libjpeg-turbo", Box::new(theirs))])?;
    let names = Names {
        job: "640x480 planes to a tile".to_owned(),
        against: format!("{} from the same planes", name.into_inner()),
        unit: "CPU ms a tile",
        scale: 1e3,
    };
    Ok(pair(names, Target::of_its_time(1.2, 0.8), &rounds[0], &rounds[1]))
}

fn ours(setup: &Setup) -> Contestant<'_> {
    let mut ingest = Ingest::default();
    Box::new(move || {
        let (begin, mut bytes) = (thread_time(), 0);
        let count = setup.pictures.len();
        for picture in &setup.pictures {
            bytes += black_box(ingest.picture(picture, spec()).to_jpeg()).len();
        }
        let cpu = (thread_time() - begin).as_secs_f64() / count as f64;
        Ok(Cost { cpu, bytes: bytes as f64 / count as f64 })
    })
}
