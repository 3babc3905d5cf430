//! The secret that signs tokens, and the file that holds it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use constant_time_eq::constant_time_eq;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::hmac;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

/// The shortest secret, in bytes: as long as what it makes (RFC 2104 section 3).
const SHORTEST: usize = 32;
/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why there is no key.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("cannot read the key file {}: {error}; make one with `tessera-server key {}`", file.display(), file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error(
        "the key in {} has {length} bytes, and {SHORTEST} are the least: make one with `tessera-server key FILE`",
        file.display()
    )]
    Short { file: PathBuf, length: usize },
    #[error("cannot write the key file {}: {error}", file.display())]
    Write { file: PathBuf, error: io::Error },
}

/// A secret.
pub(crate) struct Key {
    secret: Vec<u8>,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

impl Key {
    /// Reads a key: all of the file, less white space at its end.
    pub(crate) fn read(file: &Path) -> Result<Self, KeyError> {
        let bytes = fs::read(file).map_err(|error| KeyError::Read { file: file.to_owned(), error })?;
        let secret = bytes.trim_ascii_end();
        if secret.len() < SHORTEST {
            return Err(KeyError::Short { file: file.to_owned(), length: secret.len() });
        }
        Ok(Self::new(secret.to_vec()))
    }

    pub(super) fn new(secret: Vec<u8>) -> Self {
        // Whoever was first has installed the same: there is no other in this program.
        CRYPTO.install_default().unwrap_or(());
        let (encoding, decoding) = (EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret));
        Self { secret, encoding, decoding }
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Writes a secret that nobody can guess to a new file, which only its owner can read.
pub(crate) fn create_key(file: &Path) -> Result<(), KeyError> {
    let mut secret = [0u8; SHORTEST];
    getrandom::fill(&mut secret).expect("a system without randomness cannot keep secrets");
    let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = written.and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|error| KeyError::Write { file: file.to_owned(), error })
}

/// The key of the moment, and the file that may bring another.
#[derive(Debug)]
pub(crate) struct Keys {
    file: PathBuf,
    current: watch::Sender<Arc<Key>>,
}

impl Keys {
    /// Reads the key file.
    pub(crate) fn open(file: &Path) -> Result<Self, KeyError> {
        let key = Key::read(file)?;
        if fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o077 != 0) {
            warn!("others on this machine can read {}: chmod 600 keeps it secret", file.display());
        }
        Ok(Self { file: file.to_owned(), current: watch::Sender::new(Arc::new(key)) })
    }

    /// A secret that no file has.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn fixed(secret: Vec<u8>) -> Self {
        Self { file: PathBuf::new(), current: watch::Sender::new(Arc::new(Key::new(secret))) }
    }

    pub(super) fn current(&self) -> Arc<Key> {
        Arc::clone(&self.current.borrow())
    }

    pub(super) fn changes(&self) -> watch::Receiver<Arc<Key>> {
        self.current.subscribe()
    }

    /// Takes another key when the file has one, for as long as the future is polled. What cannot be used changes
    /// nothing, and is said once.
    pub(super) async fn keep(&self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_told = false;
        loop {
            looks.tick().await;
            let file = self.file.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || Key::read(&file)).await else { continue };
            match read {
                Ok(key) => {
                    is_told = false;
                    self.take(key);
                }
                Err(error) if !is_told => {
                    is_told = true;
                    error!("the key stays as it was: {error}");
                }
                Err(_) => {}
            }
        }
    }

    /// Takes another key, if it is another.
    pub(super) fn take(&self, key: Key) {
        if !constant_time_eq(&key.secret, &self.current().secret) {
            info!("the key has changed: tokens of the one before are void");
            self.current.send_replace(Arc::new(key));
        }
    }
}

/// HMAC with SHA-256 by ring, which rustls brings along, and nothing else.
static CRYPTO: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?) as Box<dyn JwtSigner>)
    },
    verifier_factory: |algorithm, key| {
        Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?) as Box<dyn JwtVerifier>)
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(algorithm: Algorithm, secret: &[u8]) -> JwtResult<Self> {
        match algorithm {
            Algorithm::HS256 => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
        }
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// In a time that does not tell how far the two match.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.0, message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
