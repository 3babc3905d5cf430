//! The log, on standard error.

mod throttle;

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format;
use tracing_subscriber::fmt::format::JsonFields;

use crate::config::LogFormat;
pub use throttle::Throttled;

/// Starts the log in this form. `RUST_LOG` chooses what is in it; without it, everything from INFO up.
pub(crate) fn init(form: LogFormat) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match form {
        LogFormat::Text => {
            let text = format().with_target(false).with_ansi(stderr().is_terminal());
            log.with_ansi(stderr().is_terminal()).event_format(Throttled::new(text, form)).init();
        }
        LogFormat::Json => {
            let json = format().json().flatten_event(true);
            log.fmt_fields(JsonFields::new()).event_format(Throttled::new(json, form)).init();
        }
    }
}

/// What `work` logs of that level and above.
#[cfg(test)]
pub(crate) fn logged(level: tracing::Level, work: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = Shared::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::with_default(subscriber.finish(), work);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}
