//! Four clients of the original's kind: its proto alone, grpcio, OpenCV.

mod python;
mod support;

use std::path::PathBuf;

use futures_util::future::join_all;
use python::Python;
use support::programs::{root, said};
use support::{TestServer, config};
use tessera_mosaic::TileSize;
use tessera_server_core::Config;

/// Frames of clips/1.mp4 to clips/4.mp4, as clips/README.md says.
const FRAMES: [usize; 4] = [150, 125, 120, 75];

/// A file beside this one.
fn file(name: &str) -> PathBuf {
    root().join("server/core/tests/python").join(name)
}

/// Tiles of the original's size and fit.
fn originals() -> Config {
    let mut config = config();
    config.tile.format.size = TileSize::new(640, 480).unwrap();
    config
}

#[tokio::test]
async fn four_clients_of_the_originals_kind_get_one_mosaic_for_each_frame_in_order() {
    let Some(python) = Python::find_or_skip("four clients of the original's kind") else { return };
    let server = TestServer::with(&originals()).await;
    let folder = tempfile::tempdir().unwrap();
    python.compile(&file("original.proto"), folder.path()).await;

    let client = |number: usize| {
        let clip = root().join(format!("clips/{number}.mp4"));
        let id = format!("client{number}");
        let args = [file("original_client.py"), id.into(), clip, server.address.to_string().into()];
        python.run(folder.path(), args)
    };
    for (output, (number, frames)) in join_all((1..=4).map(client)).await.iter().zip((1..).zip(FRAMES)) {
        assert!(output.status.success(), "client{number}: {}", said(output));
        let expected = format!("sent {frames} received {frames}\n");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "client{number}");
        let saved = std::fs::read_dir(folder.path().join(format!("client{number}"))).unwrap();
        assert_eq!(saved.count(), frames, "client{number}");
    }
    let layout = server.look().await.layout.unwrap();
    assert!(layout.places.is_empty(), "whose stream has ended is gone: {layout:?}");
}
