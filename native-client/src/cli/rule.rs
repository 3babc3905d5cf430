//! The flags of `kick`, `lock` and `unlock`.

use std::marker::PhantomData;

use clap::Args;

use super::{AddressArgs, NoLink};
use crate::identity::ClientId;
use crate::rule::{Act, Rule};

/// `kick`
#[derive(Debug, Args)]
pub struct KickArgs {
    /// Whose seat: the id, which may be another than the name that is shown.
    #[arg(value_parser = NoLink::<ClientId>(PhantomData))]
    client_id: ClientId,
    #[command(flatten)]
    pub(super) room: RoomArgs,
}

/// `lock` and `unlock`
#[derive(Debug, Args)]
pub struct RoomArgs {
    #[command(flatten)]
    pub(super) address: AddressArgs,
}

impl KickArgs {
    /// What is to be done.
    pub fn resolve(self) -> Rule {
        self.room.resolve(Act::Kick(self.client_id))
    }
}

impl RoomArgs {
    /// What is to be done.
    pub fn resolve(&self, act: Act) -> Rule {
        Rule { server: self.address.server(), room: self.address.room(), act }
    }
}
