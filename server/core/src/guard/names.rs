//! Origins and hosts: who a page is from, and what a server is called.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::http::uri::{Authority, Uri};
use thiserror::Error;
use tokio_rustls::rustls::pki_types::ServerName;

/// The scheme of a page, as far as pages can call us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a page is from: scheme, host and port (RFC 6454). A port that goes without saying is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// In lower case; an address of IPv6 in brackets.
    host: String,
    port: u16,
}

/// A text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an origin is what a page's address begins with, for example https://call.example.org or http://localhost:8080"
)]
pub struct OriginError;

impl Origin {
    /// That of a page which the server itself gave under this name.
    pub(crate) fn of_server(scheme: Scheme, host: &Host) -> Self {
        let port = host.port.unwrap_or_else(|| scheme.default_port());
        Self { scheme, host: host.host.clone(), port }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.trim().parse().map_err(|_| OriginError)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(OriginError),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(OriginError);
        }
        let host = uri.authority().and_then(Host::new).ok_or(OriginError)?;
        Ok(Self::of_server(scheme, &host))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Whom a request is for, as it says itself: the Host header of HTTP/1.1, `:authority` of HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    host: String,
    port: Option<u16>,
}

impl Host {
    /// `None` if it is no host with or without a port.
    pub(crate) fn new(authority: &Authority) -> Option<Self> {
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16();
        // What `Authority` takes besides: a user, a colon without a port, a port beyond any.
        let written = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let is_plain = written.eq_ignore_ascii_case(authority.as_str());
        (is_plain && name(&host).is_some()).then_some(Self { host, port })
    }

    /// The host as a certificate would have it.
    pub(crate) fn name(&self) -> Option<ServerName<'_>> {
        name(&self.host)
    }

    /// The host, if it is an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.name()? {
            ServerName::IpAddress(address) => Some(address.into()),
            _ => None,
        }
    }

    /// Whether it means the machine that says it (RFC 6761 §6.3).
    pub(crate) fn is_localhost(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }

    /// Whether it is called so.
    pub(crate) fn is(&self, name: &HostName) -> bool {
        match name.address() {
            Some(address) => self.address() == Some(address),
            None => self.host == name.0,
        }
    }

    /// The host without its port, to name it to people.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// A name or an address; of IPv6 in brackets.
fn name(host: &str) -> Option<ServerName<'_>> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => Some(ServerName::IpAddress(inner.parse::<std::net::Ipv6Addr>().ok()?.into())),
        None => ServerName::try_from(host).ok(),
    }
}

/// A name or an address of this server, as `--host` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// A text that is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a host is a name or an address without scheme and port, for example call.example.org or 203.0.113.7"
)]
pub struct HostNameError;

impl HostName {
    /// The address, if it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let host = text.trim().to_ascii_lowercase();
        // The dot of the root, which neither certificates nor browsers' addresses have.
        let host = host.strip_suffix('.').unwrap_or(&host);
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match ServerName::try_from(bare) {
            Ok(_) if !bare.ends_with('.') => Ok(Self(bare.to_owned())),
            _ => Err(HostNameError),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_form_and_nothing_behind_the_port() {
        for (text, origin) in [
            ("https://Call.Example.org", "https://call.example.org"),
            ("https://call.example.org:443/", "https://call.example.org"),
            ("http://a:80", "http://a"),
            ("http://a:443", "http://a:443"),
            ("http://[::1]:50051", "http://[::1]:50051"),
            (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), origin);
        }
        for text in [
            "",
            "null",
            "*",
            "a.example",
            "ftp://a",
            "file://",
            "https://a/b",
            "https://a?b",
            "https://me@a",
            "https://a:",
            "https://a:99999",
            "https://*.a",
            "https://a b",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let host = |text: &str| Host::new(&text.parse().ok()?).map(|host| host.to_string());
        for (text, expected) in
            [("A.b:7", "a.b:7"), ("a.b", "a.b"), ("[::1]:7", "[::1]:7"), ("10.0.0.1:7", "10.0.0.1:7")]
        {
            assert_eq!(host(text).as_deref(), Some(expected));
        }
        for text in ["me@a", "a:", "a:99999", "a:-1", "-a", "[::g]", "a..b", "a_b c"] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_name_has_no_scheme_and_no_port() {
        for (text, name) in
            [("Call.Example.org.", "call.example.org"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")]
        {
            assert_eq!(text.parse::<HostName>().unwrap().to_string(), name);
        }
        for text in ["", "http://a", "a:1", "[::1]:1", "a/b", "a b", "*", "a.."] {
            assert_eq!(text.parse::<HostName>(), Err(HostNameError), "{text}");
        }
    }

    #[test]
    fn localhost_is_localhost_and_what_ends_so_and_not_what_begins_so() {
        let is_localhost = |text: &str| Host::new(&text.parse().unwrap()).unwrap().is_localhost();
        assert!(is_localhost("localhost:1") && is_localhost("tessera.LOCALHOST"));
        assert!(!is_localhost("localhost.evil.example") && !is_localhost("evillocalhost"));
    }
}
