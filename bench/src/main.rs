//! `tessera-bench`: what a mosaic costs, in the real server and in OpenCV.

#![allow(clippy::print_stdout, reason = "its results are what it is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use tessera_bench::frames::{self, CAMERA_QUALITY};
use tessera_bench::peer::OpenCv;
use tessera_bench::quality::quadrants_psnr;
use tessera_bench::report::{Row, Table};
use tessera_bench::server::{Server, beside_this_program};
use tessera_bench::stats::median;
use tessera_bench::streams::Clients;
use tessera_mosaic::TileSize;

/// Frames of the sample clips that are sent over and over; a multiple of four keeps a clip in its slot.
const FRAMES: usize = 96;

/// Mosaics whose quadrants are looked at; every fourth of them has four new ones.
const LOOKED_AT: usize = 48;

/// Measures whole programs: CPU time for each mosaic.
#[derive(Debug, Parser)]
#[command(name = "tessera-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write frames of the sample clips into a folder: 1280x720 JPEGs as a camera makes them
    Frames {
        /// The folder, which is made
        folder: PathBuf,
    },
    /// Measure the server alone: frames of 1280x720 on one stream and on four
    Server(Measured),
    /// Measure the server and OpenCV's bare pipeline in turns, on the same frames
    Compare {
        #[command(flatten)]
        measured: Measured,
        /// A Python that has what bench/peers/requirements.txt lists
        #[arg(long, value_name = "PROGRAM", default_value = "target/peers/bin/python")]
        python: PathBuf,
    },
}

/// What is measured and how.
#[derive(Debug, Args)]
struct Measured {
    /// A folder of JPEG frames of your own [default: frames of the sample clips]
    #[arg(long, value_name = "DIR")]
    frames: Option<PathBuf>,
    /// The server [default: the tessera-server beside this program]
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The processor that each measured program has for itself, by taskset
    #[arg(long, value_name = "N", default_value_t = 0)]
    core: usize,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Mosaics in each round
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..))]
    mosaics: u16,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Frames { folder } => frames::write(&folder, &sample_frames()?),
        Command::Server(measured) => in_runtime(server_alone(&measured)),
        Command::Compare { measured, python } => in_runtime(compare(&measured, &python)),
    }
}

/// One thread is enough for the clients, and leaves the other processors alone.
fn in_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    ensure!(!cfg!(debug_assertions), "a debug build says nothing about cost: add --release");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn sample_frames() -> anyhow::Result<Vec<Bytes>> {
    let pictures = frames::pictures(TileSize::new(1280, 720)?, FRAMES)?;
    Ok(pictures.iter().map(|picture| frames::camera_jpeg(picture, CAMERA_QUALITY)).collect())
}

impl Measured {
    /// Starts the server, alone on its processor.
    fn start(&self) -> anyhow::Result<Server> {
        let program = self.server.clone().map_or_else(beside_this_program, Ok)?;
        Server::start(&program, Some(self.core))
    }

    fn mosaics(&self) -> usize {
        usize::from(self.mosaics)
    }

    /// The folder of the frames, which are written if they are the sample clips'.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.frames {
            return Ok(folder.clone());
        }
        let folder = frames::repository().join("target/bench/720p");
        frames::write(&folder, &sample_frames()?)?;
        Ok(folder)
    }
}

/// One call: a server, its clients, and the rounds measured so far.
struct Call {
    server: Server,
    clients: Clients,
    cpu_ms: Vec<f64>,
    bytes: usize,
}

impl Call {
    /// Starts a server with `streams` clients, each of whom has sent something.
    async fn start(measured: &Measured, streams: usize, frames: &[Bytes]) -> anyhow::Result<Self> {
        let server = measured.start()?;
        let mut clients = Clients::join(server.url(), streams).await?;
        clients.send(frames, frames.len().max(streams)).await?;
        Ok(Self { server, clients, cpu_ms: Vec::new(), bytes: 0 })
    }

    /// One round: the server's CPU time for `count` mosaics.
    async fn round(&mut self, frames: &[Bytes], count: usize) -> anyhow::Result<()> {
        let before = self.server.cpu_time()?;
        let received = self.clients.send(frames, count).await?;
        let spent = self.server.cpu_time()?.saturating_sub(before);
        ensure!(received.mosaics == count, "{count} frames, {} mosaics", received.mosaics);
        self.cpu_ms.push(spent.as_secs_f64() * 1e3 / count as f64);
        self.bytes = received.bytes / count;
        Ok(())
    }

    fn row(&mut self, what: &str) -> Row {
        Row { what: what.to_owned(), cpu_ms: median(&mut self.cpu_ms), bytes: self.bytes, psnr: None }
    }
}

async fn server_alone(measured: &Measured) -> anyhow::Result<()> {
    let frames = frames::in_folder(&measured.folder()?)?;
    announce(measured, &frames);
    let mut rows = Vec::new();
    for (streams, what) in [(1, "tessera-server, 1 stream"), (4, "tessera-server, 4 streams")] {
        let mut call = Call::start(measured, streams, &frames).await?;
        for _ in 0..measured.rounds {
            call.round(&frames, measured.mosaics()).await?;
        }
        rows.push(call.row(what));
    }
    println!("{}", Table(rows));
    Ok(())
}

async fn compare(measured: &Measured, python: &Path) -> anyhow::Result<()> {
    let folder = measured.folder()?;
    let frames = frames::in_folder(&folder)?;
    announce(measured, &frames);
    let peers = [85, 95].map(|quality| OpenCv {
        python: python.to_owned(),
        frames: folder.clone(),
        quality,
        core: Some(measured.core),
    });

    let mut call = Call::start(measured, 4, &frames).await?;
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..measured.rounds {
        call.round(&frames, measured.mosaics()).await?;
        for (peer, costs) in peers.iter().zip(&mut costs) {
            costs.push(peer.run(measured.mosaics())?);
        }
    }

    let mut rows = vec![call.row("tessera-server, 4 streams, quality 85, gRPC included")];
    rows[0].psnr = Some(server_psnr(measured, &frames).await?);
    for (peer, costs) in peers.iter().zip(costs) {
        let saved = frames::repository().join(format!("target/bench/opencv-{}", peer.quality));
        let psnr = mean_psnr(&peer.mosaics(LOOKED_AT, &saved)?, &frames)?;
        let last = costs.last().context("there are no rounds")?;
        rows.push(Row {
            what: format!("{}, bare pipeline, quality {}", last.name, peer.quality),
            cpu_ms: median(&mut costs.iter().map(|cost| cost.cpu_ms).collect::<Vec<_>>()),
            bytes: last.bytes,
            psnr: Some(psnr),
        });
    }
    println!("{}", Table(rows));
    Ok(())
}

/// The quality of the server's mosaics, from a call of its own whose frames come one after the other.
async fn server_psnr(measured: &Measured, frames: &[Bytes]) -> anyhow::Result<f64> {
    let server = measured.start()?;
    let mosaics = Clients::join(server.url(), 4).await?.send_in_turn(frames, LOOKED_AT).await?;
    frames::write(&frames::repository().join("target/bench/tessera"), &mosaics)?;
    mean_psnr(&mosaics, frames)
}

fn mean_psnr(mosaics: &[Bytes], frames: &[Bytes]) -> anyhow::Result<f64> {
    let looked_at = || (3..mosaics.len()).step_by(4);
    let sum: f64 = looked_at().map(|n| quadrants_psnr(&mosaics[n], frames, n)).sum::<anyhow::Result<_>>()?;
    Ok(sum / looked_at().count() as f64)
}

fn announce(measured: &Measured, frames: &[Bytes]) {
    let kilobytes = frames.iter().map(Bytes::len).sum::<usize>() / frames.len() / 1000;
    println!(
        "{} frames of {kilobytes} kB on average; {} rounds of {} mosaics, medians; processor {} alone",
        frames.len(),
        measured.rounds,
        measured.mosaics,
        measured.core,
    );
}
