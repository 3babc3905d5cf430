//! What must hold of anything that comes from outside. Each function is a target of `fuzz/` and panics if it does not
//! hold; what the fuzzer found is given to them again by the tests below.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "to panic is how they tell")]

mod calls;
mod headers;
mod names;
mod tokens;

pub use calls::calls;
pub use headers::headers;
pub use names::names;
pub use tokens::tokens;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Gives a target its seeds and what it once failed at.
    fn replay(name: &str, target: fn(&[u8])) {
        for kind in ["seeds", "regressions"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join(name);
            for file in fs::read_dir(folder).into_iter().flatten() {
                let path = file.expect("the folder can be read").path();
                println!("{}", path.display());
                target(&fs::read(path).expect("the file can be read"));
            }
        }
    }

    #[test]
    fn names_hold() {
        replay("names", super::names);
    }

    #[test]
    fn headers_hold() {
        replay("headers", super::headers);
    }

    #[test]
    fn tokens_hold() {
        replay("tokens", super::tokens);
    }

    #[test]
    fn calls_hold() {
        replay("calls", super::calls);
    }
}
