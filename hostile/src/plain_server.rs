//! `tessera-server` without its page.

use std::process::ExitCode;

use tessera_server_core::Page;

fn main() -> ExitCode {
    tessera_server_core::main(Page::absent("this server is under attack"))
}
