//! Debian's nginx with docs/nginx.conf, in front of a server on this machine.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use axum::http::Version;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::http::Connection;
use super::programs::root;
use super::tls::{Files, client_of};
use super::{Client, within};

/// The name that the configuration has.
pub const NAME: &str = "call.example.org";

/// What stands around a site: one process, which touches nothing but its folder.
const AROUND: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}
";

/// An nginx that ends with the test.
pub struct Nginx {
    https: SocketAddr,
    pub http: SocketAddr,
    files: Files,
    _folder: tempfile::TempDir,
    _program: Child,
    _log: Lines<BufReader<ChildStderr>>,
}

impl Nginx {
    /// In front of the server at `upstream`, as docs/nginx.conf says.
    pub async fn documented(upstream: SocketAddr) -> Self {
        let site = fs::read_to_string(root().join("docs/nginx.conf")).unwrap();
        Self::with(&site, upstream).await
    }

    /// With a site of the same places for addresses and files.
    pub async fn with(site: &str, upstream: SocketAddr) -> Self {
        let (https, http) = (free_address(), free_address());
        let files = Files::of(&[NAME]);
        let places = [
            ("127.0.0.1:50051", upstream.to_string()),
            ("listen 443 ", format!("listen {https} ")),
            ("listen 80;", format!("listen {http};")),
            // A machine may lack IPv6.
            ("listen [::]:443 ssl http2;", String::new()),
            ("listen [::]:80;", String::new()),
            ("/etc/ssl/call.example.org/fullchain.pem", files.certificate().display().to_string()),
            ("/etc/ssl/call.example.org/privkey.pem", files.key().display().to_string()),
        ];
        let site = places.iter().fold(site.to_owned(), |site, (place, value)| {
            assert!(site.contains(place), "the site has no {place}");
            site.replace(place, value)
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nginx.conf"), AROUND).unwrap();
        fs::write(folder.path().join("site.conf"), site).unwrap();
        let (program, log) = run(folder.path()).await;
        Self { https, http, files, _folder: folder, _program: program, _log: log }
    }

    /// A browser's connection.
    pub async fn browser(&self, version: Version) -> Connection {
        Connection::open_secure(self.https, version, NAME, &self.files.certificate()).await
    }

    /// A native client on a connection of its own.
    pub async fn client(&self) -> Client {
        client_of(self.https, NAME, &self.files.certificate()).await.0
    }
}

/// Starts nginx, and waits until it listens.
async fn run(folder: &Path) -> (Child, Lines<BufReader<ChildStderr>>) {
    // Where Debian has it, whether or not that is in everybody's path.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("nginx");
    command.env("PATH", path).arg("-p").arg(folder).args(["-e", "stderr", "-c", "nginx.conf"]);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut program = command.spawn().expect("nginx runs: install it, or set SKIP_E2E=1");
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = within(log.next_line()).await.unwrap() {
        // It says so of its event loop after it has opened its sockets.
        if line.contains("[notice]") && line.contains("event method") {
            return (program, log);
        }
        said.push(line);
    }
    panic!("nginx ended: {said:#?}");
}

/// An address on which nobody listens.
fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
