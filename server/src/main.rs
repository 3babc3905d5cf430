//! `tessera-server`: the server of [`tessera_server_core`] with the page inside.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The build script made the page, and this expression of it.
    let page = include!(concat!(env!("OUT_DIR"), "/page.rs"));
    tessera_server_core::main(page)
}
