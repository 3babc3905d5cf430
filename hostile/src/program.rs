//! The server as a program of its own: signals, descriptors, memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::witness::Witness;

/// How long it may take to start.
const START: Duration = Duration::from_secs(20);
/// How long it may take to answer a signal.
const ANSWER: Duration = Duration::from_secs(10);
/// Before the number of its tasks, in the answer to SIGUSR1.
const TASKS: &str = " tasks=";
/// Before the address, in its log.
const READY: &str = "listening on http://";

/// A running server. It is killed with this value.
#[derive(Debug)]
pub struct Program {
    child: Child,
    id: Pid,
    address: SocketAddr,
    witness: Witness,
    /// How many tasks it had when it was asked last.
    tasks: watch::Receiver<Option<u64>>,
    _listening: AbortOnDropHandle<()>,
}

/// How to start one.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// What it is told.
    pub flags: Vec<String>,
    /// At most so many descriptors, if not as many as we may have.
    pub descriptors: Option<u32>,
}

impl Start {
    /// A start of `program` with these flags.
    pub fn new(program: impl AsRef<Path>, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self { program: program.as_ref().to_owned(), flags, descriptors: None }
    }

    /// And with this one.
    #[must_use]
    pub fn and(mut self, flag: String) -> Self {
        self.flags.push(flag);
        self
    }

    fn command(&self) -> Command {
        let mut command = match self.descriptors {
            None => Command::new(&self.program),
            Some(most) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")]).arg(&self.program);
                shell
            }
        };
        command.args(&self.flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TESSERA_") {
                command.env_remove(name);
            }
        }
        command.env("RUST_LOG", "info").env("NO_COLOR", "1").kill_on_drop(true);
        command
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not; with what it said.
    pub async fn run(&self) -> anyhow::Result<Program> {
        let mut child =
            self.command().spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("it has no number")?;
        let stderr = child.stderr.take().context("its log is not piped")?;
        let mut lines = BufReader::new(stderr).lines();
        let witness = Witness::default();
        let ready = timeout(START, ready(&mut lines, &witness)).await;
        let address = ready.context("it does not start")?.with_context(|| witness.last_lines())?;
        let (sender, tasks) = watch::channel(None);
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(lines, witness.clone(), sender)));
        Ok(Program { child, id, address, witness, tasks, _listening: listening })
    }
}

/// Reads the log until it names the address.
async fn ready(lines: &mut Lines<BufReader<ChildStderr>>, witness: &Witness) -> anyhow::Result<SocketAddr> {
    while let Some(line) = lines.next_line().await? {
        witness.hear(&line);
        if let Some((_, address)) = line.split_once(READY) {
            let address = address.split([' ', ',', '"']).next().unwrap_or(address);
            return address.parse().with_context(|| format!("no address: {line}"));
        }
    }
    anyhow::bail!("it ended before it listened")
}

async fn listen(
    mut lines: Lines<BufReader<ChildStderr>>,
    witness: Witness,
    tasks: watch::Sender<Option<u64>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        witness.hear(&line);
        if let Some((_, count)) = line.split_once(TASKS) {
            tasks.send_replace(count.split_whitespace().next().and_then(|count| count.parse().ok()));
        }
    }
}

impl Program {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who hears its log.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> std::io::Result<()> {
        Ok(kill_process(self.id, signal)?)
    }

    /// How many tasks it has, as it says itself when it is asked.
    ///
    /// # Errors
    ///
    /// When it does not say so.
    pub async fn tasks(&self) -> anyhow::Result<u64> {
        let mut tasks = self.tasks.clone();
        tasks.mark_unchanged();
        self.signal(Signal::USR1)?;
        timeout(ANSWER, tasks.changed()).await.context("it does not answer SIGUSR1")??;
        tasks.borrow_and_update().context("it does not say how many tasks it has")
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When the system lost it.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Its number.
    pub fn id(&self) -> ProcessId {
        ProcessId(self.id)
    }
}

/// The number of a process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessId(Pid);

impl ProcessId {
    /// What it has of the system now.
    ///
    /// # Errors
    ///
    /// When it has ended, or there is no `/proc`.
    pub fn usage(self) -> std::io::Result<Usage> {
        Usage::of(self.0.as_raw_nonzero().get())
    }
}

/// What a process has of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Bytes in memory.
    pub memory: u64,
    /// Open files and sockets.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    fn of(id: i32) -> std::io::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            value.ok_or_else(|| std::io::Error::other(format!("{name} is missing")))
        };
        Ok(Self {
            memory: field("VmRSS:")? * 1024,
            threads: field("Threads:")?,
            descriptors: std::fs::read_dir(format!("/proc/{id}/fd"))?.count(),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_descriptors_and_threads() {
        let usage = Usage::of(std::process::id().cast_signed()).unwrap();
        assert!(usage.memory > 100_000 && usage.descriptors > 2 && usage.threads > 0, "{usage:?}");
    }
}
