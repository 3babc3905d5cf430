//! Everything that can be pressed: buttons, tiles, keys.

use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlDialogElement, HtmlElement, HtmlSelectElement, KeyboardEvent};

use super::app::{Message, tell};
use super::dom::{all, by_id, document, on};
use crate::notice::Press;

/// Keys of the keyboard, the buttons that they press, and the name of the button's words.
const KEYS: [(&str, &str, &str); 10] = [
    ("c", "camera", "camera_off"),
    ("s", "share", "share_screen"),
    ("v", "choose", "choose_camera"),
    ("f", "full", "full_screen"),
    ("p", "pip", "picture_in_picture"),
    ("d", "save", "save_picture"),
    ("i", "info", "statistics"),
    ("y", "invite", "copy_invite"),
    ("k", "lock", "lock_room"),
    ("l", "leave", "leave"),
];

/// Each key with the name of the words that say what it does.
pub(crate) fn shortcuts() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYS.into_iter().map(|(key, _, word)| (key, word))
}

/// Tells of everything that is pressed.
pub(crate) fn listen() {
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
        ("lock", Press::Lock),
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
        } else if let Some(slot) = number_of(&event, "data-remove") {
            tell(Message::Press(Press::AskRemoval(slot)));
        }
    });
    on(&by_id("notice"), "click", |event: Event| {
        if let Some(index) = number_of(&event, "data-action") {
            tell(Message::Action(index as usize));
        }
    });
    let removal: HtmlDialogElement = by_id("removal");
    on(&removal.clone(), "close", move |_: Event| {
        if removal.return_value() == "remove" {
            tell(Message::Press(Press::Remove));
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
    let mut key = event.key().to_ascii_lowercase();
    if !key.is_ascii() {
        // Another alphabet: the key at the same place.
        key = event.code().to_ascii_lowercase().split_off("key".len().min(event.code().len()));
    }
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
