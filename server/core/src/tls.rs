//! TLS: the certificate, who keeps it fresh, and the handshake.

mod certificate;
mod keeper;
mod self_signed;

use std::fmt;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub(crate) use certificate::Current;
use keeper::Keeper;

use crate::config::{self, Plain};
use crate::guard::HostName;

/// The first byte of a connection that begins with TLS: the content type of a handshake record (RFC 8446 §5.1).
/// No method of HTTP begins with it.
pub(crate) const HELLO: u8 = 0x16;

/// What is spoken in TLS, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// TLS on the port.
#[derive(Debug)]
pub(crate) struct Tls {
    keeper: Keeper,
    door: Door,
}

/// What a new connection needs of TLS.
#[derive(Clone)]
pub(crate) struct Door {
    /// The server's side of handshakes. It shows the certificate of the moment.
    pub(crate) acceptor: TlsAcceptor,
    /// Who may do without.
    pub(crate) plain: Plain,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("plain", &self.plain).finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS as it was asked for, if it was; its certificate is good for `hosts` too if it is made here.
    ///
    /// # Errors
    ///
    /// When there is no certificate to use; the error names the file or the folder, and what is wrong with it.
    pub(crate) fn open(tls: &config::Tls, hosts: &[HostName]) -> anyhow::Result<Option<Self>> {
        let Some(source) = &tls.certificate else { return Ok(None) };
        let keeper = Keeper::open(source, hosts)?;
        let resolver = Arc::clone(keeper.current());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let door = Door { acceptor: TlsAcceptor::from(Arc::new(config)), plain: tls.plain };
        Ok(Some(Self { keeper, door }))
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// The certificate, which changes with its files.
    pub(crate) fn certificate(&self) -> &Arc<Current> {
        self.keeper.current()
    }

    /// Keeps the certificate fresh for as long as the future is polled.
    pub(crate) async fn keep(self) {
        self.keeper.run().await;
    }
}

/// The cryptography, named here so that no other gets in by a feature of another crate.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
