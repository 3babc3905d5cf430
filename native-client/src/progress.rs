//! What people see while it runs: bars on a terminal, plain lines elsewhere.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::summary::Summary;
use crate::text::printable;

/// Without a terminal a line comes with the first mosaic, and then one each so often.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Mosaics over which the rate is measured: about a second of video.
const RATE_WINDOW: usize = 32;

/// The place where everything that people read is written.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: Option<MultiProgress>,
    results: Results,
}

/// Where results go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// To standard output, as the original printed them.
    Stdout,
    /// To standard error: standard output carries pictures.
    Stderr,
    /// Nowhere, and neither do notes: a test has its own eyes.
    Nowhere,
}

impl Screen {
    /// Bars if a terminal shows them and the results with them, lines otherwise.
    pub fn new(results: Results) -> Self {
        let on_terminal = match results {
            Results::Stdout => io::stderr().is_terminal() && io::stdout().is_terminal(),
            Results::Stderr => io::stderr().is_terminal(),
            Results::Nowhere => false,
        };
        Self { bars: on_terminal.then(MultiProgress::new), results }
    }

    /// A line about what is going on, to standard error.
    pub fn note(&self, line: &str) {
        if self.results != Results::Nowhere {
            self.write_line(&mut io::stderr(), line);
        }
    }

    /// A line of the result.
    pub fn result(&self, line: &str) {
        match self.results {
            Results::Stdout => self.write_line(&mut io::stdout(), line),
            Results::Stderr => self.write_line(&mut io::stderr(), line),
            Results::Nowhere => {}
        }
    }

    /// Lines have words of servers and names of files in them, so no line says anything to the terminal itself.
    fn write_line(&self, to: &mut dyn Write, line: &str) {
        let line = printable(line);
        // Nobody is left to be told when writing fails.
        let mut write = || drop(writeln!(to, "{line}"));
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Progress of one client, below those there are. `label` tells its lines from theirs; it is empty for
    /// the only one.
    pub fn progress(&self, label: &str) -> Progress {
        let bar = self.bars.as_ref().map(|bars| bars.add(counter(label)));
        Progress {
            screen: self.clone(),
            label: label.to_owned(),
            bar,
            recent: VecDeque::new(),
            next_line: None,
        }
    }
}

/// A counter, for as long as the end is not known.
fn counter(label: &str) -> ProgressBar {
    ProgressBar::new_spinner()
        .with_style(style("{prefix:>10} {spinner} {pos} {wide_msg}"))
        .with_prefix(label.to_owned())
}

/// The templates are constants; if one were wrong, the default would do.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The progress of one client.
#[derive(Debug)]
pub struct Progress {
    screen: Screen,
    label: String,
    bar: Option<ProgressBar>,
    /// When the latest mosaics came.
    recent: VecDeque<Instant>,
    /// When the next line is due; before the first one it is none.
    next_line: Option<Instant>,
}

impl Progress {
    /// How many mosaics there will be: the counter becomes a bar.
    pub fn expect(&self, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_style(style("{prefix:>10} {bar:30} {pos}/{len} {wide_msg}"));
            bar.set_length(total);
        }
    }

    /// Mosaic `number` came, `round_trip` after its frame went, if it was an answer.
    pub fn received(&mut self, number: u64, round_trip: Option<Duration>) {
        let now = Instant::now();
        self.recent.push_back(now);
        if self.recent.len() > RATE_WINDOW {
            self.recent.pop_front();
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(number);
                bar.set_message(self.message(round_trip));
            }
            None if self.next_line.is_none_or(|due| now >= due) => {
                self.next_line = Some(now + LINE_INTERVAL);
                self.screen.result(&self.labelled(&format!("mosaic {number}: {}", self.message(round_trip))));
            }
            None => {}
        }
    }

    /// The latest rate and round trip, as far as there are any.
    fn message(&self, round_trip: Option<Duration>) -> String {
        let rate = rate(&self.recent).map(|rate| format!("{rate:.1} fps"));
        let time = round_trip.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
        [rate, time].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// `line`, so that it is told from other clients' lines.
    fn labelled(&self, line: &str) -> String {
        if self.label.is_empty() { line.to_owned() } else { format!("{}: {line}", self.label) }
    }

    /// Something that people should know.
    pub fn note(&self, line: &str) {
        self.screen.note(&self.labelled(line));
    }

    /// What is going on now, beside the bar.
    pub fn state(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// The end, good or not: the bar stays as it is, and `summary` stands with the results.
    pub fn finish(&self, summary: &Summary<'_>, is_good: bool) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        let heading = self.labelled(if is_good { "Done" } else { "Until the error" });
        self.screen.result(&format!("{heading}:\n{summary}"));
    }
}

impl Drop for Progress {
    /// A bar that came to no end is not drawn again.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

/// Mosaics a second over `times`; one alone has no rate.
fn rate(times: &VecDeque<Instant>) -> Option<f64> {
    let seconds = times.back()?.duration_since(*times.front()?).as_secs_f64();
    (seconds > 0.0).then(|| (times.len() - 1) as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_says_anything_to_the_terminal() {
        let mut written = Vec::new();
        Screen::new(Results::Nowhere).write_line(&mut written, "error: \u{1b}[2Jgone\u{9b}1m");
        assert_eq!(written, "error: \u{fffd}[2Jgone\u{fffd}1m\n".as_bytes());
    }

    #[test]
    fn the_rate_is_that_of_the_latest_mosaics() {
        let start = Instant::now();
        let times = (0..11).map(|n| start + Duration::from_millis(50) * n).collect();
        assert!((rate(&times).unwrap() - 20.0).abs() < 1e-9);
        assert_eq!(rate(&VecDeque::new()), None);
        assert_eq!(rate(&VecDeque::from([start])), None);
    }
}
