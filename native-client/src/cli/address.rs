//! The flags that say whom to call, and by what right.

use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};

use crate::address::{AddressError, ServerAddress};
use crate::identity::Room;
use crate::token::{Invite, Token};
use crate::trust::{Certificates, Fingerprint, Trust};

/// Whom to call, and by what right.
#[derive(Debug, Args)]
pub(super) struct AddressArgs {
    /// The server, as http://HOST:PORT, https://HOST:PORT or HOST:PORT.
    #[arg(long, env = "TESSERA_SERVER", value_name = "URL", default_value_t, value_parser = Server)]
    server: ServerAddress,
    /// The room: 1 to 64 bytes; it is made for the first who comes.
    #[arg(long, env = "TESSERA_ROOM", value_name = "ROOM", default_value_t)]
    room: Room,
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
    /// What lets us into a private room: the token of an invite link, or the whole link. Other users of this machine
    /// may see arguments, but not TESSERA_TOKEN.
    #[arg(
        long,
        env = "TESSERA_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        value_parser = Secret::<Token>(PhantomData)
    )]
    token: Option<Token>,
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
        match &self.invite {
            Some(invite) => invite.server.clone().with_trust(trust),
            None => self.server.clone().with_token(self.token.clone()).with_trust(trust),
        }
    }

    /// The room.
    pub(super) fn room(&self) -> Room {
        self.invite.as_ref().map_or(&self.room, |invite| &invite.room).clone()
    }

    /// What is wrong with these arguments together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let trusts = self.ca.is_some() || self.fingerprint.is_some();
        (trusts && !self.server().is_secure())
            .then_some("--ca and --fingerprint are for TLS: name the server with https:// in --server")
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

/// What is wrong with the value of `arg`, which is kept out of it.
fn without_value(command: &Command, arg: Option<&Arg>, error: &dyn Display) -> clap::Error {
    let flag = arg.map(ToString::to_string).unwrap_or_default();
    clap::Error::raw(ErrorKind::ValueValidation, format!("invalid value for '{flag}': {error}\n"))
        .with_cmd(command)
}
