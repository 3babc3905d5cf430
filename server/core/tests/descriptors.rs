//! A server that has no file descriptors left: in a process of its own, whose limit is lowered.
#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, stdin};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use axum::http::Version;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::http::Connection;
use support::{TestServer, within};

/// So few descriptors that some connections take them all.
const DESCRIPTORS: u64 = 40;
/// Told to the process that is to serve.
const SERVE: &str = "TESSERA_TEST_SERVES";

/// Serves until its standard input ends, when it says what it took.
#[tokio::test]
async fn a_server_with_few_descriptors() {
    if std::env::var_os(SERVE).is_none() {
        return;
    }
    let limit = Rlimit { current: Some(DESCRIPTORS), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = TestServer::start().await;
    println!("\n{}", server.address);
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

/// The process, what it says, and where it listens.
fn serve() -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_with_few_descriptors", "--nocapture"])
        .env(SERVE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let address = said.by_ref().lines().find_map(|line| line.unwrap().trim().parse().ok()).unwrap();
    (child, said, address)
}

/// Processor time that a process has taken, in clock ticks (proc_pid_stat(5)).
#[cfg(target_os = "linux")]
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn without_descriptors_the_server_waits_and_goes_on_when_there_are_some() {
    // Whoever writes when nobody reads ends by that.
    let (mut child, _said, address) = serve();
    let held: Vec<_> = (0..2 * DESCRIPTORS).map(|_| TcpStream::connect(address).unwrap()).collect();
    #[cfg(target_os = "linux")]
    {
        // As long as it takes to see a loop that does not wait: that would take all of this.
        let before = ticks(child.id());
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let taken = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
        assert!(taken >= DESCRIPTORS as usize - 1, "{taken} are taken");
        assert!(ticks(child.id()) - before < 30, "a hot loop");
    }
    drop(held);
    let mut connection = within(Connection::open(address, Version::HTTP_11)).await;
    assert_eq!(within(connection.get("/healthz", &[])).await.text(), "ok\n");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
