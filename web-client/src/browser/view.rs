//! What is in the document beside the tiles: buttons, notices, the panel, the camera's picture.

use tessera_wire::tame_name;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Element, HtmlButtonElement, HtmlDialogElement, HtmlElement, HtmlInputElement, HtmlOptionElement,
    HtmlSelectElement, HtmlVideoElement, MediaStream,
};

use super::camera::{Device, can_share};
use super::dom::{all, append, by_id, create, document, say, set, text_element};
use super::large::leave_full_screen;
use super::pressing;
use crate::notice::{Notice, Press};
use crate::texts::{Texts, fill};

/// The document.
#[derive(Debug)]
pub(crate) struct View {
    texts: &'static Texts,
    status: Element,
    news: Element,
    notice_shown: Option<Notice>,
}

impl View {
    /// Puts the words in and listens to everything that can be pressed.
    pub(crate) fn new(language: &str, texts: &'static Texts) -> Self {
        if let Some(root) = document().document_element() {
            set(&root, "lang", Some(language));
        }
        put_words(texts);
        for (key, word) in pressing::shortcuts() {
            let value = create("dd");
            append(&value, &text_element("kbd", &key.to_ascii_uppercase()));
            let described = define(&by_id("shortcuts"), texts.get(word).unwrap_or_default(), &value);
            if word == "lock_room" {
                for element in [described, value] {
                    set(&element, "class", Some("host"));
                }
            }
        }
        pressing::listen();
        Self { texts, status: by_id("status"), news: by_id("news"), notice_shown: None }
    }

    /// Shows in which state the call is, and says so.
    pub(crate) fn state(&self, name: &str, words: &str, in_call: bool) {
        if let Some(body) = document().body() {
            set(&body, "data-state", Some(name));
        }
        set(&self.status, "data-state", Some(name));
        say(&self.status, words);
        self.turn_to_call(in_call);
        let is_joining = name == "joining";
        for id in ["join", "watch"] {
            by_id::<HtmlButtonElement>(id).set_disabled(is_joining);
        }
    }

    /// Shows the call or what is before it. The focus, which is on what is hidden now, goes along.
    fn turn_to_call(&self, in_call: bool) {
        let (lobby, call) = (by_id::<HtmlElement>("lobby"), by_id::<HtmlElement>("call"));
        if call.hidden() != in_call {
            return;
        }
        if !in_call {
            leave_full_screen();
        }
        lobby.set_hidden(in_call);
        call.set_hidden(!in_call);
        if let Some(next) = all(if in_call { "#call" } else { "#join:not([hidden]), #watch" }).first() {
            // An element that cannot have the focus does not take it.
            let _focused = next.unchecked_ref::<HtmlElement>().focus();
        }
    }

    /// Tells those who listen to the page who came and who went.
    pub(crate) fn news(&self, words: &str) {
        self.news.set_text_content(Some(words));
    }

    /// Shows a notice, or none.
    pub(crate) fn notice(&mut self, notice: Option<Notice>) {
        if self.notice_shown == notice {
            return;
        }
        let element = by_id::<HtmlElement>("notice");
        element.set_hidden(notice.is_none());
        if let Some(notice) = &notice {
            if let Ok(Some(text)) = element.query_selector("p") {
                text.set_text_content(Some(&notice.text));
            }
            if let Ok(Some(actions)) = element.query_selector(".actions") {
                actions.replace_children_with_node_0();
                for (index, (word, _)) in notice.actions.iter().enumerate() {
                    let button = text_element("button", word);
                    set(&button, "type", Some("button"));
                    set(&button, "data-action", Some(&index.to_string()));
                    append(&actions, &button);
                }
            }
        }
        self.notice_shown = notice;
    }

    /// What the button of that number in the notice means.
    pub(crate) fn action(&self, index: usize) -> Option<Press> {
        self.notice_shown.as_ref()?.actions.get(index).map(|(_, press)| *press)
    }

    /// Shows what the camera sees, or says why there is nothing to see.
    pub(crate) fn preview(&self, stream: Option<&MediaStream>, words: &str) {
        let video = by_id::<HtmlVideoElement>("preview");
        // Setting it again would begin anew.
        if video.src_object().as_ref() != stream {
            video.set_src_object(stream);
        }
        say(&by_id("preview-note"), words);
    }

    /// Shows what the camera button does and what is sent.
    pub(crate) fn sending(&self, is_on: bool, is_screen: bool, is_spectator: bool) {
        let camera = by_id::<HtmlElement>("camera");
        set(&camera, "data-off", (!is_on).then_some(""));
        label(&camera, if is_on { self.texts.camera_off } else { self.texts.camera_on });
        set(&by_id("share"), "aria-pressed", Some(if is_screen { "true" } else { "false" }));
        camera.set_hidden(is_spectator);
        by_id::<HtmlElement>("share").set_hidden(is_spectator || !can_share());
    }

    /// Shows what a host has more than others, and whether the room is locked.
    pub(crate) fn rule(&self, is_host: bool, is_locked: bool) {
        by_id::<HtmlElement>("locked").set_hidden(!is_locked);
        for element in all(".host") {
            element.unchecked_ref::<HtmlElement>().set_hidden(!is_host);
        }
        let lock: HtmlElement = by_id("lock");
        set(&lock, "data-on", is_locked.then_some(""));
        label(&lock, if is_locked { self.texts.unlock_room } else { self.texts.lock_room });
    }

    /// Asks a host whether somebody is to go.
    pub(crate) fn ask_removal(&self, name: &str) {
        let question = fill(self.texts.remove_question, name);
        by_id::<Element>("removal-title").set_text_content(Some(&question));
        let dialog: HtmlDialogElement = by_id("removal");
        // What was answered the last time stands there still.
        dialog.set_return_value("");
        // It fails when it is open already.
        let _opened = dialog.show_modal();
    }

    /// Lists the cameras to choose from.
    pub(crate) fn cameras(&self, devices: &[Device], chosen: Option<&str>) {
        for id in ["cameras", "cameras-in-call"] {
            let select: HtmlSelectElement = by_id(id);
            select.replace_children_with_node_0();
            select.set_disabled(devices.is_empty());
            if devices.is_empty() {
                append(&select, &text_element("option", "–"));
            }
            for (index, device) in devices.iter().enumerate() {
                let numbered = || format!("{} {}", self.texts.camera, index + 1);
                let name =
                    Some(device.label.clone()).filter(|name| !name.is_empty()).unwrap_or_else(numbered);
                if let Ok(option) = HtmlOptionElement::new_with_text_and_value(&name, &device.id) {
                    append(&select, &option);
                }
            }
            if let Some(chosen) = chosen {
                select.set_value(chosen);
            }
        }
    }

    /// The panel: what is measured, and what it is called.
    pub(crate) fn stats(&self, rows: &[(&str, &'static str, String)]) {
        let panel: HtmlElement = by_id("stats");
        for (name, _, value) in rows {
            set(&panel, &format!("data-{name}"), Some(value));
        }
        if panel.hidden() {
            return;
        }
        let Ok(Some(list)) = panel.query_selector("dl") else { return };
        list.replace_children_with_node_0();
        for (_, word, value) in rows {
            define(&list, word, &text_element("dd", value));
        }
    }

    /// Shows or hides the panel.
    pub(crate) fn toggle_stats(&self) {
        let panel: HtmlElement = by_id("stats");
        panel.set_hidden(!panel.hidden());
        set(&by_id("info"), "aria-expanded", Some(if panel.hidden() { "false" } else { "true" }));
    }

    /// Opens the choice of cameras and the list of shortcuts.
    pub(crate) fn open_chooser(&self) {
        // It fails when it is open already.
        let _opened = by_id::<HtmlDialogElement>("chooser").show_modal();
    }

    /// The name in its field, as others will see it.
    pub(crate) fn name(&self) -> String {
        tame_name(&by_id::<HtmlInputElement>("name").value())
    }

    /// Shows what an invite link has decided already: the name, and that there is no seat.
    pub(crate) fn bind(&self, is_named: bool, only_watches: bool) {
        by_id::<HtmlInputElement>("name").set_read_only(is_named);
        for element in all("#entry label, #join") {
            element.unchecked_ref::<HtmlElement>().set_hidden(only_watches);
        }
    }

    /// Puts a name into its field, and the room above it and into the title.
    pub(crate) fn fill_in(&self, name: &str, room: &str) {
        by_id::<HtmlInputElement>("name").set_value(name);
        if !room.is_empty() {
            let words = fill(self.texts.room, room);
            by_id::<Element>("room").set_text_content(Some(&words));
            document().set_title(&format!("{words} · Tessera"));
        }
    }
}

/// Puts the words to all elements that name theirs.
fn put_words(texts: &Texts) {
    for element in all("[data-text]") {
        let word = element.get_attribute("data-text").and_then(|name| texts.get(&name));
        element.set_text_content(word);
    }
    for element in all("[data-label]") {
        if let Some(word) = element.get_attribute("data-label").and_then(|name| texts.get(&name)) {
            label(element.unchecked_ref(), word);
        }
    }
}

/// A name for those who see the element and for those who hear it.
fn label(element: &HtmlElement, words: &str) {
    set(element, "aria-label", Some(words));
    if element.has_attribute("aria-keyshortcuts") {
        element.set_title(words);
    }
}

/// Puts a word and what it stands for at the end of a list. Gives the word's element.
fn define(list: &Element, word: &str, value: &Element) -> Element {
    let described = text_element("dt", word);
    append(list, &described);
    append(list, value);
    described
}

/// This moment as a part of a file's name: 2026-11-24 07.15.03.
pub(crate) fn moment() -> String {
    // Swedes write dates so; colons are for no name of a file.
    let local = js_sys::Date::new_0().to_locale_string("sv", &JsValue::UNDEFINED);
    String::from(local).replace(':', ".")
}

/// Saves bytes under a name, as the browser does with what is downloaded.
pub(crate) fn save(blob: &web_sys::Blob, name: &str) -> Result<(), JsValue> {
    let url = web_sys::Url::create_object_url_with_blob(blob)?;
    let link: web_sys::HtmlAnchorElement = create("a").unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    web_sys::Url::revoke_object_url(&url)
}
