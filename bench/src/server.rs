//! The real server program, as a process of its own whose CPU time is read from the system (Linux).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// A clock tick of `/proc`: Linux counts 100 in a second for programs, whatever its own clock does (proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// A running `tessera-server`; ends with this value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts `program` on a port of the system's choice and waits until it listens.
    ///
    /// It makes 2x2 mosaics of 640x480 tiles at quality 85 and stretches frames, as OpenCV's `resize` does.
    /// With `core` it has that one processor and no other.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends before it listens.
    pub fn start(program: &Path, core: Option<usize>) -> anyhow::Result<Self> {
        ensure!(
            program.exists(),
            "{} is not there: run `cargo build --release -p tessera-server` first, or name it by --server",
            program.display()
        );
        let mut process = on_core(core, program)
            .args(["--listen", "127.0.0.1:0", "--grid", "2", "--tile", "640x480"])
            .args(["--quality", "85", "--fit", "stretch", "--log", "text"])
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let log = process.stderr.take().context("its log is not piped")?;
        // From here on `Drop` ends it, whatever happens.
        let mut server = Self { process, url: String::new() };
        server.url = url(log)?;
        Ok(server)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CPU time that all its threads have had, in the kernel too; in steps of 10 ms.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.process.id());
        let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        cpu_time(&stat).with_context(|| format!("{path} is not as expected: {stat}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A command that runs `program`, on one processor only if `core` names one.
pub fn on_core(core: Option<usize>, program: &Path) -> Command {
    let Some(core) = core else { return Command::new(program) };
    // taskset becomes the program, so the process is the program's own.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// The server beside this program, where cargo puts both.
///
/// # Errors
///
/// When the system does not tell where this program is.
pub fn beside_this_program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe().context("cannot find this program")?.with_file_name("tessera-server"))
}

/// Reads the log until it says where the server listens; the rest is read and dropped, so that it never waits.
fn url(log: ChildStderr) -> anyhow::Result<String> {
    let mut lines = BufReader::new(log).lines();
    let mut said = String::new();
    while let Some(line) = lines.next() {
        let line = line.context("cannot read the server's log")?;
        if let Some((_, url)) = line.split_once("listening on ") {
            thread::spawn(move || lines.for_each(drop));
            return Ok(url.trim().to_owned());
        }
        said += &line;
        said.push('\n');
    }
    bail!("the server ended before it listened:\n{said}")
}

/// User and system time of a `/proc/PID/stat`: its fields 14 and 15 (proc(5)).
fn cpu_time(stat: &str) -> Option<Duration> {
    // Field 2 is the program's name in brackets, which may hold anything; field 3 follows the last of them.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    Some(TICK * (ticks.next()?? + ticks.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_brackets_and_spaces() {
        let stat = "42 (a) 1 (b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_time("42 (a) S 1 2"), None);
    }
}
