//! `tessera-bench`: what a mosaic costs, step by step, as a whole, and beside what else one would run.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its results and its progress are what it is for"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tessera_bench::cpu::{other_than, pin};
use tessera_bench::frames::{self, repository};
use tessera_bench::report::{markdown_table, page, tables};
use tessera_bench::results::{Machine, Results};
use tessera_bench::setup::{AllFrames, Frames, Setup, of_clips};
use tessera_bench::{bare, growth, jobs, load, needs, steps};

/// Measures Tessera, and writes a table, a JSON file and a page with charts.
#[derive(Debug, Parser)]
#[command(name = "tessera-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure
    Run(Run),
    /// Make table and page anew from the JSON file of a run
    Report {
        /// The file
        #[arg(default_value = "target/bench/results.json")]
        results: PathBuf,
    },
    /// Write the frames that are measured with into a folder: FOLDER/720p and FOLDER/vga
    Frames {
        /// The folder, which is made
        folder: PathBuf,
    },
    /// Writes bytes to so many sockets; what WatchMosaic is compared with
    #[command(hide = true)]
    BareWrite { viewers: u32, fps: u32, bytes: usize },
    /// Reads them, and counts
    #[command(hide = true)]
    BareRead { address: String, writer: u32, viewers: u32, seconds: u32 },
}

/// How it is measured.
#[derive(Debug, Args)]
struct Run {
    /// Measure OpenCV, ffmpeg, libjpeg-turbo and Python grpcio beside ours
    #[arg(long)]
    peers: bool,
    /// Measure these parts only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    only: Vec<Part>,
    /// Frames of your own: a folder with 720p (1280x720) and vga (640x480) in it [default: of the sample clips]
    #[arg(long, value_name = "DIR")]
    frames: Option<PathBuf>,
    /// The processor that whatever is measured has for itself
    #[arg(long, value_name = "N", default_value_t = 0)]
    core: usize,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// A Python that has what bench/peers/requirements.txt lists
    #[arg(long, value_name = "PROGRAM", default_value = "target/peers/bin/python")]
    python: PathBuf,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "bench/report.html")]
    page: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Steps,
    Jobs,
    Load,
    Growth,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: What) -> anyhow::Result<()> {
    match command {
        What::Run(run) => run.measure(),
        What::Report { results } => again(&results),
        What::Frames { folder } => {
            frames::write(&folder.join("vga"), &of_clips(640, 480)?)?;
            frames::write(&folder.join("720p"), &of_clips(1280, 720)?)
        }
        What::BareWrite { viewers, fps, bytes } => {
            in_runtime(bare::write(viewers, fps, bytes, |address| println!("listening on {address}")))
        }
        What::BareRead { address, writer, viewers, seconds } => {
            let sent = in_runtime(bare::read(&address, writer, viewers, seconds))?;
            println!("{}", serde_json::to_string(&sent)?);
            Ok(())
        }
    }
}

/// On one thread.
fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

impl Run {
    fn measure(self) -> anyhow::Result<()> {
        ensure!(!cfg!(debug_assertions), "a debug build says nothing about cost: add --release");
        let out = repository().join("target/bench");
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        check_writable(&self.page)?;
        let setup = self.setup(&out)?;
        needs::check(&setup, self.peers)?;
        let machine = machine();
        pin(self.core)?;
        let results = self.parts(&setup, machine)?;
        write(&results, &out, &self.page)
    }

    fn setup(&self, out: &Path) -> anyhow::Result<Setup> {
        eprintln!("bench: frames");
        let AllFrames { tiles, small, large, pictures } = AllFrames::prepare(self.frames.as_deref(), out)?;
        let bench = env::current_exe().context("cannot find this program")?;
        Ok(Setup {
            tiles,
            small,
            large,
            pictures,
            core: self.core,
            other_core: other_than(self.core)?,
            rounds: usize::from(self.rounds),
            out: out.to_owned(),
            server: bench.with_file_name("tessera-server"),
            client: bench.with_file_name("tessera-client"),
            bench,
            python: self.python.clone(),
        })
    }

    fn parts(&self, setup: &Setup, machine: Machine) -> anyhow::Result<Results> {
        let wanted = |part| self.only.is_empty() || self.only.contains(&part);
        let mut progress = |what: &str| eprintln!("bench: {what}");
        let mut results = Results {
            machine,
            frames: [&setup.tiles, &setup.small, &setup.large].map(Frames::listed).to_vec(),
            steps: Vec::new(),
            pairs: Vec::new(),
            loads: Vec::new(),
            growth: Vec::new(),
        };
        if wanted(Part::Steps) {
            results.steps = steps::measure(&mut progress)?;
        }
        if wanted(Part::Jobs) {
            results.pairs = jobs::measure(setup, self.peers, &mut progress)?;
        }
        if wanted(Part::Load) {
            results.loads = load::measure(setup, &mut progress)?;
        }
        if wanted(Part::Growth) {
            results.growth = growth::measure(setup, &mut progress)?;
        }
        Ok(results)
    }
}

/// The table, the README's table, the page and the JSON file.
fn write(results: &Results, out: &Path, to: &Path) -> anyhow::Result<()> {
    let (json, table) = (out.join("results.json"), out.join("table.md"));
    println!("{}", tables(results));
    put(&json, &(serde_json::to_string_pretty(results)? + "\n"))?;
    put(&table, &markdown_table(results))?;
    put(to, &page(results))?;
    eprintln!("bench: {}, {}, {}", to.display(), json.display(), table.display());
    Ok(())
}

fn again(results: &Path) -> anyhow::Result<()> {
    let json =
        fs::read(results).with_context(|| format!("cannot read {}: run `make bench`", results.display()))?;
    let Ok(measured) = serde_json::from_slice(&json) else {
        bail!("{} is of another version", results.display())
    };
    let out = results.parent().unwrap_or(Path::new("."));
    write(&measured, out, &repository().join("bench/report.html"))
}

/// Finds what cannot be written before minutes are spent on what goes there.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    let opened = fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).with_context(|| format!("cannot write {}", path.display()))
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn machine() -> Machine {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        processor: name.map_or("unknown processor", |(_, name)| name).to_owned(),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        date: said("date", &["-u", "+%Y-%m-%d"]),
        commit: said("git", &["rev-parse", "--short", "HEAD"]),
    }
}

/// What a program says, or that it does not.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(repository()).output();
    let said = output.ok().filter(|output| output.status.success());
    said.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
