//! A certificate that vouches for itself: made once, kept, and made anew when it will not do any more.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, io};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::pki_types::ServerName;

use super::certificate::{Certificate, CertificateError, verify_alone};
use crate::guard::HostName;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a certificate is good: within the 825 days that Apple's systems bear.
const LIFE: Duration = DAY.saturating_mul(730);
/// So long before its end it is made anew.
const RENEWAL: Duration = DAY.saturating_mul(30);
/// Other machines' clocks may be behind ours.
const SKEW: Duration = DAY;

/// Names and addresses in a certificate at the most.
const MAX_NAMES: usize = 64;

/// The self-signed certificate of a folder.
#[derive(Debug)]
pub(super) struct SelfSigned {
    folder: PathBuf,
}

impl SelfSigned {
    /// That of `folder`, or of the user's folder for state.
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, CertificateError> {
        let folder = folder.map(Path::to_owned).or_else(state_folder).ok_or(CertificateError::NoFolder)?;
        Ok(Self { folder })
    }

    /// The file that clients may be told to trust.
    pub(super) fn certificate_file(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// A certificate for `names`: the one that was kept if it still does, else a new one, kept from now on.
    ///
    /// # Errors
    ///
    /// When a new one is needed and cannot be kept.
    pub(super) fn load(&self, names: &Names, now: SystemTime) -> Result<Certificate, CertificateError> {
        let _lock = self.lock().map_err(|error| self.cannot_keep(error))?;
        let kept = Certificate::read(&self.certificate_file(), &self.key_file());
        match kept {
            Ok(kept) if names.are_covered_by(&kept) && is_fresh(&kept, now) => Ok(kept),
            // One that cannot be read is replaced, too: nobody but this module writes it.
            Ok(_) | Err(_) => {
                self.make(&names.with(&self.kept_names()), now)?;
                Certificate::read(&self.certificate_file(), &self.key_file())
            }
        }
    }

    /// Keeps other servers of the same user away until it is dropped: a certificate is two files.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    fn cannot_keep(&self, error: io::Error) -> CertificateError {
        CertificateError::Keep { folder: self.folder.clone(), error }
    }

    /// What the kept certificate is for, which stands in its file above it: a machine that is back in another network,
    /// or a server that shares the folder, finds its names again, and the certificate changes no more.
    fn kept_names(&self) -> Names {
        let text = fs::read_to_string(self.certificate_file()).unwrap_or_default();
        let names = text.split_once("-----BEGIN").map_or("", |(names, _)| names);
        Names::of_texts(names.lines())
    }

    fn make(&self, names: &Names, now: SystemTime) -> Result<(), CertificateError> {
        let mut params = CertificateParams::new(names.texts())?;
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
            replace(&self.key_file(), &key.serialize_pem(), 0o600)?;
            let named = format!("{}\n{}", names.texts().join("\n"), certificate.pem());
            replace(&self.certificate_file(), &named, 0o644)
        };
        keep().map_err(|error| self.cannot_keep(error))
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

/// Whether it is good now and will be for a while.
fn is_fresh(certificate: &Certificate, now: SystemTime) -> bool {
    [now, now + RENEWAL].into_iter().all(|time| verify_alone(certificate.leaf(), time).is_ok())
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
        // The dot of the root, which no certificate has.
        let host = host.trim_end_matches('.').to_owned();
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

    fn of_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for text in texts {
            match ServerName::try_from(text) {
                Ok(ServerName::IpAddress(address)) => all.addresses.push(IpAddr::from(address)),
                Ok(ServerName::DnsName(_)) => all.names.push(text.to_owned()),
                Ok(_) | Err(_) => {}
            }
        }
        all
    }

    /// These, and of others as many as there is room for.
    fn with(&self, others: &Self) -> Self {
        let mut all = self.clone();
        let mut room = MAX_NAMES.saturating_sub(self.names.len() + self.addresses.len());
        for name in &others.names {
            if room > 0 && !all.names.contains(name) {
                room -= 1;
                all.names.push(name.clone());
            }
        }
        for address in &others.addresses {
            if room > 0 && !all.addresses.contains(address) {
                room -= 1;
                all.addresses.push(*address);
            }
        }
        all
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

    fn here(folder: &Path) -> SelfSigned {
        SelfSigned::new(Some(folder)).unwrap()
    }

    /// The fingerprint of what a machine of these names has in the folder at that time.
    fn load(folder: &Path, names: &Names, now: SystemTime) -> String {
        here(folder).load(names, now).unwrap().fingerprint().to_string()
    }

    #[test]
    fn it_is_kept_until_it_expires_soon() {
        let folder = tempfile::tempdir().unwrap();
        let names = names(&["localhost", "pi"], &["127.0.0.1", "10.0.0.7"]);
        let load = |now| load(folder.path(), &names, now);
        let now = SystemTime::now();
        let first = load(now);
        assert_eq!(load(now), first);
        assert_eq!(load(now + LIFE - RENEWAL - DAY), first);
        assert_ne!(load(now + LIFE - RENEWAL + DAY), first);
    }

    #[test]
    fn a_clock_that_was_wrong_when_it_was_made_does_not_matter_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let names = names(&["localhost"], &[]);
        let now = SystemTime::now();
        let of_the_future = load(folder.path(), &names, now + LIFE);
        assert_ne!(load(folder.path(), &names, now), of_the_future);
    }

    #[test]
    fn a_new_name_or_address_makes_it_anew_and_one_less_does_not_and_old_ones_stay_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let load = |machine: &Names| load(folder.path(), machine, SystemTime::now());
        let home = names(&["localhost", "pi"], &["127.0.0.1", "10.0.0.7"]);
        let first = load(&home);
        assert_eq!(load(&names(&["localhost"], &["127.0.0.1"])), first);
        let away = names(&["localhost", "pi"], &["127.0.0.1", "192.0.2.8"]);
        let second = load(&away);
        assert_ne!(second, first);
        assert_eq!(load(&home), second, "back at home");
        assert_ne!(load(&names(&["localhost", "pie"], &[])), second);
        assert_eq!(load(&home), load(&away), "servers that share a folder");
    }

    #[test]
    fn no_certificate_has_more_names_than_there_is_room_for() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..3 * MAX_NAMES {
            let names = names(&["localhost", &format!("host{n}")], &["127.0.0.1"]);
            here(folder.path())
                .make(&names.with(&here(folder.path()).kept_names()), SystemTime::now())
                .unwrap();
        }
        assert_eq!(here(folder.path()).kept_names().texts().len(), MAX_NAMES);
    }

    #[test]
    fn servers_that_begin_together_have_one_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let names = names(&["localhost"], &[]);
        let begin = || load(folder.path(), &names, SystemTime::now());
        let all: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|fingerprint| *fingerprint == all[0]), "{all:?}");
    }

    #[test]
    fn a_new_private_address_of_ipv6_leaves_it_as_long_as_one_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let load = |addresses: &[&str]| load(folder.path(), &names(&[], addresses), SystemTime::now());
        let first = load(&["::1", "2001:db8::1", "2001:db8::aaaa"]);
        assert_eq!(load(&["::1", "2001:db8::1", "2001:db8::bbbb"]), first);
        assert_ne!(load(&["::1", "2001:db8:1::1"]), first);
    }

    #[test]
    fn only_its_owner_reads_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let one = here(&folder.path().join("new/state"));
        one.load(&names(&["localhost"], &[]), SystemTime::now()).unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(one.key_file()), mode(one.certificate_file())), (0o600, 0o644));
        assert_eq!(fs::read_dir(folder.path().join("new/state")).unwrap().count(), 3, "and the lock");
    }

    #[test]
    fn what_was_spoiled_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let load = || load(folder.path(), &names(&["localhost"], &[]), SystemTime::now());
        let first = load();
        fs::write(here(folder.path()).key_file(), "no key").unwrap();
        let second = load();
        assert_ne!(second, first);
        assert_eq!(load(), second);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_that_names_it_and_the_flag() {
        let file = NamedTempFile::new().unwrap();
        let one = here(&file.path().join("state"));
        let message = one.load(&names(&["localhost"], &[]), SystemTime::now()).unwrap_err().to_string();
        assert!(
            message.contains(file.path().to_str().unwrap()) && message.contains("--tls-dir"),
            "{message}"
        );
    }

    #[test]
    fn this_machine_is_localhost_has_a_name_and_what_it_was_called_with_a_flag() {
        let hosts = ["Call.Example.org.", "203.0.113.9"].map(|host| host.parse().unwrap());
        let machine = Names::of_this_machine(&hosts);
        let texts = machine.texts();
        for expected in ["localhost", "127.0.0.1", "::1", "call.example.org", "203.0.113.9"] {
            assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let certificate = here(folder.path()).load(&machine, SystemTime::now()).unwrap();
        assert!(machine.are_covered_by(&certificate), "or it would be made anew each time");
    }
}
