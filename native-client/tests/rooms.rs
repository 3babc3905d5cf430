//! Rooms by name and private rooms: tokens, and what hosts do.

mod support;

use std::process::Output;

use support::{Key, RealServer, figure, program, run, stderr, stdout, wait_for, within};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const JOIN: [&str; 6] = ["join", "bob", "test-pattern", "--no-save", "--fps", "20"];
const FIVE: [&str; 2] = ["--max-frames", "5"];

/// What it said of its failure, which must not have the token in it.
fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    for said in [stdout(output), stderr(output)] {
        assert!(!said.contains("eyJ"), "{said}");
    }
    stderr(output)
}

#[tokio::test]
async fn rooms_are_made_by_name_and_do_not_see_each_other() {
    let server = RealServer::start();
    let address = server.address.to_string();
    let joins = ["standup", "attic"].map(|room| {
        let args = [&JOIN[..], &FIVE, &["--server", &address, "--room", room]].concat();
        async move { run(args).await }
    });
    let [one, other] = joins;
    // The same id, at the same time.
    let (one, other) = tokio::join!(one, other);
    for output in [one, other] {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_private_room_is_joined_by_a_token_in_every_form_and_by_nothing_else() {
    let key = Key::new();
    let server = RealServer::start_private(&key.file());
    let address = server.address.to_string();
    let token = key.token("stand up", false, 600);
    let link = format!("http://{address}/r/stand%20up#token={token}");
    let args = [&JOIN[..], &FIVE].concat();
    let there = [&args[..], &["--server", &address, "--room", "stand up"]].concat();
    for output in [
        run([&there[..], &["--token", &token]].concat()).await,
        run([&there[..], &["--token", &link]].concat()).await,
        run([&args[..], &["--token", &link]].concat()).await,
        run([&args[..], &["--invite", &link]].concat()).await,
        within(program(&there).env("TESSERA_TOKEN", &token).output()).await.unwrap(),
        within(program(&args).env("TESSERA_INVITE", &link).output()).await.unwrap(),
        run(["watch", "--max-frames", "1", "--invite", &link]).await,
        run(["demo", "test-pattern", "--no-save", "--max-frames", "2", "--invite", &link]).await,
        run(["bench", "--push", "--seconds", "0.2", "--invite", &link]).await,
    ] {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!stdout(&output).contains("eyJ") && !stderr(&output).contains("eyJ"));
    }
    let elsewhere = [&args[..], &["--server", &address, "--room", "attic"]].concat();
    let expired = key.token("stand up", false, 0);
    for (output, words) in [
        (run(&there).await, "this server is private"),
        (run([&there[..], &["--token", &expired]].concat()).await, "it has expired"),
        (run([&elsewhere[..], &["--token", &token]].concat()).await, "for another room"),
        (run(["watch", "--server", &address]).await, "this server is private"),
        (run(["bench", "--rooms", "2", "--invite", &link]).await, "for another room"),
        (run(["bench", "--server", &address]).await, "this server is private"),
        (run(["lock", "--server", &address]).await, "this server is private"),
        (run(["kick", "bob", "--invite", &link]).await, "it is not a host's"),
    ] {
        let message = failure(&output);
        assert!(message.contains(words) && message.contains("--invite"), "{message}");
    }
}

#[tokio::test]
async fn help_shows_no_token() {
    for command in ["join", "watch", "demo", "bench", "kick", "lock", "unlock"] {
        let mut help = program([command, "--help"]);
        help.env("TESSERA_TOKEN", "eyJh.eyJz.c2ln").env("TESSERA_INVITE", "http://a/r/x#token=eyJh");
        let output = within(help.output()).await.unwrap();
        assert!(stdout(&output).contains("[env: TESSERA_TOKEN]"), "{}", stdout(&output));
        assert!(!stdout(&output).contains("eyJh"), "{}", stdout(&output));
    }
}

#[tokio::test]
async fn a_token_that_expires_while_it_streams_ends_the_stream_with_exit_code_1() {
    let key = Key::new();
    let server = RealServer::start_private(&key.file());
    let link = format!("http://{}/r/main#token={}", server.address, key.token("main", false, 2));
    let (joined, watched) =
        tokio::join!(run([&JOIN[..], &["--invite", &link]].concat()), run(["watch", "--invite", &link]));
    for output in [joined, watched] {
        let message = failure(&output);
        assert!(message.contains("ended the stream: the token cannot be used: it has expired"), "{message}");
        assert!(!message.contains("trying again"), "{message}");
        assert!(figure(&stdout(&output), "mosaics received") > 0 && !stdout(&output).contains("Done"));
    }
}

#[tokio::test]
async fn a_host_ends_a_seat_and_it_stays_ended() {
    let key = Key::new();
    let server = RealServer::start_private(&key.file());
    let [guest, host] = [false, true].map(|is_host| key.token("main", is_host, 600));
    let address = server.address.to_string();
    let there = ["--server", &address, "--token"];
    let join = [&JOIN[..], &there, &[&guest]].concat();
    let mut bob = program(&join).spawn().unwrap();
    let mut lines = BufReader::new(bob.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "mosaic 1:").await;

    let nobody = run([&["kick", "bert"][..], &there, &[&host]].concat()).await;
    let message = failure(&nobody);
    assert!(message.contains("nobody in this room is \"bert\"") && message.contains("--room"), "{message}");

    let kicked = run([&["kick", "bob"][..], &there, &[&host]].concat()).await;
    assert_eq!(kicked.status.code(), Some(0), "{}", stderr(&kicked));
    assert_eq!(stdout(&kicked), "the seat of \"bob\" in room \"main\" has ended\n");
    let message = failure(&within(bob.wait_with_output()).await.unwrap());
    assert!(message.contains("ended the stream: a host of the room ended this seat"), "{message}");
    assert!(!message.contains("trying again"), "{message}");
    let message = failure(&run(&join).await);
    assert!(message.contains("a host of the room ended the seat"), "{message}");
}

#[tokio::test]
async fn a_host_locks_a_room_and_opens_it_again() {
    let key = Key::new();
    let server = RealServer::start_private(&key.file());
    let [guest, host] = [false, true].map(|is_host| key.token("main", is_host, 600));
    let address = server.address.to_string();
    let there = ["--server", &address, "--token"];
    let failed = failure(&run([&["lock"][..], &there, &[&host]].concat()).await);
    assert!(failed.contains("nobody is in a room \"main\""), "{failed}");
    let mut bob = program([&JOIN[..], &there, &[&guest]].concat()).spawn().unwrap();
    let mut lines = BufReader::new(bob.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "mosaic 1:").await;

    let rule = async |command: &str| {
        let output = run([&[command][..], &there, &[&host]].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let join = [&["join", "ann", "test-pattern", "--no-save"][..], &FIVE, &there, &[&guest]].concat();
    assert!(rule("lock").await.contains("room \"main\" is locked"));
    let message = failure(&run(&join).await);
    assert!(message.contains("the room is locked: ask its host"), "{message}");
    assert_eq!(rule("unlock").await, "room \"main\" is open again\n");
    assert_eq!(run(&join).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_server_without_a_key_has_no_hosts_and_one_that_is_not_there_is_named() {
    let server = RealServer::start();
    let address = server.address.to_string();
    for command in [&["kick", "bob"][..], &["lock"], &["unlock"]] {
        let message = failure(&run([command, &["--server", &address]].concat()).await);
        assert!(message.contains("a server without --key-file has no hosts"), "{message}");
        let message = failure(&run([command, &["--server", "127.0.0.1:1"]].concat()).await);
        assert!(message.contains("no server answers at http://127.0.0.1:1"), "{message}");
    }
}
