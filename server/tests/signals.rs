//! The program itself: its log, its exit codes, and how signals end it.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// A running server, ended with the test.
struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
}

impl Program {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tessera-server"))
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect(&line);
        let address = address.split(['"', '\n']).next().unwrap().parse().unwrap();
        Self { child, log, address }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads the log up to a line with this in it.
    fn wait_for(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended without {what:?}");
        }
        line
    }

    /// What it logged until it ended, and how that was.
    fn end(&mut self) -> (String, ExitStatus) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn whoever_asks_by_a_signal_reads_in_the_log_what_is_held() {
    let mut program = Program::start(&[]);
    let count = |line: &str, what: &str| -> usize {
        let (_, rest) = line.split_once(&format!("{what}=")).expect(line);
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    program.signal("-USR1");
    let before = program.wait_for("held now");
    assert_eq!(count(&before, "connections"), 0);
    let mut guest = TcpStream::connect(program.address).unwrap();
    guest.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    guest.read_exact(&mut [0; 1]).unwrap();
    program.signal("-USR1");
    let now = program.wait_for("held now");
    assert_eq!(count(&now, "connections"), 1);
    assert!(count(&now, "tasks") > count(&before, "tasks"), "{now}{before}");
}

#[test]
fn a_signal_ends_the_server_with_0_and_frees_its_port() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&[]);
        program.signal(signal);
        let (log, status) = program.end();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("stopped: all connections have ended"), "{log}");
        TcpListener::bind(program.address).unwrap();
    }
}

#[test]
fn a_second_signal_does_not_wait_for_open_connections() {
    let mut program = Program::start(&[]);
    let mut stuck = TcpStream::connect(program.address).unwrap();
    // An HTTP/2 preface, and then not even an answer to the server's settings.
    stuck.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    stuck.read_exact(&mut [0; 9]).unwrap();
    program.signal("-TERM");
    program.wait_for("connections open");
    program.signal("-TERM");
    let (log, status) = program.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("at once"), "{log}");
}

#[test]
fn the_log_is_json_for_machines() {
    let mut program = Program::start(&["--log", "json"]);
    program.signal("-TERM");
    let (log, _) = program.end();
    for line in log.lines() {
        assert!(line.starts_with("{\"timestamp\":") && line.ends_with('}'), "{line}");
    }
    assert!(log.contains("\"message\":\"stopped: all connections have ended\""), "{log}");
}

#[test]
fn a_port_in_use_ends_it_with_1_and_a_wrong_flag_with_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = |flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-server")).args(flags).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let address = taken.local_addr().unwrap().to_string();
    let (code, message) = run(&["--listen", &address]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
    let (code, message) = run(&["--tile", "641x480"]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--tile") && message.contains("640x480"), "{message}");
}
