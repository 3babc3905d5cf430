//! The flags that say whom to call, and by what right.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};

use crate::address::{AddressError, ServerAddress};
use crate::identity::Room;
use crate::token::{Invite, MARK, Pass};
use crate::trust::{Certificates, Fingerprint, Trust};

/// Whom to call, and by what right.
#[derive(Debug, Args)]
pub(super) struct AddressArgs {
    /// The server, as http://HOST:PORT, https://HOST:PORT or HOST:PORT; http://127.0.0.1:50051 unless given.
    #[arg(long, env = "TESSERA_SERVER", value_name = "URL", value_parser = Server)]
    server: Option<ServerAddress>,
    /// The room: 1 to 64 bytes, main unless given; it is made for the first who comes.
    #[arg(long, env = "TESSERA_ROOM", value_name = "ROOM", value_parser = NoLink::<Room>(PhantomData))]
    room: Option<Room>,
    /// An invite link, in quotes: the server, the room and the token in one.
    #[arg(
        long,
        env = "TESSERA_INVITE",
        value_name = "LINK",
        hide_env_values = true,
        conflicts_with_all = ["server", "room", "token"],
        value_parser = Secret::<Invite>(PhantomData)
    )]
    invite: Option<Invite>,
    /// What lets us into a private room: the token of an invite link, or the whole link, which then says server and
    /// room, too. Other users of this machine may see arguments, but not TESSERA_TOKEN.
    #[arg(
        long,
        env = "TESSERA_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        value_parser = Secret::<Pass>(PhantomData)
    )]
    token: Option<Pass>,
    /// With https://, trust the certificates in this file and no others: PEM, for example the server's self-signed one.
    #[arg(long, env = "TESSERA_CA", value_name = "FILE")]
    ca: Option<Certificates>,
    /// With https://, trust the certificate with this SHA-256 fingerprint and no other; the server prints it.
    #[arg(long, env = "TESSERA_FINGERPRINT", value_name = "SHA256", conflicts_with = "ca")]
    fingerprint: Option<Fingerprint>,
}

impl AddressArgs {
    /// The server, with all that is needed to call it.
    pub(super) fn server(&self) -> ServerAddress {
        let fingerprint = self.fingerprint.map(Trust::Fingerprint);
        let trust = fingerprint.or_else(|| self.ca.clone().map(Trust::Certificates)).unwrap_or_default();
        let server = match (self.invite(), &self.token) {
            (Some(invite), _) => invite.server.clone(),
            (None, Some(Pass::Token(token))) => self.named().with_token(Some(token.clone())),
            (None, _) => self.named(),
        };
        server.with_trust(trust)
    }

    /// The server by `--server`.
    fn named(&self) -> ServerAddress {
        self.server.clone().unwrap_or_default()
    }

    /// The link, by whichever flag it came.
    fn invite(&self) -> Option<&Invite> {
        match (&self.invite, &self.token) {
            (Some(invite), _) | (None, Some(Pass::Link(invite))) => Some(invite),
            (None, _) => None,
        }
    }

    /// The room.
    pub(super) fn room(&self) -> Room {
        let room = self.invite().map(|invite| &invite.room).or(self.room.as_ref());
        room.cloned().unwrap_or_default()
    }

    /// What is wrong with these arguments together.
    pub(super) fn contradiction(&self) -> Option<String> {
        let (trusts, server) = (self.ca.is_some() || self.fingerprint.is_some(), self.server());
        if trusts && !server.is_secure() {
            return Some(
                "--ca and --fingerprint are for TLS: name the server with https:// in --server".to_owned(),
            );
        }
        self.stray().or_else(|| self.slip(&server))
    }

    /// What is named beside a link, and is not what the link says.
    fn stray(&self) -> Option<String> {
        let invite = self.invite()?;
        let server = self.server.as_ref().filter(|server| !server.is_at(&invite.server));
        let server = server.map(|server| ("--server", server.to_string(), invite.server.to_string()));
        let room = self.room.as_ref().filter(|room| **room != invite.room);
        let room = room.map(|room| ("--room", room.to_string(), invite.room.to_string()));
        let (flag, named, of_link) = server.or(room)?;
        Some(format!("{flag} says {named}, and the link in --token is for {of_link}: leave {flag} out"))
    }

    /// A token that would go out in the clear because somebody left out a scheme.
    fn slip(&self, server: &ServerAddress) -> Option<String> {
        (server.bares_token() && !server.is_spelt_out()).then(|| {
            let host = server.host();
            format!(
                "the token would go to {server} without TLS, for all on the way to read: write --server https://{host}, \
                 or --server {server} if that is meant"
            )
        })
    }

    /// What should be known before the first call.
    pub(super) fn warning(&self) -> Option<String> {
        let server = self.server();
        server.bares_token().then(|| {
            format!("warning: the token goes to {server} without TLS: whoever is on the way can read it, and come in")
        })
    }
}

/// Reads a value that no error may repeat.
#[derive(Debug)]
struct Secret<T>(PhantomData<fn() -> T>);

impl<T> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err: Display> + Clone + Send + Sync + 'static> TypedValueParser for Secret<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let parsed = value.to_string_lossy().parse();
        parsed.map_err(|error: T::Err| without_value(command, arg, &error))
    }
}

/// Reads a value in whose place a forgotten `--invite` puts a link, and repeats none.
#[derive(Debug)]
pub(super) struct NoLink<T>(pub(super) PhantomData<fn() -> T>);

impl<T> Clone for NoLink<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> TypedValueParser for NoLink<T>
where
    T: FromStr<Err: Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        if value.to_string_lossy().contains(MARK) {
            return Err(without_value(command, arg, &AddressError::Invite));
        }
        T::from_str.parse_ref(command, arg, value)
    }
}

/// Reads a server's address, and repeats no invite link that stands in its place.
#[derive(Debug, Clone)]
struct Server;

impl TypedValueParser for Server {
    type Value = ServerAddress;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<ServerAddress, clap::Error> {
        match value.to_string_lossy().parse::<ServerAddress>() {
            Err(error @ AddressError::Invite) => Err(without_value(command, arg, &error)),
            _ => ServerAddress::from_str.parse_ref(command, arg, value),
        }
    }
}

/// The same error, unless it would repeat an invite link from where none is taken at all.
pub(super) fn without_link(error: clap::Error, command: &Command) -> clap::Error {
    let is_link = error.context().any(|(_, value)| value.to_string().contains(MARK));
    if is_link {
        clap::Error::raw(error.kind(), format!("{}\n", AddressError::Invite)).with_cmd(command)
    } else {
        error
    }
}

/// What is wrong with the value of `arg`, which is kept out of it.
fn without_value(command: &Command, arg: Option<&Arg>, error: &dyn Display) -> clap::Error {
    let flag = arg.map(ToString::to_string).unwrap_or_default();
    clap::Error::raw(ErrorKind::ValueValidation, format!("invalid value for '{flag}': {error}\n"))
        .with_cmd(command)
}
