//! Who joins, and where: names that the server will take, checked before anything is sent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Bytes of the longest name, as the wire says.
const MAX_BYTES: usize = 64;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but white space, or nothing at all.
    #[error("it is empty: a name has 1 to {MAX_BYTES} bytes")]
    Empty,
    /// Over 64 bytes.
    #[error("it has {0} bytes: a name has 1 to {MAX_BYTES}")]
    Long(usize),
    /// A control or bidirectional character.
    #[error("it holds {0:?}: a name has no control or bidirectional characters")]
    Character(char),
}

/// A name as the wire takes it: trimmed, 1 to 64 bytes, no control or bidirectional characters.
fn checked(text: &str) -> Result<String, NameError> {
    let text = text.trim();
    match (text.len(), text.chars().find(|&c| is_forbidden(c))) {
        (0, _) => Err(NameError::Empty),
        (bytes, _) if bytes > MAX_BYTES => Err(NameError::Long(bytes)),
        (_, Some(character)) => Err(NameError::Character(character)),
        _ => Ok(text.to_owned()),
    }
}

/// Control characters, and the bidirectional ones of Unicode (UAX #9), which disguise a name.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Defines a checked name.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as the wire carries it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// Who sends: one per room.
    ClientId
}
name! {
    /// One call on the server.
    Room
}
name! {
    /// What people see.
    DisplayName
}

impl Default for Room {
    /// The room that every server has.
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl ClientId {
    /// The id as one part of a path, which it can neither leave nor end.
    ///
    /// What separates folders somewhere, or means something to a shell's or a system's file names,
    /// becomes `_`; so do ids that are nothing but dots.
    pub fn file_name(&self) -> PathBuf {
        let only_dots = self.0.chars().all(|c| c == '.');
        let safe = |c: char| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\0' => '_',
            '.' if only_dots => '_',
            c => c,
        };
        self.0.chars().map(safe).collect::<String>().into()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    fn id(text: &str) -> ClientId {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_trimmed_and_has_1_to_64_bytes() {
        assert_eq!(id("  client1 ").as_str(), "client1");
        assert_eq!(" ".parse::<ClientId>(), Err(NameError::Empty));
        assert_eq!("ä".repeat(33).parse::<Room>(), Err(NameError::Long(66)));
        assert!("ä".repeat(32).parse::<Room>().is_ok());
    }

    #[test]
    fn a_name_has_no_control_or_bidirectional_characters() {
        for character in ['\0', '\n', '\u{7f}', '\u{85}', '\u{202e}', '\u{2066}'] {
            assert_eq!(format!("a{character}b").parse::<DisplayName>(), Err(NameError::Character(character)));
        }
    }

    #[test]
    fn an_ordinary_id_is_its_own_file_name() {
        for text in ["client1", "Zoë the 2nd", ".hidden", "a..b"] {
            assert_eq!(id(text).file_name(), Path::new(text));
        }
    }

    #[test]
    fn no_id_leaves_its_folder() {
        for text in ["../../etc/passwd", "..", ".", "/", "a/b", "a\\b", "C:x", "..\\.."] {
            let name = id(text).file_name();
            let parts: Vec<_> = name.components().collect();
            assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{text} became {name:?}");
        }
    }
}
