//! Who hears what a server logs: warnings, panics, and secrets that nobody should hear.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tessera_server_core::{LogFormat, Throttled};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// How the threads of a server in this process are named: a panic on one of them is the server's.
pub const SERVER_THREAD: &str = "server";
/// Lines that are kept of the end of the log.
const KEPT: usize = 200;

/// What has been heard. Clones hear together.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Heard>>);

#[derive(Debug)]
struct Heard {
    since: Instant,
    warnings: Vec<String>,
    panics: Vec<String>,
    leaks: Vec<String>,
    secrets: Vec<String>,
    last: std::collections::VecDeque<String>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            warnings: Vec::new(),
            panics: Vec::new(),
            leaks: Vec::new(),
            secrets: Vec::new(),
            last: std::collections::VecDeque::new(),
        }
    }
}

impl Witness {
    /// The one who hears servers in this process. Every line is looked at; the hook of panics still prints them.
    ///
    /// # Panics
    ///
    /// When something else hears the log already.
    pub fn of_this_process() -> Self {
        static WITNESS: OnceLock<Witness> = OnceLock::new();
        let install = || {
            let witness = Self::default();
            witness.hear_panics();
            // What others log of INFO and above is in the server's log, too.
            let all = Targets::new().with_default(LevelFilter::INFO);
            let all = all.with_target("tessera_server_core", LevelFilter::DEBUG);
            let form = Throttled::new(fmt::format().without_time().with_ansi(false), LogFormat::Text);
            let lines = fmt::layer().with_ansi(false).event_format(form).with_writer(witness.clone());
            tracing_subscriber::registry().with(lines.with_filter(all)).init();
            witness
        };
        WITNESS.get_or_init(install).clone()
    }

    fn hear_panics(&self) {
        let before = std::panic::take_hook();
        let witness = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name().is_some_and(|name| name.starts_with(SERVER_THREAD)) {
                witness.heard(|heard| heard.panics.push(panic.to_string()));
            }
            before(panic);
        }));
    }

    /// Text that must not be heard.
    pub fn keep_secret(&self, secret: &str) {
        self.heard(|heard| heard.secrets.push(secret.to_owned()));
    }

    /// Forgets what was.
    pub fn begin(&self) {
        self.heard(|heard| {
            let secrets = std::mem::take(&mut heard.secrets);
            *heard = Heard { secrets, ..Heard::default() };
        });
    }

    /// Hears a line of a log: its level comes first, or behind the time.
    pub fn hear(&self, line: &str) {
        self.heard(|heard| {
            let is_secret = |secret: &String| line.contains(secret.as_str());
            if heard.secrets.iter().any(is_secret) {
                heard.leaks.push(line.to_owned());
            }
            if line.split_whitespace().take(2).any(|word| word == "WARN" || word == "ERROR") {
                heard.warnings.push(line.to_owned());
            } else if line.contains("panicked at") {
                heard.panics.push(line.to_owned());
            }
            if heard.last.len() == KEPT {
                heard.last.pop_front();
            }
            heard.last.push_back(line.to_owned());
        });
    }

    /// The end of the log.
    pub fn last_lines(&self) -> String {
        self.heard(|heard| heard.last.iter().map(|line| format!("{line}\n")).collect())
    }

    /// What was heard since the last [`Witness::begin`] and should not have been: panics, secrets, and more than a
    /// warning a second.
    pub fn complaints(&self) -> Vec<String> {
        self.heard(|heard| {
            let mut complaints = heard.panics.clone();
            complaints.extend(heard.leaks.iter().map(|line| format!("a secret in the log: {line}")));
            let allowed = 1 + heard.since.elapsed().div_duration_f64(Duration::from_secs(1)) as usize;
            let count = heard.warnings.len();
            if count > allowed {
                let first = &heard.warnings[0];
                complaints.push(format!("{count} warnings, where {allowed} are borne; the first: {first}"));
            }
            complaints
        })
    }

    fn heard<R>(&self, with: impl FnOnce(&mut Heard) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One event of the log, which comes in one piece.
#[derive(Debug)]
pub struct Line(Witness);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        String::from_utf8_lossy(bytes).lines().for_each(|line| self.0.hear(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Witness {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_panics_and_secrets_are_heard() {
        let witness = Witness::default();
        witness.keep_secret("sesame");
        witness.hear(" INFO all is well");
        witness.hear("2026-01-01T00:00:00Z  WARN one is borne");
        assert!(witness.complaints().is_empty());
        witness.hear(" WARN two are not");
        witness.hear("thread 'server' panicked at room.rs");
        witness.hear(" INFO the word is sesame");
        assert_eq!(witness.complaints().len(), 3);
        witness.begin();
        assert!(witness.complaints().is_empty());
    }
}
