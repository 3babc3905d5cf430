//! The browser's things, without their ceremony.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, abortable};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, Element, Event, EventTarget, HtmlElement, HtmlVideoElement, Window};

pub(crate) fn window() -> Window {
    web_sys::window().expect_throw("the page runs in a window")
}

pub(crate) fn document() -> Document {
    window().document().expect_throw("a window has its document")
}

/// The element of `index.html` with that id.
pub(crate) fn by_id<T: JsCast>(id: &str) -> T {
    let element = document().get_element_by_id(id).unwrap_or_else(|| panic!("index.html has no #{id}"));
    element.dyn_into().unwrap_or_else(|_| panic!("#{id} is another kind of element"))
}

/// All elements that `selector` finds.
pub(crate) fn all(selector: &str) -> Vec<Element> {
    let found = document().query_selector_all(selector).expect_throw("the selectors are ours");
    (0..found.length()).filter_map(|index| found.get(index)?.dyn_into().ok()).collect()
}

/// Calls `react` at each `event`, which is an `E`, as long as the page lives.
pub(crate) fn on<E: JsCast>(target: &EventTarget, event: &str, mut react: impl FnMut(E) + 'static) {
    // One kind of closure for all: each other kind is glue of its own.
    let closure = Closure::<dyn FnMut(Event)>::new(move |event: Event| react(event.unchecked_into()));
    target
        .add_event_listener_with_callback(event, closure.as_ref().unchecked_ref())
        .expect_throw("events exist");
    closure.forget();
}

/// Time since the page was opened.
pub(crate) fn now() -> Duration {
    window().performance().map_or(Duration::ZERO, |clock| from_ms(clock.now()))
}

/// Plays a video as soon as it can be. One that has ended, or has another stream before it begins, plays nothing: that
/// is told elsewhere.
pub(crate) fn play(video: &HtmlVideoElement) {
    if let Ok(playing) = video.play() {
        run(async {
            let _played = JsFuture::from(playing).await;
        });
    }
}

/// Notes this moment for the browser's own tools and whoever measures the page
/// (<https://www.w3.org/TR/user-timing/>).
pub(crate) fn mark(name: &str) {
    // A browser without these marks has nobody who looks for them.
    let _marked = window().performance().map(|clock| clock.mark(name));
}

/// A time in milliseconds, as the browser counts; what is none is zero.
pub(crate) fn from_ms(milliseconds: f64) -> Duration {
    Duration::from_micros((milliseconds * 1000.0) as u64)
}

/// A number with so many digits behind the point, by the browser: Rust's own way is a tenth of the page's program.
pub(crate) fn decimal(number: f64, digits: u8) -> String {
    js_sys::Number::from(number).to_fixed(digits).map(String::from).unwrap_or_default()
}

/// What a browser says of an error.
pub(crate) fn words(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    message.or_else(|| error.as_string()).unwrap_or_default()
}

/// Sets an attribute, or takes it away.
pub(crate) fn set(element: &Element, name: &str, value: Option<&str>) {
    // Only a name that is none fails, and the names are ours.
    let result = match value {
        Some(value) if element.get_attribute(name).as_deref() == Some(value) => Ok(()),
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
    debug_assert!(result.is_ok(), "{name}");
}

/// A new element, which is nowhere yet.
pub(crate) fn create(tag: &str) -> Element {
    document().create_element(tag).expect_throw("the tags are ours")
}

/// A new element with words in it.
pub(crate) fn text_element(tag: &str, text: &str) -> Element {
    let element = create(tag);
    element.set_text_content(Some(text));
    element
}

/// Puts an element at the end of another.
pub(crate) fn append(parent: &Element, child: &Element) {
    parent.append_child(child).expect_throw("elements have children");
}

/// Sets a property of an element's style.
pub(crate) fn property(element: &HtmlElement, name: &str, value: &str) {
    // Properties that a browser does not know are left out by it.
    let _set = element.style().set_property(name, value);
}

/// Changes the words only if they are others: those who listen to the page hear them once.
pub(crate) fn say(element: &Element, words: &str) {
    if element.text_content().as_deref() != Some(words) {
        element.set_text_content(Some(words));
    }
}

/// Goes on until it is done.
pub(crate) fn run(work: impl Future<Output = ()> + 'static) {
    // Boxed, for each kind of future has glue of its own.
    spawn_local(work.boxed_local());
}

/// Something that goes on until it is done or this is dropped.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    pub(crate) fn spawn(work: impl Future<Output = ()> + 'static) -> Self {
        let (work, handle) = abortable(work.boxed_local());
        run(async {
            // Aborted or done: both are an end.
            let _ended = work.await;
        });
        Self(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
