//! CPU time, and the one processor that everything measured has.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this thread has had. Unlike the clock on the wall it stands still while others run.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Both are what a clock gives: not negative.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// From here on this thread runs on processor `core` alone.
///
/// # Errors
///
/// When there is no such processor for us.
pub fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
        .with_context(|| format!("processor {core} is not ours: choose another by --core"))
}

/// A processor other than `core`, if there is one: for those who load what is measured.
///
/// # Errors
///
/// When the system does not tell.
pub fn other_than(core: usize) -> anyhow::Result<usize> {
    let set = sched_getaffinity(None).context("the system does not say which processors are ours")?;
    Ok((0..CpuSet::MAX_CPU).find(|&cpu| cpu != core && set.is_set(cpu)).unwrap_or(core))
}

/// A command that runs `program` on processor `core` and no other.
pub fn on_core(core: usize, program: &Path) -> Command {
    // taskset becomes the program, so the process is the program's own.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_has_no_cpu_time() {
        let before = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_time() - before < Duration::from_millis(40));
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(20) {}
        assert!(thread_time() > before);
    }
}
