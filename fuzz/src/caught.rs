//! Panics that are caught where they happen are no findings. libFuzzer's own hook would end the program at each.

use std::cell::RefCell;
use std::panic::{UnwindSafe, catch_unwind, set_hook};
use std::process::abort;

thread_local! {
    /// What the last panic said.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what panics say to itself.
pub fn expect_panics() {
    set_hook(Box::new(|panic| LAST.set(panic.to_string())));
}

/// Runs `target`. A panic that nobody catches is a finding.
pub fn or_abort(target: impl FnOnce() + UnwindSafe) {
    if catch_unwind(target).is_err() {
        eprintln!("{}", LAST.take());
        abort();
    }
}
