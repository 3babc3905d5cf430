//! The flags and what they come to, for `--print-config`.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Every flag of `command` with its value among `matches` and where that is from, in TOML's form.
pub(super) fn printed(command: &Command, matches: &ArgMatches) -> String {
    let mut text = String::new();
    let mut heading = None;
    for arg in command.get_arguments() {
        let Some(name) = arg.get_long().filter(|name| !["help", "version", "print-config"].contains(name))
        else {
            continue;
        };
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            text += &format!("\n# {}\n", heading.unwrap_or_default());
        }
        text += &line(arg, name, matches);
    }
    text
}

fn line(arg: &Arg, name: &str, matches: &ArgMatches) -> String {
    let id = arg.get_id().as_str();
    let values: Vec<_> =
        matches.get_raw(id).into_iter().flatten().map(|value| literal(&value.to_string_lossy())).collect();
    let value = match (arg.get_action(), &values[..]) {
        (ArgAction::SetTrue, _) => matches.get_flag(id).to_string(),
        (_, []) => return format!("# {name} is not set\n"),
        (ArgAction::Append, values) => format!("[{}]", values.join(", ")),
        (_, values) => values.join(", "),
    };
    let source = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "  # a flag".to_owned(),
        Some(ValueSource::EnvVariable) => {
            format!("  # {}", arg.get_env().unwrap_or_default().to_string_lossy())
        }
        _ => String::new(),
    };
    format!("{name} = {value}{source}\n")
}

/// A number as it is, anything else as a string.
fn literal(text: &str) -> String {
    if text.parse::<u64>().is_ok() { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    fn printed_with(flags: &[&str]) -> String {
        let matches = Cli::command().try_get_matches_from([&["tessera-server"], flags].concat()).unwrap();
        printed(&Cli::command(), &matches)
    }

    #[test]
    fn every_flag_is_there_with_its_value_and_where_it_is_from() {
        let text = printed_with(&["--max-rooms", "7", "--limit-loopback", "--listen", "127.0.0.1:1,[::1]:2"]);
        for line in [
            "max-rooms = 7  # a flag",
            "max-connections = 2048",
            "write-stall = \"10s\"",
            "limit-loopback = true  # a flag",
            "tls-only = false",
            "# tls-cert is not set",
            "listen = [\"127.0.0.1:1\", \"[::1]:2\"]  # a flag",
            "# Limits of rooms",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} in:\n{text}");
        }
        for arg in Cli::command().get_arguments().filter_map(Arg::get_long) {
            assert!(text.contains(arg) || arg == "print-config", "{arg} in:\n{text}");
        }
    }
}
