//! `tessera-server`: the server of [`tessera_server_core`] with the page inside.

use std::process::ExitCode;

use tessera_server_core::Page;

/// What a browser gets.
const PAGE: Page =
    Page { html: include_str!("../../static/index.html"), css: include_str!("../../static/style.css") };

fn main() -> ExitCode {
    tessera_server_core::main(PAGE)
}
