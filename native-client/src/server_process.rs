//! A server of our own: a child process that never outlives us.

use std::collections::VecDeque;
use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::{TcpListener, lookup_host};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::address::ServerAddress;

/// What the server says when it can be called.
const READY: &str = "listening on";
/// How long it may take until then.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to end its streams and itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// What may be set for another server and does not count here: the arguments say where to listen, and we call without
/// TLS.
const OF_ANOTHER_SERVER: [&str; 7] = [
    "TESSERA_LISTEN",
    "TESSERA_TLS",
    "TESSERA_TLS_DIR",
    "TESSERA_TLS_CERT",
    "TESSERA_TLS_KEY",
    "TESSERA_TLS_ONLY",
    "TESSERA_ALLOW_PLAIN",
];
/// Lines that are kept while it starts: the error, should it die.
const FIRST_LINES: usize = 20;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum ServerProcessError {
    /// The program could not be started.
    #[error("{} cannot be started ({error}): build it with `cargo build -p tessera-server`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody else listens there.
    #[error(
        "{0} is taken: a server may be running already; leave --with-server out to use it, or name another port with \
         --server http://127.0.0.1:PORT"
    )]
    Taken(String),
    /// It did not get ready.
    #[error("the server did not listen within {} s{last}", START_TIMEOUT.as_secs())]
    Silent {
        /// What it said last.
        last: String,
    },
    /// It ended by itself.
    #[error("the server ended ({status}){last}")]
    Died {
        /// How.
        status: ExitStatus,
        /// What it said last, if that has not been passed on.
        last: String,
    },
    /// Its name means no address.
    #[error("the server's address cannot be found: {0}")]
    Address(io::Error),
    /// It is not known where its program is.
    #[error("the folder of this program is unknown: {0}")]
    Folder(io::Error),
    /// The system failed us.
    #[error("the server's process is lost: {0}")]
    Lost(#[from] io::Error),
}

/// A running server. Its lines go to `log`.
pub(crate) struct ServerProcess<L> {
    child: Child,
    /// Until it closes its standard error.
    lines: Option<Lines<BufReader<ChildStderr>>>,
    /// What it said while it started; `None` once it is ready and its lines are passed on as they come.
    held: Option<VecDeque<String>>,
    log: L,
}

impl<L: FnMut(&str)> ServerProcess<L> {
    /// Starts the `tessera-server` that stands beside this program, to listen at `address`, with `flags`.
    pub(crate) async fn beside_us(
        address: &ServerAddress,
        flags: &[&str],
        log: L,
    ) -> Result<Self, ServerProcessError> {
        let program = program().map_err(ServerProcessError::Folder)?;
        if is_taken(address).await {
            return Err(ServerProcessError::Taken(address.authority().to_owned()));
        }
        let mut args = listen_args(address).await.map_err(ServerProcessError::Address)?;
        args.extend(flags.iter().map(|&flag| flag.to_owned()));
        Self::start(&program, &args, log).await
    }

    /// Its number in the system, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Starts `program` and waits until it listens.
    pub(crate) async fn start(program: &Path, args: &[String], log: L) -> Result<Self, ServerProcessError> {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for variable in OF_ANOTHER_SERVER {
            command.env_remove(variable);
        }
        // Ctrl-C is for us: the server ends after the clients said goodbye.
        #[cfg(unix)]
        command.process_group(0);
        let start = |error| ServerProcessError::Start { program: program.to_owned(), error };
        let mut child = command.spawn().map_err(start)?;
        let lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let mut server = Self { child, lines, held: Some(VecDeque::new()), log };
        match timeout(START_TIMEOUT, server.ready()).await {
            Ok(ready) => ready.map(|()| server),
            Err(_) => {
                server.child.kill().await?;
                Err(ServerProcessError::Silent { last: server.last_lines() })
            }
        }
    }

    async fn ready(&mut self) -> Result<(), ServerProcessError> {
        while let Some(line) = self.next_line().await {
            if line.contains(READY) {
                for line in self.held.take().unwrap_or_default() {
                    (self.log)(&line);
                }
                return Ok(());
            }
        }
        Err(self.ended().await)
    }

    /// Passes its lines on until it ends by itself. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> ServerProcessError {
        while self.next_line().await.is_some() {}
        match self.child.wait().await {
            Ok(status) => ServerProcessError::Died { status, last: self.last_lines() },
            Err(error) => error.into(),
        }
    }

    /// Ends it: asks, waits, and insists if it must.
    pub(crate) async fn stop(mut self) -> Result<(), ServerProcessError> {
        self.terminate()?;
        if timeout(STOP_TIMEOUT, self.ended()).await.is_err() {
            (self.log)("does not end: killed");
            self.child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM, where there is such a thing.
    fn terminate(&mut self) -> io::Result<()> {
        // An id is there as long as the process has not been waited for, so it is nobody else's.
        #[cfg(unix)]
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            if let Some(process) = rustix::process::Pid::from_raw(id) {
                rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
            }
            return Ok(());
        }
        self.child.start_kill()
    }

    /// The next line of its log, which is passed on or held; `None` when there are no more.
    async fn next_line(&mut self) -> Option<String> {
        let lines = self.lines.as_mut()?;
        // A line that is no UTF-8 ends the log like its end does.
        let Ok(Some(line)) = lines.next_line().await else {
            self.lines = None;
            return None;
        };
        match &mut self.held {
            None => (self.log)(&line),
            Some(held) => {
                if held.len() == FIRST_LINES {
                    held.pop_front();
                }
                held.push_back(line.clone());
            }
        }
        Some(line)
    }

    /// What has not been passed on.
    fn last_lines(&self) -> String {
        self.held.iter().flatten().map(|line| format!("\n  {line}")).collect()
    }
}

/// The server's program, beside this one.
fn program() -> io::Result<PathBuf> {
    let name = format!("tessera-server{}", env::consts::EXE_SUFFIX);
    Ok(env::current_exe()?.with_file_name(name))
}

/// Whether somebody listens there already.
async fn is_taken(server: &ServerAddress) -> bool {
    let bound = TcpListener::bind(server.authority()).await;
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// What makes the server listen where the clients look: nothing if that is where it listens anyway. A name becomes
/// an address, one of IPv4 if it has one, as every machine speaks that.
async fn listen_args(server: &ServerAddress) -> io::Result<Vec<String>> {
    if *server == ServerAddress::default() {
        return Ok(Vec::new());
    }
    let addresses: Vec<_> = lookup_host(server.authority()).await?.collect();
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok(vec!["--listen".to_owned(), address.to_string()])
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Log = Arc<Mutex<Vec<String>>>;

    async fn start(
        script: &str,
        log: &Log,
    ) -> Result<ServerProcess<impl FnMut(&str) + use<>>, ServerProcessError> {
        let log = Log::clone(log);
        let args = ["-c".to_owned(), script.to_owned()];
        let write = move |line: &str| log.lock().unwrap().push(line.to_owned());
        ServerProcess::start(Path::new("/bin/sh"), &args, write).await
    }

    #[tokio::test]
    async fn the_server_listens_where_the_clients_look() {
        assert!(listen_args(&ServerAddress::default()).await.unwrap().is_empty());
        for address in ["127.0.0.1:7000", "localhost:7000"] {
            let args = listen_args(&address.parse().unwrap()).await.unwrap();
            assert_eq!(args, ["--listen", "127.0.0.1:7000"]);
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_that_names_both_ways_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = ServerProcess::beside_us(&address.parse().unwrap(), &[], |_| {}).await.err().unwrap();
        let message = taken.to_string();
        for part in [address.as_str(), "leave --with-server out", "--server http://127.0.0.1:PORT"] {
            assert!(message.contains(part), "{message}");
        }
        drop(listener);
        assert!(!is_taken(&address.parse().unwrap()).await);
    }

    #[tokio::test]
    async fn a_server_is_ended_by_sigterm_after_its_last_words() {
        let log = Log::default();
        let script =
            "trap 'echo bye >&2; exit 0' TERM; echo listening on 1 >&2; while :; do sleep 0.05; done";
        let server = start(script, &log).await.unwrap();
        server.stop().await.unwrap();
        assert_eq!(*log.lock().unwrap(), ["listening on 1", "bye"]);
    }

    #[tokio::test]
    async fn a_server_that_dies_at_its_start_is_an_error_with_its_last_lines() {
        let error = start("echo the port is in use >&2; exit 3", &Log::default()).await.err().unwrap();
        let message = error.to_string();
        assert!(message.contains("the port is in use") && message.contains('3'), "{message}");
    }

    #[tokio::test]
    async fn a_server_that_dies_later_is_noticed() {
        let mut server = start("echo listening on 1 >&2; exit 4", &Log::default()).await.unwrap();
        assert!(matches!(server.ended().await, ServerProcessError::Died { .. }));
        server.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_that_says_how_to_make_it() {
        let error =
            ServerProcess::start(Path::new("/nowhere/tessera-server"), &[], |_| {}).await.err().unwrap();
        assert!(error.to_string().contains("cargo build"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_want_to_end_is_killed() {
        let log = Log::default();
        let server =
            start("trap '' TERM; echo listening on 1 >&2; while :; do sleep 1; done", &log).await.unwrap();
        // Nobody waits ten seconds here.
        tokio::time::pause();
        server.stop().await.unwrap();
        assert!(log.lock().unwrap().iter().any(|line| line.contains("killed")));
    }
}
