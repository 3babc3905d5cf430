//! A certificate that vouches for itself: made once, kept, and made anew when it will not do any more.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, io};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::certificate::{Certificate, CertificateError};
use super::provider;
use crate::guard::HostName;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a certificate is good: within the 825 days that Apple's systems bear.
const LIFE: Duration = DAY.saturating_mul(730);
/// So long before its end it is made anew.
const RENEWAL: Duration = DAY.saturating_mul(30);
/// Other machines' clocks may be behind ours.
const SKEW: Duration = DAY;

/// The self-signed certificate of a folder.
#[derive(Debug)]
pub(super) struct SelfSigned {
    folder: PathBuf,
    names: Names,
}

impl SelfSigned {
    /// That of `folder`, or of the user's folder for state, for `names`.
    pub(super) fn new(folder: Option<&Path>, names: Names) -> Result<Self, CertificateError> {
        let folder = folder.map(Path::to_owned).or_else(state_folder).ok_or(CertificateError::NoFolder)?;
        Ok(Self { folder, names })
    }

    /// The file that clients may be told to trust.
    pub(super) fn certificate_file(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// The certificate: the one that was kept if it still does, else a new one, kept from now on.
    ///
    /// # Errors
    ///
    /// When a new one is needed and cannot be kept.
    pub(super) fn load(&self, now: SystemTime) -> Result<Certificate, CertificateError> {
        let kept = Certificate::read(&self.certificate_file(), &self.key_file());
        match kept {
            Ok(kept) if self.names.are_covered_by(&kept) && is_fresh(&kept, now) => Ok(kept),
            // One that cannot be read is replaced, too: nobody but this module writes it.
            Ok(_) | Err(_) => {
                self.make(now)?;
                Certificate::read(&self.certificate_file(), &self.key_file())
            }
        }
    }

    fn make(&self, now: SystemTime) -> Result<(), CertificateError> {
        let mut params = CertificateParams::new(self.names.texts())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Tessera, self-signed");
        params.not_before = (now - SKEW).into();
        params.not_after = (now + LIFE).into();
        // It proves itself and nothing else: whoever trusts it trusts no other certificate by that.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let keep = || {
            fs::create_dir_all(&self.folder)?;
            replace(&self.key_file(), &key.serialize_pem(), 0o600)?;
            replace(&self.certificate_file(), &certificate.pem(), 0o644)
        };
        keep().map_err(|error| CertificateError::Keep { folder: self.folder.clone(), error })
    }
}

/// Writes a file that is there whole or not at all, and never readable for more than `mode` says.
fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Only its owner can read a temporary file.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Where programs keep what they made for themselves: the XDG base directory specification's state folder.
fn state_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("tessera"))
}

/// Whether it is good now and will be for a while. It is its own trust anchor, so the usual check does.
fn is_fresh(certificate: &Certificate, now: SystemTime) -> bool {
    let mut roots = RootCertStore::empty();
    let Ok(parsed) = ParsedCertificate::try_from(certificate.leaf()) else { return false };
    let algorithms = provider().signature_verification_algorithms.all;
    roots.add(certificate.leaf().clone()).is_ok()
        && [now, now + RENEWAL].iter().all(|time| {
            let time = UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default());
            verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], time, algorithms).is_ok()
        })
}

/// What a machine is called, by name and by address.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Names {
    /// Those of this machine, and `hosts`.
    pub(super) fn of_this_machine(hosts: &[HostName]) -> Self {
        let host = gethostname::gethostname().to_string_lossy().to_lowercase();
        let mut names = vec!["localhost".to_owned()];
        // A bare name is found in a local network by mDNS (RFC 6762) under .local.
        let local = (!host.contains('.')).then(|| format!("{host}.local"));
        for name in [host].into_iter().chain(local).chain(hosts.iter().map(ToString::to_string)) {
            let is_name = matches!(ServerName::try_from(name.as_str()), Ok(ServerName::DnsName(_)));
            if is_name && !names.contains(&name) {
                names.push(name);
            }
        }
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|one| one.ip());
        let named = hosts.iter().filter_map(HostName::address);
        let mut addresses: Vec<_> = [[127, 0, 0, 1].into(), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)]
            .into_iter()
            .chain(interfaces.filter(|address| !is_link_local(*address)))
            .chain(named)
            .collect();
        addresses.sort();
        addresses.dedup();
        Self { names, addresses }
    }

    fn texts(&self) -> Vec<String> {
        self.names.iter().cloned().chain(self.addresses.iter().map(ToString::to_string)).collect()
    }

    /// Whether the certificate is good for this machine: every name, every address of IPv4, and one of IPv6 besides
    /// loopback if there are any. (Privacy extensions give new addresses of IPv6 every day, RFC 8981, and the
    /// certificate should not change as often.)
    fn are_covered_by(&self, certificate: &Certificate) -> bool {
        let has = |text: &str| ServerName::try_from(text).is_ok_and(|name| certificate.is_for(&name));
        let has_address = |address: &&IpAddr| has(&address.to_string());
        let (changing, lasting): (Vec<_>, Vec<_>) =
            self.addresses.iter().partition(|address| address.is_ipv6() && !address.is_loopback());
        self.names.iter().all(|name| has(name))
            && lasting.iter().all(has_address)
            && (changing.is_empty() || changing.iter().any(has_address))
    }
}

/// An address that means something on one wire only; no browser takes one.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str], addresses: &[&str]) -> Names {
        Names {
            names: names.iter().map(ToString::to_string).collect(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    fn here(folder: &Path, names: Names) -> SelfSigned {
        SelfSigned::new(Some(folder), names).unwrap()
    }

    fn fingerprint(one: &SelfSigned, now: SystemTime) -> String {
        one.load(now).unwrap().fingerprint().to_string()
    }

    #[test]
    fn it_is_kept_until_it_expires_soon() {
        let folder = tempfile::tempdir().unwrap();
        let one = here(folder.path(), names(&["localhost", "pi"], &["127.0.0.1", "10.0.0.7"]));
        let now = SystemTime::now();
        let first = fingerprint(&one, now);
        assert_eq!(fingerprint(&one, now), first);
        assert_eq!(fingerprint(&one, now + LIFE - RENEWAL - DAY), first);
        assert_ne!(fingerprint(&one, now + LIFE - RENEWAL + DAY), first);
    }

    #[test]
    fn a_clock_that_was_wrong_when_it_was_made_does_not_matter_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let one = here(folder.path(), names(&["localhost"], &[]));
        let now = SystemTime::now();
        let of_the_future = fingerprint(&one, now + LIFE);
        assert_ne!(fingerprint(&one, now), of_the_future);
    }

    #[test]
    fn a_new_name_or_address_makes_it_anew_and_one_less_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let load = |machine| fingerprint(&here(folder.path(), machine), now);
        let first = load(names(&["localhost", "pi"], &["127.0.0.1", "10.0.0.7"]));
        assert_eq!(load(names(&["localhost"], &["127.0.0.1"])), first);
        let second = load(names(&["localhost", "pi"], &["127.0.0.1", "10.0.0.8"]));
        assert_ne!(second, first);
        assert_ne!(load(names(&["localhost", "pie"], &["127.0.0.1", "10.0.0.8"])), second);
    }

    #[test]
    fn a_new_private_address_of_ipv6_leaves_it_as_long_as_one_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let load = |addresses: &[&str]| fingerprint(&here(folder.path(), names(&[], addresses)), now);
        let first = load(&["::1", "2001:db8::1", "2001:db8::aaaa"]);
        assert_eq!(load(&["::1", "2001:db8::1", "2001:db8::bbbb"]), first);
        assert_ne!(load(&["::1", "2001:db8:1::1"]), first);
    }

    #[test]
    fn only_its_owner_reads_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let one = here(&folder.path().join("new/state"), names(&["localhost"], &[]));
        one.load(SystemTime::now()).unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(one.key_file()), mode(one.certificate_file())), (0o600, 0o644));
        assert_eq!(fs::read_dir(folder.path().join("new/state")).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn what_was_spoiled_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let one = here(folder.path(), names(&["localhost"], &[]));
        let now = SystemTime::now();
        let first = fingerprint(&one, now);
        fs::write(one.key_file(), "no key").unwrap();
        let second = fingerprint(&one, now);
        assert_ne!(second, first);
        assert_eq!(fingerprint(&one, now), second);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_that_names_it_and_the_flag() {
        let file = NamedTempFile::new().unwrap();
        let one = here(&file.path().join("state"), names(&["localhost"], &[]));
        let message = one.load(SystemTime::now()).unwrap_err().to_string();
        assert!(
            message.contains(file.path().to_str().unwrap()) && message.contains("--tls-dir"),
            "{message}"
        );
    }

    #[test]
    fn this_machine_is_localhost_has_a_name_and_what_it_was_called_with_a_flag() {
        let hosts = ["Call.Example.org", "203.0.113.9"].map(|host| host.parse().unwrap());
        let machine = Names::of_this_machine(&hosts);
        let texts = machine.texts();
        for expected in ["localhost", "127.0.0.1", "::1", "call.example.org", "203.0.113.9"] {
            assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(
            machine.are_covered_by(&here(folder.path(), machine.clone()).load(SystemTime::now()).unwrap())
        );
    }
}
