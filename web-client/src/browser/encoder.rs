//! Pictures to JPEGs in a worker, one at a time; and the worker's clock, which hidden pages can rely on.

use bytes::Bytes;
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlVideoElement, MessageEvent, Worker};

use super::app::{Message, tell};
use super::dom;
use crate::fit::Place;

#[wasm_bindgen]
extern "C" {
    /// A picture of a video that can go to a worker without a copy
    /// (<https://www.w3.org/TR/webcodecs/#videoframe-interface>).
    type VideoFrame;

    #[wasm_bindgen(constructor, catch)]
    fn new(source: &HtmlVideoElement) -> Result<VideoFrame, JsValue>;
}

/// What a JPEG is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where in it the picture goes.
    pub(crate) place: Place,
    /// 1 to 100, in libjpeg's sense.
    pub(crate) quality: u32,
}

/// The worker.
#[derive(Debug)]
pub(crate) struct Encoder {
    worker: Worker,
    is_busy: bool,
    /// Its clock's, in milliseconds.
    tick: u32,
}

impl Encoder {
    /// Takes the worker, whose clock ticks every `tick` milliseconds from now on.
    pub(crate) fn new(worker: Worker, tick: u32) -> Self {
        dom::on(&worker, "message", |event: MessageEvent| hear(&event.data()));
        // A script that stumbles has no words for it.
        dom::on(&worker, "error", |_: JsValue| tell(Message::Encoded(Err("worker.js".to_owned()))));
        let mut encoder = Self { worker, is_busy: false, tick: 0 };
        encoder.tick_every(tick);
        encoder
    }

    /// Makes the worker's clock quicker or slower.
    pub(crate) fn tick_every(&mut self, tick: u32) {
        if std::mem::replace(&mut self.tick, tick) == tick {
            return;
        }
        let clock = Object::new();
        // A fresh object takes any property, and a number can be sent.
        let _set = Reflect::set(&clock, &"tick".into(), &tick.into());
        let _sent = self.worker.post_message(&clock);
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Notes that the picture in work came back.
    pub(crate) fn done(&mut self) {
        self.is_busy = false;
    }

    /// Makes a JPEG of what the video shows now; a [`Message::Encoded`] answers.
    pub(crate) fn encode(&mut self, video: &HtmlVideoElement, shape: Shape) -> Result<(), JsValue> {
        let frame: JsValue = VideoFrame::new(video)?.into();
        let Place { x, y, width, height } = shape.place;
        let place: Array = [x, y, width, height].into_iter().map(JsValue::from).collect();
        let work = Object::new();
        for (name, value) in [
            ("frame", frame.clone()),
            ("width", shape.width.into()),
            ("height", shape.height.into()),
            ("place", place.into()),
            ("quality", (f64::from(shape.quality) / 100.0).into()),
        ] {
            Reflect::set(&work, &name.into(), &value)?;
        }
        self.worker.post_message_with_transfer(&work, &Array::of1(&frame))?;
        self.is_busy = true;
        Ok(())
    }
}

fn hear(message: &JsValue) {
    let jpeg =
        Reflect::get(message, &"jpeg".into()).ok().and_then(|jpeg| jpeg.dyn_into::<ArrayBuffer>().ok());
    let error = Reflect::get(message, &"error".into()).ok().and_then(|error| error.as_string());
    tell(match (jpeg, error) {
        (Some(jpeg), _) => Message::Encoded(Ok(Bytes::from(Uint8Array::new(&jpeg).to_vec()))),
        (None, Some(error)) => Message::Encoded(Err(error)),
        (None, None) => Message::Tick,
    });
}
