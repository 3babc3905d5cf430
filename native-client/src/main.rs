//! `tessera-client`: see `tessera-client --help`.

use std::env;
use std::process::ExitCode;

use anyhow::Context as _;
use tessera_client::cli::{Cli, Command};
use tessera_client::progress::Screen;
use tessera_client::rule::{Act, rule};
use tessera_client::signals::Signals;
use tessera_client::source;
use tessera_client::{bench::bench, demo::demo, join::join, watch::watch};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The exit code of a program that a second Ctrl-C ended, as shells write it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let command = Cli::read(env::args_os()).unwrap_or_else(|error| error.exit());
    let screen = Screen::new(command.results());
    if let Some(warning) = command.warning() {
        screen.note(&warning);
    }
    match start(command, &screen) {
        Ok(code) => code,
        Err(error) => {
            screen.note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command on a runtime that does not wait for threads at its end: one may hang on a camera.
fn start(command: Command, screen: &Screen) -> anyhow::Result<ExitCode> {
    let runtime = Runtime::new().context("no threads for the runtime")?;
    let outcome = runtime.block_on(run_until_told(command, screen));
    runtime.shutdown_background();
    source::end_programs();
    outcome
}

/// Runs the command. The first signal asks it to come to its end, the second does not wait for that.
async fn run_until_told(command: Command, screen: &Screen) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("signals cannot be caught")?;
    let stop = CancellationToken::new();
    let work = run(command, screen, stop.clone());
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done.map(|()| ExitCode::SUCCESS),
        () = signals.next() => stop.cancel(),
    }
    tokio::select! {
        done = &mut work => done.map(|()| ExitCode::SUCCESS),
        () = signals.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn run(command: Command, screen: &Screen, stop: CancellationToken) -> anyhow::Result<()> {
    match command {
        Command::Join(args) => join(args.resolve()?, screen.progress(""), stop).await?,
        Command::Watch(args) if args.floods_terminal() => {
            anyhow::bail!(
                "standard output is a terminal: pipe it, as in `tessera-client watch --out - | ffplay -f mjpeg -`"
            )
        }
        Command::Watch(args) => watch(args.resolve(), screen.progress(""), stop).await?,
        Command::Demo(args) => demo(args.resolve()?, screen, stop).await?,
        Command::Kick(args) => rule(args.resolve(), screen, stop).await?,
        Command::Lock(args) => rule(args.resolve(Act::Lock), screen, stop).await?,
        Command::Unlock(args) => rule(args.resolve(Act::Unlock), screen, stop).await?,
        Command::Bench(args) => bench(args.resolve()?, screen, stop).await?,
    }
    Ok(())
}
