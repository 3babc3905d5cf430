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

mod access;
mod allocator;
mod cli;
mod config;
mod counters;
mod fanout;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod guests;
mod http;
mod inquiry;
mod limits;
mod listen;
mod lobby;
mod log;
mod names;
mod pace;
mod page;
mod peer;
mod piece;
mod pool;
mod regrid;
mod room;
mod seat;
mod service;
mod shutdown;
mod tls;
mod usage;

use std::io::{ErrorKind, Write as _, stderr, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio::net::TcpListener;
pub use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

pub use access::Role;
pub use cli::{Cli, Command, InviteArgs, KeyArgs, Order};
pub use config::{CertificateSource, Config, Guard, Listen, LogFormat, Plain, Tls};
pub use counters::{Counters, Held};
pub use guard::{HostName, HostNameError, Origin, OriginError};
pub use limits::{CallLimits, ConnectionLimits, FrameLimits, Limits, RoomLimits};
pub use log::Throttled;
pub use page::{File, Page};
pub use shutdown::Signals;

use access::{Access, KeyError, Keys};
use inquiry::Inquiries;
use listen::Serving;
use lobby::{Lobby, Plan};
use pool::Pool;
use service::Service;

/// The program: reads the flags, runs the server until a signal, gives the exit code.
///
/// Wrong flags end it with 2 and a message, anything that fails later with 1.
pub fn main(page: Page) -> ExitCode {
    let config = match Cli::order().unwrap_or_else(|error| error.exit()) {
        Order::Serve(config) => config,
        Order::Say(text) => return say(&text),
        Order::Invite(invite) => return told(invite.link(SystemTime::now()).map(|link| say(&link))),
        Order::Key(key) => return told(access::create_key(&key.file).map(|()| ExitCode::SUCCESS)),
    };
    log::init(config.log);
    allocator::give_large_pieces_back();
    match run(&config, page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The exit code, or why there is none, as people read it.
fn told(result: Result<ExitCode, KeyError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        // Where nobody reads what went wrong, the code says that something did.
        let _unread = writeln!(stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

/// Gives `text` to standard output. A reader who has seen enough is no failure.
fn say(text: &str) -> ExitCode {
    match stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

#[tokio::main]
async fn run(config: &Config, page: Page) -> anyhow::Result<()> {
    let signals = Signals::catch().context("cannot catch signals")?;
    let inquiries = Inquiries::catch().context("cannot catch signals")?;
    let server = Server::bind(config, page).await?;
    let stopping = CancellationToken::new();
    let answering = tokio::spawn(inquiries.answer(server.counters()));
    tokio::select! {
        () = server.serve(stopping.clone()) => {}
        () = signals.stop_then_abort(stopping) => {}
    }
    answering.abort();
    Ok(())
}

/// A server whose port is open. It answers once it is served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    service: Service,
    page: Page,
    limits: Limits,
    tls: Option<tls::Tls>,
    guard: guard::Guard,
    counters: Counters,
    guests: guests::Guests,
}

impl Server {
    /// Opens the port.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on, or the certificate cannot be used; the error says which flag or file
    /// it is.
    pub async fn bind(config: &Config, page: Page) -> anyhow::Result<Self> {
        let tls = tls::Tls::open(&config.tls, &config.guard.hosts).context("no TLS")?;
        let guard = guard::Guard::new(&config.guard, tls.as_ref());
        let listeners = listen::bind(&config.listen).await?;
        let access = match &config.key_file {
            Some(file) => Access::with_keys(Keys::open(file)?),
            None => Access::default(),
        };
        let (limits, counters) = (config.limits.clone(), Counters::default());
        let pool = Arc::new(Pool::new(&limits.frames));
        let plan = Plan {
            grid: config.grid,
            tile: config.tile,
            pool: Arc::clone(&pool),
            wrap: service::envelope,
            limits: limits.clone(),
            counters: counters.clone(),
        };
        let service = Service {
            lobby: Lobby::new(plan),
            pool,
            access,
            limits: limits.calls,
            max_fps: config.max_fps,
            stopping: CancellationToken::new(),
        };
        Ok(Self {
            listeners,
            service,
            page,
            limits: config.limits.clone(),
            tls,
            guard,
            guests: guests::Guests::new(&config.limits, counters.clone()),
            counters,
        })
    }

    /// Counts what the server holds, from now to its end.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// The addresses that are listened on, with the port that the system chose where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stopping` is cancelled, then ends all streams and returns when the connections have
    /// ended, or after the time for that.
    pub async fn serve(self, stopping: CancellationToken) {
        self.announce();
        let access = self.service.access.clone();
        let service = Service { stopping: stopping.clone(), ..self.service };
        let router = self.guard.around(http::router(service, self.page));
        let door = self.tls.as_ref().map(|tls| tls.door().clone());
        let limits = Arc::new(self.limits.connections);
        let serving = Serving { router, tls: door, limits, guests: self.guests, stopping };
        let served = listen::serve(self.listeners, serving);
        let kept = async {
            match self.tls {
                Some(tls) => tls.keep().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = served => {}
            () = kept.instrument(info_span!("certificate")) => {}
            () = access.keep().instrument(info_span!("key")) => {}
            () = allocator::tidy_up(self.counters) => {}
        }
    }

    /// Says where it listens and what is spoken there.
    fn announce(&self) {
        let plain = self.tls.as_ref().map(|tls| tls.door().plain);
        for address in self.addresses() {
            if plain.is_some() {
                info!("listening on https://{address}");
            }
            match plain {
                None | Some(Plain::Allowed) => info!("listening on http://{address}"),
                Some(Plain::FromHere) => info!("listening on http://{address}, for this machine"),
                Some(Plain::Never) => {}
            }
            if plain.is_none() && !address.ip().to_canonical().is_loopback() {
                warn!(
                    "no TLS on {address}: browsers on other machines will refuse their cameras to a page without it; \
                     --tls self-signed turns it on"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tracing::Level;

    use super::*;

    /// What a server with these flags says when it starts on any address.
    async fn announced(flags: &[&str]) -> String {
        let words = ["tessera-server", "--insecure", "--listen", "0.0.0.0:0"].iter().chain(flags);
        let config = Cli::try_parse_from(words).unwrap().into_config().unwrap();
        let server = Server::bind(&config, Page::absent("built for a test")).await.unwrap();
        log::logged(Level::INFO, || server.announce())
    }

    #[tokio::test]
    async fn a_start_says_what_is_spoken_where_and_what_browsers_will_miss() {
        let folder = tempfile::tempdir().unwrap();
        let tls = ["--tls", "self-signed", "--tls-dir", folder.path().to_str().unwrap()];
        let plain = announced(&[]).await;
        assert!(
            plain.contains("on http://0.0.0.0:")
                && plain.contains("WARN")
                && plain.contains("--tls self-signed")
        );
        let both = announced(&tls).await;
        assert!(both.contains("on https://0.0.0.0:") && both.contains("for this machine"), "{both}");
        assert!(!both.contains("WARN"), "{both}");
        let open = announced(&[&tls[..], &["--allow-plain"]].concat()).await;
        assert!(open.contains("on http://0.0.0.0:") && !open.contains("for this machine"), "{open}");
        let only = announced(&[&tls[..], &["--tls-only"]].concat()).await;
        assert!(only.contains("on https://0.0.0.0:") && !only.contains("http://"), "{only}");
    }
}
