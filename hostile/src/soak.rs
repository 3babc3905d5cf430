//! What runs for long: windows with and without each attack in turn, then all of them together, and what that did to the
//! healthy and to the server's memory, descriptors and tasks.

mod attackers;
mod mixed;
mod plot;
mod report;
mod rows;
mod sampler;
mod stopped;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum as _};

use crate::attack::long::Attack;
use crate::bystanders::Bystanders;
use crate::program::{Program, Start};
use crate::target::Target;
use attackers::Attacker;
pub use attackers::attack;
use report::Report;
use rows::Has;
use sampler::Sampler;
use verdict::Row;

/// Tiles of the soak: the server's own default.
const TILE: (u32, u32) = (640, 480);
/// How long frames of the largest kind come before anything is measured, so that the memory which workers keep for the
/// next ones has its size.
const WARM_UP: Duration = Duration::from_secs(5);
/// From this address.
const WARM_UP_FROM: u32 = 2;

/// How long, against what, and where the results go.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Minutes of all attacks together, after each has had its turn
    #[arg(long, default_value = "15")]
    minutes: u64,

    /// Seconds of a window with or without one attack; those that take a limit's time go on for two or six
    #[arg(long, default_value = "6")]
    window: u64,

    /// Windows of each kind for each attack; memory is compared by thirds, so a multiple of three is fair
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Only these attacks; all of them without
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Attack>,

    /// Where the table (Markdown and JSON) and the plot go
    #[arg(long, default_value = "target/soak")]
    out: PathBuf,

    /// The server's program [default: the one beside this]
    #[arg(long)]
    server: Option<PathBuf>,
}

impl Options {
    fn attacks(&self) -> &[Attack] {
        if self.only.is_empty() { Attack::value_variants() } else { &self.only }
    }

    fn program(&self) -> anyhow::Result<PathBuf> {
        match &self.server {
            Some(program) => Ok(program.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("tessera-server")),
        }
    }
}

/// A server, who is beside it, and what is measured of both.
struct Scene {
    server: Program,
    bystanders: std::sync::Arc<Bystanders>,
    sampler: Sampler,
}

impl Scene {
    async fn open(program: &Path) -> anyhow::Result<Self> {
        let start = Start::new(program, &["--listen=127.0.0.1:0", "--limit-loopback"]);
        let server = start.run().await.context("build it with `cargo build --release -p tessera-server`")?;
        let bystanders = std::sync::Arc::new(Bystanders::join(Target::healthy(server.address()), TILE).await);
        let sampler = Sampler::start(server.id(), std::sync::Arc::clone(&bystanders));
        let scene = Self { server, bystanders, sampler };
        let (before, begin) = (Has::now(&scene).await?, scene.sampler.now());
        let warm_up = Attacker::start(Attack::DearFrames, scene.server.address(), WARM_UP_FROM, WARM_UP)?;
        warm_up.ended(WARM_UP).await?;
        before.back(&scene).await?;
        scene.sampler.shade(begin, "warm-up");
        scene.bystanders.begin();
        Ok(scene)
    }

    /// What must not have happened since this was asked last: ended streams, panics, secrets, floods of warnings.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = self.bystanders.ended();
        complaints.extend(self.server.witness().complaints());
        self.bystanders.begin();
        self.server.witness().begin();
        complaints
    }
}

/// Runs all of it, writes the results, and says whether everything held.
///
/// # Errors
///
/// When there is no server, or the results cannot be written.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    let scene = Scene::open(&options.program()?).await?;
    let mut rows: Vec<Row> = Vec::new();
    for &attack in options.attacks() {
        tracing::info!("{attack:?}: {}", attack.expected());
        rows.push(told(rows::run(&scene, attack, options).await?));
    }
    if options.minutes > 0 {
        tracing::info!("all together for {} minutes", options.minutes);
        rows.push(told(mixed::run(&scene, options, &rows).await?));
    }
    // Not of what comes now: that all stand still then is no news, and would be all that the plot shows.
    let (samples, shaded) = (scene.sampler.samples(), scene.sampler.shaded());
    rows.push(told(stopped::run(&scene).await?));
    let report = Report { rows, samples, shaded };
    report.write(&options.out)?;
    tracing::info!("all of it is in {}", options.out.display());
    Ok(report.holds())
}

/// Says how a row went, for whoever waits.
fn told(row: Row) -> Row {
    tracing::info!("{}", report::line(&row));
    row
}
