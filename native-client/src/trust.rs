//! How a server is known for the right one when it is called with TLS.

use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, fs};

use ring::digest::{SHA256, digest};
use thiserror::Error;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};

/// Whose word is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// That of whom this machine trusts: so it is the same as in the browser beside, with the authorities that the
    /// machine's owner added, and needs no new build of this program when one of them falls.
    #[default]
    Machine,
    /// That of these certificates alone.
    Certificates(Certificates),
    /// Nobody's: it must show the very certificate that has this fingerprint.
    Fingerprint(Fingerprint),
}

/// Certificates to trust, as `--ca` names them by their file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates(Vec<TrustAnchor<'static>>);

/// Why a file has no certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificatesError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(String),
    /// There is none in it.
    #[error("the file has no certificate in it: it must be PEM with -----BEGIN CERTIFICATE-----")]
    None,
    /// One in it is damaged.
    #[error("a certificate in the file cannot be used: {0}")]
    Damaged(String),
}

impl Certificates {
    pub(crate) fn anchors(&self) -> Vec<TrustAnchor<'static>> {
        self.0.clone()
    }
}

impl FromStr for Certificates {
    type Err = CertificatesError;

    /// Reads the file of that name.
    fn from_str(path: &str) -> Result<Self, CertificatesError> {
        let pem = fs::read(path).map_err(|error| CertificatesError::Read(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| CertificatesError::Damaged(error.to_string()))?;
            roots.add(certificate).map_err(|error| CertificatesError::Damaged(error.to_string()))?;
        }
        if roots.is_empty() { Err(CertificatesError::None) } else { Ok(Self(roots.roots)) }
    }
}

/// The SHA-256 of a certificate, as servers, browsers and openssl show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a fingerprint is 64 hexadecimal digits, with or without colons: the server prints it at its start")]
pub struct FingerprintError;

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }

    pub(crate) fn verifier(self) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Pinned { expected: self, algorithms: default_provider().signature_verification_algorithms })
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: String = text.trim().chars().filter(|&digit| digit != ':').collect();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(FingerprintError);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = &digits[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
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

/// Trusts one certificate. Names and dates do not matter then: whoever has its key is the one that was meant.
#[derive(Debug)]
struct Pinned {
    expected: Fingerprint,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The server has another certificate.
#[derive(Debug, Error)]
#[error("its SHA-256 fingerprint is {0}, and not that of --fingerprint")]
struct OtherCertificate(Fingerprint);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(certificate);
        if shown == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(OtherCertificate(shown)))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why a certificate is not trusted, in words.
pub(crate) fn distrust(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "nobody who is trusted here vouches for it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        CertificateError::Other(OtherError(why)) => why.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_servers_browsers_and_openssl_write_it() {
        let plain = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let colons =
            plain.to_uppercase().as_bytes().chunks(2).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b':');
        let colons = String::from_utf8(colons).unwrap();
        let read: Fingerprint = plain.parse().unwrap();
        assert_eq!(colons.parse(), Ok(read));
        assert_eq!(read.to_string(), colons);
        for text in ["", "00", &plain[1..], &format!("{plain}0"), &plain.replace('0', "g"), &"é".repeat(32)]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_told_apart_from_a_damaged_and_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let path = file.to_str().unwrap();
        assert!(matches!(path.parse::<Certificates>(), Err(CertificatesError::Read(_))));
        fs::write(&file, "no PEM").unwrap();
        assert_eq!(path.parse::<Certificates>(), Err(CertificatesError::None));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(path.parse::<Certificates>(), Err(CertificatesError::Damaged(_))));
    }
}
