//! Every word of the page. A language is one file with one value of [`Texts`]; what a language lacks does not
//! compile.

mod en;
mod ko;

/// Declares the words and how the page's HTML finds them by name.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The words in one language. `{}` stands for what is put in.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "each word is named by what it says")]
        pub struct Texts {
            $($(#[$doc])* pub $name: &'static str,)*
        }

        impl Texts {
            /// The word that the page's HTML names.
            pub fn get(&self, name: &str) -> Option<&'static str> {
                match name {
                    $(stringify!($name) => Some(self.$name),)*
                    _ => None,
                }
            }

            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

texts! {
    // before the call
    your_name, guest, camera, join, watch_only, copy_invite, invite_copied, invite_link, invite_local, room,
    preview_asking, preview_off, preview_watching, invite_private,
    // in the call
    participants, controls, statistics, camera_off, camera_on, choose_camera, share_screen, full_screen,
    picture_in_picture, save_picture, lock_room, unlock_room, leave, shortcuts, done, show_large, back_to_all, you, off, stale, locked,
    remove, remove_somebody, remove_question, cancel,
    // what happens
    joining, joining_slow, joining_long, joined, unreachable, reconnecting, reconnected, left, came, went, sharing,
    room_locked, room_unlocked,
    // what went wrong
    camera_denied, camera_busy, camera_missing, camera_gone, camera_failed, insecure, id_taken, full,
    taken_over, removed, link_needed, link_refused, link_in_use, no_room, not_allowed, rejected, frames_refused, too_many_tabs,
    share_failed, pushes_fail,
    // what to do about it
    try_again, join_anew, watch_instead, try_now, dismiss,
    // the panel
    frames_up, frames_down, round_trip, latency, bytes_up, bytes_down, skipped, quality,
}

/// The page's languages with their tags (RFC 5646); the first is for everybody else.
pub const LANGUAGES: [(&str, &Texts); 2] = [("en", &en::TEXTS), ("ko", &ko::TEXTS)];

/// The tag and the words of the first language of `wanted` that we have.
pub fn choose<'a>(wanted: impl IntoIterator<Item = &'a str>) -> (&'static str, &'static Texts) {
    let primary = |tag: &'a str| tag.split('-').next().unwrap_or(tag).to_ascii_lowercase();
    wanted
        .into_iter()
        .find_map(|tag| LANGUAGES.into_iter().find(|(ours, _)| *ours == primary(tag)))
        .unwrap_or(LANGUAGES[0])
}

/// `text` with `value` in the place of `{}`.
pub fn fill(text: &str, value: &str) -> String {
    let mut filled = text.to_owned();
    if let Some(gap) = text.find('{') {
        filled.replace_range(gap..gap + 2, value);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wanted_language_that_we_have_is_taken() {
        assert_eq!(choose(["fr", "ko-KR", "en"]).0, "ko");
        assert_eq!(choose(["fr"]).0, "en");
        assert_eq!(choose([]).0, "en");
        assert_eq!(choose(["EN-us"]).0, "en");
    }

    #[test]
    fn every_language_says_everything_and_leaves_the_same_gaps() {
        for (tag, texts) in LANGUAGES {
            for ((name, text), (_, english)) in texts.all().into_iter().zip(LANGUAGES[0].1.all()) {
                assert!(!text.is_empty(), "{tag}: {name}");
                assert_eq!(text.matches("{}").count(), english.matches("{}").count(), "{tag}: {name}");
            }
        }
    }

    #[test]
    fn every_word_that_the_page_names_exists() {
        let page = include_str!("../../static/index.html");
        let named = page.split("data-text=\"").chain(page.split("data-label=\"")).skip(1);
        let names: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() > 20);
        for name in names.into_iter().filter(|name| !name.contains('<')) {
            assert!(LANGUAGES[0].1.get(name).is_some(), "{name}");
        }
    }
}
