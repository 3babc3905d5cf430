//! HTTP by the browser's `fetch`, as a service that tonic-web's client can call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use js_sys::{Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use tonic::codegen::Body;
use tonic::codegen::http::{self, HeaderName, HeaderValue, Request, Response};
use tonic::{Code, Status};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit};

use super::Call;
use crate::browser::dom::words;

/// What tonic looks at in the head of a response.
const SEEN: [HeaderName; 4] = [
    http::header::CONTENT_TYPE,
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// The words of a refusal are read up to so many characters.
const MAX_REASON: usize = 300;

/// Calls `fetch`. Dropping the call, or the body of its response, aborts the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetch;

impl tower_service::Service<Request<Call>> for Fetch {
    type Response = Response<FetchBody>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Call>) -> Self::Future {
        Box::pin(SendWrapper::new(fetch(request)))
    }
}

async fn fetch(request: Request<Call>) -> Result<Response<FetchBody>, Status> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let abort = Abort::new()?;
    let response = send(&head, &body, &abort).await.map_err(|error| unreachable(&error))?;

    let content_type = response.headers().get("content-type").ok().flatten().unwrap_or_default();
    if !response.ok() || !content_type.starts_with("application/grpc-web") {
        return Err(refused(&response).await);
    }
    let reader = response.body().map(|body| body.get_reader().unchecked_into());
    let body = FetchBody { inner: SendWrapper::new(Reading { reader, pending: None, _abort: abort }) };
    let mut answer = Response::new(body);
    copy_headers(&response.headers(), answer.headers_mut());
    Ok(answer)
}

async fn send(head: &http::request::Parts, body: &[u8], abort: &Abort) -> Result<web_sys::Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &head.headers {
        // The browser names itself.
        if name != http::header::USER_AGENT {
            headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
        }
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&Uint8Array::from(body));
    init.set_signal(Some(&abort.0.signal()));
    let window = web_sys::window().ok_or("no window")?;
    let response = JsFuture::from(window.fetch_with_str_and_init(head.uri.path(), &init)).await?;
    response.dyn_into()
}

/// The names that the browser shows us; one that we cannot write is left out.
fn copy_headers(from: &Headers, to: &mut http::HeaderMap) {
    for name in SEEN {
        let value = from.get(name.as_str()).ok().flatten().and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(value) = value {
            to.insert(name, value);
        }
    }
}

/// The browser does not say why: no network, no server, or a request that it did not let through.
fn unreachable(error: &JsValue) -> Status {
    Status::unavailable(words(error))
}

/// An answer that is not gRPC's: of a proxy, of the server's guard, of another program.
async fn refused(response: &web_sys::Response) -> Status {
    let text = match response.text().map(JsFuture::from) {
        Ok(text) => text.await.ok().and_then(|text| text.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    };
    let reason: String = text.chars().take(MAX_REASON).collect();
    Status::new(code(response.status()), format!("HTTP {}: {}", response.status(), reason.trim()))
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

impl Abort {
    fn new() -> Result<Self, Status> {
        AbortController::new().map(Self).map_err(|_| Status::internal("this browser cannot abort requests"))
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of a response, as it comes.
#[derive(Debug)]
pub(crate) struct FetchBody {
    inner: SendWrapper<Reading>,
}

#[derive(Debug)]
struct Reading {
    reader: Option<ReadableStreamDefaultReader>,
    pending: Option<JsFuture>,
    _abort: Abort,
}

impl Reading {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let Some(reader) = &self.reader else { return Poll::Ready(None) };
        let pending = self.pending.get_or_insert_with(|| JsFuture::from(reader.read()));
        let read = ready!(Pin::new(pending).poll(context));
        self.pending = None;
        let piece = read.map_err(|error| unreachable(&error)).map(|result| piece(&result));
        if !matches!(piece, Ok(Some(_))) {
            self.reader = None;
        }
        Poll::Ready(piece.transpose())
    }
}

/// The bytes of what a reader gave; `None` at the end.
fn piece(result: &JsValue) -> Option<Bytes> {
    let value = Reflect::get(result, &"value".into()).ok()?;
    value.dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec().into())
}

impl Body for FetchBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        self.inner.poll(context).map(|piece| piece.map(|bytes| bytes.map(http_body::Frame::data)))
    }
}
