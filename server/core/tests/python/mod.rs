//! Python programs as clients: `make test` installs what they need into target/python.
#![allow(unreachable_pub, reason = "each test file has it as a module of its own")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// A Python that has the packages of requirements.txt.
pub struct Python(PathBuf);

impl Python {
    /// `None`, which is said, where tests may do without it: `SKIP_E2E=1`, or no Python on this machine.
    pub fn find_or_skip(what: &str) -> Option<Self> {
        if std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1") {
            return skipped(what, "SKIP_E2E=1");
        }
        let python = root().join("target/python/bin/python");
        if root().join("target/python/.ready").is_file() {
            return Some(Self(python));
        }
        let version = std::process::Command::new("python3").arg("--version").output();
        if version.is_err() {
            return skipped(what, "there is no python3");
        }
        panic!("{} is missing: run `make test`, which makes it, or set SKIP_E2E=1", python.display());
    }

    /// Makes Python modules of `proto` in `folder`.
    pub async fn compile(&self, proto: &Path, folder: &Path) {
        let include = format!("-I{}", proto.parent().unwrap().display());
        let out = ["--python_out=.", "--grpc_python_out=."].map(OsStr::new);
        let args = [OsStr::new("-m"), OsStr::new("grpc_tools.protoc"), include.as_ref()];
        let output = self.run(folder, [&args[..], &out, &[proto.as_os_str()]].concat()).await;
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Runs a program in `folder`, where modules are found too. It never outlives this call.
    pub async fn run<S: AsRef<OsStr>>(&self, folder: &Path, args: impl IntoIterator<Item = S>) -> Output {
        let mut command = Command::new(&self.0);
        command.args(args).current_dir(folder).env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
        // A proxy is for the world outside.
        command.env("no_grpc_proxy", "localhost,127.0.0.1").stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        output.expect("this hangs").unwrap()
    }
}

/// Says that a test is skipped, and why.
#[expect(clippy::explicit_write, reason = "a passing test's eprintln! is not shown")]
fn skipped(what: &str, why: &str) -> Option<Python> {
    writeln!(std::io::stderr(), "skipped, as {why}: {what}").unwrap();
    None
}

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

/// What a program wrote, for people.
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{out}{err}", output.status)
}
