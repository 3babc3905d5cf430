//! Everything of `tessera-server` but `main`.
//!
//! A [`Server`] is bound, then served until it is told to stop:
//!
//! ```no_run
//! # async fn example(config: tessera_server_core::Config, page: tessera_server_core::Page) -> anyhow::Result<()> {
//! use tessera_server_core::{CancellationToken, Server};
//!
//! let stopping = CancellationToken::new();
//! let server = Server::bind(&config, page).await?;
//! println!("listening on {:?}", server.addresses());
//! server.serve(stopping).await;
//! # Ok(())
//! # }
//! ```
//!
//! Who may use whom, never the other way round: `listen`, `http` -> `service` -> `lobby`, `fanout`, `pool` ->
//! `seat` -> `room`. The wire's types stop at `service`; tokio and tonic never reach `room`.

// `expect` with the reason why it holds, or an error; casts that say what they do.
#![warn(clippy::unwrap_used, clippy::cast_sign_loss)]

mod cli;
mod config;
mod fanout;
mod http;
mod listen;
mod lobby;
mod log;
mod names;
mod page;
mod peer;
mod pool;
mod regrid;
mod room;
mod seat;
mod service;
mod shutdown;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
pub use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use cli::Cli;
pub use config::{Config, Listen, LogFormat};
pub use page::{File, Page};
pub use shutdown::Signals;

use lobby::Lobby;
use pool::Pool;
use service::Service;

/// The program: reads the flags, runs the server until a signal, gives the exit code.
///
/// Wrong flags end it with 2 and a message, anything that fails later with 1.
pub fn main(page: Page) -> ExitCode {
    let config = Cli::parse().into_config();
    log::init(config.log);
    match run(&config, page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(config: &Config, page: Page) -> anyhow::Result<()> {
    let signals = Signals::catch().context("cannot catch signals")?;
    let server = Server::bind(config, page).await?;
    let stopping = CancellationToken::new();
    tokio::select! {
        () = server.serve(stopping.clone()) => {}
        () = signals.stop_then_abort(stopping) => {}
    }
    Ok(())
}

/// A server whose port is open. It answers once it is served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    service: Service,
    page: Page,
    max_frame_bytes: usize,
}

impl Server {
    /// Opens the port.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on; the error says which flag to use.
    pub async fn bind(config: &Config, page: Page) -> anyhow::Result<Self> {
        let listeners = listen::bind(&config.listen).await?;
        let pool = Arc::new(Pool::new(config.limits));
        let service = Service {
            lobby: Arc::new(Lobby::new(config.grid, config.tile, &pool)),
            pool,
            max_fps: config.max_fps,
            stopping: CancellationToken::new(),
        };
        Ok(Self { listeners, service, page, max_frame_bytes: config.limits.bytes })
    }

    /// The addresses that are listened on, with the port that the system chose where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stopping` is cancelled, then ends all streams and returns when the connections have
    /// ended, or after 5 seconds.
    pub async fn serve(self, stopping: CancellationToken) {
        for address in self.addresses() {
            info!("listening on http://{address}");
        }
        let service = Service { stopping: stopping.clone(), ..self.service };
        let router = http::router(service, self.page, self.max_frame_bytes);
        listen::serve(self.listeners, router, stopping).await;
    }
}
