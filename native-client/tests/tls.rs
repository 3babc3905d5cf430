//! The program and a server with TLS: whom it trusts, and what it says when it does not.

mod support;

use std::fs;
use std::path::PathBuf;

use ring::digest::{SHA256, digest};
use support::{RealServer, figure, run, stderr, stdout};
use tessera_server_core::{CertificateSource, Plain, Tls};

/// A certificate for localhost and 127.0.0.1 in a folder.
struct Certificate {
    folder: tempfile::TempDir,
    fingerprint: String,
}

impl Certificate {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let digest = digest(&SHA256, made.cert.der());
        let hex: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Self { folder, fingerprint: hex.join(":") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn serve(&self, plain: Plain) -> RealServer {
        let key = self.folder.path().join("key.pem");
        let certificate = Some(CertificateSource::Files { certificate: self.file(), key });
        RealServer::start_with_tls(Tls { certificate, plain })
    }
}

/// Joins with five frames.
async fn join(server: &str, trust: &[&str]) -> std::process::Output {
    let args =
        ["join", "a", "test-pattern", "--no-save", "--fps", "max", "--max-frames", "5", "--server", server];
    run([&args[..], trust].concat()).await
}

/// Joins in vain; what it says of that.
async fn failure(server: &str, trust: &[&str]) -> String {
    let output = join(server, trust).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    stderr(&output)
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_file_and_by_its_fingerprint() {
    let certificate = Certificate::new();
    for plain in [Plain::FromHere, Plain::Never] {
        let server = certificate.serve(plain);
        let file = certificate.file();
        for trust in [["--ca", file.to_str().unwrap()], ["--fingerprint", &certificate.fingerprint]] {
            for host in ["127.0.0.1", "localhost"] {
                let output = join(&format!("https://{host}:{}", server.address.port()), &trust).await;
                assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
                assert_eq!(figure(&stdout(&output), "mosaics received"), 5);
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted_and_told_what_to_do() {
    let certificate = Certificate::new();
    let server = certificate.serve(Plain::FromHere);
    let address = format!("https://{}", server.address);
    let message = failure(&address, &[]).await;
    assert!(message.contains("is not trusted") && message.contains("--ca FILE"), "{message}");
    let other = Certificate::new();
    let message = failure(&address, &["--ca", other.file().to_str().unwrap()]).await;
    assert!(message.contains("is not trusted") && message.contains("--fingerprint"), "{message}");
    let message = failure(&address, &["--fingerprint", &other.fingerprint]).await;
    assert!(message.contains("is not trusted") && message.contains(&certificate.fingerprint), "{message}");
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_told_http() {
    let server = RealServer::start();
    let certificate = Certificate::new();
    let message =
        failure(&format!("https://{}", server.address), &["--fingerprint", &certificate.fingerprint]).await;
    assert!(message.contains("no TLS came about") && message.contains("http://"), "{message}");
}

#[tokio::test]
async fn plain_to_a_server_that_takes_tls_only_is_told_https() {
    let certificate = Certificate::new();
    let server = certificate.serve(Plain::Never);
    let message = failure(&format!("http://{}", server.address), &[]).await;
    assert!(message.contains("closed the connection") && message.contains("https://"), "{message}");
}
