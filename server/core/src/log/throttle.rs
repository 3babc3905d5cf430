//! At most one warning a second, and a hundred lines of each kind that say what goes on.
//!
//! Whoever attacks can make a server write as often as it is attacked. So many lines tell as much, and how many more there
//! were is said with the next. Each place in the code that says what goes on has its own hundred: nobody hides what a host
//! did by coming and going.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Warnings, and lines of each other kind, that are written in so much time.
const WARNINGS: u32 = 1;
const NOTES: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

/// A form of the log that leaves lines out when there are too many.
#[derive(Debug)]
pub struct Throttled<F> {
    inner: F,
    format: LogFormat,
    warnings: Mutex<Lines>,
    /// Of what goes on, by where in the code they come from.
    notes: Mutex<HashMap<Identifier, Lines>>,
}

/// Lines of one kind.
#[derive(Debug)]
struct Lines {
    /// So many are written in a window.
    most: u32,
    /// When it began, with a line.
    begun: Option<Instant>,
    /// How many were written in it.
    written: u32,
    /// How many were left out since one was written.
    left_out: u64,
}

impl Lines {
    fn new(most: u32) -> Self {
        Self { most, begun: None, written: 0, left_out: 0 }
    }

    /// Whether one may be written now, and how many were left out before it.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= WINDOW) {
            (self.begun, self.written) = (Some(now), 0);
        }
        if self.written == self.most {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl<F> Throttled<F> {
    /// `inner`, whose lines are of that form, with at most one warning a second and a hundred of each kind of what goes on.
    pub fn new(inner: F, format: LogFormat) -> Self {
        Self { inner, format, warnings: Mutex::new(Lines::new(WARNINGS)), notes: Mutex::default() }
    }

    /// Whether a line may be written now; then how many like it were left out before, and what they are called.
    fn admit(&self, metadata: &Metadata<'_>, now: Instant) -> Option<(u64, &'static str)> {
        match *metadata.level() {
            Level::WARN => {
                let left_out = self.warnings.lock().unwrap_or_else(PoisonError::into_inner).admit(now);
                left_out.map(|count| (count, "warnings"))
            }
            Level::INFO => {
                let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
                let lines = notes.entry(metadata.callsite()).or_insert_with(|| Lines::new(NOTES));
                lines.admit(now).map(|count| (count, "lines like the next one"))
            }
            // Errors are ours, and what is finer was asked for.
            _ => Some((0, "")),
        }
    }

    /// A line in the log's own form.
    fn say_left_out(&self, count: u64, what: &str, writer: &mut Writer<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let message = format!("{count} {what} were left out here");
        match self.format {
            LogFormat::Text => writeln!(writer, "{time}  INFO {message}"),
            LogFormat::Json => {
                writeln!(writer, r#"{{"timestamp":"{time}","level":"INFO","message":"{message}"}}"#)
            }
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for Throttled<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some((left_out, what)) = self.admit(event.metadata(), Instant::now()) else { return Ok(()) };
        if left_out > 0 {
            self.say_left_out(left_out, what, &mut writer)?;
        }
        self.inner.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use tracing::{error, info, warn};
    use tracing_subscriber::fmt::format;

    use super::*;

    #[test]
    fn one_a_second_is_admitted_with_the_number_of_those_before() {
        let (begin, mut warnings) = (Instant::now(), Lines::new(WARNINGS));
        let mut at = |millis| warnings.admit(begin + Duration::from_millis(millis));
        assert_eq!([at(0), at(1), at(999), at(1000)], [Some(0), None, None, Some(2)]);
        assert_eq!([at(1999), at(2000), at(9000)], [None, Some(1), Some(0)]);
    }

    #[test]
    fn a_hundred_a_second_are_admitted_of_what_goes_on() {
        let (begin, mut notes) = (Instant::now(), Lines::new(NOTES));
        let mut at = |millis| notes.admit(begin + Duration::from_millis(millis));
        assert!((0..100).all(|n| at(n) == Some(0)));
        assert_eq!([at(100), at(999), at(1000), at(1001)], [None, None, Some(2), Some(0)]);
    }

    /// What is written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_of_warnings_is_one_line_one_of_notes_a_hundred_and_none_takes_from_the_others() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(Throttled::new(format(), LogFormat::Text))
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(log.finish(), || {
            (0..1000).for_each(|n| info!(n, "note"));
            (0..1000).for_each(|n| warn!(n, "flood"));
            info!("a host's act");
            error!("ours");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let counts = ["flood", "note", "a host's act", "ours"].map(|what| text.matches(what).count());
        // A slow machine may begin a second window.
        assert!(
            (1..=2).contains(&counts[0]) && (100..=200).contains(&counts[1]) && counts[2..] == [1, 1],
            "{counts:?}"
        );
    }

    #[test]
    fn what_was_left_out_is_said_in_the_logs_own_form() {
        for (form, begins) in [(LogFormat::Text, "20"), (LogFormat::Json, r#"{"timestamp":"20"#)] {
            let mut line = String::new();
            Throttled::new((), form).say_left_out(7, "warnings", &mut Writer::new(&mut line)).unwrap();
            assert!(
                line.starts_with(begins) && line.contains("7 warnings") && line.ends_with('\n'),
                "{line}"
            );
        }
    }
}
