//! At most one warning a second.
//!
//! Whoever attacks can make a server warn as often as it is attacked. One line a second tells as much, and how many more
//! there were is said with the next.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// The least time between two warnings.
const PAUSE: Duration = Duration::from_secs(1);

/// A form of the log that leaves warnings out when there are too many.
#[derive(Debug)]
pub struct Throttled<F> {
    inner: F,
    format: LogFormat,
    warnings: Mutex<Warnings>,
}

/// The warnings so far.
#[derive(Debug, Default)]
struct Warnings {
    /// When the last was written.
    last: Option<Instant>,
    /// How many were left out since.
    left_out: u64,
}

impl Warnings {
    /// Whether one may be written now, and how many were left out before it.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

impl<F> Throttled<F> {
    /// `inner`, whose lines are of that form, with at most one warning a second.
    pub fn new(inner: F, format: LogFormat) -> Self {
        Self { inner, format, warnings: Mutex::default() }
    }

    /// A line in the log's own form.
    fn say_left_out(&self, count: u64, writer: &mut Writer<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let message = format!("{count} warnings before this one were left out");
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
        if *event.metadata().level() == Level::WARN {
            let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(left_out) = warnings.admit(Instant::now()) else { return Ok(()) };
            drop(warnings);
            if left_out > 0 {
                self.say_left_out(left_out, &mut writer)?;
            }
        }
        self.inner.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use tracing::{info, warn};
    use tracing_subscriber::fmt::format;

    use super::*;

    #[test]
    fn one_a_second_is_admitted_with_the_number_of_those_before() {
        let (begin, mut warnings) = (Instant::now(), Warnings::default());
        let mut at = |millis| warnings.admit(begin + Duration::from_millis(millis));
        assert_eq!([at(0), at(1), at(999), at(1000)], [Some(0), None, None, Some(2)]);
        assert_eq!([at(1999), at(2000), at(9000)], [None, Some(1), Some(0)]);
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
    fn a_flood_of_warnings_is_one_line_and_nothing_else_is_left_out() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(Throttled::new(format(), LogFormat::Text))
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(log.finish(), || {
            (0..100).for_each(|n| warn!(n, "flood"));
            info!("note");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.matches("flood").count(), text.matches("note").count()), (1, 1), "{text}");
    }

    #[test]
    fn what_was_left_out_is_said_in_the_logs_own_form() {
        for (form, begins) in [(LogFormat::Text, "20"), (LogFormat::Json, r#"{"timestamp":"20"#)] {
            let mut line = String::new();
            Throttled::new((), form).say_left_out(7, &mut Writer::new(&mut line)).unwrap();
            assert!(
                line.starts_with(begins) && line.contains("7 warnings") && line.ends_with('\n'),
                "{line}"
            );
        }
    }
}
