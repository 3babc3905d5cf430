//! Names that come from outside, checked once: client ids, display names, rooms, sessions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use constant_time_eq::constant_time_eq_16;
use tessera_wire::{NameError, check_name};

/// Who somebody is in a room. Compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientId(Arc<str>);

impl ClientId {
    /// Checks an id.
    ///
    /// # Errors
    ///
    /// [`NameError`] when it is empty, too long, or has a forbidden character.
    pub(crate) fn new(text: &str) -> Result<Self, NameError> {
        check_name(text).map(|name| Self(name.into()))
    }

    /// The slot that `clientK` asks for by its name, counted from 0: K - 1, with K decimal and without
    /// leading zeros.
    pub(crate) fn wished_slot(&self) -> Option<usize> {
        let digits = self.0.strip_prefix("client")?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<usize>().ok().filter(|_| plain)?.checked_sub(1)
    }
}

impl FromStr for ClientId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What people see over a tile. A stranger's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DisplayName(Arc<str>);

impl DisplayName {
    /// Checks a display name; an empty one is the client's id.
    ///
    /// # Errors
    ///
    /// [`NameError`] when it is too long or has a forbidden character.
    pub(crate) fn new(text: &str, id: &ClientId) -> Result<Self, NameError> {
        match text.parse() {
            Err(NameError::Empty) => Ok(id.into()),
            checked => checked,
        }
    }
}

impl From<&ClientId> for DisplayName {
    fn from(id: &ClientId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl FromStr for DisplayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_name(text).map(|name| Self(name.into()))
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which call it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RoomId(Arc<str>);

impl RoomId {
    /// The room of those who name none.
    pub(crate) fn main() -> Self {
        Self("main".into())
    }

    /// Checks a room's name; an empty one is the main room.
    ///
    /// # Errors
    ///
    /// [`NameError`] when it is too long or has a forbidden character.
    pub(crate) fn new(text: &str) -> Result<Self, NameError> {
        match check_name(text) {
            Err(NameError::Empty) => Ok(Self::main()),
            checked => checked.map(|name| Self(name.into())),
        }
    }
}

impl FromStr for RoomId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The secret that proves a seat. It is shown to its owner only and never to a log.
#[derive(Clone, Copy)]
pub(crate) struct Session([u8; 16]);

impl Session {
    /// A session that nobody can guess.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("a system without randomness cannot keep secrets");
        Self(bytes)
    }

    /// Reads a session as [`Session::reveal`] writes it; anything else proves nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| is_hex).map(|number| Self(number.to_be_bytes()))
    }

    /// The secret as 32 hexadecimal digits, for its owner.
    pub(crate) fn reveal(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// Whether both are the same, in a time that does not tell how far they match.
    pub(crate) fn proves(&self, other: &Self) -> bool {
        constant_time_eq_16(&self.0, &other.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_room_is_main_and_an_empty_display_name_is_the_id() {
        assert_eq!(RoomId::new("").unwrap(), RoomId::main());
        assert_eq!(RoomId::new("main").unwrap(), RoomId::main());
        let id = ClientId::new("client1").unwrap();
        assert_eq!(DisplayName::new(" ", &id).unwrap().to_string(), "client1");
    }

    #[test]
    fn client_k_wishes_for_slot_k_less_one() {
        let wish = |id: &str| ClientId::new(id).unwrap().wished_slot();
        assert_eq!(wish("client1"), Some(0));
        assert_eq!(wish("client12"), Some(11));
        for id in [
            "client0",
            "client01",
            "client",
            "client+1",
            "client1a",
            "Client1",
            "robot",
            "client99999999999999999999",
        ] {
            assert_eq!(wish(id), None, "{id}");
        }
    }

    #[test]
    fn a_session_is_read_as_it_was_revealed_and_is_never_logged() {
        let session = Session::random();
        let text = session.reveal();
        assert!(Session::parse(&text).unwrap().proves(&session));
        assert!(!Session::random().proves(&session));
        assert!(!format!("{session:?}").contains(&text));
        for text in ["", "+1", "zz", &text[1..], &"0".repeat(33), &format!("+{}", "0".repeat(31))] {
            assert!(Session::parse(text).is_none(), "{text}");
        }
    }
}
