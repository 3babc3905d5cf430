//! The README's Python client works as printed.

mod python;
mod support;

use python::Python;
use support::programs::{root, said};
use support::{TestServer, config, decoded, jpeg, picture, shows};
use tessera_mosaic::TileSize;

/// The first Python block of the README.
fn printed() -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```python\n").expect("the README shows a Python client");
    let (block, _) = rest.split_once("```").unwrap();
    block.to_owned()
}

#[tokio::test]
async fn the_readmes_python_client_works_as_printed() {
    let Some(python) = Python::find_or_skip("the README's Python client") else { return };
    let mut config = config();
    config.tile.format.size = TileSize::new(640, 480).unwrap();
    let server = TestServer::with(&config).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    python.compile(&root().join("proto/video_concat.proto"), folder.path()).await;
    std::fs::write(path("client.py"), printed()).unwrap();
    let frame = jpeg(&picture(640, 480, 1));
    std::fs::write(path("frame.jpg"), &frame).unwrap();

    let output = python.run(folder.path(), ["client.py", &server.address.to_string()]).await;
    assert!(output.status.success(), "{}", said(&output));
    let mosaic = std::fs::read(path("mosaic.jpg")).unwrap();
    assert_eq!(decoded(&mosaic).dimensions(), (1280, 960));
    assert!(shows(&mosaic, 0, &frame), "it is alone, so it is first");
}
