//! What is measured all the while: the server's memory and descriptors, and how long the healthy waited.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::bystanders::Bystanders;
use crate::program::{ProcessId, Usage};

/// Between two samples.
const PERIOD: Duration = Duration::from_millis(250);

/// One look.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Seconds since the begin.
    pub(super) at: f64,
    /// The server's.
    #[serde(flatten)]
    pub(super) usage: Usage,
    /// The longest wait of a bystander since the sample before, those included that last; in milliseconds.
    pub(super) gap_ms: f64,
}

/// A time in which something was tried.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shaded {
    /// Seconds since the begin.
    pub(super) from: f64,
    /// Seconds since the begin.
    pub(super) to: f64,
    /// What.
    pub(super) name: String,
}

/// Samples until it is dropped.
pub(super) struct Sampler {
    begin: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
    shaded: Mutex<Vec<Shaded>>,
    _sampling: AbortOnDropHandle<()>,
}

impl Sampler {
    pub(super) fn start(server: ProcessId, bystanders: Arc<Bystanders>) -> Self {
        let begin = Instant::now();
        let samples = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&samples);
        let sampling = tokio::spawn(async move {
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let gap_ms = bystanders.take_largest_gap().length.as_secs_f64() * 1000.0;
                // A server that is gone has ended its streams, which is noted elsewhere.
                let Ok(usage) = server.usage() else { continue };
                let sample = Sample { at: begin.elapsed().as_secs_f64(), usage, gap_ms };
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            }
        });
        Self { begin, samples, shaded: Mutex::default(), _sampling: AbortOnDropHandle::new(sampling) }
    }

    /// Seconds since the begin.
    pub(super) fn now(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    /// All samples.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The samples of a time.
    pub(super) fn between(&self, from: f64, to: f64) -> Vec<Sample> {
        self.samples().into_iter().filter(|sample| (from..to).contains(&sample.at)).collect()
    }

    /// Notes what was tried from then to now.
    pub(super) fn shade(&self, from: f64, name: &str) {
        let shaded = Shaded { from, to: self.now(), name: name.to_owned() };
        self.shaded.lock().unwrap_or_else(PoisonError::into_inner).push(shaded);
    }

    pub(super) fn shaded(&self) -> Vec<Shaded> {
        self.shaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
