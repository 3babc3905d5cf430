//! The call beyond its page: the whole screen, or a small window over all others.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, HtmlVideoElement, MediaStream, MediaStreamTrack};

use super::dom::{document, on, play};
use super::screen::Screen;

/// The whole screen for the page, notices and all, or the page as it was.
pub(crate) fn full_screen() {
    if document().fullscreen_element().is_some() {
        leave_full_screen();
    } else if let Some(page) = document().document_element() {
        // A browser that does not want to says so itself.
        let _asked = page.request_fullscreen();
    }
}

/// The page as it was.
pub(crate) fn leave_full_screen() {
    if document().fullscreen_element().is_some() {
        document().exit_fullscreen();
    }
}

/// Whether the canvas is shown in a small window.
pub(crate) fn is_picture_in_picture() -> bool {
    let element = Reflect::get(&document(), &"pictureInPictureElement".into());
    element.is_ok_and(|element| element.is_truthy())
}

/// Shows the canvas in a small window over all others, by way of a video of it; or closes that.
pub(crate) fn picture_in_picture(screen: &Screen) {
    if is_picture_in_picture() {
        call(&document(), "exitPictureInPicture", &JsValue::UNDEFINED);
        return;
    }
    let Some(stream) = call(&screen.canvas, "captureStream", &30.into()) else { return };
    let stream: MediaStream = stream.unchecked_into();
    let Ok(video) = document().create_element("video") else { return };
    let video: HtmlVideoElement = video.unchecked_into();
    video.set_muted(true);
    video.set_src_object(Some(&stream));
    let asked = video.clone();
    on(&video, "loadedmetadata", move |_: Event| {
        call(&asked, "requestPictureInPicture", &JsValue::UNDEFINED);
    });
    on(&video, "leavepictureinpicture", move |_: Event| {
        for track in stream.get_tracks() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    });
    play(&video);
}

/// Calls what not every browser has.
fn call(object: &JsValue, name: &str, argument: &JsValue) -> Option<JsValue> {
    let function = Reflect::get(object, &name.into()).ok()?;
    function.dyn_into::<Function>().ok()?.call1(object, argument).ok()
}
