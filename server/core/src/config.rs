//! What the server is to do, checked.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use tessera_mosaic::{Grid, TileSpec};

use crate::guard::{HostName, Origin};
use crate::limits::Limits;

/// The port of the original.
const PORT: u16 = 50051;

/// Everything that can be chosen.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// The smallest grid.
    pub grid: Grid,
    /// What a tile is in that grid.
    pub tile: TileSpec,
    /// The most mosaics a second for a viewer of WatchMosaic; 1 to 1000.
    pub max_fps: u32,
    /// What one guest may take.
    pub limits: Limits,
    /// The form of the log.
    pub log: LogFormat,
    /// Who may connect without TLS, and the certificate.
    pub tls: Tls,
    /// Whom browsers may call this server for.
    pub guard: Guard,
    /// The secret that makes rooms private; without it they are open to whoever reaches the server.
    pub key_file: Option<PathBuf>,
}

/// TLS on the one port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The server's certificate; no TLS without.
    pub certificate: Option<CertificateSource>,
    /// Who may do without TLS, if there is a certificate.
    pub plain: Plain,
}

/// Where a certificate is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Made here, and kept for the next start.
    SelfSigned {
        /// The folder that keeps it; the user's folder for state without.
        folder: Option<PathBuf>,
    },
    /// PEM files, read again when they change.
    Files {
        /// The certificate, and those that prove it.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Who may do without TLS on a port that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// Programs on this machine.
    #[default]
    FromHere,
    /// Everybody.
    Allowed,
    /// Nobody.
    Never,
}

/// What a request that a browser may have sent is held against.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    /// Pages from elsewhere that may call.
    pub origins: Vec<Origin>,
    /// Names of this server, besides localhost, addresses and the certificate's names.
    pub hosts: Vec<HostName>,
}

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The addresses, in the order in which they are bound.
    pub addresses: Vec<SocketAddr>,
    /// Nobody asked for these: one of a family that the machine lacks is left out.
    pub is_default: bool,
}

impl Default for Listen {
    /// Loopback only, both families.
    fn default() -> Self {
        let addresses = vec![(Ipv4Addr::LOCALHOST, PORT).into(), (Ipv6Addr::LOCALHOST, PORT).into()];
        Self { addresses, is_default: true }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}
