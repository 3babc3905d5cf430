//! The least that sending to many can cost: a loop that writes bytes to sockets.
//!
//! Two processes of this program, as the server and its viewers are two: `bare-write` on the measured processor,
//! `bare-read` on the other.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tessera_client::bench::usage::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::cpu::on_core;
use crate::server::Server;
use crate::setup::Setup;

/// What runs before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// What a viewer reads at once.
const READ: usize = 64 << 10;

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Sockets.
    pub viewers: u32,
    /// Times a second.
    pub fps: u32,
    /// Bytes each time.
    pub bytes: usize,
    /// For so long.
    pub seconds: u32,
}

/// What was written, and what that cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Sent {
    /// Bytes that the readers have had.
    pub bytes: u64,
    /// CPU time of the writer.
    pub cpu_seconds: f64,
}

impl Sent {
    /// How fast one core would be.
    pub fn bytes_per_cpu_second(&self) -> f64 {
        self.bytes as f64 / self.cpu_seconds
    }
}

/// Both processes, to their end.
///
/// # Errors
///
/// When one of them fails.
pub fn run(setup: &Setup, load: Load) -> anyhow::Result<Sent> {
    let mut writer = on_core(setup.core, &setup.bench);
    let [viewers, fps, bytes] = [load.viewers.to_string(), load.fps.to_string(), load.bytes.to_string()];
    writer.args(["bare-write", &viewers, &fps, &bytes]).stdout(Stdio::piped());
    let writer = Server::start(writer, |process| process.stdout.take())?;
    let mut reader = on_core(setup.other_core, &setup.bench);
    reader.args([
        "bare-read",
        writer.address(),
        &writer.id().to_string(),
        &viewers,
        &load.seconds.to_string(),
    ]);
    let output = reader.stdin(Stdio::null()).output().context("cannot run taskset")?;
    ensure!(output.status.success(), "the bare reader failed: {}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).context("the bare reader's answer is no JSON of ours")
}

/// Writes `bytes` bytes to each of so many sockets, so often a second, until it is killed.
///
/// # Errors
///
/// When nobody can connect.
pub async fn write(viewers: u32, fps: u32, bytes: usize, ready: impl FnOnce(&str)) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    ready(&listener.local_addr()?.to_string());
    let mut sockets = Vec::new();
    for _ in 0..viewers {
        let (socket, _) = listener.accept().await.context("nobody comes")?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let mosaic = Bytes::from(vec![0x55; bytes]);
    let writing: Vec<_> = sockets
        .into_iter()
        .map(|socket| {
            tokio::task::spawn_local(write_to(socket, mosaic.clone(), Duration::from_secs(1) / fps))
        })
        .collect();
    for one in writing {
        one.await?;
    }
    Ok(())
}

/// Until the other side closes.
async fn write_to(mut socket: TcpStream, mosaic: Bytes, period: Duration) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if socket.write_all(&mosaic).await.is_err() {
            return;
        }
    }
}

/// Reads from so many connections, and counts for so long what comes and what process `writer` uses.
///
/// # Errors
///
/// When the writer is gone.
pub async fn read(address: &str, writer: u32, viewers: u32, seconds: u32) -> anyhow::Result<Sent> {
    let count = std::rc::Rc::new(std::cell::Cell::new(0_u64));
    for _ in 0..viewers {
        let socket = TcpStream::connect(address).await.context("the writer does not answer")?;
        tokio::task::spawn_local(read_from(socket, std::rc::Rc::clone(&count)));
    }
    let process = Process::new(writer);
    sleep(WARM_UP).await;
    let (before, at) = (process.usage()?, count.get());
    let end = Instant::now() + Duration::from_secs(u64::from(seconds));
    tokio::time::sleep_until(end).await;
    let (after, bytes) = (process.usage()?, count.get() - at);
    Ok(Sent { bytes, cpu_seconds: (after.cpu - before.cpu).as_secs_f64() })
}

async fn read_from(mut socket: TcpStream, count: std::rc::Rc<std::cell::Cell<u64>>) {
    let mut buffer = vec![0; READ];
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        count.set(count.get() + read as u64);
    }
}
