//! What the server is to do, checked.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::ValueEnum;
use tessera_mosaic::{Grid, Limits, TileSpec};

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
    /// Bounds of the frames that are taken.
    pub limits: Limits,
    /// The form of the log.
    pub log: LogFormat,
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
