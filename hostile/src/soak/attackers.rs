//! Attackers as processes of their own, who step back behind everybody else and end by themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum as _;
use rustix::process::{Resource, getrlimit, nice, setrlimit};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::attack::long::{Attack, Seen};
use crate::target::Target;

/// How long an attacker may take to end when its time is over.
const END: Duration = Duration::from_secs(5);

/// What attackers saw, and how often.
pub(super) type Counts = BTreeMap<String, u64>;

/// An attacker at work. It is killed with this value.
pub(super) struct Attacker(Child);

impl Attacker {
    /// Starts one that goes on for so long, from the `n`th address of this machine.
    pub(super) fn start(attack: Attack, server: SocketAddr, n: u32, time: Duration) -> anyhow::Result<Self> {
        let name = attack.to_possible_value().context("every attack has a name")?;
        let child = Command::new(std::env::current_exe()?)
            .args(["attack", name.get_name(), "--server", &server.to_string()])
            .args(["--from", &n.to_string(), "--seconds", &time.as_secs().max(1).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start an attacker")?;
        Ok(Self(child))
    }

    /// Waits for its end, and gives what it saw.
    pub(super) async fn ended(self, time: Duration) -> anyhow::Result<Counts> {
        let output =
            timeout(time + END, self.0.wait_with_output()).await.context("an attacker does not end")??;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("an attacker failed ({})", output.status))
    }
}

/// The attacker's own side: attacks for so long, and says in JSON what it saw.
///
/// # Errors
///
/// When the system does not let it step back.
pub async fn attack(attack: Attack, target: Target, time: Duration) -> anyhow::Result<String> {
    // The healthy and the server come first: what is measured is what the server does, not who has the processor.
    nice(19)?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })?;
    let seen = Seen::default();
    // That its time is over is how it ends.
    timeout(time, attack.run(target, &seen)).await.ok();
    Ok(serde_json::to_string(&seen.counts())?)
}
