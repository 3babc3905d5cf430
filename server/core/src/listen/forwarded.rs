//! What a trusted proxy says of a request: whom it is from, and whether that was with TLS.
//!
//! From anybody else these headers are not looked at, for anybody can write them.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::peer::Arrival;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether `address` is one of `proxies`.
pub(super) fn is_among(proxies: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.contains(&address))
}

/// How the request of a browser came to the first of our proxies, if it did: `arrival` is how it came from the last.
pub(super) fn resolve(headers: &HeaderMap, arrival: Arrival, proxies: &[IpNet]) -> Option<Arrival> {
    let says = headers.contains_key(FORWARDED_FOR) || headers.contains_key(FORWARDED_PROTO);
    if !says || !is_among(proxies, arrival.peer.ip()) {
        return None;
    }
    let secure =
        last(headers, &FORWARDED_PROTO).map_or(arrival.secure, |scheme| scheme.eq_ignore_ascii_case("https"));
    Some(Arrival { peer: origin(headers, arrival.peer, proxies), secure, forwarded: true, ..arrival })
}

/// The rightmost hop that is none of our proxies: each writes on the right whom it was asked by, so what is left of
/// that one is hearsay. Where the chain breaks, or is ours alone, it is the last that was known.
fn origin(headers: &HeaderMap, peer: SocketAddr, proxies: &[IpNet]) -> SocketAddr {
    let mut known = peer;
    for hop in entries(headers, &FORWARDED_FOR) {
        let Some(hop) = address(hop) else { break };
        known = hop;
        if !is_among(proxies, hop.ip()) {
            break;
        }
    }
    known
}

/// An address as proxies write it: mostly without a port, which is 0 then.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let without_port = || bare.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 0));
    text.parse().ok().or_else(without_port)
}

fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    entries(headers, name).next()
}

/// The entries of a list, which may be in several headers, from the last to the first. One that is no text is an empty
/// one, which is no address, and says nothing about the others: a proxy appends to whatever a guest wrote.
fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let entries =
        headers.get_all(name).iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    entries.map(|entry| std::str::from_utf8(entry).unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn arrival(peer: &str) -> Arrival {
        let local = ([10, 0, 0, 1], 50051).into();
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        Arrival { peer, local, secure: false, forwarded: false }
    }

    fn resolved(peer: &str, headers: &[(HeaderName, &[u8])]) -> Option<Arrival> {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        resolve(&map, arrival(peer), &proxies)
    }

    #[test]
    fn the_rightmost_hop_that_is_not_ours_is_the_peer() {
        for (hops, peer) in [
            (&["203.0.113.9"][..], "203.0.113.9:0"),
            (&["6.6.6.6, 203.0.113.9"], "203.0.113.9:0"),
            (&["6.6.6.6,203.0.113.9, 10.1.1.1"], "203.0.113.9:0"),
            (&["6.6.6.6", "203.0.113.9", "10.1.1.1"], "203.0.113.9:0"),
            (&["2001:db8::7"], "[2001:db8::7]:0"),
            (&["[2001:db8::7]"], "[2001:db8::7]:0"),
            (&["[2001:db8::7]:99"], "[2001:db8::7]:99"),
            (&["203.0.113.9:99"], "203.0.113.9:99"),
            (&["10.1.1.2, 10.1.1.1"], "10.1.1.2:0"),
            (&["6.6.6.6, unknown, 10.1.1.1"], "10.1.1.1:0"),
            (&["unknown"], "10.9.9.9:4711"),
            (&[""], "10.9.9.9:4711"),
            (&["\u{e4}, 203.0.113.9"], "203.0.113.9:0"),
            (&["203.0.113.9, \u{e4}, 10.1.1.1"], "10.1.1.1:0"),
        ] {
            let headers: Vec<_> = hops.iter().map(|hop| (FORWARDED_FOR, hop.as_bytes())).collect();
            let arrival = resolved("10.9.9.9", &headers).unwrap();
            assert_eq!((arrival.peer.to_string(), arrival.forwarded), (peer.to_owned(), true), "{hops:?}");
        }
    }

    #[test]
    fn what_is_no_text_hides_nothing_that_a_proxy_wrote_behind_it() {
        let headers: [(_, &[u8]); 2] =
            [(FORWARDED_FOR, b"\xff, 203.0.113.9"), (FORWARDED_PROTO, b"\xff,https")];
        let arrival = resolved("10.9.9.9", &headers).unwrap();
        assert_eq!((arrival.peer.to_string().as_str(), arrival.secure), ("203.0.113.9:0", true));
    }

    #[test]
    fn the_scheme_is_the_browsers_as_the_last_proxy_says() {
        for (schemes, secure) in [
            (&["https"][..], true),
            (&["HTTPS"], true),
            (&["http"], false),
            (&["https, http"], false),
            (&["http", "https"], true),
            (&["gopher"], false),
        ] {
            let headers: Vec<_> = schemes.iter().map(|scheme| (FORWARDED_PROTO, scheme.as_bytes())).collect();
            assert_eq!(resolved("10.9.9.9", &headers).unwrap().secure, secure, "{schemes:?}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        let headers: [(_, &[u8]); 2] = [(FORWARDED_FOR, b"203.0.113.9"), (FORWARDED_PROTO, b"https")];
        for peer in ["203.0.113.1", "127.0.0.1", "::2"] {
            assert_eq!(resolved(peer, &headers), None, "{peer}");
        }
        for proxy in ["10.0.0.1", "::ffff:10.0.0.1", "::1"] {
            assert!(resolved(proxy, &headers).is_some(), "{proxy}");
            assert_eq!(resolved(proxy, &[]), None, "what a proxy asks for itself is its own");
        }
    }

    #[test]
    fn what_a_proxy_on_this_machine_hands_on_is_not_from_here() {
        assert!(arrival("10.0.0.1").is_from_here());
        assert!(!resolved("10.0.0.1", &[(FORWARDED_PROTO, b"http")]).unwrap().is_from_here());
    }
}
