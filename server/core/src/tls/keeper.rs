//! Who looks after the certificate: where it is from, and whether there is a newer one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::certificate::{Certificate, CertificateError, Current};
use super::self_signed::{Names, SelfSigned};
use crate::config::CertificateSource;
use crate::guard::HostName;

/// How often the files of a certificate are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(2);
/// How often the age of our own is.
const LOOK_AT_OUR_OWN: Duration = Duration::from_secs(3600);

/// Where the certificate is from.
#[derive(Debug)]
enum Source {
    SelfSigned(SelfSigned),
    Files { certificate: PathBuf, key: PathBuf },
}

impl Source {
    fn load(&self) -> Result<Certificate, CertificateError> {
        match self {
            Self::SelfSigned(one) => one.load(SystemTime::now()),
            Self::Files { certificate, key } => Certificate::read(certificate, key),
        }
    }

    /// Tells people what clients are shown from now on.
    fn announce(&self, certificate: &Certificate) {
        let fingerprint = certificate.fingerprint();
        match self {
            Self::SelfSigned(one) => {
                let file = one.certificate_file();
                info!("the self-signed certificate is {}, SHA-256 fingerprint {fingerprint}", file.display());
            }
            Self::Files { certificate, .. } => {
                info!("the certificate is {}, SHA-256 fingerprint {fingerprint}", certificate.display());
            }
        }
    }
}

/// Keeps the certificate of the moment the one that its source has.
#[derive(Debug)]
pub(super) struct Keeper {
    source: Source,
    current: Arc<Current>,
    trouble: Option<Trouble>,
}

/// What is wrong with the source, which had a good one before.
#[derive(Debug)]
struct Trouble {
    what: String,
    told: bool,
}

impl Keeper {
    /// Loads the certificate and announces it.
    pub(super) fn open(source: &CertificateSource, hosts: &[HostName]) -> Result<Self, CertificateError> {
        let source = match source {
            CertificateSource::SelfSigned { folder } => {
                Source::SelfSigned(SelfSigned::new(folder.as_deref(), Names::of_this_machine(hosts))?)
            }
            CertificateSource::Files { certificate, key } => {
                Source::Files { certificate: certificate.clone(), key: key.clone() }
            }
        };
        let certificate = source.load()?;
        source.announce(&certificate);
        Ok(Self { source, current: Arc::new(Current::new(certificate)), trouble: None })
    }

    pub(super) fn current(&self) -> &Arc<Current> {
        &self.current
    }

    /// Looks for a newer certificate now and then, for as long as the future is polled.
    pub(super) async fn run(mut self) {
        let mut looks = interval(match self.source {
            Source::SelfSigned(_) => LOOK_AT_OUR_OWN,
            Source::Files { .. } => LOOK_AT_FILES,
        });
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let look = move || {
                self.look();
                self
            };
            match tokio::task::spawn_blocking(look).await {
                Ok(keeper) => self = keeper,
                Err(error) => {
                    warn!(%error, "the certificate is not looked after any more: restart the server to change it");
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Takes a newer certificate if there is one. What cannot be used changes nothing.
    fn look(&mut self) {
        match self.source.load() {
            Ok(certificate) => {
                self.trouble = None;
                if !certificate.is_same(&self.current.get()) {
                    self.source.announce(&certificate);
                    self.current.replace(certificate);
                }
            }
            Err(error) => self.note(error.to_string()),
        }
    }

    /// Warns once of what is wrong, and only if it is so at two looks: between them two files may be half replaced.
    fn note(&mut self, what: String) {
        match &mut self.trouble {
            Some(trouble) if trouble.what == what => {
                if !trouble.told {
                    warn!("the certificate stays as it was: {what}");
                }
                trouble.told = true;
            }
            _ => {
                debug!("the certificate stays as it was for now: {what}");
                self.trouble = Some(Trouble { what, told: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tracing::Level;

    use super::*;
    use crate::log::logged;

    /// A certificate for localhost and its key in `folder`.
    fn write(folder: &Path) -> CertificateSource {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        CertificateSource::Files { certificate, key }
    }

    fn shown(keeper: &Keeper) -> String {
        keeper.current().get().fingerprint().to_string()
    }

    /// The warnings that `work` logs.
    fn warnings(work: impl FnOnce()) -> String {
        logged(Level::WARN, work)
    }

    #[test]
    fn a_replaced_certificate_is_taken_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(&write(folder.path()), &[]).unwrap();
        let first = shown(&keeper);
        keeper.look();
        assert_eq!(shown(&keeper), first);
        write(folder.path());
        keeper.look();
        assert_ne!(shown(&keeper), first);
    }

    #[test]
    fn a_broken_replacement_keeps_the_old_one_with_one_warning() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut keeper = Keeper::open(&write(folder.path()), &[]).unwrap();
        write(other.path());
        let first = shown(&keeper);
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let new = fs::read_to_string(other.path().join("cert.pem")).unwrap();
        let half = new[..new.len() / 2].to_owned();
        for (text, words) in [(new.as_str(), "does not belong"), (&half, "PEM"), ("", "no certificate in it")]
        {
            fs::write(&certificate, text).unwrap();
            let log = warnings(|| (0..5).for_each(|_| keeper.look()));
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(log.contains(words) && log.contains(certificate.to_str().unwrap()), "{log}");
            assert_eq!(shown(&keeper), first);
        }
        fs::remove_file(&key).unwrap();
        fs::write(&certificate, &new).unwrap();
        let log = warnings(|| (0..5).for_each(|_| keeper.look()));
        assert!(log.lines().count() == 1 && log.contains("cannot read"), "{log}");
        fs::copy(other.path().join("key.pem"), &key).unwrap();
        assert_eq!(warnings(|| keeper.look()), "");
        assert_ne!(shown(&keeper), first);
    }

    #[test]
    fn two_files_that_are_replaced_one_after_the_other_are_no_warning() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut keeper = Keeper::open(&write(folder.path()), &[]).unwrap();
        let first = shown(&keeper);
        write(other.path());
        let log = warnings(|| {
            for file in ["cert.pem", "key.pem"] {
                fs::copy(other.path().join(file), folder.path().join(file)).unwrap();
                keeper.look();
            }
        });
        assert_eq!(log, "");
        assert_ne!(shown(&keeper), first);
    }

    #[test]
    fn what_cannot_be_used_at_the_start_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let source = write(folder.path());
        let key = folder.path().join("key.pem");
        fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
            .unwrap();
        let message = Keeper::open(&source, &[]).unwrap_err().to_string();
        assert!(message.contains(key.to_str().unwrap()) && message.contains("passphrase"), "{message}");
        fs::remove_file(&key).unwrap();
        let message = Keeper::open(&source, &[]).unwrap_err().to_string();
        assert!(message.contains(&format!("cannot read {}", key.display())), "{message}");
    }
}
