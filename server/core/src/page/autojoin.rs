//! `?autojoin=1` is for whoever opens the page, and not for a page that sends somebody here.
//!
//! It joins, and opens the camera, without a press. A camera that was allowed once is not asked for again, so any site
//! could put its visitors before the camera of a room of its choice. The browser says who wants a page
//! (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>), and no script can say it in its place: an address
//! that was typed, kept as a bookmark or opened by another program comes from nobody.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::percent_decode_str;

const SITE: &str = "sec-fetch-site";
const NAME: &[u8] = b"autojoin";

/// Leads a navigation that another site began to the same address without the parameter. The fragment, which the
/// server is not told of, goes along by itself (RFC 9110 section 10.2.2).
pub(super) async fn by_hand(request: Request, next: Next) -> Response {
    let address = is_led_here(request.headers()).then(|| without(request.uri())).flatten();
    match address {
        Some(address) => Redirect::temporary(&address).into_response(),
        None => next.run(request).await,
    }
}

/// Whether another site's page sent the browser here. A browser that does not say so gets the benefit of the doubt,
/// as programs do.
fn is_led_here(headers: &HeaderMap) -> bool {
    let site = headers.get(SITE).map(HeaderValue::as_bytes);
    matches!(site, Some(b"cross-site" | b"same-site"))
}

/// The address without the parameter, if it has that.
fn without(address: &Uri) -> Option<String> {
    let query = address.query()?;
    let kept: Vec<_> = query.split('&').filter(|parameter| !is_autojoin(parameter)).collect();
    let kept = kept.join("&");
    if kept.len() == query.len() {
        return None;
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    Some(format!("{}{mark}{kept}", address.path()))
}

/// As the page will read it: names may be percent-encoded.
fn is_autojoin(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or(parameter);
    percent_decode_str(name).eq(NAME.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parameter_goes_however_it_is_written_and_the_rest_stays_as_it_was() {
        for (address, led_to) in [
            ("/?autojoin=1", Some("/")),
            ("/r/a%2Fb?autojoin=1", Some("/r/a%2Fb")),
            ("/r/x?name=%41+b&autojoin=1&lang=ko", Some("/r/x?name=%41+b&lang=ko")),
            ("/?autojoin&autojoin=0&%61uto%6Aoin=1&a", Some("/?a")),
            ("/?name=autojoin=1", None),
            ("/?xautojoin=1&autojoin1=1&Autojoin=1", None),
            ("/r/autojoin", None),
            ("/?", None),
        ] {
            assert_eq!(without(&address.parse().unwrap()).as_deref(), led_to, "{address}");
        }
    }
}
