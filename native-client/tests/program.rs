//! The program from outside: exit codes and what it says.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tessera-client"));
    // The environment of whoever runs the tests must not decide them.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TESSERA_") {
            program.env_remove(name);
        }
    }
    program.args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

#[test]
fn no_server_is_exit_code_1_and_says_what_to_do() {
    for command in [&["join", "a", "test-pattern", "--no-save"][..], &["watch"]] {
        let server = nobody();
        let output = run(&[command, &["--server", &server]].concat());
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("error: no server answers at http://{server} (");
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
        assert!(stderr(&output).contains("start one with `tessera-server`"), "{}", stderr(&output));
    }
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    for args in [&["join", "a"][..], &["join", "a", "test-pattern", "--fps", "0"], &["dance"], &[]] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_source_that_is_not_there_is_exit_code_1_and_named() {
    let output = run(&["join", "a", "no-such-file.mp4"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no-such-file.mp4"), "{}", stderr(&output));
}

#[test]
fn a_demo_without_its_clips_says_where_to_go() {
    let output = run(&["demo"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("demo test-pattern test-pattern"), "{}", stderr(&output));
}
