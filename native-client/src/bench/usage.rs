//! What a process has used so far, as Linux tells in `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

use super::BenchError;

/// A clock tick of `/proc`: Linux counts 100 in a second for programs, whatever its own clock does (proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u32);

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all its threads, in the kernel too.
    pub cpu: Duration,
    /// Bytes in memory now.
    pub memory: u64,
    /// The most bytes that were in memory at once.
    pub memory_peak: u64,
}

impl Process {
    /// The process with this number.
    pub fn new(id: u32) -> Self {
        Self(id)
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// When there is no such process, or no `/proc`.
    pub fn usage(self) -> Result<Usage, BenchError> {
        self.read().map_err(|error| BenchError::NoProcess { pid: self.0, error })
    }

    fn read(self) -> io::Result<Usage> {
        let strange = || io::Error::other("what the system says of it is not as expected");
        let folder = format!("/proc/{}", self.0);
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let ticks = cpu_ticks(&fs::read_to_string(format!("{folder}/stat"))?).ok_or_else(strange)?;
        Ok(Usage {
            // Ticks are coarse. The threads' own counters are fine, and lack those threads that have ended.
            // Neither is ever too much, so the larger is the better one.
            cpu: ticks.max(threads_cpu(&folder).unwrap_or_default()),
            memory: kilobytes(&status, "VmRSS:").ok_or_else(strange)?,
            memory_peak: kilobytes(&status, "VmHWM:").ok_or_else(strange)?,
        })
    }
}

/// User and system time of a `/proc/PID/stat`: its fields 14 and 15 (proc(5)).
fn cpu_ticks(stat: &str) -> Option<Duration> {
    // Field 2 is the program's name in brackets, which may hold anything; field 3 follows the last of them.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    Some(TICK * (ticks.next()?? + ticks.next()??))
}

/// The CPU time of all threads that there are, in nanoseconds each, where the kernel counts that.
fn threads_cpu(folder: &str) -> Option<Duration> {
    let threads = fs::read_dir(format!("{folder}/task")).ok()?.flatten();
    threads
        .map(|thread| fs::read_to_string(thread.path().join("schedstat")))
        // A thread that has ended since is left out.
        .filter_map(Result::ok)
        .map(|line| Some(Duration::from_nanos(line.split_whitespace().next()?.parse().ok()?)))
        .sum()
}

/// A line of `/proc/PID/status` in bytes.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_brackets_and_spaces() {
        let stat = "42 (a) 1 (b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_ticks("42 (a) S 1 2"), None);
    }

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let process = Process::new(std::process::id());
        let before = process.usage().unwrap();
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(50) {}
        let after = process.usage().unwrap();
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
        assert!(after.memory > 100_000 && after.memory_peak >= after.memory / 2, "{after:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_that_names_the_flag() {
        // Above what Linux ever gives.
        let error = Process::new(u32::MAX).usage().unwrap_err();
        assert!(error.to_string().contains("--server-pid"), "{error}");
    }
}
