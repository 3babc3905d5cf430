//! Texts that are taken for names and secrets.

use tessera_wire::{MAX_NAME_BYTES, NameError, check_name, tame_name};

use crate::names::{ClientId, DisplayName, RoomId, Session};

/// A name is short, trimmed and harmless, and is the same when it is checked again; what was made tame is a name.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let checked = check_name(&text);
    if let Ok(name) = checked {
        expect_name(name);
        assert_eq!(name, text.trim());
        assert_eq!(tame_name(&text), name, "a name is tame");
    }
    let tame = tame_name(&text);
    assert_eq!(tame_name(&tame), tame);
    if !tame.is_empty() {
        expect_name(&tame);
    }
    types(&text, checked);
    session(&text);
}

fn expect_name(name: &str) {
    assert_eq!(check_name(name), Ok(name));
    assert!((1..=MAX_NAME_BYTES).contains(&name.len()));
    assert!(!name.contains(is_treacherous), "{name:?}");
}

/// Control characters (general category Cc), those with the property Bidi_Control, and the separators of lines and
/// paragraphs, by Unicode's own lists.
fn is_treacherous(c: char) -> bool {
    const BIDI_CONTROL: [u32; 12] =
        [0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069];
    let is_control = matches!(u32::from(c), 0..0x20 | 0x7F..0xA0);
    is_control || BIDI_CONTROL.contains(&u32::from(c)) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Each type of name takes what is a name; two of them take nothing for something.
fn types(text: &str, checked: Result<&str, NameError>) {
    let or_else = |other: &str| match checked {
        Err(NameError::Empty) => Ok(other.to_owned()),
        checked => checked.map(str::to_owned),
    };
    let id = ClientId::new(text);
    assert_eq!(id.as_ref().map(ToString::to_string).map_err(|error| *error), checked.map(str::to_owned));
    assert_eq!(RoomId::new(text).map(|room| room.to_string()), or_else("main"));
    let other = ClientId::new("other").unwrap();
    assert_eq!(DisplayName::new(text, &other).map(|name| name.to_string()), or_else("other"));
    if let Some(slot) = id.ok().and_then(|id| id.wished_slot()) {
        assert_eq!(text.trim(), format!("client{}", slot + 1));
    }
}

/// A session is read from its 32 digits and from nothing else, and is never shown.
fn session(text: &str) {
    let session = Session::parse(text);
    let is_one = text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    assert_eq!(session.is_some(), is_one);
    if let Some(session) = session {
        assert_eq!(session.reveal(), text.to_ascii_lowercase());
        assert!(session.proves(&session));
        assert!(!format!("{session:?}").contains(&session.reveal()));
    }
}
