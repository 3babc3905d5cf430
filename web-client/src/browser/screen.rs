//! The canvas: always the newest mosaic, decoded away from the page's thread, never a line of them.

use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use tessera_wire::{Layout, TileInfo};
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsCast, UnwrapThrowExt};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap};

use super::app::{Message, tell};
use super::dom::{Task, window};

/// A mosaic and what is on it.
#[derive(Debug, Clone)]
pub(crate) struct Mosaic {
    pub(crate) jpeg: Bytes,
    /// Where everybody is, if that is new.
    pub(crate) layout: Option<Layout>,
    pub(crate) tiles: Vec<TileInfo>,
}

/// The canvas and what comes next on it.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    decoding: Option<Task>,
    next: Option<Mosaic>,
    shown: Option<Bytes>,
}

impl Screen {
    pub(crate) fn new(canvas: HtmlCanvasElement) -> Self {
        let context = canvas.get_context("2d").ok().flatten().expect_throw("a canvas has a 2d context");
        Self { canvas, context: context.unchecked_into(), decoding: None, next: None, shown: None }
    }

    /// Puts a mosaic in; it is decoded when it is its turn and `is_seen`. Gives whether one before it will
    /// never be shown.
    pub(crate) fn put(&mut self, mut mosaic: Mosaic, is_seen: bool) -> bool {
        let replaced = self.next.take();
        let is_replaced = replaced.is_some();
        mosaic.layout = mosaic.layout.or(replaced.and_then(|old| old.layout));
        self.next = Some(mosaic);
        self.go_on(is_seen);
        is_replaced
    }

    /// Decodes what is next, if nothing is being decoded; a [`Message::Decoded`] answers.
    pub(crate) fn go_on(&mut self, is_seen: bool) {
        if self.decoding.is_some() || !is_seen {
            return;
        }
        let Some(mosaic) = self.next.take() else { return };
        self.decoding = Some(Task::spawn(async move {
            let bitmap = decode(&mosaic.jpeg).await;
            tell(Message::Decoded(mosaic, bitmap.ok()));
        }));
    }

    /// Draws what was decoded.
    pub(crate) fn draw(&mut self, jpeg: Bytes, bitmap: Option<&ImageBitmap>) {
        self.decoding = None;
        let Some(bitmap) = bitmap else { return };
        if (self.canvas.width(), self.canvas.height()) != (bitmap.width(), bitmap.height()) {
            self.canvas.set_width(bitmap.width());
            self.canvas.set_height(bitmap.height());
        }
        // A bitmap that was just made is not closed.
        let _drawn = self.context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0);
        bitmap.close();
        self.shown = Some(jpeg);
    }

    /// The mosaic that is shown, as it came.
    pub(crate) fn shown(&self) -> Option<&Bytes> {
        self.shown.as_ref()
    }

    /// Forgets what was to come.
    pub(crate) fn clear(&mut self) {
        (self.decoding, self.next) = (None, None);
    }
}

async fn decode(jpeg: &[u8]) -> Result<ImageBitmap, JsValue> {
    JsFuture::from(window().create_image_bitmap_with_blob(&blob(jpeg)?)?).await?.dyn_into()
}

/// A JPEG as the browser wants it.
pub(crate) fn blob(jpeg: &[u8]) -> Result<Blob, JsValue> {
    let about = BlobPropertyBag::new();
    about.set_type("image/jpeg");
    Blob::new_with_u8_array_sequence_and_options(&Array::of1(&Uint8Array::from(jpeg)), &about)
}
