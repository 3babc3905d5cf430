//! Who looks after the certificate: where it is from, and whether there is a newer one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info};

use super::certificate::{Certificate, CertificateError, Current};
use super::self_signed::{Names, SelfSigned};
use crate::config::CertificateSource;
use crate::guard::HostName;

/// How often the files of a certificate are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(2);
/// How often our own is: machines come by new addresses.
const LOOK_AT_OUR_OWN: Duration = Duration::from_secs(60);

/// Where the certificate is from.
#[derive(Debug)]
enum Source {
    SelfSigned { one: SelfSigned, hosts: Vec<HostName> },
    Files { certificate: PathBuf, key: PathBuf },
}

impl Source {
    fn load(&self) -> Result<Certificate, CertificateError> {
        match self {
            Self::SelfSigned { one, hosts } => one.load(&Names::of_this_machine(hosts), SystemTime::now()),
            Self::Files { certificate, key } => Certificate::read(certificate, key),
        }
    }

    /// Tells people what clients are shown from now on.
    fn announce(&self, certificate: &Certificate) {
        let fingerprint = certificate.fingerprint();
        match self {
            Self::SelfSigned { one, .. } => {
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
    /// Whether it was said that clients refuse the certificate of the moment.
    is_out_of_date: bool,
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
                Source::SelfSigned { one: SelfSigned::new(folder.as_deref())?, hosts: hosts.to_vec() }
            }
            CertificateSource::Files { certificate, key } => {
                Source::Files { certificate: certificate.clone(), key: key.clone() }
            }
        };
        let certificate = source.load()?;
        source.announce(&certificate);
        let current = Arc::new(Current::new(certificate));
        let mut keeper = Self { source, current, trouble: None, is_out_of_date: false };
        keeper.look_at_dates(SystemTime::now());
        Ok(keeper)
    }

    pub(super) fn current(&self) -> &Arc<Current> {
        &self.current
    }

    /// Looks for a newer certificate now and then, for as long as the future is polled.
    pub(super) async fn run(mut self) {
        let mut looks = interval(match self.source {
            Source::SelfSigned { .. } => LOOK_AT_OUR_OWN,
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
                    error!(%error, "the certificate is not looked after any more: restart the server to change it");
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Takes a newer certificate if there is one. What cannot be used changes nothing.
    fn look(&mut self) {
        let now = SystemTime::now();
        match self.source.load() {
            Ok(certificate) if certificate.is_same(&self.current.get()) => self.trouble = None,
            Ok(certificate) => match certificate.out_of_date(now) {
                Some(error) if self.current.get().out_of_date(now).is_none() => {
                    self.note(format!("the new one is of no use: {error}"));
                }
                Some(_) | None => {
                    self.trouble = None;
                    self.source.announce(&certificate);
                    self.current.replace(certificate);
                }
            },
            Err(error) => self.note(error.to_string()),
        }
        self.look_at_dates(now);
    }

    /// Says once when clients begin to refuse the certificate of the moment.
    fn look_at_dates(&mut self, now: SystemTime) {
        let error = self.current.get().out_of_date(now);
        if let Some(error) = error.as_ref().filter(|_| !self.is_out_of_date) {
            error!("clients refuse this certificate, renew it: {error}");
        }
        self.is_out_of_date = error.is_some();
    }

    /// Says once what is wrong, and only if it is so at two looks: between them two files may be half replaced.
    fn note(&mut self, what: String) {
        match &mut self.trouble {
            Some(trouble) if trouble.what == what => {
                if !trouble.told {
                    error!("the certificate stays as it was: {what}");
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
        write_until(folder, SystemTime::now() + Duration::from_secs(86_400))
    }

    /// The same, which is good for a day, until then.
    fn write_until(folder: &Path, end: SystemTime) -> CertificateSource {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = ((end - 2 * Duration::from_secs(86_400)).into(), end.into());
        let secret = rcgen::KeyPair::generate().unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, params.self_signed(&secret).unwrap().pem()).unwrap();
        fs::write(&key, secret.serialize_pem()).unwrap();
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
        let old = fs::read_to_string(&certificate).unwrap();
        let chain = old + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, words) in [
            (new.as_str(), "does not belong"),
            (&half, "PEM"),
            ("", "no certificate in it"),
            (&chain, "cannot be used"),
        ] {
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
    fn one_that_has_expired_is_warned_of_and_takes_no_others_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(&write(folder.path()), &[]).unwrap();
        let first = shown(&keeper);
        let over = SystemTime::now() - Duration::from_secs(60);
        let source = write_until(folder.path(), over);
        let log = warnings(|| (0..5).for_each(|_| keeper.look()));
        assert!(
            log.lines().count() == 1 && log.contains("stays as it was") && log.contains("expired"),
            "{log}"
        );
        assert_eq!(shown(&keeper), first);

        let log = warnings(|| keeper.look_at_dates(SystemTime::now() + Duration::from_secs(172_800)));
        assert!(log.contains("renew it"), "{log}");
        let log = warnings(|| drop(Keeper::open(&source, &[]).unwrap()));
        assert!(log.lines().count() == 1 && log.contains("expired"), "{log}");
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
