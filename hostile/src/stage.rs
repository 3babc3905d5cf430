//! A server in this process with bystanders on it, and what each row of SECURITY.md must leave as it was.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser as _;
use tessera_server_core::{CancellationToken, Cli, Config, Counters, Held, Page, Server};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};

use crate::bystanders::{Bystanders, Tokens};
use crate::target::{PATIENCE, Target, within};
use crate::witness::{SERVER_THREAD, Witness};

/// The longest that a bystander may wait beside a quick row.
pub const GAP: Duration = Duration::from_secs(3);
/// Calls of bystanders at a time.
const CALLS: usize = 6;
/// How long a server may take to let go of what an attacker held.
const RELEASE: Duration = Duration::from_secs(8);

/// Tiles here: small, so that debug builds are quick.
pub const TILE: (u32, u32) = (160, 128);

/// What a server under attack is told: the defaults, with shorter times, so that nobody waits long for their end.
pub const FLAGS: &[&str] = &[
    "--listen=127.0.0.1:0",
    "--tile=160x128",
    "--fit=stretch",
    "--limit-loopback",
    "--max-connections-per-ip=64",
    "--opening-timeout=1s",
    "--write-stall=2s",
    "--mosaic-stall=5s",
    "--stale-after=1s",
    "--silent-after=3s",
    "--push-patience=1s",
    "--ping-after=2s",
    "--ping-timeout=1s",
    "--stop-timeout=2s",
    "--max-held-bytes-per-ip=16777216",
    "--max-rooms=20",
    "--max-rooms-per-ip=10",
    "--max-viewers=60",
];

/// [`FLAGS`] and more of them, as the program reads them; of a flag that is in both, that of `more` holds.
///
/// # Errors
///
/// When the server has no such flag.
pub fn config(more: &[&str]) -> anyhow::Result<Config> {
    let name = |flag: &str| flag.split_once('=').map_or(flag, |(name, _)| name).to_owned();
    let is_free = |flag: &&&str| more.iter().all(|other| name(other) != name(flag));
    let words = ["tessera-server"].iter().chain(FLAGS.iter().filter(is_free)).chain(more);
    Ok(Cli::try_parse_from(words)?.into_config()?)
}

/// One row at a time in a process, however many stages it has: they are heard by the same witness, who begins anew with
/// each row, and nobody is to wait for the processors beside another row's attack.
static TURN: Mutex<()> = Mutex::const_new(());

/// A server with bystanders, for the rows of a test file.
#[derive(Debug)]
pub struct Stage {
    address: SocketAddr,
    counters: Counters,
    bystanders: Bystanders,
    witness: Witness,
    /// The server's threads, and those of the bystanders, which are not to be blamed for the server's panics.
    runtimes: [Runtime; 2],
}

impl Stage {
    /// Starts a server that is told [`FLAGS`] and `more`, and lets the bystanders in.
    ///
    /// # Panics
    ///
    /// When there is no server then.
    pub fn start(more: &[&str]) -> Self {
        Self::open(&config(more).expect("the server has these flags"), None)
    }

    /// As [`Stage::start`], with a server that lets nobody in without a token: the bystanders bring these.
    ///
    /// # Panics
    ///
    /// When there is no server then, or it does not take them.
    pub fn start_private(more: &[&str], tokens: Tokens) -> Self {
        Self::open(&config(more).expect("the server has these flags"), Some(tokens))
    }

    fn open(config: &Config, tokens: Option<Tokens>) -> Self {
        let witness = Witness::of_this_process();
        let runtimes = [SERVER_THREAD, "bystander"].map(|name| {
            let threads =
                Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build();
            threads.expect("threads can be started")
        });
        let (sender, bound) = mpsc::channel();
        let config = config.clone();
        drop(runtimes[0].spawn(async move {
            let server = Server::bind(&config, Page::absent("under attack")).await.expect("a port is free");
            sender.send((server.addresses()[0], server.counters())).expect("the stage waits for it");
            server.serve(CancellationToken::new()).await;
        }));
        let (address, counters) = bound.recv_timeout(PATIENCE).expect("the server starts");
        let (sender, joined) = mpsc::channel();
        let joining = Bystanders::join_with(Target::healthy(address), TILE, tokens);
        drop(runtimes[1].spawn(async move { sender.send(joining.await) }));
        let bystanders = joined.recv_timeout(PATIENCE).expect("the bystanders get in");
        Self { address, counters, bystanders, witness, runtimes }
    }

    /// The server, from an address of its own for each call.
    pub fn target(&self) -> Target {
        Target::from_elsewhere(self.address)
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the server holds.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Who hears the log.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Runs one row: `attack` beside the bystanders, who must not notice, and after whom the server holds what it held.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn row<R>(&self, attack: impl AsyncFnOnce(&Self) -> R) -> R {
        let _turn = TURN.lock().await;
        // Those whom the row before has put out may need a while to come back.
        within(self.bystanders.all_see_something_new()).await;
        let before = (self.counters.held(), self.tasks());
        self.bystanders.begin();
        self.witness.begin();
        let result = attack(self).await;
        self.released(before).await;
        timeout(GAP, self.bystanders.all_see_something_new()).await.expect("bystanders see nothing new");
        self.unnoticed();
        result
    }

    /// Waits until the server holds what it held before, and as many tasks run.
    async fn released(&self, (before, tasks): (Held, usize)) {
        let released = async {
            self.counters.wait_for(|held| is_back(held, &before)).await;
            // Nothing tells of tasks that end.
            let mut looks = interval(Duration::from_millis(10));
            while self.tasks() > tasks + self.passing(&before) {
                looks.tick().await;
            }
        };
        if timeout(RELEASE, released).await.is_err() {
            let now = (self.counters.held(), self.tasks());
            panic!("still held, and tasks: {now:?}; before: {:?}", (before, tasks));
        }
    }

    /// The server's tasks.
    fn tasks(&self) -> usize {
        self.runtimes[0].metrics().num_alive_tasks()
    }

    /// More tasks than before that are no wonder: of bystanders' calls, and two for a room that stands empty for a while.
    fn passing(&self, before: &Held) -> usize {
        CALLS + 2 * self.counters.held().rooms.saturating_sub(before.rooms)
    }

    fn unnoticed(&self) {
        let gap = self.bystanders.largest_gap();
        assert!(gap.length < GAP, "{} saw nothing new for {:?}", gap.whose, gap.length);
        let mut complaints = self.bystanders.ended();
        complaints.extend(self.witness.complaints());
        assert!(complaints.is_empty(), "{complaints:#?}\n{}", self.witness.last_lines());
    }
}

/// Whether what is held is what was. Bystanders push and are answered all the while, and an empty room is kept a while.
fn is_back(held: &Held, before: &Held) -> bool {
    let standing = |held: &Held| (held.connections, held.seats, held.viewers);
    standing(held) == standing(before)
        && held.streams <= before.streams.max(CALLS)
        && held.bytes <= before.bytes.max(64 << 10)
}
