//! Certificates, and the client's side of TLS.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tessera_server_core::{CertificateSource, Config, Plain, Tls};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Bytes, Client, config, within};

/// What a server does that has TLS.
pub fn config_with(certificate: CertificateSource, plain: Plain) -> Config {
    Config { tls: Tls { certificate: Some(certificate), plain }, ..config() }
}

/// A certificate of a folder: cert.pem and key.pem.
pub struct Files {
    folder: tempfile::TempDir,
    names: Vec<String>,
}

impl Files {
    /// With a certificate for localhost and 127.0.0.1.
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// With a certificate for these names.
    pub fn of(names: &[&str]) -> Self {
        let names = names.iter().copied().map(str::to_owned).collect();
        let files = Self { folder: tempfile::tempdir().unwrap(), names };
        files.renew();
        files
    }

    /// Replaces the certificate.
    pub fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(self.names.clone()).unwrap();
        fs::write(self.certificate(), made.cert.pem()).unwrap();
        fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    pub fn source(&self) -> CertificateSource {
        CertificateSource::Files { certificate: self.certificate(), key: self.key() }
    }
}

/// A client's side that trusts the certificate in this file and no other.
pub fn trusting(certificate: &Path, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// One handshake with the server, by this name for it.
pub async fn handshake(
    address: SocketAddr,
    connector: &TlsConnector,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    within(connector.connect(name, stream)).await
}

/// A gRPC client over TLS that trusts this file, and what ends its connection with close_notify.
pub async fn client(address: SocketAddr, certificate: &Path) -> (Client, CancellationToken) {
    client_of(address, "localhost", certificate).await
}

/// The same, of a server of this name.
pub async fn client_of(
    address: SocketAddr,
    name: &'static str,
    certificate: &Path,
) -> (Client, CancellationToken) {
    let connector = trusting(certificate, &["h2"]);
    let closing = CancellationToken::new();
    let token = closing.clone();
    let dress = move |stream| {
        let (connector, token) = (connector.clone(), token.clone());
        async move {
            let name = ServerName::try_from(name).unwrap();
            let stream = connector.connect(name, stream).await?;
            let closed = Box::pin(token.cancelled_owned());
            Ok(Box::new(Closable { stream, closed }) as Box<dyn Bytes>)
        }
    };
    (Client::connect_by(address, dress).await, closing)
}

/// A connection that ends as TLS wants it when it is told to, whatever is on it.
struct Closable {
    stream: TlsStream<TcpStream>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AsyncRead for Closable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.closed.as_mut().poll(context).is_ready() {
            return Pin::new(&mut self.stream).poll_shutdown(context);
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Closable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
