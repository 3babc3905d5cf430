//! Where the server is, and how to reach it.

use std::error::Error;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use thiserror::Error;
use tokio_rustls::rustls as tls;
use tonic::Status;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::Scheme;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::replies::Replies;
use crate::token::{Bearer, Token};
use crate::trust::{Trust, distrust};

/// The client that tonic made of the proto, with our token in every call.
pub(crate) type Client = VideoProcessingServiceClient<InterceptedService<Replies, Bearer>>;

/// Bytes of the largest request: a frame may be as large as a server can be told to take.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// Bytes of the largest response: four times those of a mosaic that a server makes unless told otherwise.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that vanished without a word is found by a ping that stays unanswered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest DATA frame of HTTP/2 that is taken, where 16 KiB are usual (RFC 9113 §6.5.2): a mosaic in one piece costs
/// the server one write instead of a dozen.
const MAX_FRAME_SIZE: u32 = 1 << 20;
/// The port of a server that was told nothing.
const DEFAULT_PORT: u16 = 50051;
/// The port that an address of the web leaves out (RFC 9110 section 4.2.2): whoever takes the page's means this.
const HTTPS_PORT: u16 = 443;

/// The address of a server, `http://HOST:PORT` or `https://HOST:PORT`, how it is known for the right one, and what
/// lets us in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    uri: Uri,
    /// Whether somebody wrote the scheme, rather than leaving it out.
    is_spelt_out: bool,
    /// Means something with TLS alone. Shared, as addresses go with every error.
    trust: Arc<Trust>,
    token: Option<Token>,
}

/// Why a text is no server's address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not of the form that it takes.
    #[error(
        "a server is http://HOST:PORT, https://HOST:PORT or HOST:PORT, for example http://127.0.0.1:{DEFAULT_PORT}"
    )]
    Form,
    /// Something strange.
    #[error("{0}:// is not spoken here: a server is http://HOST:PORT or https://HOST:PORT")]
    Scheme(String),
    /// An invite link, which has the token of whoever it is for.
    #[error("this is an invite link: give it to --invite, which says server and room")]
    Invite,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ConnectError {
    /// Nobody answers, or not in a way that makes sense.
    #[error("{0}")]
    Unreachable(String),
    /// The system gives this program no more descriptors.
    #[error("{0}")]
    NoDescriptors(String),
    /// Somebody answers, but not with TLS.
    #[error("{0}")]
    NoTls(String),
    /// Somebody answers who cannot prove to be the server.
    #[error("{0}")]
    Untrusted(String),
}

impl From<ConnectError> for Status {
    fn from(error: ConnectError) -> Self {
        let mut status = Self::unavailable(error.to_string());
        status.set_source(Arc::new(error));
        status
    }
}

impl ServerAddress {
    /// The same address, with another way to know the server for the right one.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust: Arc::new(trust), ..self }
    }

    /// The same address, with a token to show there.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    /// Where it listens, as `HOST:PORT`.
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// Whether it is called with TLS.
    pub fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether both are the same server.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        self.uri == other.uri
    }

    /// Whether a token would go out to another machine without TLS.
    pub(crate) fn bares_token(&self) -> bool {
        self.token.is_some() && !self.is_secure() && !self.is_loopback()
    }

    /// Whether the scheme was written, rather than left out: then no TLS is what was meant.
    pub(crate) fn is_spelt_out(&self) -> bool {
        self.is_spelt_out
    }

    /// The name or the address, without the port.
    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// Whether it is on this machine, whatever else is between.
    fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }

    /// Connects, ready to call.
    pub(crate) async fn connect(&self) -> Result<Client, ConnectError> {
        let endpoint = Endpoint::from(self.uri.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .max_frame_size(MAX_FRAME_SIZE)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let channel = self.secure(endpoint)?.connect().await;
        let channel = channel.map_err(|error| self.failure(&error))?;
        Ok(Client::new(InterceptedService::new(Replies(channel), Bearer(self.token.clone())))
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// The endpoint with TLS, if that is spoken.
    fn secure(&self, endpoint: Endpoint) -> Result<Endpoint, ConnectError> {
        if !self.is_secure() {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
        let endpoint = match &*self.trust {
            Trust::Machine => endpoint.tls_config(tls.with_native_roots()),
            Trust::Certificates(these) => endpoint.tls_config(tls.trust_anchors(these.anchors())),
            Trust::Fingerprint(this) => endpoint.tls_config_with_verifier(tls, this.verifier()),
        };
        endpoint.map_err(|error| ConnectError::Untrusted(innermost(&error).to_string()))
    }

    /// What it means that there is no connection.
    fn failure(&self, error: &(dyn Error + 'static)) -> ConnectError {
        let cause = innermost(error);
        let why = cause.to_string();
        match cause.downcast_ref() {
            Some(tls::Error::InvalidCertificate(fault)) => return ConnectError::Untrusted(distrust(fault)),
            // What it said was no record of TLS.
            Some(tls::Error::InvalidMessage(_)) => return ConnectError::NoTls(why),
            _ => {}
        }
        let error = cause.downcast_ref::<io::Error>();
        if error.is_some_and(lacks_descriptors) {
            return ConnectError::NoDescriptors(why);
        }
        // Whoever does not know TLS closes when it sees some, after it took the connection.
        let is_closed = error.is_some_and(|error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        });
        if self.is_secure() && is_closed { ConnectError::NoTls(why) } else { ConnectError::Unreachable(why) }
    }
}

/// Whether this process or all of them have as many files and connections open as they may.
#[cfg(unix)]
fn lacks_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Other systems set no limit that anybody meets.
#[cfg(not(unix))]
fn lacks_descriptors(_: &io::Error) -> bool {
    false
}

/// The innermost error, which names the cause: the outer ones say only "transport error".
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    loop {
        // An error of IO does not count what it carries as its source.
        let carried = cause.downcast_ref().and_then(io::Error::get_ref);
        match carried.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source()) {
            Some(inner) => cause = inner,
            None => return cause,
        }
    }
}

impl Default for ServerAddress {
    /// The address of a server on this machine that was told nothing.
    fn default() -> Self {
        let uri = Uri::from_static("http://127.0.0.1:50051");
        Self { uri, is_spelt_out: false, trust: Arc::default(), token: None }
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('#') {
            return Err(AddressError::Invite);
        }
        let (spelt, rest) = text.trim().split_once("://").unzip();
        let (scheme, rest) = (spelt.unwrap_or("http").to_ascii_lowercase(), rest.unwrap_or(text.trim()));
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(AddressError::Scheme(scheme));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let uri: Uri = format!("{scheme}://{authority}").parse().map_err(|_| AddressError::Form)?;
        let named = uri.host().is_some_and(|host| !host.is_empty());
        let bare = uri.path() == "/" && uri.query().is_none() && !authority.contains('@');
        let uri = match uri.port_u16() {
            Some(1..) if named && bare => uri,
            None if named && bare && !authority.ends_with(':') => {
                let port = if scheme == "https" { HTTPS_PORT } else { DEFAULT_PORT };
                format!("{scheme}://{authority}:{port}").parse().map_err(|_| AddressError::Form)?
            }
            _ => return Err(AddressError::Form),
        };
        Ok(Self { uri, is_spelt_out: spelt.is_some(), trust: Arc::default(), token: None })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.uri.scheme_str().unwrap_or_default(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, AddressError> {
        text.parse::<ServerAddress>().map(|address| address.to_string())
    }

    #[test]
    fn scheme_port_and_closing_slash_may_be_left_out() {
        for text in ["http://example.org:50051", "example.org:50051", "example.org", "HTTP://example.org/"] {
            assert_eq!(read(text).as_deref(), Ok("http://example.org:50051"), "{text}");
        }
        assert_eq!(read("HTTPS://example.org/").as_deref(), Ok("https://example.org:443"));
        assert_eq!(read("https://[::1]:443").as_deref(), Ok("https://[::1]:443"));
        assert_eq!(read("[::1]:7").as_deref(), Ok("http://[::1]:7"));
        assert_eq!(read("127.0.0.1:50051").as_deref(), Ok(ServerAddress::default().to_string().as_str()));
    }

    #[test]
    fn a_token_is_bared_on_the_way_to_other_machines_without_tls() {
        let bares = |text: &str| {
            let address: ServerAddress = text.parse().unwrap();
            assert!(!address.bares_token(), "there is none");
            address.with_token(Some("eyJh".parse().unwrap())).bares_token()
        };
        for text in
            ["call.example.org", "http://call.example.org", "10.0.0.1:7", "[::2]", "localhost.example.org"]
        {
            assert!(bares(text), "{text}");
        }
        for text in ["https://call.example.org", "LOCALHOST:7", "http://127.0.0.2", "[::1]:7"] {
            assert!(!bares(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_the_form() {
        for text in ["", "http://", ":50051", "a:b", "a:0", "a:99999", "a:", "a:1/path", "a:1?x", "me@a:1"] {
            assert_eq!(read(text), Err(AddressError::Form), "{text}");
        }
        assert_eq!(read("https://a/r/x#token=secret"), Err(AddressError::Invite));
        assert_eq!(read("grpc://a:1"), Err(AddressError::Scheme("grpc".to_owned())));
    }
}
