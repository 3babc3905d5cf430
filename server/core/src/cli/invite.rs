//! `invite` and `key`: what makes rooms private.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::{Claims, Key, KeyError, Role};
use crate::guard::Origin;
use crate::names::{ClientId, RoomId};

/// What a part of a path has as it is (RFC 3986 section 2.3).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes a link into a room, with a token in it.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// The server's key file
    #[arg(long, env = "TESSERA_KEY_FILE", value_name = "FILE")]
    key_file: PathBuf,

    /// The room
    #[arg(long, value_name = "NAME", default_value = "main")]
    room: RoomId,

    /// What the bearer is there
    #[arg(long, value_enum, default_value = "guest")]
    role: Role,

    /// How long the link is good, like 30m, 2h or 7days
    #[arg(long = "for", value_name = "TIME", default_value = "2h", value_parser = time)]
    time: Duration,

    /// Who it is for: the bearer has this id and this name and no other; without, whoever has the link chooses
    #[arg(long, value_name = "NAME")]
    name: Option<ClientId>,

    /// Where people find the server
    #[arg(long, value_name = "URL", default_value = "http://localhost:50051")]
    url: Origin,
}

/// Makes a secret that signs tokens.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// The file to write, which must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "a time is like 30m, 2h or 7days".to_owned())?;
    let range = Duration::from_secs(1)..=Duration::from_hours(24 * 3660);
    if range.contains(&time) { Ok(time) } else { Err("a link is good for a second to ten years".to_owned()) }
}

impl InviteArgs {
    /// The link. Its fragment has the token, which browsers send to nobody.
    ///
    /// # Errors
    ///
    /// When the key cannot be used.
    pub(crate) fn link(&self, now: SystemTime) -> Result<String, KeyError> {
        let claims = Claims::new(&self.room, self.role, self.name.as_ref(), now, self.time);
        let token = Key::read(&self.key_file)?.sign(&claims);
        let room = self.room.to_string();
        Ok(format!("{}/r/{}#token={token}\n", self.url, utf8_percent_encode(&room, KEPT)))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::super::{Cli, Command};
    use super::*;
    use crate::access::create_key;

    fn invite(flags: &[&str]) -> Result<InviteArgs, String> {
        let words = [&["tessera-server", "invite"], flags].concat();
        let matches = Cli::command().try_get_matches_from(words).map_err(|error| error.to_string())?;
        match Cli::from_arg_matches(&matches).unwrap().command {
            Some(Command::Invite(args)) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_link_names_the_room_in_its_path_and_has_the_token_in_its_fragment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        create_key(&file).unwrap();
        let key = file.to_str().unwrap();
        let flags = ["--key-file", key, "--room", "stand up/\u{e9}", "--url", "https://call.example.org"];
        let link = invite(&flags).unwrap().link(SystemTime::now()).unwrap();
        let (path, token) = link.trim_end().split_once("#token=").unwrap();
        assert_eq!(path, "https://call.example.org/r/stand%20up%2F%C3%A9");
        assert_eq!(token.split('.').count(), 3);
        let missing = invite(&["--key-file", folder.path().join("none").to_str().unwrap()]).unwrap();
        assert!(missing.link(SystemTime::now()).unwrap_err().to_string().contains("tessera-server key"));
    }

    #[test]
    fn what_makes_no_link_is_refused_by_name() {
        for (flag, value) in [
            ("--for", "soon"),
            ("--for", "0s"),
            ("--role", "king"),
            ("--url", "call.example.org"),
            ("--room", "a\nb"),
            ("--name", ""),
        ] {
            let message = invite(&["--key-file", "k", flag, value]).unwrap_err();
            assert!(message.contains(flag), "{message}");
        }
    }
}
