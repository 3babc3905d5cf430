//! What command lines come to, and what they are answered.

use super::*;
use crate::rule::{Act, Rule};

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::read(line.split(' '))
}

fn join(line: &str) -> Join {
    match parse(line).unwrap() {
        Command::Join(args) => args.resolve().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn watch(line: &str) -> Watch {
    match parse(line).unwrap() {
        Command::Watch(args) => args.resolve(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_has_an_environment_variable_of_its_name() {
    for command in Cli::command().get_subcommands() {
        for flag in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let long = flag.get_long().unwrap();
            let expected = format!("TESSERA_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(expected.as_str()), "--{long}");
        }
    }
}

#[test]
fn join_saves_as_the_original_did_unless_told_otherwise() {
    let original = join("tessera-client join client1 test-pattern");
    assert_eq!(original.save_to.as_deref(), Some(Path::new("client1")));
    assert_eq!(original.playback, Playback { pace: Pace::Source, repeat: false, max_frames: None });
    assert!(original.session.reconnect);
    assert_eq!(original.session.frame_size, FrameSize::Tile);
    let told = join("tessera-client join client1 test-pattern --out x --fps max --loop --max-frames 3");
    assert_eq!(told.save_to.as_deref(), Some(Path::new("x")));
    assert_eq!(told.playback, Playback { pace: Pace::Max, repeat: true, max_frames: Some(3) });
    assert_eq!(join("tessera-client join client1 test-pattern --no-save").save_to, None);
    assert_eq!(join("tessera-client join ../x test-pattern").save_to.as_deref(), Some(Path::new(".._x")));
}

#[test]
fn what_watch_writes_follows_from_the_form_of_out() {
    let place = tempfile::tempdir().unwrap();
    let out = |out: &str| watch(&format!("tessera-client watch --out {out}")).out.unwrap();
    assert_eq!(out("-"), Target::Stdout);
    assert_eq!(out("call.mjpeg"), Target::Recording("call.mjpeg".into()));
    assert!(matches!(out("new/"), Target::Folder { .. }));
    assert!(matches!(out(place.path().to_str().unwrap()), Target::Folder { .. }));
    assert_eq!(watch("tessera-client watch").out, None);
}

#[test]
fn results_keep_out_of_pictures_way() {
    assert_eq!(parse("tessera-client watch --out -").unwrap().results(), Results::Stderr);
    assert_eq!(parse("tessera-client watch --out x").unwrap().results(), Results::Stdout);
}

#[test]
fn errors_name_the_flag_what_it_got_and_what_it_takes() {
    for (line, words) in [
        ("join a test-pattern --fps fast", ["--fps", "fast", "\"source\", \"max\" or frames a second"]),
        ("join a test-pattern --server ftp://x", ["--server", "ftp://x", "https://HOST:PORT"]),
        ("watch --server https://x --fingerprint 12", ["--fingerprint", "12", "64 hexadecimal digits"]),
        ("watch --server https://x --ca no-such.pem", ["--ca", "no-such.pem", "cannot be read"]),
        ("join a test-pattern --max-frames 0", ["--max-frames", "0", "1.."]),
        ("watch --seconds -1", ["--seconds", "-1", "seconds above 0"]),
        ("watch --seconds 0", ["--seconds", "'0'", "seconds above 0"]),
        ("watch --max-fps 1001", ["--max-fps", "1001", "1..=1000"]),
        ("bench --size 0x0", ["--size", "0x0", "sides of 16 to 4096"]),
        ("bench --size 1x1", ["--size", "1x1", "sides of 16 to 4096"]),
        ("bench --size 99999x99999", ["--size", "99999x99999", "sides of 16 to 4096"]),
        ("join a test-pattern:x", ["SOURCE", "test-pattern:x", "WIDTHxHEIGHT"]),
    ] {
        let error = parse(&format!("tessera-client {line}")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let message = error.to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{line}: {message}");
    }
    let empty = Cli::try_parse_from(["tessera-client", "join", " ", "test-pattern"]).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::ValueValidation);
}

#[test]
fn arguments_of_tls_for_a_server_without_it_are_refused() {
    let fingerprint = "ab".repeat(32);
    for (line, words) in [
        (format!("join a test-pattern --fingerprint {fingerprint}"), "https://"),
        (format!("watch --server http://x --fingerprint {fingerprint}"), "https://"),
        ("demo --with-server --server https://127.0.0.1:7".to_owned(), "http://"),
    ] {
        let error = parse(&format!("tessera-client {line}")).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains(words), "{line}: {error}");
    }
    parse(&format!("tessera-client watch --server https://x --fingerprint {fingerprint}")).unwrap();
}

const LINK: &str = "https://call.example.org/r/standup#token=eyJh.eyJz.c2ln";

#[test]
fn an_invite_link_says_where_to_go_and_stands_alone() {
    let joined = join(&format!("tessera-client join a test-pattern --invite {LINK}"));
    let by_hand = "--server https://call.example.org:443 --room standup --token eyJh.eyJz.c2ln";
    let told = join(&format!("tessera-client join a test-pattern {by_hand}"));
    assert_eq!(joined.session.server, told.session.server);
    assert_eq!((joined.session.room.as_str(), told.session.room.as_str()), ("standup", "standup"));
    let by_token = join(&format!("tessera-client join a test-pattern --token {LINK}"));
    assert_eq!(by_token.session.server, told.session.server);
    assert_eq!(by_token.session.room, told.session.room);
    for more in ["--server x", "--room y", "--token eyJh"] {
        assert!(parse(&format!("tessera-client watch --invite {LINK} {more}")).is_err(), "{more}");
    }
    // It is a link of TLS.
    parse(&format!("tessera-client watch --invite {LINK} --fingerprint {}", "ab".repeat(32))).unwrap();
}

#[test]
fn what_is_named_beside_a_link_must_be_what_the_link_says() {
    let with = |more: &str| parse(&format!("tessera-client watch --token {LINK} {more}"));
    with("--server HTTPS://Call.example.org/ --room standup").unwrap();
    for (more, words) in [
        ("--server call.example.org", ["http://call.example.org:50051", "https://call.example.org:443"]),
        ("--server https://evil.example", ["https://evil.example:443", "leave --server out"]),
        ("--room other", ["other", "leave --room out"]),
    ] {
        let error = with(more).unwrap_err();
        let message = error.to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert!(error.exit_code() == 2 && !message.contains("eyJ"), "{message}");
    }
}

#[test]
fn a_token_goes_out_in_the_clear_only_where_http_was_written_and_with_a_warning() {
    let to = |server: &str| parse(&format!("tessera-client watch --token eyJh --server {server}"));
    for server in ["call.example.org", "call.example.org:443", "10.0.0.1"] {
        let message = to(server).unwrap_err().to_string();
        let host = server.split(':').next().unwrap();
        for word in [format!("--server https://{host}"), format!("--server http://{host}:")] {
            assert!(message.contains(&word), "{message}");
        }
        assert!(!message.contains("eyJh"), "{message}");
        parse(&format!("tessera-client watch --server {server}")).unwrap();
    }
    let warning = to("http://call.example.org").unwrap().warning().unwrap();
    assert!(warning.contains("http://call.example.org:50051 without TLS"), "{warning}");
    for server in ["https://call.example.org", "localhost", "127.0.0.1:7", "[::1]"] {
        assert_eq!(to(server).unwrap().warning(), None, "{server}");
    }
    assert!(parse("tessera-client watch --server http://x").unwrap().warning().is_none(), "no token");
    let link = "http://call.example.org/r/x#token=eyJh";
    assert!(parse(&format!("tessera-client watch --invite {link}")).unwrap().warning().is_some());
}

#[test]
fn no_error_repeats_a_token() {
    for (flag, words) in [
        ("--token", "#token="),
        ("--invite", "an invite link is like https://HOST/r/ROOM"),
        ("--server", "give it to --invite"),
    ] {
        for value in ["https://a.example/r#token=eyJh:", "https://a.example#eyJh,"] {
            let error = parse(&format!("tessera-client watch {flag} {value}")).unwrap_err();
            let message = error.to_string();
            assert_eq!(error.exit_code(), 2);
            assert!(message.contains(flag) && message.contains(words), "{message}");
            assert!(!message.contains("eyJh"), "{message}");
        }
    }
}

#[test]
fn a_link_without_its_flag_is_told_of_invite_and_not_repeated() {
    for line in [
        format!("join anna {LINK}"),
        format!("join {LINK} test-pattern"),
        format!("join anna test-pattern {LINK}"),
        format!("join anna test-pattern --name {LINK}"),
        format!("watch --room {LINK}"),
        format!("watch --seconds {LINK}"),
        format!("watch {LINK}"),
        format!("demo test-pattern {LINK}"),
        format!("bench {LINK}"),
        format!("kick {LINK}"),
        LINK.to_owned(),
    ] {
        let error = parse(&format!("tessera-client {line}")).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("give it to --invite") && !message.contains("eyJ"), "{line}: {message}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn nothing_of_the_program_shows_the_token_that_it_was_given() {
    let command = parse(&format!("tessera-client demo test-pattern --invite {LINK}")).unwrap();
    assert!(!format!("{command:?}").contains("eyJ"), "{command:?}");
    let Command::Demo(args) = command else { panic!() };
    let demo = args.resolve().unwrap();
    assert!(!format!("{demo:?}").contains("eyJ"), "{demo:?}");
    for command in Cli::command().get_subcommands() {
        let flags = command.get_arguments().filter(|arg| arg.get_id() == "token" || arg.get_id() == "invite");
        assert_eq!(flags.filter(|flag| flag.is_hide_env_values_set()).count(), 2, "{command}");
    }
}

#[test]
fn a_host_says_whom_and_which_room() {
    let rule = |line: &str| match parse(&format!("tessera-client {line}")).unwrap() {
        Command::Kick(args) => args.resolve(),
        Command::Lock(args) => args.resolve(Act::Lock),
        Command::Unlock(args) => args.resolve(Act::Unlock),
        other => panic!("{other:?}"),
    };
    let Rule { room, act, .. } = rule("kick bob --room standup");
    assert_eq!((room.as_str(), act), ("standup", Act::Kick("bob".parse().unwrap())));
    assert_eq!(rule("lock").act, Act::Lock);
    assert_eq!(rule("unlock").act, Act::Unlock);
    assert!(parse("tessera-client kick").is_err() && parse("tessera-client lock bob").is_err());
}

#[test]
fn a_source_that_is_not_there_is_no_wrong_argument() {
    let Command::Join(args) = parse("tessera-client join a no-such-file.mp4").unwrap() else { panic!() };
    assert!(matches!(args.resolve(), Err(SourceError::NotFound(_))));
}

#[test]
fn a_demo_has_a_client_for_each_source() {
    let line = "tessera-client demo test-pattern test-pattern --out o";
    let Command::Demo(args) = parse(line).unwrap() else { panic!() };
    let demo = args.resolve().unwrap();
    let folders: Vec<_> = demo.clients.iter().map(|client| client.save_to.clone().unwrap()).collect();
    assert_eq!(folders, [Path::new("o/client1"), Path::new("o/client2")]);
}

fn bench(line: &str) -> crate::bench::Bench {
    match parse(line).unwrap() {
        Command::Bench(args) => args.resolve().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bench_loads_with_tiles_of_the_test_pattern_unless_told_otherwise() {
    use crate::bench::{Place, Up};
    let plain = bench("tessera-client bench");
    assert_eq!((plain.load.publishers, plain.load.viewers, plain.load.rooms.count()), (4, 4, 1));
    assert_eq!((plain.load.up, plain.load.frame_size), (Up::Stream, FrameSize::Tile));
    assert_eq!((plain.place, plain.time), (Place::Elsewhere, Duration::from_secs(10)));
    let told = bench("tessera-client bench --push --blind --size 1280x720 --fps max --server-pid 7");
    assert_eq!((told.load.up, told.load.pace, told.place), (Up::BlindPush, Pace::Max, Place::Here(7)));
    assert_eq!(told.load.source, "test-pattern:1280x720".parse().unwrap());
    for line in ["--blind", "--rooms 0", "--with-server --server-pid 7", "test-pattern --size 64x64"] {
        assert!(parse(&format!("tessera-client bench {line}")).is_err(), "{line}");
    }
}
