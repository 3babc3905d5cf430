//! Everybody who loads the server: come in, run, are counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tessera_wire::Refusal;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

use super::clock::{Clock, Phase, Phases};
use super::figures::Figures;
use super::publisher::{Beat, Publisher};
use super::pusher::Pusher;
use super::reel::Reel;
use super::result::{BenchResult, Sample};
use super::usage::Process;
use super::watcher::Watcher;
use super::{BenchError, Load, Up};
use crate::address::{Client, ServerAddress};
use crate::identity::Room;
use crate::pacing::Pace;
use crate::text::excerpt;

/// What runs before anything counts: connections open their windows, caches fill.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long those who run may take to come to an end.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Viewers who come in at once: enough to hide a long way, few enough for any server's backlog.
const AT_ONCE: usize = 16;

/// What all have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) server: Arc<ServerAddress>,
    pub(super) reel: Arc<Reel>,
    pub(super) clock: Clock,
    pub(super) max_fps: Option<u32>,
    /// Why a frame was refused, of whomever it was: all send the same.
    last_refusal: Arc<Mutex<Option<String>>>,
    pace: Pace,
    publishers: u32,
}

impl Common {
    /// The id of publisher `number`.
    pub(super) fn id(number: u32) -> String {
        format!("bench-{}", number + 1)
    }

    /// A connection of its own.
    pub(super) async fn client(&self, room: &Room) -> Result<Client, BenchError> {
        let client = self.server.connect().await;
        client.map_err(|error| self.failure(&error.into(), room))
    }

    /// When the frames of publisher `number` go.
    pub(super) fn beat(&self, number: u32) -> Beat {
        Beat::new(self.pace, self.reel.frame_rate(), number, self.publishers)
    }

    /// What it means that somebody does not get in.
    pub(super) fn failure(&self, status: &Status, room: &Room) -> BenchError {
        BenchError::of_join(status, &self.server, room)
    }

    /// What it means that the stream of somebody who was in has ended.
    pub(super) fn end(&self, status: &Status, room: &Room) -> BenchError {
        BenchError::of_end(status, &self.server, room, self.last_refusal().as_deref())
    }

    /// Remembers why a frame was refused.
    pub(super) fn note(&self, refusal: Option<&Refusal>) {
        if let Some(refusal) = refusal {
            let mut last = self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(excerpt(&refusal.message));
        }
    }

    fn last_refusal(&self) -> Option<String> {
        self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn silence(&self, who: &str, time: Duration) -> BenchError {
        BenchError::Silent { who: format!("{who} at {}", self.server), time }
    }
}

/// Who somebody is: viewers' rates are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Publisher,
    Viewer,
}

type Running = JoinSet<Result<(Role, Figures), BenchError>>;

/// Everybody, in the rooms and running.
pub(super) struct Crowd {
    load: Load,
    process: Option<Process>,
    phase: watch::Sender<Phase>,
    running: Running,
    /// The server's before anybody came in.
    memory_before: Option<u64>,
}

impl Crowd {
    /// Brings everybody in, then lets them run.
    pub(super) async fn gather(
        server: &ServerAddress,
        load: &Load,
        process: Option<Process>,
    ) -> Result<Self, BenchError> {
        let memory_before = process.map(Process::usage).transpose()?.map(|usage| usage.memory);
        let common = Common {
            server: Arc::new(server.clone()),
            reel: Arc::new(Reel::open(load.source.clone(), load.frame_size).await?),
            clock: Clock::start(),
            max_fps: load.max_fps,
            last_refusal: Arc::default(),
            pace: load.pace,
            publishers: load.publishers,
        };
        let (phase, phases) = Phases::new();
        let mut joined = Joined { common, phases, running: JoinSet::new() };
        joined.publishers(load).await?;
        joined.viewers(load).await?;
        Ok(Self { load: load.clone(), process, phase, running: joined.running, memory_before })
    }

    /// Lets all send, counts for `time`, then ends everybody.
    pub(super) async fn measure(mut self, time: Duration) -> Result<BenchResult, BenchError> {
        self.phase.send_replace(Phase::WarmUp);
        self.wait(WARM_UP).await?;
        let usage_before = self.process.map(Process::usage).transpose()?;
        let begin = Instant::now();
        self.phase.send_replace(Phase::Measuring);
        self.wait(time).await?;
        let usage_after = self.process.map(Process::usage).transpose()?;
        let elapsed = begin.elapsed();
        self.phase.send_replace(Phase::Over);
        let (publishers, viewers) = self.end().await?;
        Ok(BenchResult::new(
            &self.load,
            Sample {
                time: elapsed,
                usage: usage_before.zip(usage_after),
                memory_before: self.memory_before,
                publishers,
                viewers,
            },
        ))
    }

    /// Lets them run; whoever ends meanwhile has failed.
    async fn wait(&mut self, time: Duration) -> Result<(), BenchError> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.running.join_next() => Err(failure_of(ended)),
        }
    }

    /// The publishers' figures together, and each viewer's.
    async fn end(&mut self) -> Result<(Figures, Vec<Figures>), BenchError> {
        let (mut publishers, mut viewers) = (Figures::new(), Vec::new());
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                match ended.map_err(|_| BenchError::Crashed)?? {
                    (Role::Publisher, figures) => publishers.add(&figures),
                    (Role::Viewer, figures) => viewers.push(figures),
                }
            }
            Ok::<_, BenchError>(())
        };
        let silent = |_| BenchError::Silent { who: "the end of all".to_owned(), time: END_TIMEOUT };
        timeout(END_TIMEOUT, all).await.map_err(silent)??;
        Ok((publishers, viewers))
    }
}

/// Why somebody has ended before it is over.
fn failure_of(ended: Result<Result<(Role, Figures), BenchError>, JoinError>) -> BenchError {
    ended.map_or(BenchError::Crashed, |ended| ended.err().unwrap_or(BenchError::Crashed))
}

/// Those who are in. Each runs from then on, so that nobody is silent while others come.
struct Joined {
    common: Common,
    phases: Phases,
    running: Running,
}

impl Joined {
    /// One after the other, so that places are the same in every run.
    async fn publishers(&mut self, load: &Load) -> Result<(), BenchError> {
        for number in 0..load.publishers {
            let (common, room) = (self.common.clone(), load.rooms.of(number));
            match load.up {
                Up::Stream => {
                    let publisher = self.unless_ended(Publisher::join(&common, room, number)).await?;
                    self.run(Role::Publisher, |common, phases| publisher.run(common, phases));
                }
                Up::Push => {
                    let (pusher, watcher) = self.unless_ended(Pusher::join(&common, room, number)).await?;
                    self.run(Role::Publisher, |common, phases| pusher.run(common, phases));
                    self.run(Role::Viewer, |common, phases| watcher.run(common, phases));
                }
                Up::BlindPush => {
                    let joining = Pusher::join_blind(&common, room, number);
                    let (pusher, holder) = self.unless_ended(joining).await?;
                    self.run(Role::Publisher, |common, phases| pusher.run(common, phases));
                    self.run(Role::Publisher, |common, phases| holder.run(common, phases));
                }
            }
        }
        Ok(())
    }

    async fn viewers(&mut self, load: &Load) -> Result<(), BenchError> {
        let mut coming = JoinSet::new();
        for number in 0..load.viewers {
            if coming.len() == AT_ONCE {
                self.welcome(&mut coming).await?;
            }
            let (common, room) = (self.common.clone(), load.rooms.of(number));
            coming.spawn(async move { Watcher::spectate(&common, room).await });
        }
        while !coming.is_empty() {
            self.welcome(&mut coming).await?;
        }
        Ok(())
    }

    /// Waits for the next viewer.
    async fn welcome(&mut self, coming: &mut JoinSet<Result<Watcher, BenchError>>) -> Result<(), BenchError> {
        let next = async {
            let come = coming.join_next().await.transpose().map_err(|_| BenchError::Crashed)?;
            come.transpose()
        };
        if let Some(watcher) = self.unless_ended(next).await? {
            self.run(Role::Viewer, |common, phases| watcher.run(common, phases));
        }
        Ok(())
    }

    /// What `coming` comes to, unless somebody who is in ends before.
    async fn unless_ended<T>(
        &mut self,
        coming: impl Future<Output = Result<T, BenchError>>,
    ) -> Result<T, BenchError> {
        let is_first = self.running.is_empty();
        tokio::select! {
            come = coming => come.map_err(|error| if is_first { error } else { error.after_others() }),
            Some(ended) = self.running.join_next() => Err(failure_of(ended)),
        }
    }

    fn run<F>(&mut self, role: Role, runs: impl FnOnce(Common, Phases) -> F)
    where
        F: Future<Output = Result<Figures, BenchError>> + Send + 'static,
    {
        let runs = runs(self.common.clone(), self.phases.clone());
        self.running.spawn(async move { Ok((role, runs.await?)) });
    }
}
