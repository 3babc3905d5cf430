//! The page that browsers get: its files, how long they may keep them, and what the page may do.

mod autojoin;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

use crate::names::RoomId;
use crate::peer::Arrival;

/// No script but the page's own files, WebAssembly among them; nothing from elsewhere; no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The camera and the screen for the page itself, and nothing for anybody else. There is no sound.
const PERMISSIONS: &str = "camera=(self), display-capture=(self), fullscreen=(self), \
    picture-in-picture=(self), clipboard-write=(self), microphone=(), geolocation=(), usb=(), payment=()";

/// Sent with everything that is not gRPC.
const HEADERS: [(HeaderName, &str); 7] = [
    // Unless the response says better: errors and the health check are of this moment.
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// No window that opened the page keeps a hold of it. Sent with TLS only: elsewhere browsers ignore it, and complain.
const APART: (HeaderName, &str) = (HeaderName::from_static("cross-origin-opener-policy"), "same-origin");

/// What a browser must ask about each time, and gets only if it changed.
const ASK: &str = "no-cache";
/// What has the build's number in its address, and never changes.
const KEEP: &str = "public, max-age=31536000, immutable";
/// The build of a page that is read from disk.
const UNBUILT: &str = "now";

/// The page: an `index.html` and the files that it names under `/assets/`.
#[derive(Debug, Clone)]
pub struct Page(Arc<Source>);

#[derive(Debug)]
enum Source {
    Embedded { build: &'static str, files: &'static [File] },
    OnDisk(Vec<PathBuf>),
    Absent(&'static str),
}

/// One file of the page.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its bytes.
    pub plain: &'static [u8],
    /// Its bytes, compressed (RFC 7932).
    pub brotli: &'static [u8],
}

impl Page {
    /// A page inside the program. `build` is another for other files; `index.html` names the files as
    /// `/assets/BUILD/NAME`.
    pub fn embedded(build: &'static str, files: &'static [File]) -> Self {
        Self(Arc::new(Source::Embedded { build, files }))
    }

    /// A page whose files are read from these folders each time. `index.html` names them as `/assets/NAME`.
    pub fn on_disk(folders: &[&str]) -> Self {
        Self(Arc::new(Source::OnDisk(folders.iter().map(PathBuf::from).collect())))
    }

    /// No page, for that reason.
    pub fn absent(reason: &'static str) -> Self {
        Self(Arc::new(Source::Absent(reason)))
    }

    /// The routes of the page.
    pub(crate) fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/", get(index))
            .route("/r/{room}", get(room))
            .route_layer(from_fn(autojoin::by_hand))
            .route("/favicon.ico", get(icon))
            .route("/assets/{build}/{name}", get(asset))
            .with_state(self)
    }

    fn build(&self) -> &'static str {
        match &*self.0 {
            Source::Embedded { build, .. } => build,
            Source::OnDisk(_) | Source::Absent(_) => UNBUILT,
        }
    }

    /// A file in both forms; the second may be missing.
    fn read(&self, name: &str) -> Option<(Bytes, Option<Bytes>)> {
        match &*self.0 {
            Source::Embedded { files, .. } => {
                let file = files.iter().find(|file| file.name == name)?;
                Some((Bytes::from_static(file.plain), Some(Bytes::from_static(file.brotli))))
            }
            Source::OnDisk(folders) if is_plain(name) => {
                let bytes = folders.iter().find_map(|folder| std::fs::read(folder.join(name)).ok())?;
                Some((bytes.into(), None))
            }
            Source::OnDisk(_) | Source::Absent(_) => None,
        }
    }
}

/// Everything of the page, and every error, with the headers that make a browser careful.
pub(crate) fn careful<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(from_fn(async |request: Request, next: Next| {
        let is_secure = request.extensions().get::<Arrival>().is_some_and(|arrival| arrival.secure);
        let mut response = next.run(request).await;
        for (name, value) in HEADERS.into_iter().chain(is_secure.then_some(APART)) {
            response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
        response
    }))
}

async fn index(State(page): State<Page>, request: HeaderMap) -> Response {
    match &*page.0 {
        Source::Absent(reason) => {
            let text = format!("This server has no page: it was {reason}. Programs can join by gRPC.\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
        Source::OnDisk(_) => {
            let Some((bytes, _)) = page.read("index.html") else { return missing() };
            let text =
                String::from_utf8_lossy(&bytes).replace("\"/assets/", &format!("\"/assets/{UNBUILT}/"));
            respond("index.html", text.into(), None, ASK, None, &request)
        }
        Source::Embedded { .. } => file(&page, "index.html", ASK, &request),
    }
}

/// The same page, which reads the room from its address.
async fn room(page: State<Page>, Path(name): Path<String>, request: HeaderMap) -> Response {
    match RoomId::new(&name) {
        Ok(_) => index(page, request).await,
        Err(error) => (StatusCode::NOT_FOUND, format!("no room can be called so: {error}\n")).into_response(),
    }
}

async fn asset(
    State(page): State<Page>,
    Path((build, name)): Path<(String, String)>,
    request: HeaderMap,
) -> Response {
    if build != page.build() {
        return (StatusCode::NOT_FOUND, "this file is of another build of the server: load the page anew\n")
            .into_response();
    }
    let keep = if build == UNBUILT { ASK } else { KEEP };
    file(&page, &name, keep, &request)
}

/// What browsers ask for by themselves when they show something else than the page.
async fn icon(State(page): State<Page>, request: HeaderMap) -> Response {
    file(&page, "icon.svg", ASK, &request)
}

fn file(page: &Page, name: &str, cache: &'static str, request: &HeaderMap) -> Response {
    let Some((plain, brotli)) = page.read(name) else { return missing() };
    let tag = brotli.is_some().then(|| format!("\"{}\"", page.build()));
    respond(name, plain, brotli, cache, tag, request)
}

fn respond(
    name: &str,
    plain: Bytes,
    brotli: Option<Bytes>,
    cache: &'static str,
    tag: Option<String>,
    request: &HeaderMap,
) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // The same address has two forms, and each its tag (RFC 9110 section 8.8.3.3).
    let takes_brotli = lists(request, &ACCEPT_ENCODING, "br");
    let compressed = brotli.filter(|_| takes_brotli);
    let tag = tag.map(|tag| if compressed.is_some() { tag.replacen('"', "\"br-", 1) } else { tag });
    if let Some(value) = tag.as_ref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
        headers.insert(ETAG, value);
    }
    if tag.is_some_and(|tag| lists(request, &IF_NONE_MATCH, &tag) || lists(request, &IF_NONE_MATCH, "*")) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    if compressed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    (headers, compressed.unwrap_or(plain)).into_response()
}

/// Whether a header that is a list has `wanted` in it, and does not refuse it.
fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let (item, weight) = item.trim().split_once(';').unwrap_or((item.trim(), ""));
        let weight = weight.trim().to_ascii_lowercase();
        let is_refused = matches!(weight.as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        item.trim().trim_start_matches("W/") == wanted && !is_refused
    })
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Cow::from("there is nothing here; the page is at /\n")).into_response()
}

/// What is not in the page's folders, or hides in them, is no file of it.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
