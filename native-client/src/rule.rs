//! `tessera-client kick`, `lock` and `unlock`: what a host may do to a room.

use std::time::Duration;

use tessera_wire::{EndSeatRequest, LockRoomRequest};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::address::{Client, ServerAddress};
use crate::error::{Asked, SessionError, Verdict, judge};
use crate::identity::{ClientId, Room};
use crate::progress::Screen;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a host does.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The server.
    pub server: ServerAddress,
    /// The room.
    pub room: Room,
    /// What is done to it.
    pub act: Act,
}

/// What is done to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Somebody's seat is ended, and kept ended.
    Kick(ClientId),
    /// Nobody comes in any more but hosts and those who come back.
    Lock,
    /// Everybody may come in again.
    Unlock,
}

/// Does it, and says so.
///
/// # Errors
///
/// When the server does not let us, or there is nobody to do it to.
pub async fn rule(what: Rule, screen: &Screen, stop: CancellationToken) -> Result<(), SessionError> {
    let done = tokio::select! {
        done = timeout(TIMEOUT, call(&what)) => done,
        () = stop.cancelled() => return Ok(()),
    };
    let done = done.unwrap_or_else(|_| Err(Status::unavailable("no answer")));
    let asked = Asked { server: &what.server, room: &what.room, id: None, was_in: false };
    done.map_err(|status| match judge(&status, asked) {
        Verdict::GiveUp(error) => error,
        Verdict::TryAgain(why) => SessionError::NoServer { server: Box::new(what.server.clone()), why },
    })?;
    screen.result(&sentence(&what));
    Ok(())
}

async fn call(what: &Rule) -> Result<(), Status> {
    let mut client = what.server.connect().await?;
    let room = what.room.to_string();
    match &what.act {
        Act::Kick(id) => {
            client.end_seat(EndSeatRequest { room, client_id: id.to_string() }).await?;
        }
        Act::Lock => lock(&mut client, room, true).await?,
        Act::Unlock => lock(&mut client, room, false).await?,
    }
    Ok(())
}

async fn lock(client: &mut Client, room: String, locked: bool) -> Result<(), Status> {
    client.lock_room(LockRoomRequest { room, locked }).await.map(drop)
}

/// What has been done.
fn sentence(what: &Rule) -> String {
    let room = &what.room;
    match &what.act {
        Act::Kick(id) => format!("the seat of \"{id}\" in room \"{room}\" has ended"),
        Act::Lock => {
            format!("room \"{room}\" is locked: nobody comes in but hosts and those who come back")
        }
        Act::Unlock => format!("room \"{room}\" is open again"),
    }
}
