//! Who may come into a room, and what they may do there.
//!
//! Without a key a server is open: whoever reaches it may join every room, and nobody is a host. With a key every call
//! brings a token (`authorization: Bearer ...`) that was signed with it: see [`token`].

mod key;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub(crate) use key::{Key, KeyError, Keys, create_key};
pub(crate) use token::Claims;
pub use token::Role;

use crate::names::{ClientId, DisplayName, RoomId};
use token::TokenError;

/// A token is looked at again after so long at the latest: clocks are set, and keys are changed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The longest header that is looked at. A token of ours has 400 bytes.
const LONGEST: usize = 8 << 10;

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum AccessError {
    #[error(
        "this server is private: bring the token of an invite link, as --token of tessera-client or as the metadata \
         \"authorization: Bearer ...\""
    )]
    NoToken,
    #[error("the token cannot be used: {0}; ask for a new invite link")]
    Token(TokenError),
    #[error("the token is for another room")]
    OtherRoom,
    #[error("the token is for {0:?}, and no other client_id")]
    OtherId(String),
    #[error("the token does not allow that: {0}")]
    NotGranted(&'static str),
    #[error("too many wrong tokens from this address: try again in a minute")]
    TooMany,
}

/// Decides who may come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// Without, everybody may.
    keys: Option<Arc<Keys>>,
}

impl Access {
    pub(crate) fn with_keys(keys: Keys) -> Self {
        Self { keys: Some(Arc::new(keys)) }
    }

    /// Looks for newer keys now and then, for as long as the future is polled.
    pub(crate) async fn keep(&self) {
        match &self.keys {
            Some(keys) => keys.keep().await,
            None => std::future::pending().await,
        }
    }

    /// What a call brings along, looked at before anything else of it. `authorization` is that header's value.
    pub(crate) fn present(&self, authorization: Option<&[u8]>) -> Result<Badge, AccessError> {
        let Some(keys) = &self.keys else { return Ok(Badge(None)) };
        let token = bearer(authorization.ok_or(AccessError::NoToken)?)?;
        let (changes, now) = (keys.changes(), SystemTime::now());
        let claims = look(keys, token, now)?;
        let look_at = Instant::now() + next_look(&claims, now);
        Ok(Badge(Some(Box::new(Shown {
            keys: Arc::clone(keys),
            token: token.into(),
            claims,
            look_at,
            changes,
        }))))
    }
}

/// The token of an `authorization` header (RFC 6750 section 2.1).
fn bearer(header: &[u8]) -> Result<&str, AccessError> {
    let malformed = AccessError::Token(TokenError::Malformed);
    if header.len() > LONGEST {
        return Err(malformed);
    }
    let text = std::str::from_utf8(header).map_err(|_| malformed.clone())?;
    let (scheme, token) = text.trim().split_once(' ').ok_or(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(AccessError::NoToken) }
}

/// Looks at a token, by the key of the moment.
fn look(keys: &Keys, token: &str, now: SystemTime) -> Result<Claims, AccessError> {
    let claims = keys.current().verify(token).map_err(AccessError::Token)?;
    claims.check_time(now).map_err(AccessError::Token)?;
    Ok(claims)
}

/// After so long a token is looked at again.
fn next_look(claims: &Claims, now: SystemTime) -> Duration {
    claims.time_left(now).min(LOOK_AGAIN)
}

/// What a caller may, as far as is known before the room is.
#[derive(Debug)]
pub(crate) struct Badge(Option<Box<Shown>>);

/// A token that was good when it was shown.
struct Shown {
    keys: Arc<Keys>,
    token: Arc<str>,
    claims: Claims,
    look_at: Instant,
    changes: watch::Receiver<Arc<Key>>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// What a caller wants in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Watch,
    /// A seat.
    Join,
    /// To end seats and lock the room.
    Rule,
}

impl Badge {
    /// Whether the caller may do that in that room, at this moment: what is to be done came after the token, and perhaps
    /// long after it.
    pub(crate) fn may(&self, wish: Wish, room: &RoomId) -> Result<(), AccessError> {
        let Some(shown) = &self.0 else {
            let nobody = AccessError::NotGranted("a server without --key-file has no hosts");
            return if wish == Wish::Rule { Err(nobody) } else { Ok(()) };
        };
        let claims = look(&shown.keys, &shown.token, SystemTime::now())?;
        if !claims.is_for(room) {
            return Err(AccessError::OtherRoom);
        }
        let (is_granted, missing) = match wish {
            Wish::Watch => (claims.may_watch(), "it is not for watching (canSubscribe)"),
            Wish::Join => (claims.may_join(), "it is for watching only, not for a seat (canPublish)"),
            Wish::Rule => (claims.is_host(), "it is not a host's (roomAdmin)"),
        };
        if is_granted { Ok(()) } else { Err(AccessError::NotGranted(missing)) }
    }

    /// Whether the caller is a host of that room.
    pub(crate) fn is_host(&self, room: &RoomId) -> bool {
        self.claims().is_some_and(|claims| claims.is_for(room) && claims.is_host())
    }

    /// Who the token is for, if it says that.
    pub(crate) fn id(&self) -> Option<&ClientId> {
        self.claims().and_then(Claims::id)
    }

    /// The name that the token gives its bearer, whatever the bearer says.
    pub(crate) fn name(&self) -> Option<&DisplayName> {
        self.claims().and_then(Claims::name)
    }

    /// Whether the caller may be called so.
    pub(crate) fn may_be(&self, id: &ClientId) -> Result<(), AccessError> {
        match self.id() {
            Some(own) if own != id => Err(AccessError::OtherId(own.to_string())),
            _ => Ok(()),
        }
    }

    fn claims(&self) -> Option<&Claims> {
        self.0.as_ref().map(|shown| &shown.claims)
    }

    /// Waits until the token is good no more, and gives why.
    pub(crate) async fn lapsed(&mut self) -> AccessError {
        let Some(shown) = &mut self.0 else { return std::future::pending().await };
        loop {
            tokio::select! {
                () = sleep_until(shown.look_at) => {}
                // Without whoever changes them they stay.
                Ok(()) = shown.changes.changed() => {}
            }
            let now = SystemTime::now();
            if let Err(error) = look(&shown.keys, &shown.token, now) {
                return error;
            }
            shown.look_at = Instant::now() + next_look(&shown.claims, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_is_held_against_the_key_of_that_moment() {
        let (old, new) = (vec![7; 32], vec![8; 32]);
        let (main, now) = (RoomId::main(), SystemTime::now());
        let host = Claims::new(&main, Role::Host, None, now, Duration::from_secs(60));
        let header = format!("Bearer {}", Key::new(old.clone()).sign(&host));
        let keys = Arc::new(Keys::fixed(old));
        let access = Access { keys: Some(Arc::clone(&keys)) };
        let badge = access.present(Some(header.as_bytes())).unwrap();
        assert_eq!(badge.may(Wish::Rule, &main), Ok(()));
        keys.take(Key::new(new));
        for wish in [Wish::Rule, Wish::Join, Wish::Watch] {
            assert_eq!(badge.may(wish, &main), Err(AccessError::Token(TokenError::Signature)));
        }
    }
}
