//! The page of the program itself: whatever it names is there, of the right type.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "what was left out is said")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, ended with the test.
struct Program {
    child: Child,
    address: SocketAddr,
    /// Held, so that the server can say more.
    _log: BufReader<ChildStderr>,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tessera-server"))
            .args(["--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect(&line).trim().parse().unwrap();
        Self { child, address, _log: log }
    }

    /// The head of the response, in lower case, and its body.
    fn get(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
        let body = response.split_off(end);
        (String::from_utf8(response).unwrap().to_lowercase(), body)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The addresses that a file of the page loads; data in the address itself is left out.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words: Vec<&str> = text.split(['"', '\'']).collect();
    let loads = |before: &str| ["src=", "href=", "from ", "new URL("].iter().any(|end| before.ends_with(end));
    let pairs: Vec<_> = words.windows(2).filter(|pair| loads(pair[0])).map(|pair| pair[1]).collect();
    pairs.into_iter().filter(|address| !address.starts_with("data:"))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        other => panic!("{path}: what is the type of {other:?}?"),
    }
}

#[test]
fn whatever_the_page_names_is_there() {
    if option_env!("TESSERA_SKIP_WEB") == Some("1") {
        eprintln!("skipped, as TESSERA_SKIP_WEB=1: the test of the page's files");
        return;
    }
    let server = Program::start();
    let (head, index) = server.get("/");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(server.get("/r/kitchen%20table").1, index);
    let index = String::from_utf8(index).unwrap();
    let mut open: Vec<String> = named(&index).map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (head, body) = server.get(&path);
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains(&format!("\r\ncontent-type: {}\r\n", media_type(&path))), "{path}: {head}");
        assert!(!body.is_empty(), "{path}");
        if path.ends_with(".wasm") {
            assert!(body.starts_with(b"\0asm"), "{path}");
        }
        if path.ends_with(".js") {
            let folder = &path[..path.rfind('/').unwrap()];
            let text = String::from_utf8(body).unwrap();
            open.extend(named(&text).map(|name| format!("{folder}/{}", name.trim_start_matches("./"))));
        }
    }
    for name in ["start.js", "style.css", "worker.js", "tessera_web.js", "tessera_web_bg.wasm"] {
        assert!(seen.iter().any(|path| path.ends_with(&format!("/{name}"))), "{name} is not named: {seen:?}");
    }
}
