//! The camera or the screen: a stream of pictures that can fail in many ways.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, HtmlMediaElement, HtmlVideoElement, MediaDeviceInfo, MediaDeviceKind, MediaDevices,
    MediaStream, MediaStreamConstraints, MediaStreamTrack,
};

use super::app::{Message, tell};
use super::dom::{self, Task, document, from_ms, window};
use crate::notice::CameraError;

#[wasm_bindgen]
extern "C" {
    #[derive(Debug)]
    /// A video that says when it has a new picture (<https://wicg.github.io/video-rvfc/>).
    #[wasm_bindgen(extends = HtmlVideoElement)]
    type FrameVideo;

    #[wasm_bindgen(method, catch, js_name = requestVideoFrameCallback)]
    fn request_frame(this: &FrameVideo, callback: &JsValue) -> Result<u32, JsValue>;

    #[wasm_bindgen(method, js_name = cancelVideoFrameCallback)]
    fn cancel_frame(this: &FrameVideo, asked: u32);

    #[wasm_bindgen(extends = MediaDevices)]
    type ScreenDevices;

    #[wasm_bindgen(method, catch, js_name = getDisplayMedia)]
    fn display_media(this: &ScreenDevices, constraints: &JsValue) -> Result<js_sys::Promise, JsValue>;
}

/// Where pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Camera,
    Screen,
}

/// A camera to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) label: String,
}

/// Pictures that come, until this is dropped: then the camera's light goes out.
#[derive(Debug)]
pub(crate) struct Feed {
    /// That of the question which this answers.
    pub(crate) number: u32,
    pub(crate) source: Source,
    pub(crate) video: HtmlVideoElement,
    stream: MediaStream,
    _pump: Pump,
}

impl Feed {
    /// The picture's size in pixels, once there is one.
    pub(crate) fn size(&self) -> Option<(f64, f64)> {
        let size = (f64::from(self.video.video_width()), f64::from(self.video.video_height()));
        // Its size is known before it is there.
        let is_there = self.video.ready_state() >= HtmlMediaElement::HAVE_CURRENT_DATA;
        (is_there && size.0 > 0.0 && size.1 > 0.0).then_some(size)
    }

    pub(crate) fn stream(&self) -> &MediaStream {
        &self.stream
    }

    /// The device id of the camera.
    pub(crate) fn device(&self) -> Option<String> {
        let settings = tracks(&self.stream).first()?.get_settings();
        Reflect::get(&settings, &"deviceId".into()).ok()?.as_string()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.video.set_src_object(None);
        for track in tracks(&self.stream) {
            track.stop();
        }
    }
}

/// Whether the browser gives cameras to this page.
pub(crate) fn is_secure() -> bool {
    window().is_secure_context()
}

/// Asks for pictures; a [`Message::Feed`] with `number` answers. A question that was forgotten would leave the camera on:
/// whoever does not want the answer any more drops it.
pub(crate) fn open(source: Source, device: Option<String>, size: (u32, u32), number: u32) {
    dom::run(async move {
        let feed = match source {
            Source::Camera => camera(device, size).await,
            Source::Screen => screen().await,
        };
        tell(Message::Feed(
            number,
            feed.and_then(|stream| feed_of(source, stream, number)).map_err(|e| reason(&e)),
        ));
    });
}

async fn camera(device: Option<String>, (width, height): (u32, u32)) -> Result<MediaStream, JsValue> {
    let video = js_sys::Object::new();
    for (name, value) in [("width", f64::from(width)), ("height", f64::from(height)), ("frameRate", 30.0)] {
        Reflect::set(&video, &name.into(), &ideal(&value.into()))?;
    }
    if let Some(device) = device {
        Reflect::set(&video, &"deviceId".into(), &ideal(&device.into()))?;
    }
    let constraints = MediaStreamConstraints::new();
    constraints.set_video(&video);
    constraints.set_audio(&false.into());
    let asked = devices()?.get_user_media_with_constraints(&constraints)?;
    JsFuture::from(asked).await?.dyn_into()
}

async fn screen() -> Result<MediaStream, JsValue> {
    let constraints = js_sys::Object::new();
    Reflect::set(&constraints, &"video".into(), &true.into())?;
    Reflect::set(&constraints, &"audio".into(), &false.into())?;
    let devices: ScreenDevices = devices()?.unchecked_into();
    JsFuture::from(devices.display_media(&constraints)?).await?.dyn_into()
}

fn ideal(value: &JsValue) -> JsValue {
    let wish = js_sys::Object::new();
    // A fresh object takes any property.
    let _set = Reflect::set(&wish, &"ideal".into(), value);
    wish.into()
}

/// The browser's cameras. Pages that are not secure have none.
fn devices() -> Result<MediaDevices, JsValue> {
    let devices = window().navigator().media_devices()?;
    if devices.is_undefined() { Err(JsValue::UNDEFINED) } else { Ok(devices) }
}

/// Plays the stream and tells of each of its pictures, and of its end.
fn feed_of(source: Source, stream: MediaStream, number: u32) -> Result<Feed, JsValue> {
    let video: HtmlVideoElement = document().create_element("video")?.dyn_into()?;
    video.set_muted(true);
    dom::set(&video, "playsinline", Some(""));
    video.set_src_object(Some(&stream));
    dom::play(&video);
    let pump = Pump::start(video.clone().unchecked_into(), number);
    for track in tracks(&stream) {
        dom::on(&track, "ended", move |_: JsValue| tell(Message::FeedEnded(number)));
    }
    Ok(Feed { number, source, video, stream, _pump: pump })
}

/// Tells of each picture of a video with the time when it was taken, until this is dropped.
#[derive(Debug)]
struct Pump(Rc<Pumping>);

/// Gets the time at which a picture is shown, and what is known about it.
type FrameCallback = Closure<dyn FnMut(f64, JsValue)>;

#[derive(Debug)]
struct Pumping {
    video: FrameVideo,
    callback: RefCell<Option<FrameCallback>>,
    asked: Cell<u32>,
}

impl Pump {
    fn start(video: FrameVideo, number: u32) -> Self {
        let pumping = Pumping { video, callback: RefCell::default(), asked: Cell::default() };
        let pump = Self(Rc::new(pumping));
        let again = Rc::downgrade(&pump.0);
        *pump.0.callback.borrow_mut() = Some(Closure::new(move |shown_at: f64, about: JsValue| {
            let taken_at = Reflect::get(&about, &"captureTime".into()).ok().and_then(|time| time.as_f64());
            tell(Message::Picture(number, from_ms(taken_at.unwrap_or(shown_at))));
            if let Some(pumping) = again.upgrade() {
                pumping.ask();
            }
        }));
        pump.0.ask();
        pump
    }
}

impl Pumping {
    fn ask(&self) {
        if let Some(callback) = &*self.callback.borrow()
            && let Ok(asked) = self.video.request_frame(callback.as_ref())
        {
            self.asked.set(asked);
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.video.cancel_frame(self.0.asked.get());
    }
}

/// Whether the browser can share the screen; those of phones cannot.
pub(crate) fn can_share() -> bool {
    let share = devices().and_then(|devices| Reflect::get(&devices, &"getDisplayMedia".into()));
    share.is_ok_and(|share| share.is_function())
}

/// Lists the cameras; a [`Message::Devices`] answers. Their names are known once a camera was allowed.
pub(crate) fn list() -> Option<Task> {
    let asked = devices().ok()?.enumerate_devices().ok()?;
    Some(Task::spawn(async move {
        let Ok(list) = JsFuture::from(asked).await else { return };
        let list = js_sys::Array::from(&list);
        let cameras = list.iter().filter_map(|entry| {
            let device: MediaDeviceInfo = entry.dyn_into().ok()?;
            let is_camera = device.kind() == MediaDeviceKind::Videoinput && !device.device_id().is_empty();
            is_camera.then(|| Device { id: device.device_id(), label: device.label() })
        });
        tell(Message::Devices(cameras.collect()));
    }))
}

/// Tells when a camera is connected or disconnected.
pub(crate) fn watch_devices() {
    if let Ok(devices) = devices() {
        dom::on(&devices, "devicechange", |_: JsValue| tell(Message::DevicesChanged));
    }
}

fn tracks(stream: &MediaStream) -> Vec<MediaStreamTrack> {
    stream.get_tracks().iter().filter_map(|track| track.dyn_into().ok()).collect()
}

/// What the browser's error means (<https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia>).
fn reason(error: &JsValue) -> CameraError {
    if error.is_undefined() {
        return CameraError::Insecure;
    }
    let Some(error) = error.dyn_ref::<DomException>() else {
        return CameraError::Other(dom::words(error));
    };
    match error.name().as_str() {
        "NotAllowedError" | "SecurityError" => CameraError::Denied,
        "NotReadableError" | "AbortError" => CameraError::Busy,
        "NotFoundError" | "OverconstrainedError" => CameraError::Missing,
        _ => CameraError::Other(error.message()),
    }
}
