//! `tessera-hostile soak` measures a server under attack; `tessera-hostile attack` is one attacker of it.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tessera_hostile::attack::long::Attack;
use tessera_hostile::soak;
use tessera_hostile::target::Target;

/// Hostile guests of Tessera, on this machine alone.
#[derive(Debug, Parser)]
enum Command {
    /// Windows with and without each attack, then all of them together; a table and a plot as result
    Soak(soak::Options),
    /// One attacker, for so long; it says in JSON what it saw
    Attack {
        /// What it tries
        attack: Attack,
        /// The server
        #[arg(long)]
        server: SocketAddr,
        /// Which address of 127.0.0.0/8 it has
        #[arg(long, default_value = "2", value_parser = clap::value_parser!(u32).range(2..1 << 24))]
        from: u32,
        /// How long it goes on
        #[arg(long, default_value = "10")]
        seconds: u64,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let log = tracing_subscriber::fmt().with_writer(stderr).with_target(false);
    log.with_ansi(stderr().is_terminal()).init();
    run(Command::parse())
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Soak(options) => {
            let holds = soak::run(&options).await?;
            Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Attack { attack, server, from, seconds } => {
            anyhow::ensure!(server.ip().is_loopback(), "attackers stay on this machine");
            let target = Target::from_address(server, from);
            let saw = soak::attack(attack, target, Duration::from_secs(seconds)).await?;
            writeln!(stdout(), "{saw}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
