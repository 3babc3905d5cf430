//! Who joins, and where: names that the server will take, checked before anything is sent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tessera_wire::{NameError, check_name};

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
                check_name(text).map(|name| Self(name.to_owned()))
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
    fn a_name_is_what_the_wire_takes() {
        assert_eq!(id("  client1 ").as_str(), "client1");
        assert_eq!(" ".parse::<Room>(), Err(NameError::Empty));
        assert_eq!("a\u{2028}b".parse::<DisplayName>(), Err(NameError::Character('\u{2028}')));
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
