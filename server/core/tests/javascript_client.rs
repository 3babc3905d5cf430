//! The call of docs/own-page.md works as printed, with the official JavaScript client, which `make test` installs into
//! target/javascript.

mod support;

use std::path::PathBuf;

use support::programs::{self, are_skipped, root, said};
use support::{TestServer, config, shows, tile_frame};
use tempfile::TempDir;
use tessera_server_core::{Config, Guard};
use tokio::process::Command;

/// The first block of docs/own-page.md in this language.
fn printed(language: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/own-page.md")).unwrap();
    let (_, rest) = page.split_once(&format!("\n```{language}\n")).expect("it shows how");
    let (block, _) = rest.split_once("\n```\n").unwrap();
    block.to_owned()
}

/// The folder of a JavaScript program.
struct Program(TempDir);

impl Program {
    /// The printed call with a page around it. `None`, which is said, with `SKIP_E2E=1`.
    async fn make_or_skip(what: &str) -> Option<Self> {
        if are_skipped(what) {
            return None;
        }
        let packages = root().join("target/javascript");
        let missing = "run `make test`, which makes it, or set SKIP_E2E=1";
        assert!(packages.join(".ready").is_file(), "{} is missing: {missing}", packages.display());
        // A program finds packages in the folders above its own.
        let program = Self(tempfile::tempdir_in(packages).unwrap());
        std::fs::write(program.path("call.js"), printed("js")).unwrap();
        for name in ["browser.js", "client.js"] {
            let source = root().join("server/core/tests/javascript").join(name);
            std::fs::copy(source, program.path(name)).unwrap();
        }
        std::fs::create_dir(program.path("proto")).unwrap();
        let proto = "proto/video_concat.proto";
        std::fs::copy(root().join(proto), program.path(proto)).unwrap();
        let commands = printed("sh");
        let generate = commands.lines().find(|line| line.starts_with("npx buf ")).expect("it shows how");
        program.run("sh", &["-c", generate]).await;
        Some(program)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command in the folder, and fails the test if it fails.
    async fn run(&self, command: &str, args: &[&str]) {
        let mut command = Command::new(command);
        // What npx runs is installed.
        command.args(args).current_dir(&self.0).env("npm_config_offline", "true");
        let output = programs::run(&mut command).await;
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Joins a call with a program in it, as a page of `origin` would, and sees itself there.
    async fn join(&self, server: &TestServer, origin: &str) {
        let _other = server.join("client1").await;
        let frame = tile_frame(1);
        std::fs::write(self.path("frame.jpg"), &frame).unwrap();
        let address = format!("http://{}", server.address);
        self.run("node", &["client.js", &address, origin]).await;
        let mosaic = std::fs::read(self.path("mosaic.jpg")).unwrap();
        assert!(shows(&mosaic, 1, &frame), "client2 is beside client1");
    }
}

#[tokio::test]
async fn a_page_of_the_servers_own_origin_joins_as_printed() {
    let Some(program) = Program::make_or_skip("a JavaScript client of the server's origin").await else {
        return;
    };
    let server = TestServer::start().await;
    program.join(&server, &format!("http://{}", server.address)).await;
}

#[tokio::test]
async fn a_page_from_elsewhere_that_is_allowed_joins_as_printed() {
    let Some(program) = Program::make_or_skip("a JavaScript client from elsewhere").await else { return };
    let origin = "http://localhost:5173";
    let guard = Guard { origins: vec![origin.parse().unwrap()], ..Guard::default() };
    let server = TestServer::with(&Config { guard, ..config() }).await;
    program.join(&server, origin).await;
}
