//! `tessera-client demo`: several clients in one program, with a server if it is asked for.

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::address::ServerAddress;
use crate::join::{Join, join};
use crate::progress::Screen;
use crate::server_process::ServerProcess;
pub use crate::server_process::ServerProcessError;

/// Several clients.
#[derive(Debug)]
pub struct Demo {
    /// The clients.
    pub clients: Vec<Join>,
    /// Where they join.
    pub server: ServerAddress,
    /// Whether the server is to be started, too.
    pub with_server: bool,
}

/// Why a demo failed.
#[derive(Debug, Error)]
pub enum DemoError {
    /// Some clients did; each has said why.
    #[error("{failed} of {all} clients failed")]
    Clients {
        /// How many failed.
        failed: usize,
        /// How many there were.
        all: usize,
    },
    /// The server did.
    #[error(transparent)]
    Server(#[from] ServerProcessError),
}

/// Runs all clients to their end.
///
/// # Errors
///
/// When a client or the server failed.
pub async fn demo(what: Demo, screen: &Screen, stop: CancellationToken) -> Result<(), DemoError> {
    if !what.with_server {
        return run_clients(what.clients, screen, &stop).await;
    }
    let log = |line: &str| screen.note(&format!("server | {line}"));
    let mut server = tokio::select! {
        server = ServerProcess::beside_us(&what.server, &[], log) => server?,
        // Half a server has nobody to say goodbye to: dropping it kills it.
        () = stop.cancelled() => return Ok(()),
    };
    screen.note(&format!("open {}", page(&what.server)));
    let ended = run_beside(&mut server, what.clients, screen, stop).await;
    // Whatever became of the clients, no process is left.
    server.stop().await?;
    ended
}

/// Runs the clients as long as the server does.
async fn run_beside<L: FnMut(&str)>(
    server: &mut ServerProcess<L>,
    clients: Vec<Join>,
    screen: &Screen,
    stop: CancellationToken,
) -> Result<(), DemoError> {
    let stop = stop.child_token();
    let clients = run_clients(clients, screen, &stop);
    tokio::pin!(clients);
    let died = tokio::select! {
        ended = &mut clients => return ended,
        died = server.ended() => died,
    };
    // Without it the clients would try again for ever.
    stop.cancel();
    drop(clients.await);
    Err(died.into())
}

/// Runs all clients; one that fails leaves the others alone.
async fn run_clients(clients: Vec<Join>, screen: &Screen, stop: &CancellationToken) -> Result<(), DemoError> {
    let all = clients.len();
    let mut running = JoinSet::new();
    for client in clients {
        let label = client.session.id.to_string();
        // Here and not in the task, so that the bars stand in order.
        let progress = screen.progress(&label);
        let (screen, stop) = (screen.clone(), stop.clone());
        running.spawn(async move {
            let ended = join(client, progress, stop).await;
            ended.inspect_err(|error| screen.note(&format!("{label}: error: {error}"))).is_ok()
        });
    }
    let mut failed = 0;
    while let Some(ended) = running.join_next().await {
        // A task that panicked has said so itself.
        failed += usize::from(!ended.unwrap_or(false));
    }
    if failed == 0 { Ok(()) } else { Err(DemoError::Clients { failed, all }) }
}

/// What to open in a browser.
fn page(server: &ServerAddress) -> String {
    // A page has a camera on localhost only, or by HTTPS.
    server.to_string().replace("127.0.0.1", "localhost").replace("[::1]", "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_opened_on_localhost() {
        assert_eq!(page(&ServerAddress::default()), "http://localhost:50051");
        assert_eq!(page(&"[::1]:7".parse().unwrap()), "http://localhost:7");
    }
}
