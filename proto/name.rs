//! What a name may be on this wire: client ids, display names, rooms.

use thiserror::Error;

/// The longest name, in bytes of UTF-8 after trimming.
pub const MAX_NAME_BYTES: usize = 64;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but white space, or nothing at all.
    #[error("it is empty: a name has 1 to {MAX_NAME_BYTES} bytes of UTF-8")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("it has {0} bytes: a name has 1 to {MAX_NAME_BYTES} bytes of UTF-8")]
    TooLong(usize),
    /// A character that could break a line of a log or turn the text around on a screen.
    #[error("it has the character {0:?}: a name has no control, line-breaking or bidirectional characters")]
    Character(char),
}

/// `text` as a name: trimmed, 1 to [`MAX_NAME_BYTES`] bytes, without treacherous characters.
///
/// # Errors
///
/// [`NameError`], which says what is wrong with it.
pub fn check_name(text: &str) -> Result<&str, NameError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong(text.len()));
    }
    match text.chars().find(|&c| is_treacherous(c)) {
        Some(character) => Err(NameError::Character(character)),
        None => Ok(text),
    }
}

/// `text`, as people type and paste it, as near to a name as can be: trimmed, without treacherous characters, and cut
/// after the last character that fits. Empty if nothing is left, which is no name.
pub fn tame_name(text: &str) -> String {
    let harmless: String = text.chars().filter(|&c| !is_treacherous(c)).collect();
    let name = harmless.trim();
    name[..name.floor_char_boundary(MAX_NAME_BYTES)].trim_end().to_owned()
}

/// Control characters, line and paragraph separators, and what changes the direction of text
/// (Unicode Standard Annex #9, explicit formatting characters and marks).
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_64_bytes_after_trimming() {
        assert_eq!(check_name("  robot \n"), Ok("robot"));
        assert_eq!(check_name(" "), Err(NameError::Empty));
        assert!(check_name(&"x".repeat(64)).is_ok());
        assert_eq!(check_name(&"é".repeat(33)), Err(NameError::TooLong(66)));
    }

    #[test]
    fn what_was_made_tame_is_a_name_or_empty() {
        for (text, name) in [
            (" Zoë\u{202E}\n ", "Zoë"),
            ("\u{2066}", ""),
            ("  ", ""),
            ("a\tb", "ab"),
            ("\u{6} a", "a"),
            ("<b>", "<b>"),
        ] {
            assert_eq!(tame_name(text), name);
        }
        let long = tame_name(&format!("{} {}", "가".repeat(20), "나".repeat(20)));
        assert_eq!(long, "가".repeat(20) + " 나");
        assert_eq!(check_name(&long), Ok(long.as_str()));
        assert_eq!(tame_name(&format!("{} {}", "x".repeat(63), "y")), "x".repeat(63));
    }

    #[test]
    fn a_name_that_breaks_lines_or_turns_text_is_refused() {
        for character in ['\n', '\0', '\u{85}', '\u{202E}', '\u{2066}', '\u{2028}', '\u{7f}'] {
            assert_eq!(check_name(&format!("a{character}b")), Err(NameError::Character(character)));
        }
        assert!(check_name("<b>Zoë 김</b>").is_ok());
    }
}
