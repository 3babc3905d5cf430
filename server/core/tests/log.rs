//! What is logged, at the most talkative level: no secret.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use support::TestServer;
use support::either_http::{VERSIONS, Version, request, send};
use tokio::net::TcpStream;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_authorization_is_never_logged() {
    const SECRET: &str = "c2VjcmV0LXRva2Vu";
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let server = TestServer::start().await;
    let host = server.address.to_string();
    let (token, origin) = (format!("Bearer {SECRET}"), format!("http://{host}"));
    for version in VERSIONS {
        for path in
            ["/VideoProcessingService/PushFrame", "/VideoProcessingService/WatchMosaic", "/", "/nothing"]
        {
            let mut headers = vec![
                ("authorization", &*token),
                ("origin", &origin),
                ("content-type", "application/grpc-web+proto"),
            ];
            let target = format!("http://{host}{path}");
            if version == Version::Http1 {
                headers.push(("host", &host));
            }
            let target = if version == Version::Http1 { path } else { &target };
            let stream = TcpStream::connect(server.address).await.unwrap();
            // A message that is cut off, so that every call ends.
            send(Box::new(stream), version, request("POST", target, &headers, vec![0])).await;
        }
    }
    server.stopped().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("TRACE") && text.contains("received"), "what h2 says of frames is there");
    assert!(!text.contains(SECRET), "{text}");
}
