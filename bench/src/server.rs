//! Servers as processes of their own, alone on their processor, loaded by `tessera-client bench`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, bail, ensure};
use tessera_client::bench::BenchResult;

use crate::cpu::on_core;
use crate::setup::Setup;

/// What both servers say when they can be called, with their address behind it.
const READY: &str = "listening on ";

/// What one guest may take is no matter here: frames are pushed as fast as they are answered.
const WITHOUT_LIMITS: [&str; 4] = ["--pushes-per-second", "1000000", "--max-viewers", "1000000"];

/// A running program that serves; ends with this value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts `tessera-server` on a port of the system's choice. Frames are stretched, as OpenCV's `resize` does.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or ends before it listens.
    pub fn tessera(setup: &Setup, grid: &str, tile: &str) -> anyhow::Result<Self> {
        let mut command = on_core(setup.core, &setup.server);
        command
            .args(["--listen", "127.0.0.1:0", "--grid", grid, "--tile", tile])
            .args(["--quality", "85", "--fit", "stretch", "--max-fps", "1000", "--log", "text"])
            .args(WITHOUT_LIMITS)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped());
        Self::start(command, |process| process.stderr.take())
    }

    /// Starts `command`, whose output `log` takes, and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`Self::tessera`].
    pub fn start<L: Read + Send + 'static>(
        mut command: Command,
        log: impl FnOnce(&mut Child) -> Option<L>,
    ) -> anyhow::Result<Self> {
        let program = command.get_args().nth(2).unwrap_or_default().to_owned();
        let process = command.stdin(Stdio::null()).spawn();
        let mut process =
            process.with_context(|| format!("cannot start {}", Path::new(&program).display()))?;
        let log = log(&mut process).context("its output is not piped")?;
        // From here on `Drop` ends it, whatever happens.
        let mut server = Self { process, address: String::new() };
        server.address = address(log)?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Loads it by `tessera-client bench` with these arguments, on the other processor.
    ///
    /// # Errors
    ///
    /// When the load fails, or a frame was refused.
    pub fn load(&self, setup: &Setup, args: &[&str]) -> anyhow::Result<BenchResult> {
        let mut command = on_core(setup.other_core, &setup.client);
        command.arg("bench").args(args).args(["--server", &self.address, "--json", "-"]);
        command.args(["--server-pid", &self.id().to_string()]);
        let output = command.stdin(Stdio::null()).output().context("cannot run tessera-client")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tessera-client bench failed: {said}");
        let result: BenchResult =
            serde_json::from_slice(&output.stdout).context("its answer is no JSON of ours")?;
        ensure!(result.refused == 0, "{} frames were refused: {said}", result.refused);
        Ok(result)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Reads the log until it says where the server listens; the rest is read and dropped, so that it never waits.
fn address(log: impl Read + Send + 'static) -> anyhow::Result<String> {
    let mut lines = BufReader::new(log).lines();
    let mut said = String::new();
    while let Some(line) = lines.next() {
        let line = line.context("cannot read the server's log")?;
        if let Some((_, address)) = line.split_once(READY) {
            thread::spawn(move || lines.for_each(drop));
            return Ok(address.trim().to_owned());
        }
        said += &line;
        said.push('\n');
    }
    bail!("the server ended before it listened:\n{said}")
}
