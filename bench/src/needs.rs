//! What must be there before anything is measured: better one list at the start than a failure at the end.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::frames::repository;
use crate::setup::Setup;

/// Whether everything is there.
///
/// # Errors
///
/// The list of what is missing, each with what gets it.
pub fn check(setup: &Setup, peers: bool) -> anyhow::Result<()> {
    let built = "`cargo build --release -p tessera-server -p tessera-client`";
    let mut missing = Vec::new();
    let mut need = |is_there: bool, what: &str, from: &str| {
        if !is_there {
            missing.push(format!("  {what}: {from}"));
        }
    };
    need(runs("taskset", &["--version"]), "taskset", "Debian's package util-linux");
    need(setup.server.exists(), &setup.server.display().to_string(), built);
    need(setup.client.exists(), &setup.client.display().to_string(), built);
    if peers {
        let python = setup.python.display().to_string();
        need(
            has_modules(&setup.python),
            &python,
            "`scripts/venv.sh target/peers bench/peers/requirements.txt`",
        );
        need(runs("ffmpeg", &["-version"]), "ffmpeg", "Debian's package ffmpeg");
        need(runs("bash", &["--version"]), "bash", "Debian's package bash");
        need(runs("cc", &["--version"]), "cc", "Debian's package gcc");
        let source = repository().join("bench/peers/turbo_encode.c");
        let compiles = runs("cc", &["-fsyntax-only", &source.to_string_lossy()]);
        need(compiles, "libjpeg-turbo's headers", "Debian's package libjpeg62-turbo-dev");
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "this is missing:\n{}\n`make bench{}` gets it",
        missing.join("\n"),
        if peers { " PEERS=1" } else { "" }
    )
}

fn has_modules(python: &Path) -> bool {
    runs(python, &["-c", "import cv2, grpc, grpc_tools, numpy"])
}

fn runs(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
