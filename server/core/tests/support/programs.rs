//! Programs that are not ours: run to their end, and left out where tests may do without them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

/// Whether other programs are left out, which is said, with `SKIP_E2E=1`.
pub fn are_skipped(what: &str) -> bool {
    let is_so = std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1");
    if is_so {
        say_skipped(what, "SKIP_E2E=1");
    }
    is_so
}

/// Says that a test is skipped, and why.
#[expect(clippy::explicit_write, reason = "a passing test's eprintln! is not shown")]
pub fn say_skipped(what: &str, why: &str) {
    writeln!(std::io::stderr(), "skipped, as {why}: {what}").unwrap();
}

/// Runs a program to its end. It never outlives this call.
pub async fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(PATIENCE, output).await.expect("this hangs").unwrap()
}

/// What a program wrote, for people.
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{out}{err}", output.status)
}
