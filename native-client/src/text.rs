//! Texts from elsewhere, made fit to be read.

/// The most characters that are shown of what a server says.
const LONGEST: usize = 1000;

/// `text` without what a terminal would obey: of control characters only line ends and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !"\n\t".contains(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// The beginning of `text`, which a server may make as long as it likes.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let text = "a\u{1b}]0;title\u{7}b\r\u{9b}2Jc\u{7f}\u{0}";
        assert_eq!(printable(text), "a\u{fffd}]0;title\u{fffd}b\u{fffd}\u{fffd}2Jc\u{fffd}\u{fffd}");
        assert_eq!(printable("two\n\tlines, é 한"), "two\n\tlines, é 한");
    }

    #[test]
    fn an_excerpt_is_a_thousand_characters_and_says_that_it_is_one() {
        let thousand = "é".repeat(LONGEST);
        assert_eq!(excerpt(&thousand), thousand);
        assert_eq!(excerpt(&format!("{thousand}more")), format!("{thousand}…"));
    }
}
