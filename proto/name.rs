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
    /// Nothing that is seen: joiners and their like alone.
    #[error("it shows nothing: a name has a character that is seen")]
    Blank,
    /// A character that could break a line of a log, turn the text around on a screen, or make two names look the same.
    #[error(
        "it has the character {0:?}: a name has no control, line-breaking, bidirectional or invisible characters"
    )]
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
        None if text.chars().all(is_blank) => Err(NameError::Blank),
        None => Ok(text),
    }
}

/// `text`, as people type and paste it, as near to a name as can be: trimmed, without treacherous characters, and cut
/// after the last character that fits. Empty if nothing is left, which is no name.
pub fn tame_name(text: &str) -> String {
    let harmless: String = text.chars().filter(|&c| !is_treacherous(c)).collect();
    let name = harmless.trim();
    let name = name[..name.floor_char_boundary(MAX_NAME_BYTES)].trim_end();
    if name.chars().all(is_blank) { String::new() } else { name.to_owned() }
}

/// Control characters, line and paragraph separators, what changes the direction of text
/// (Unicode Standard Annex #9, explicit formatting characters and marks), and what nobody sees.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || is_invisible(c)
}

/// What leaves no trace on a screen (Unicode Standard section 5.21, default ignorable code points), so that two names
/// look the same: soft hyphens, fillers, spaces without width. Not those that change what is seen beside them, see
/// [`is_modifier`].
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{200B}'
            | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0001}'
    )
}

/// What is not seen itself and changes what is: joiners, which Persian, Hindi and emoji need, variation selectors, and
/// the tags of flags.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// White space, modifiers, and the Braille pattern without a dot.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_modifier(c) || c == '\u{2800}'
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

    #[test]
    fn a_name_with_what_nobody_sees_is_refused_and_tamed_to_what_is_seen() {
        for character in [
            '\u{AD}', '\u{34F}', '\u{115F}', '\u{1160}', '\u{180E}', '\u{200B}', '\u{2060}', '\u{2064}',
            '\u{3164}', '\u{FEFF}', '\u{FFA0}',
        ] {
            let twin = format!("an{character}na");
            assert_eq!(check_name(&twin), Err(NameError::Character(character)));
            assert_eq!(check_name(&character.to_string()), Err(NameError::Character(character)));
            assert_eq!(tame_name(&twin), "anna");
            assert_eq!(tame_name(&character.to_string()), "");
        }
    }

    #[test]
    fn joiners_are_in_names_and_are_none_alone() {
        // Persian with a non-joiner, Sinhala with a joiner, a family, a flag and a red heart.
        for name in [
            "می\u{200C}خواهم",
            "ශ්\u{200D}රී",
            "👩\u{200D}👧",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "❤\u{FE0F}",
        ] {
            assert_eq!(check_name(name), Ok(name));
            assert_eq!(tame_name(name), name);
        }
        for blank in ["\u{200D}", "\u{200C}\u{200D}", "\u{200D} \u{200D}", "\u{FE0F}", "\u{2800}"] {
            assert_eq!(check_name(blank), Err(NameError::Blank));
            assert_eq!(tame_name(blank), "");
        }
    }
}
