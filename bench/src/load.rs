//! The server under the loads that calls are, by `tessera-client bench`.

use crate::results::Load;
use crate::server::Server;
use crate::setup::Setup;

const SECONDS: &str = "4";

/// Measures them all, each on a server of its own.
///
/// # Errors
///
/// When the server or the load fails.
pub fn measure(setup: &Setup, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Load>> {
    let [tiles, large] = [&setup.tiles, &setup.large].map(|frames| frames.folder.to_string_lossy());
    let four = ["--publishers", "4", "--viewers", "4"];
    let loads: [(&str, Vec<&str>); 6] = [
        ("4 programs send tiles at 30 fps, 4 watch", [&[&*tiles][..], &four].concat()),
        ("4 programs send 1280x720 at 30 fps, 4 watch", [&[&*large, "--full-size"][..], &four].concat()),
        (
            "4 browsers send and watch at 30 fps",
            vec![&tiles, "--push", "--publishers", "4", "--viewers", "0"],
        ),
        (
            "9 browsers send and watch at 15 fps",
            vec![&tiles, "--push", "--publishers", "9", "--viewers", "0", "--fps", "15", "--max-fps", "15"],
        ),
        (
            "4 programs at 15 fps, 50 watch at 15 fps",
            vec![&tiles, "--publishers", "4", "--viewers", "50", "--fps", "15", "--max-fps", "15"],
        ),
        (
            "4 streams as fast as they are answered",
            vec![&tiles, "--publishers", "4", "--viewers", "0", "--fps", "max"],
        ),
    ];
    loads
        .into_iter()
        .map(|(name, args)| {
            progress(name);
            let server = Server::tessera(setup, "2", "640x480")?;
            let result = server.load(setup, &[&args[..], &["--seconds", SECONDS]].concat())?;
            Ok(Load { name: name.to_owned(), result })
        })
        .collect()
}
