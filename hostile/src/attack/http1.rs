//! HTTP/1.1 byte by byte.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::target::Target;

/// What the server says to these bytes until it closes; it must.
///
/// # Errors
///
/// When there is no connection.
pub async fn last_words(target: Target, bytes: &[u8]) -> io::Result<String> {
    let mut socket = target.connect().await?;
    socket.write_all(bytes).await?;
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    socket.read_to_end(&mut answer).await.ok();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Requests of which two readers may see different ends: a proxy in front of us, and we. And whether one may be answered
/// by its chunks alone, if the connection is closed behind that (RFC 9112, sections 6.3 and 11.2).
pub fn smuggled() -> [(String, bool); 5] {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = |fields: &str, body: &str| {
        format!("POST /healthz HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}{hidden}")
    };
    [
        (request("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"), false),
        (request("Content-Length: 5, 6\r\n", "12345"), false),
        (request("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), true),
        (request("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), false),
        (request("Content-Length: +5\r\n", "12345"), false),
    ]
}

/// A request with so many fields.
pub fn many_headers(count: usize) -> String {
    let fields: String = (0..count).map(|n| format!("x-{n}: sixteen bytes ..\r\n")).collect();
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// A browser's call of WatchMosaic, as its bytes.
pub fn watch(server: std::net::SocketAddr) -> Vec<u8> {
    let body = super::h2::framed(0, &[]);
    let head = format!(
        "POST /VideoProcessingService/WatchMosaic HTTP/1.1\r\nHost: {server}\r\nOrigin: http://{server}\r\n\
         Content-Type: application/grpc-web+proto\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
