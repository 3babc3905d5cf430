//! Everybody who loads the server: come in, run, are counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
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

    pub(super) fn failure(&self, status: &Status, room: &Room) -> BenchError {
        BenchError::of(status, &self.server, room)
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
            pace: load.pace,
            publishers: load.publishers,
        };
        let (phase, phases) = Phases::new();
        let mut joined = Joined { common, phases, waiting: Vec::new() };
        joined.publishers(load).await?;
        joined.viewers(load).await?;
        let running = joined.run();
        Ok(Self { load: load.clone(), process, phase, running, memory_before })
    }

    /// Counts for `time`, then ends everybody.
    pub(super) async fn measure(mut self, time: Duration) -> Result<BenchResult, BenchError> {
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
            Some(ended) = self.running.join_next() => {
                Err(ended.map_err(|_| BenchError::Crashed)?.err().unwrap_or(BenchError::Crashed))
            }
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

/// Somebody who is in and does not run yet.
enum Waiting {
    Publisher(Publisher),
    Pusher(Pusher),
    Holder(super::pusher::Holder),
    Watcher(Watcher),
}

/// Those who are in.
struct Joined {
    common: Common,
    phases: Phases,
    waiting: Vec<Waiting>,
}

impl Joined {
    /// One after the other, so that places are the same in every run.
    async fn publishers(&mut self, load: &Load) -> Result<(), BenchError> {
        for number in 0..load.publishers {
            let (common, room) = (&self.common, room(number, load));
            match load.up {
                Up::Stream => {
                    self.waiting.push(Waiting::Publisher(Publisher::join(common, room, number).await?));
                }
                Up::Push => {
                    let (pusher, watcher) = Pusher::join(common, room, number).await?;
                    self.waiting.extend([Waiting::Pusher(pusher), Waiting::Watcher(watcher)]);
                }
                Up::BlindPush => {
                    let (pusher, holder) = Pusher::join_blind(common, room, number).await?;
                    self.waiting.extend([Waiting::Pusher(pusher), Waiting::Holder(holder)]);
                }
            }
        }
        Ok(())
    }

    async fn viewers(&mut self, load: &Load) -> Result<(), BenchError> {
        let mut coming = JoinSet::new();
        for number in 0..load.viewers {
            if coming.len() == AT_ONCE {
                self.welcome(coming.join_next().await)?;
            }
            let (common, room) = (self.common.clone(), room(number, load));
            coming.spawn(async move { Watcher::spectate(&common, room).await });
        }
        while let Some(viewer) = coming.join_next().await {
            self.welcome(Some(viewer))?;
        }
        Ok(())
    }

    fn welcome(
        &mut self,
        viewer: Option<Result<Result<Watcher, BenchError>, tokio::task::JoinError>>,
    ) -> Result<(), BenchError> {
        if let Some(viewer) = viewer {
            self.waiting.push(Waiting::Watcher(viewer.map_err(|_| BenchError::Crashed)??));
        }
        Ok(())
    }

    fn run(self) -> Running {
        let mut running = JoinSet::new();
        for one in self.waiting {
            let (common, phases) = (self.common.clone(), self.phases.clone());
            running.spawn(async move {
                Ok(match one {
                    Waiting::Publisher(one) => (Role::Publisher, one.run(common, phases).await?),
                    Waiting::Pusher(one) => (Role::Publisher, one.run(common, phases).await?),
                    Waiting::Holder(one) => (Role::Publisher, one.run(common, phases).await?),
                    Waiting::Watcher(one) => (Role::Viewer, one.run(common, phases).await?),
                })
            });
        }
        running
    }
}

/// The room of the one with this number: `main`, `main-2` and so on in turn.
fn room(number: u32, load: &Load) -> Room {
    match number % load.rooms {
        0 => Room::default(),
        other => format!("main-{}", other + 1).parse().unwrap_or_default(),
    }
}
