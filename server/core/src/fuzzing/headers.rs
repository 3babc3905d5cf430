//! Headers that decide who may call: hosts, origins, content types.

use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use futures_util::FutureExt as _;
use tower_service::Service as _;

use crate::config::{self, CertificateSource, Plain};
use crate::guard::{Guard, HostName, Origin};
use crate::peer::Arrival;
use crate::tls::Tls;

/// What the guarded routes answer.
const REACHED: &[u8] = b"reached";
/// A page that may call, and a name of the server.
const FRIEND: &str = "https://friend.example";
const NAMED: &str = "call.example";

/// No request of a browser gets past the guard but one from a page of ours, or of a friend; whatever is answered
/// otherwise is not the server's fault.
pub fn headers(data: &[u8]) {
    texts(&String::from_utf8_lossy(data));
    let Some(asked) = request(data) else { return };
    let is_tls = data.first().is_some_and(|flags| flags & 0x40 != 0);
    let (is_from_browser, is_welcome, version) =
        (is_from_browser(&asked), is_welcome(&asked), asked.version());
    let told = format!("{asked:?}");
    let mut guard = if is_tls { GUARDS.1.clone() } else { GUARDS.0.clone() };
    let answer = guard.call(asked).now_or_never().expect("nothing here waits");
    let Ok(answer) = answer;
    let status = answer.status();
    if is_reached(answer) {
        assert!(!is_from_browser || is_welcome, "{told}");
    } else {
        let is_too_old = status == StatusCode::HTTP_VERSION_NOT_SUPPORTED && version < Version::HTTP_2;
        assert!(!status.is_server_error() || is_too_old, "{status}: {told}");
    }
}

/// An origin, a host name and a host that are taken are taken again in the form in which they are shown.
fn texts(text: &str) {
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string().parse(), Ok(origin));
    }
    if let Ok(name) = text.parse::<HostName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

/// A guard of a port without TLS, and of one that has it and wants it of others.
static GUARDS: LazyLock<(Router, Router)> = LazyLock::new(|| {
    let config =
        config::Guard { origins: vec![FRIEND.parse().unwrap()], hosts: vec![NAMED.parse().unwrap()] };
    let folder = tempfile::tempdir().unwrap();
    let source = CertificateSource::SelfSigned { folder: Some(folder.path().to_owned()) };
    let tls = config::Tls { certificate: Some(source), plain: Plain::FromHere };
    let tls = Tls::open(&tls, &[]).unwrap();
    let routes = || Router::new().fallback(async || REACHED);
    (Guard::new(&config, None).around(routes()), Guard::new(&config, tls.as_ref()).around(routes()))
});

/// A request of lines: flags, path, authority, then the headers of [`NAMES`] in turn. `None` if HTTP knows no such.
fn request(data: &[u8]) -> Option<Request> {
    const NAMES: [HeaderName; 5] = [HOST, ORIGIN, CONTENT_TYPE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN];
    let mut lines = data.split(|byte| *byte == b'\n');
    let flags = *lines.next()?.first()?;
    let (path, authority) = (lines.next()?, lines.next()?);
    let mut request = Request::new(Body::empty());
    *request.method_mut() =
        [Method::POST, Method::GET, Method::OPTIONS, Method::HEAD][usize::from(flags & 3)].clone();
    *request.version_mut() =
        [Version::HTTP_2, Version::HTTP_11, Version::HTTP_10, Version::HTTP_2][usize::from(flags >> 2 & 3)];
    *request.uri_mut() = match authority {
        [] => Uri::try_from(path).ok()?,
        authority => Uri::try_from([b"http://", authority, path].concat()).ok()?,
    };
    for (name, value) in NAMES.into_iter().zip(lines).filter(|(_, value)| !value.is_empty()) {
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    let peer = if flags & 0x20 == 0 { [127, 0, 0, 1] } else { [192, 0, 2, 8] };
    let [peer, local] = [peer, [192, 0, 2, 7]].map(|address| SocketAddr::from((address, 1)));
    request.extensions_mut().insert(Arrival { peer, local, secure: flags & 0x10 != 0, forwarded: false });
    Some(request)
}

fn is_reached(answer: Response) -> bool {
    let body = to_bytes(answer.into_body(), 1 << 16).now_or_never().expect("it is all there");
    body.is_ok_and(|body| body == REACHED)
}

fn is_from_browser(request: &Request) -> bool {
    let content =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.headers().contains_key(ORIGIN)
        || content.trim().to_ascii_lowercase().starts_with("application/grpc-web")
}

/// Whether the request is from a friend's page, or from one that has its address from us; told from texts alone.
fn is_welcome(request: &Request) -> bool {
    let [origins, hosts] = [&ORIGIN, &HOST].map(|name| {
        let values = request.headers().get_all(name).iter();
        values.map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase()).collect::<Vec<_>>()
    });
    let authority = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    let ([origin], Some(host)) = (&origins[..], authority.or(hosts.first().cloned())) else { return false };
    let scheme = if request.extensions().get::<Arrival>().unwrap().secure { "https" } else { "http" };
    is_ours(&host)
        && [FRIEND.to_owned(), format!("{scheme}://{host}")].iter().any(|one| bare(one) == bare(origin))
}

/// An origin without what goes without saying.
fn bare(origin: &str) -> &str {
    let origin = origin.trim();
    let origin = origin.strip_suffix('/').unwrap_or(origin);
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin)
}

/// Whether no page but ours can be found under this host.
fn is_ours(host: &str) -> bool {
    let Ok(host) = host.parse::<Authority>() else { return false };
    let name = host.host();
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    // The certificate has the names of this machine besides.
    is_address || name == "localhost" || name.ends_with(".localhost") || name == NAMED || name == machine()
}

fn machine() -> String {
    gethostname::gethostname().to_string_lossy().to_ascii_lowercase()
}
