//! libjpeg-turbo's and ffmpeg's own programs.
//!
//! They must be installed (`make test` sees to it); `SKIP_E2E=1` skips the tests that need them and says so.

use std::io::Write as _;
use std::process::{Command, Output};

/// Whether other programs are to be left out, which is said.
#[expect(clippy::explicit_write, reason = "a passing test's eprintln! is not shown")]
pub fn skipped(what: &str) -> bool {
    let skip = std::env::var_os("SKIP_E2E").is_some_and(|value| value == "1");
    if skip {
        writeln!(std::io::stderr(), "skipped, as SKIP_E2E=1: {what}").unwrap();
    }
    skip
}

pub fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}; `make test` installs it, or set SKIP_E2E=1"))
}
