//! A certificate with its key, proven to belong together; and the one that is shown at the moment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use ring::digest::{SHA256, digest};
use thiserror::Error;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys};

use super::provider;

/// Bytes of the largest file that is read as PEM: a long chain has a tenth of it.
const MAX_BYTES: u64 = 1 << 20;

/// Why there is no certificate to use.
#[derive(Debug, Error)]
pub(crate) enum CertificateError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is not sound PEM: {why}", path.display())]
    Pem { path: PathBuf, why: String },
    #[error(
        "{} has no certificate in it: it must be PEM with -----BEGIN CERTIFICATE-----, the server's own first",
        .0.display()
    )]
    NoCertificate(PathBuf),
    #[error(
        "{} has no private key in it: it must be PEM with -----BEGIN PRIVATE KEY-----, without a passphrase",
        .0.display()
    )]
    NoKey(PathBuf),
    #[error("the certificate in {} cannot be used: {error}", path.display())]
    Certificate { path: PathBuf, error: rustls::Error },
    #[error("the private key in {} cannot be used: {error}", path.display())]
    Key { path: PathBuf, error: rustls::Error },
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("no self-signed certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error(
        "the self-signed certificate cannot be kept in {}: {error}; choose a folder with --tls-dir",
        folder.display()
    )]
    Keep { folder: PathBuf, error: io::Error },
    #[error("no folder for the self-signed certificate, as HOME is not set: name one with --tls-dir")]
    NoFolder,
}

/// A certificate that can be shown: it parses, and its key belongs to it.
#[derive(Debug)]
pub(crate) struct Certificate {
    shown: Arc<CertifiedKey>,
    leaf: CertificateDer<'static>,
}

impl Certificate {
    /// Reads the chain in `certificate` and the key in `key`, both PEM.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let (chain, secret) = (read(certificate)?, read(key)?);
        let unsound = |path: &Path| {
            let path = path.to_owned();
            move |error: pem::Error| CertificateError::Pem { path, why: error.to_string() }
        };
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(unsound(certificate))?;
        let Some(leaf) = chain.first().cloned() else {
            return Err(CertificateError::NoCertificate(certificate.to_owned()));
        };
        let secret = match PrivateKeyDer::from_pem_slice(&secret) {
            Ok(secret) => secret,
            Err(pem::Error::NoItemsFound) => return Err(CertificateError::NoKey(key.to_owned())),
            Err(error) => return Err(unsound(key)(error)),
        };
        let refused = |error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
            }
            rustls::Error::InvalidCertificate(_) => {
                CertificateError::Certificate { path: certificate.to_owned(), error }
            }
            _ => CertificateError::Key { path: key.to_owned(), error },
        };
        // Clients parse all of them, and some give up at the first that is none. (Old roots are of another version,
        // which is no fault.)
        let broken = |one| match ParsedCertificate::try_from(one) {
            Err(error @ rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding)) => {
                Some(error)
            }
            Ok(_) | Err(_) => None,
        };
        if let Some(error) = chain.iter().find_map(broken) {
            return Err(refused(error));
        }
        let shown = CertifiedKey::from_der(chain, secret, &provider()).map_err(refused)?;
        Ok(Self { shown: Arc::new(shown), leaf })
    }

    /// The server's own certificate.
    pub(super) fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// Whether both show the same to clients.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.shown.cert == other.shown.cert
    }

    /// Whether it is good for this name or address.
    pub(super) fn is_for(&self, name: &ServerName<'_>) -> bool {
        let parsed = ParsedCertificate::try_from(&self.leaf);
        parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
    }

    /// Why clients refuse it at that time, if its days have not come or are over.
    pub(super) fn out_of_date(&self, now: SystemTime) -> Option<rustls::Error> {
        use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
        // Dates are looked at before whoever vouches for it, who is not known here.
        match verify_alone(&self.leaf, now) {
            Err(
                error @ rustls::Error::InvalidCertificate(
                    Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
                ),
            ) => Some(error),
            Ok(()) | Err(_) => None,
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.leaf)
    }
}

/// Whether a certificate is good at that time, as its own trust anchor.
pub(super) fn verify_alone(leaf: &CertificateDer<'_>, now: SystemTime) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    // What cannot be an anchor fails below.
    let _added = roots.add(leaf.clone().into_owned());
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf)?,
        &roots,
        &[],
        now,
        algorithms,
    )
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let read = || {
        if fs::metadata(path)?.len() > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large for PEM"));
        }
        fs::read(path)
    };
    read().map_err(|error| CertificateError::Read { path: path.to_owned(), error })
}

/// A certificate's SHA-256, in the form that openssl and browsers show.
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// The certificate of the moment. Handshakes that are under way keep the one that they began with.
#[derive(Debug)]
pub(crate) struct Current(RwLock<Arc<Certificate>>);

impl Current {
    pub(super) fn new(certificate: Certificate) -> Self {
        Self(RwLock::new(Arc::new(certificate)))
    }

    /// Whether it is good for this name or address.
    pub(crate) fn is_for(&self, name: &ServerName<'_>) -> bool {
        self.get().is_for(name)
    }

    pub(super) fn get(&self) -> Arc<Certificate> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, certificate: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().shown))
    }
}
