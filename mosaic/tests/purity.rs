//! The core knows no async, no network, no files and no clock. That it builds where there are none, `make test` sees.

use std::path::{Path, PathBuf};
use std::process::Command;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

#[test]
fn nothing_that_the_core_is_built_of_is_a_runtime_a_network_or_a_clock() {
    let tree = "tree --offline --locked --edges normal --prefix none --manifest-path";
    let output = Command::new(env!("CARGO")).args(tree.split(' ')).arg(MANIFEST).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listing = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"tessera-mosaic") && names.contains(&"zune-jpeg"));
    let strangers = "async chrono futures getrandom hyper libc mio prost rayon rustix socket2 tessera-wire time tokio tonic";
    for name in names {
        assert!(!strangers.split(' ').any(|stranger| name.starts_with(stranger)), "{name}");
    }
}

#[test]
fn no_line_of_the_core_asks_for_files_sockets_threads_or_the_time() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 20);
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        for module in ["env", "fs", "io", "net", "os", "process", "thread", "time"] {
            assert!(!text.contains(&format!("std::{module}")), "std::{module} in {}", path.display());
        }
        assert!(!text.contains("async fn") && !text.contains(".await"), "{}", path.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The two modules that exist to hold it: `CONTRIBUTING.md`.
#[test]
fn unsafe_stands_in_its_own_modules_alone_and_each_block_says_why() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&source) {
        let text = std::fs::read_to_string(&path).unwrap();
        let blocks = text.matches("unsafe {").count();
        let is_home = path.starts_with(source.join("simd")) || path.ends_with("splice/interleave.rs");
        assert!(is_home || !text.contains("unsafe"), "{}", path.display());
        assert_eq!(text.matches("// SAFETY: ").count(), blocks, "{}", path.display());
    }
}
