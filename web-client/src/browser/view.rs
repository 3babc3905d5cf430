//! What is in the document: labels over the tiles, the panel, buttons, notices. It shows what it is told, and
//! tells what was pressed.

use tessera_wire::{Layout, Place, TileInfo};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Element, Event, HtmlButtonElement, HtmlDialogElement, HtmlElement, HtmlInputElement, HtmlOptionElement,
    HtmlSelectElement, HtmlVideoElement, KeyboardEvent, MediaStream,
};

use super::app::{Message, Press, tell};
use super::camera::Device;
use super::dom::{all, by_id, document, on, set, window};
use crate::texts::{Texts, fill};

/// Keys of the keyboard, the buttons that they press, and the name of the button's words.
const KEYS: [(&str, &str, &str); 9] = [
    ("c", "camera", "camera_off"),
    ("s", "share", "share_screen"),
    ("v", "choose", "choose_camera"),
    ("f", "full", "full_screen"),
    ("p", "pip", "picture_in_picture"),
    ("d", "save", "save_picture"),
    ("i", "info", "statistics"),
    ("y", "invite", "copy_invite"),
    ("l", "leave", "leave"),
];

/// A message to a person that stays until it is answered or does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    /// What can be done: the word and the press.
    pub(crate) actions: Vec<(&'static str, Press)>,
}

/// The document.
#[derive(Debug)]
pub(crate) struct View {
    texts: &'static Texts,
    status: Element,
    news: Element,
    notice_shown: Option<Notice>,
    layout: Layout,
    labels: Vec<Element>,
    large: Option<u32>,
}

impl View {
    /// Puts the words in and listens to everything that can be pressed.
    pub(crate) fn new(language: &str, texts: &'static Texts) -> Self {
        if let Some(root) = document().document_element() {
            set(&root, "lang", Some(language));
        }
        put_words(texts);
        list_shortcuts(texts);
        listen();
        Self {
            texts,
            status: by_id("status"),
            news: by_id("news"),
            notice_shown: None,
            layout: Layout::default(),
            labels: Vec::new(),
            large: None,
        }
    }

    /// Shows in which state the call is, and says so.
    pub(crate) fn state(&self, name: &str, words: &str, in_call: bool) {
        if let Some(body) = document().body() {
            set(&body, "data-state", Some(name));
        }
        set(&self.status, "data-state", Some(name));
        say(&self.status, words);
        by_id::<HtmlElement>("lobby").set_hidden(in_call);
        by_id::<HtmlElement>("call").set_hidden(!in_call);
        let is_joining = name == "joining";
        for id in ["join", "watch"] {
            by_id::<HtmlButtonElement>(id).set_disabled(is_joining);
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
        set(&camera, "aria-pressed", Some(if is_on { "false" } else { "true" }));
        label(&camera, if is_on { self.texts.camera_off } else { self.texts.camera_on });
        set(&by_id("share"), "aria-pressed", Some(if is_screen { "true" } else { "false" }));
        for id in ["camera", "share"] {
            by_id::<HtmlElement>(id).set_hidden(is_spectator);
        }
    }

    /// Lists the cameras to choose from.
    pub(crate) fn cameras(&self, devices: &[Device], chosen: Option<&str>) {
        by_id::<HtmlElement>("camera-choice").set_hidden(devices.is_empty());
        for id in ["cameras", "cameras-in-call"] {
            let select: HtmlSelectElement = by_id(id);
            select.replace_children_with_node_0();
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

    /// Where everybody is. Gives the layout from before.
    pub(crate) fn layout(&mut self, layout: Layout, own: &str) -> Layout {
        let frame: HtmlElement = by_id("frame");
        let ratio = f64::from(layout.width) / f64::from(layout.height.max(1));
        property(&frame, "--ratio", &ratio.to_string());
        let tiles: Element = by_id("tiles");
        let focused = document().active_element().and_then(|element| element.get_attribute("data-slot"));
        tiles.replace_children_with_node_0();
        self.labels = layout.places.iter().map(|place| self.label(place, &layout, own)).collect();
        for label in &self.labels {
            append(&tiles, label);
            if focused.is_some() && label.get_attribute("data-slot") == focused {
                // An element that cannot have the focus does not take it.
                let _focused = label.unchecked_ref::<HtmlElement>().focus();
            }
        }
        let before = std::mem::replace(&mut self.layout, layout);
        self.large = self.large.filter(|slot| self.layout.places.iter().any(|place| place.slot == *slot));
        self.enlarge(self.large);
        before
    }

    fn label(&self, place: &Place, layout: &Layout, own: &str) -> Element {
        let tile = new("button");
        let is_own = place.client_id == own;
        let class = ["tile", if is_own { "own" } else { "" }, if place.video_off { "off" } else { "" }];
        set(&tile, "type", Some("button"));
        set(&tile, "class", Some(class.join(" ").trim()));
        set(&tile, "data-testid", Some("tile"));
        set(&tile, "data-client-id", Some(&place.client_id));
        set(&tile, "data-slot", Some(&place.slot.to_string()));
        set(&tile, "data-initial", place.display_name.chars().next().map(String::from).as_deref());
        let share = |part: u32, whole: u32| format!("{}%", f64::from(part * 100) / f64::from(whole.max(1)));
        let style = tile.unchecked_ref::<HtmlElement>();
        property(style, "left", &share(place.x, layout.width));
        property(style, "top", &share(place.y, layout.height));
        property(style, "width", &share(place.width, layout.width));
        property(style, "height", &share(place.height, layout.height));
        let name = new("span");
        name.set_text_content(Some(&if is_own {
            format!("{} ({})", place.display_name, self.texts.you)
        } else {
            place.display_name.clone()
        }));
        append(&tile, &name);
        tile
    }

    /// What each tile shows: those who do not answer are dimmed.
    pub(crate) fn tiles(&self, infos: &[TileInfo]) {
        for (label, place) in self.labels.iter().zip(&self.layout.places) {
            let is_stale = infos.iter().any(|info| info.slot == place.slot && info.stale);
            // A list of classes takes any word without a space.
            let _set = label.class_list().toggle_with_force("stale", is_stale);
            self.describe(label, place, is_stale);
        }
    }

    fn describe(&self, label: &Element, place: &Place, is_stale: bool) {
        let mut words = if self.large == Some(place.slot) {
            self.texts.back_to_all.to_owned()
        } else {
            fill(self.texts.show_large, &place.display_name)
        };
        for (is_so, word) in [(place.video_off, self.texts.off), (is_stale, self.texts.stale)] {
            if is_so {
                words = format!("{words}, {word}");
            }
        }
        set(label, "aria-label", Some(&words));
    }

    /// Which tile is large, if one is.
    pub(crate) fn large(&self) -> Option<u32> {
        self.large
    }

    /// Makes one tile as large as the mosaic, or shows everybody again.
    pub(crate) fn enlarge(&mut self, slot: Option<u32>) {
        self.large = slot;
        let place = self.layout.places.iter().find(|place| Some(place.slot) == slot);
        let canvas: HtmlElement = by_id("mosaic");
        let transform = place.map(|place| {
            let scale = f64::from(self.layout.width) / f64::from(place.width.max(1));
            let shift = |at: u32, whole: u32| -100.0 * f64::from(at) / f64::from(whole.max(1));
            let (x, y) = (shift(place.x, self.layout.width), shift(place.y, self.layout.height));
            format!("scale({scale}) translate({x}%, {y}%)")
        });
        property(&canvas, "transform", transform.as_deref().unwrap_or("none"));
        for (label, other) in self.labels.iter().zip(&self.layout.places) {
            let tile = label.unchecked_ref::<HtmlElement>();
            tile.set_hidden(slot.is_some_and(|slot| slot != other.slot));
            set(label, "data-large", (slot == Some(other.slot)).then_some("true"));
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

    /// The name as it stands in its field.
    pub(crate) fn name(&self) -> String {
        by_id::<HtmlInputElement>("name").value().trim().to_owned()
    }

    /// Puts a name into its field, and the room above it.
    pub(crate) fn fill_in(&self, name: &str, room: &str) {
        by_id::<HtmlInputElement>("name").set_value(name);
        let words = if room.is_empty() { String::new() } else { fill(self.texts.room, room) };
        by_id::<Element>("room").set_text_content(Some(&words));
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

fn list_shortcuts(texts: &Texts) {
    let list: Element = by_id("shortcuts");
    for (key, _, word) in KEYS {
        let value = new("dd");
        append(&value, &text_element("kbd", &key.to_uppercase()));
        define(&list, texts.get(word).unwrap_or_default(), &value);
    }
}

fn define(list: &Element, word: &str, value: &Element) {
    append(list, &text_element("dt", word));
    append(list, value);
}

/// Tells of everything that is pressed.
fn listen() {
    on(&by_id("entry"), "submit", |event: Event| {
        event.prevent_default();
        tell(Message::Press(Press::Join));
    });
    for (id, press) in [
        ("watch", Press::Watch),
        ("camera", Press::Camera),
        ("share", Press::Share),
        ("choose", Press::Choose),
        ("full", Press::FullScreen),
        ("pip", Press::PictureInPicture),
        ("save", Press::Save),
        ("info", Press::Stats),
        ("leave", Press::Leave),
    ] {
        on(&by_id(id), "click", move |_: Event| tell(Message::Press(press)));
    }
    for button in all(".invite") {
        on(&button, "click", |_: Event| tell(Message::Press(Press::Invite)));
    }
    for id in ["cameras", "cameras-in-call"] {
        let select: HtmlSelectElement = by_id(id);
        on(&select.clone(), "change", move |_: Event| tell(Message::CameraChosen(select.value())));
    }
    // Tiles and a notice's buttons come and go: those around them listen.
    on(&by_id("tiles"), "click", |event: Event| {
        if let Some(slot) = number_of(&event, "data-slot") {
            tell(Message::Press(Press::Tile(slot)));
        }
    });
    on(&by_id("notice"), "click", |event: Event| {
        if let Some(index) = number_of(&event, "data-action") {
            tell(Message::Action(index as usize));
        }
    });
    on(&document(), "keydown", |event: KeyboardEvent| press_key(&event));
    by_id::<HtmlElement>("pip").set_hidden(!has_picture_in_picture());
    by_id::<HtmlElement>("full").set_hidden(!document().fullscreen_enabled());
}

/// The number that the element of an event, or one around it, has as an attribute.
fn number_of(event: &Event, attribute: &str) -> Option<u32> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    let element = target.closest(&format!("[{attribute}]")).ok()??;
    element.get_attribute(attribute)?.parse().ok()
}

/// A key presses its button, unless it is typed into a field or the button is not there.
fn press_key(event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let is_typed =
        target.is_some_and(|target| target.closest("input, select, dialog").ok().flatten().is_some());
    let in_call = !by_id::<HtmlElement>("call").hidden();
    if is_typed || !in_call || event.ctrl_key() || event.meta_key() || event.alt_key() || event.repeat() {
        return;
    }
    let key = event.key().to_lowercase();
    if key == "escape" {
        tell(Message::Press(Press::Escape));
    } else if let Some((_, id, _)) = KEYS.into_iter().find(|(wanted, ..)| *wanted == key) {
        let selector = if id == "invite" { "#toolbar .invite".to_owned() } else { format!("#{id}") };
        if let Some(button) = all(&selector).first().map(JsCast::unchecked_ref::<HtmlElement>)
            && !button.hidden()
        {
            button.click();
        }
    }
}

fn has_picture_in_picture() -> bool {
    js_sys::Reflect::get(&document(), &"pictureInPictureEnabled".into()).is_ok_and(|value| value.is_truthy())
}

fn new(tag: &str) -> Element {
    document().create_element(tag).expect("the tags are ours")
}

fn text_element(tag: &str, text: &str) -> Element {
    let element = new(tag);
    element.set_text_content(Some(text));
    element
}

fn append(parent: &Element, child: &Element) {
    parent.append_child(child).expect("elements have children");
}

fn property(element: &HtmlElement, name: &str, value: &str) {
    // Properties that a browser does not know are left out by it.
    let _set = element.style().set_property(name, value);
}

/// Changes the words only if they are others: those who listen to the page hear them once.
fn say(element: &Element, words: &str) {
    if element.text_content().as_deref() != Some(words) {
        element.set_text_content(Some(words));
    }
}

/// Saves bytes under a name, as the browser does with what is downloaded.
pub(crate) fn save(blob: &web_sys::Blob, name: &str) -> Result<(), JsValue> {
    let url = web_sys::Url::create_object_url_with_blob(blob)?;
    let link: web_sys::HtmlAnchorElement = new("a").unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    web_sys::Url::revoke_object_url(&url)
}

/// Copies text; whether it worked is told by the browser's own permission.
pub(crate) fn copy(text: &str) {
    if dom_clipboard() {
        let _copied = window().navigator().clipboard().write_text(text);
    }
}

/// Only secure pages have a clipboard.
fn dom_clipboard() -> bool {
    js_sys::Reflect::get(&window().navigator(), &"clipboard".into()).is_ok_and(|value| !value.is_undefined())
}
