//! Where the server is, and how to reach it.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use thiserror::Error;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

/// The client that tonic made of the proto.
pub(crate) type Client = VideoProcessingServiceClient<Channel>;

/// Bytes of the largest message either way: more than any mosaic of noise at the usual sizes.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that vanished without a word is found by a ping that stays unanswered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// The port of a server that was told nothing.
const DEFAULT_PORT: u16 = 50051;

/// The address of a server: `http://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress(Uri);

/// Why a text is no server's address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not of the form that it takes.
    #[error("a server is http://HOST:PORT or HOST:PORT, for example http://127.0.0.1:{DEFAULT_PORT}")]
    Form,
    /// `https://`, or something stranger.
    #[error("{0}:// is not spoken here: a server is http://HOST:PORT")]
    Scheme(String),
}

impl ServerAddress {
    /// Where it listens, as `HOST:PORT`.
    pub fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// Connects, ready to call.
    ///
    /// # Errors
    ///
    /// In one line why nobody answered.
    pub(crate) async fn connect(&self) -> Result<Client, String> {
        let channel = Endpoint::from(self.0.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect()
            .await
            .map_err(|error| root_cause(&error))?;
        Ok(Client::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES))
    }
}

/// The innermost error, which names the cause: the outer ones say only "transport error".
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl Default for ServerAddress {
    /// The address of a server on this machine that was told nothing.
    fn default() -> Self {
        Self(Uri::from_static("http://127.0.0.1:50051"))
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(AddressError::Scheme(scheme.to_owned()));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let uri: Uri = format!("http://{authority}").parse().map_err(|_| AddressError::Form)?;
        let named = uri.host().is_some_and(|host| !host.is_empty());
        let bare = uri.path() == "/" && uri.query().is_none() && !authority.contains('@');
        match uri.port_u16() {
            Some(1..) if named && bare => Ok(Self(uri)),
            None if named && bare && !authority.ends_with(':') => {
                format!("{authority}:{DEFAULT_PORT}").parse()
            }
            _ => Err(AddressError::Form),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
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
        assert_eq!(read("[::1]:7").as_deref(), Ok("http://[::1]:7"));
        assert_eq!(read("127.0.0.1:50051").as_deref(), Ok(ServerAddress::default().to_string().as_str()));
    }

    #[test]
    fn what_is_no_address_is_told_the_form() {
        for text in ["", "http://", ":50051", "a:b", "a:0", "a:99999", "a:", "a:1/path", "a:1?x", "me@a:1"] {
            assert_eq!(read(text), Err(AddressError::Form), "{text}");
        }
        assert_eq!(read("https://a:1"), Err(AddressError::Scheme("https".to_owned())));
    }
}
