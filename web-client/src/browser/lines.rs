//! Connections over HTTP/1.1, of which a browser opens six to one server for all its tabs together.
//!
//! Every call has one for its mosaics, for as long as it goes on. The last one is for all the tabs' frames on their way
//! up: if a stream had it too, no frame of any tab would ever leave. So there are five lines to be had, as locks that the
//! browser keeps for all tabs of this server (<https://www.w3.org/TR/web-locks/>) and takes back from tabs that are gone.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::dom::window;

/// Streams of mosaics that all tabs together may have: one less than connections.
const LINES: u32 = 5;

/// How long a line that is given back may take, in milliseconds.
const PAUSE_MS: i32 = 200;

#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &JsValue,
        callback: &JsValue,
    ) -> Result<Promise, JsValue>;
}

/// The right to open one stream.
#[derive(Debug)]
pub(crate) enum Line {
    /// Given back on Drop.
    Held {
        /// What is given back.
        _lock: Lock,
    },
    /// Nobody counts: over HTTP/2, or where the browser has no locks, as on pages that are not secure.
    NotNeeded,
    /// The other tabs have them all.
    NoneLeft,
}

/// A lock, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(Function);

impl Drop for Lock {
    fn drop(&mut self) {
        // It resolves a promise, which cannot fail.
        let _released = self.0.call0(&JsValue::UNDEFINED);
    }
}

impl Line {
    /// Takes a line if one is left.
    pub(crate) async fn take() -> Self {
        let Some(locks) = locks() else { return Self::NotNeeded };
        for number in 1..=2 * LINES {
            if number == LINES + 1 {
                // One that was given back a moment ago comes back a moment later.
                pause().await;
            }
            match lock(&locks, &format!("tessera line {}", number % LINES)).await {
                Ok(Some(lock)) => return Self::Held { _lock: lock },
                Ok(None) => {}
                // A browser that has locks and does not give them: it must work without.
                Err(_) => return Self::NotNeeded,
            }
        }
        Self::NoneLeft
    }
}

async fn pause() {
    let waited = Promise::new(&mut |done, _| {
        let _timer = window().set_timeout_with_callback_and_timeout_and_arguments_0(&done, PAUSE_MS);
    });
    let _done = JsFuture::from(waited).await;
}

fn locks() -> Option<LockManager> {
    let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
    (!locks.is_undefined()).then(|| locks.unchecked_into())
}

/// The lock of that name, if nobody has it.
async fn lock(locks: &LockManager, name: &str) -> Result<Option<Lock>, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into())?;
    let held: Rc<RefCell<Option<Lock>>> = Rc::default();
    let keep = Rc::clone(&held);
    let mut requested = Err(JsValue::UNDEFINED);
    let answered = Promise::new(&mut |answer, _| {
        let keep = Rc::clone(&keep);
        // The browser holds a lock until the promise that this gives is resolved.
        let given = Closure::once_into_js(move |lock: JsValue| {
            let until = Promise::new(&mut |release, _| {
                *keep.borrow_mut() = (!lock.is_null()).then(|| Lock(release));
            });
            let _answered = answer.call0(&JsValue::UNDEFINED);
            if lock.is_null() { JsValue::UNDEFINED } else { until.into() }
        });
        requested = locks.request(name, &options, &given);
    });
    // What was requested comes to its end when the lock is given back, or at once if it is refused.
    JsFuture::from(Promise::race(&Array::of2(&answered, &requested?.into()))).await?;
    Ok(held.take())
}
