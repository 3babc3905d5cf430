//! The call beyond its page: the whole screen, or a small window over all others.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, HtmlVideoElement, MediaStreamTrack};

use super::dom::{create, document, on, play, run};
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

/// The canvas in a small window over all others, by way of a video of it.
#[derive(Debug)]
pub(crate) struct SmallWindow {
    /// One for all times: the page's listeners on it live as long as the page.
    video: HtmlVideoElement,
}

impl SmallWindow {
    pub(crate) fn new() -> Self {
        let video: HtmlVideoElement = create("video").unchecked_into();
        video.set_muted(true);
        let shown = video.clone();
        on(&video, "loadedmetadata", move |_: Event| run(open(shown.clone())));
        let shown = video.clone();
        on(&video, "leavepictureinpicture", move |_: Event| stop(&shown));
        Self { video }
    }

    /// Opens the window, or closes it.
    pub(crate) fn toggle(&self, screen: &Screen) {
        if is_picture_in_picture() {
            return self.close();
        }
        stop(&self.video);
        let Some(stream) = call(&screen.canvas, "captureStream", &30.into()) else { return };
        self.video.set_src_object(Some(stream.unchecked_ref()));
        play(&self.video);
    }

    /// Closes the window, also one that is about to open.
    pub(crate) fn close(&self) {
        stop(&self.video);
        if is_picture_in_picture() {
            run(exit());
        }
    }
}

/// Asks for the window. The browser may say no, and the call may be over when it says yes.
async fn open(video: HtmlVideoElement) {
    if !ask(&video, "requestPictureInPicture").await {
        stop(&video);
    } else if video.src_object().is_none() {
        exit().await;
    }
}

async fn exit() {
    ask(&document(), "exitPictureInPicture").await;
}

/// Takes no more pictures of the canvas.
fn stop(video: &HtmlVideoElement) {
    let Some(stream) = video.src_object() else { return };
    for track in stream.get_tracks() {
        track.unchecked_into::<MediaStreamTrack>().stop();
    }
    video.set_src_object(None);
}

/// Whether the browser does what it is asked for.
async fn ask(object: &JsValue, name: &str) -> bool {
    match call(object, name, &JsValue::UNDEFINED) {
        Some(asked) => JsFuture::from(Promise::resolve(&asked)).await.is_ok(),
        None => false,
    }
}

/// Calls what not every browser has.
fn call(object: &JsValue, name: &str, argument: &JsValue) -> Option<JsValue> {
    let function = Reflect::get(object, &name.into()).ok()?;
    function.dyn_into::<Function>().ok()?.call1(object, argument).ok()
}
