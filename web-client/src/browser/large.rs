//! The call beyond its page: the whole screen, or a small window over all others.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, HtmlVideoElement};

use super::dom::{by_id, document, on};
use super::screen::Screen;

/// The whole screen for the call, or the page as it was.
pub(crate) fn full_screen() {
    // A browser that does not want to says so itself.
    if document().fullscreen_element().is_some() {
        document().exit_fullscreen();
    } else {
        let _asked = by_id::<web_sys::Element>("call").request_fullscreen();
    }
}

/// Shows the canvas in a small window over all others, by way of a video of it.
pub(crate) fn picture_in_picture(screen: &Screen) {
    let call = |object: &JsValue, name: &str, argument: &JsValue| -> Option<JsValue> {
        let function = Reflect::get(object, &name.into()).ok()?;
        function.dyn_into::<js_sys::Function>().ok()?.call1(object, argument).ok()
    };
    let Some(stream) = call(&screen.canvas, "captureStream", &30.into()) else { return };
    let Ok(video) = document().create_element("video") else { return };
    let video: HtmlVideoElement = video.unchecked_into();
    video.set_muted(true);
    video.set_src_object(stream.dyn_ref());
    let asked = video.clone();
    on(&video, "loadedmetadata", move |_: Event| {
        let _asked = call(&asked, "requestPictureInPicture", &JsValue::UNDEFINED);
    });
    let _playing = video.play();
}
