//! Python programs as clients: `make test` installs what they need into target/python.
#![allow(unreachable_pub, reason = "each test file has it as a module of its own")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use tokio::process::Command;

use crate::support::programs::{self, are_skipped, root, said, say_skipped};

/// A Python that has the packages of requirements.txt.
pub struct Python(PathBuf);

impl Python {
    /// `None`, which is said, where tests may do without it: `SKIP_E2E=1`, or no Python on this machine.
    pub fn find_or_skip(what: &str) -> Option<Self> {
        if are_skipped(what) {
            return None;
        }
        let python = root().join("target/python/bin/python");
        if root().join("target/python/.ready").is_file() {
            return Some(Self(python));
        }
        let version = std::process::Command::new("python3").arg("--version").output();
        if version.is_err() {
            say_skipped(what, "there is no python3");
            return None;
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
        programs::run(command.env("no_grpc_proxy", "localhost,127.0.0.1")).await
    }
}
