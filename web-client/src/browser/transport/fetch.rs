//! A call by the browser's `fetch`.

use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use tonic::Code;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit, Response};

use crate::browser::dom::{window, words};
use crate::browser::identity::Token;
use crate::call::Ending;
use crate::grpc_web::{Frames, Part, bearer, status};

/// The words of a refusal are read up to so many characters.
const MAX_REASON: usize = 300;

/// Calls the method at `path` with a request in its frame.
pub(super) async fn call(path: &str, request: &[u8], token: Option<&Token>) -> Result<Answer, Ending> {
    let authorization = token.map(|Token(token)| bearer(token)).transpose()?;
    let abort = AbortController::new().map(Abort).map_err(|error| unreachable(&error))?;
    let response = send(path, request, authorization, &abort).await.map_err(|error| unreachable(&error))?;
    let head = |name: &str| response.headers().get(name).ok().flatten();
    if !response.ok() || !head("content-type").is_some_and(|kind| kind.starts_with("application/grpc-web")) {
        return Err(refused(&response).await);
    }
    // A call that fails at once has no body.
    let ending = head("grpc-status").map(|code| status(Some(&code), head("grpc-message").as_deref()));
    match ending {
        Some(ending) if ending.code != Code::Ok => Err(ending),
        _ => {
            let reader = response.body().map(|body| body.get_reader().unchecked_into());
            Ok(Answer { reader, frames: Frames::default(), _abort: abort })
        }
    }
}

async fn send(
    path: &str,
    request: &[u8],
    authorization: Option<String>,
    abort: &Abort,
) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.append("content-type", "application/grpc-web+proto")?;
    if let Some(authorization) = authorization {
        headers.append("authorization", &authorization)?;
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&Uint8Array::from(request));
    init.set_signal(Some(&abort.0.signal()));
    JsFuture::from(window().fetch_with_str_and_init(path, &init)).await?.dyn_into()
}

/// The browser does not say why: no network, no server, or a request that it did not let through.
fn unreachable(error: &JsValue) -> Ending {
    Ending { code: Code::Unavailable, message: words(error) }
}

/// An answer that is not gRPC's: of a proxy, of the server's guard, of another program.
async fn refused(response: &Response) -> Ending {
    let text = match response.text().map(JsFuture::from) {
        Ok(text) => text.await.ok().and_then(|text| text.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    };
    let reason: String = text.chars().take(MAX_REASON).collect();
    Ending {
        code: code(response.status()),
        message: format!("HTTP {}: {}", response.status(), reason.trim()),
    }
}

/// What an HTTP status means where gRPC says nothing itself
/// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
fn code(http: u16) -> Code {
    match http {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        400 | 413 | 415 | 431 => Code::Internal,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Aborts its request when it is dropped.
#[derive(Debug)]
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The answer to a call, as it comes. Dropping it aborts the call.
#[derive(Debug)]
pub(super) struct Answer {
    reader: Option<ReadableStreamDefaultReader>,
    frames: Frames,
    _abort: Abort,
}

impl Answer {
    /// The next message; `None` when the call has ended well.
    pub(super) async fn message(&mut self) -> Result<Option<Bytes>, Ending> {
        loop {
            match self.frames.take()? {
                Some(Part::Message(message)) => return Ok(Some(message)),
                Some(Part::Ending(ending)) if ending.code == Code::Ok => return Ok(None),
                Some(Part::Ending(ending)) => return Err(ending),
                None => self.read().await?,
            }
        }
    }

    /// Reads a piece of the body.
    async fn read(&mut self) -> Result<(), Ending> {
        let cut = || Ending::new(Code::Unavailable, "the answer was cut off");
        let reader = self.reader.as_ref().ok_or_else(cut)?;
        let read = JsFuture::from(reader.read()).await.map_err(|error| unreachable(&error))?;
        let piece = Reflect::get(&read, &"value".into()).ok().and_then(|value| value.dyn_into().ok());
        // There is none at the end, which comes behind the trailers.
        let piece: Uint8Array = piece.ok_or_else(cut)?;
        piece.copy_to(self.frames.room(piece.length() as usize));
        Ok(())
    }
}
