//! Tokens: JWTs (RFC 7519) that a key signed with HMAC and SHA-256, with the claims that LiveKit's have.
//!
//! ```json
//! { "sub": "anna", "name": "Anna", "nbf": 1790000000, "exp": 1790007200,
//!   "video": { "room": "standup", "roomJoin": true, "canPublish": true, "canSubscribe": true, "roomAdmin": false } }
//! ```
//!
//! One algorithm is taken and no other, whatever a token's header says. What is not granted is not allowed, also where
//! LiveKit would take it for granted.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::key::Key;
use crate::names::{ClientId, DisplayName, RoomId};

/// Clocks of those who make tokens may be so far ahead.
const LEEWAY: Duration = Duration::from_secs(5);

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum TokenError {
    #[error("it is no token of this kind")]
    Malformed,
    #[error("it was not signed with this server's key")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("its time has not come yet")]
    NotYet,
}

/// What somebody is to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Has a seat, may end others' seats, and lock the room
    Host,
    /// Has a seat
    Guest,
    /// Watches
    Viewer,
}

/// What a token says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who it is for; without, whoever has it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write",
        default,
        deserialize_with = "read"
    )]
    sub: Option<ClientId>,
    /// The name that people see, whatever the bearer says.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write",
        default,
        deserialize_with = "read"
    )]
    name: Option<DisplayName>,
    /// From when it is good, in seconds since 1970.
    #[serde(default)]
    nbf: u64,
    /// Until when.
    exp: u64,
    video: Grants,
}

/// What it allows, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Grants {
    room: String,
    room_join: bool,
    room_admin: bool,
    can_publish: bool,
    can_subscribe: bool,
}

fn write<T: fmt::Display, S: Serializer>(name: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match name {
        Some(name) => serializer.collect_str(name),
        None => serializer.serialize_none(),
    }
}

/// A name, if it is there: LiveKit's tokens without one have an empty one.
fn read<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

impl Claims {
    /// Claims of somebody with that role in that room, for so long from `now`.
    pub(crate) fn new(
        room: &RoomId,
        role: Role,
        who: Option<&ClientId>,
        now: SystemTime,
        time: Duration,
    ) -> Self {
        let begin = seconds(now);
        let has_seat = role != Role::Viewer;
        Self {
            sub: who.cloned(),
            name: who.map(DisplayName::from),
            nbf: begin,
            exp: begin.saturating_add(time.as_secs()),
            video: Grants {
                room: room.to_string(),
                room_join: true,
                room_admin: role == Role::Host,
                can_publish: has_seat,
                can_subscribe: true,
            },
        }
    }

    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), TokenError> {
        let now = seconds(now);
        if now.saturating_add(LEEWAY.as_secs()) < self.nbf {
            return Err(TokenError::NotYet);
        }
        if now >= self.exp { Err(TokenError::Expired) } else { Ok(()) }
    }

    /// How long it is good from `now` on.
    pub(super) fn time_left(&self, now: SystemTime) -> Duration {
        // What no clock can show is never over.
        let Some(end) = UNIX_EPOCH.checked_add(Duration::from_secs(self.exp)) else { return Duration::MAX };
        end.duration_since(now).unwrap_or(Duration::ZERO)
    }

    pub(super) fn is_for(&self, room: &RoomId) -> bool {
        RoomId::new(&self.video.room).is_ok_and(|own| own == *room)
    }

    pub(super) fn may_watch(&self) -> bool {
        self.video.room_join && self.video.can_subscribe
    }

    pub(super) fn may_join(&self) -> bool {
        self.video.room_join && self.video.can_publish
    }

    pub(super) fn is_host(&self) -> bool {
        self.video.room_join && self.video.room_admin
    }

    pub(super) fn id(&self) -> Option<&ClientId> {
        self.sub.as_ref()
    }

    pub(super) fn name(&self) -> Option<&DisplayName> {
        self.name.as_ref()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Key {
    /// A token that says this.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, self.encoding());
        token.expect("claims are JSON, and a secret signs")
    }

    /// What a token says, if this key signed it. Its time is not looked at.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // The time is ours to judge, by a clock that a test can set.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let decoded = jsonwebtoken::decode::<Claims>(token, self.decoding(), &validation);
        let claims = decoded.map(|decoded| decoded.claims);
        claims.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Signature,
            _ => TokenError::Malformed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(now: SystemTime) -> Claims {
        Claims::new(&RoomId::main(), Role::Guest, None, now, Duration::from_secs(60))
    }

    #[test]
    fn a_token_is_judged_by_the_clock_of_the_moment() {
        let now = SystemTime::now();
        let (claims, second) = (claims(now), Duration::from_secs(1));
        assert_eq!(claims.check_time(now), Ok(()));
        assert_eq!(claims.check_time(now - LEEWAY), Ok(()));
        assert_eq!(claims.check_time(now - LEEWAY - 2 * second), Err(TokenError::NotYet), "it was set back");
        assert_eq!(claims.check_time(now + 58 * second), Ok(()));
        assert_eq!(claims.check_time(now + 61 * second), Err(TokenError::Expired), "or forth");
        assert_eq!(claims.check_time(UNIX_EPOCH - second), Err(TokenError::NotYet));
        assert!(claims.time_left(now) <= 60 * second && claims.time_left(now) > 58 * second);
        assert_eq!(claims.time_left(now + 61 * second), Duration::ZERO);
    }

    #[test]
    fn a_token_that_ends_beyond_what_a_clock_can_show_is_good_and_not_looked_at_without_a_rest() {
        let now = SystemTime::now();
        for exp in [u64::MAX, i64::MAX as u64, 1 << 40] {
            let claims = Claims { exp, ..claims(now) };
            assert_eq!(claims.check_time(now), Ok(()));
            assert!(claims.time_left(now) > Duration::from_hours(24), "{exp}");
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_to_say() {
        let key = Key::new(vec![7; 32]);
        let who = ClientId::new("anna").unwrap();
        for (role, joins, rules) in
            [(Role::Viewer, false, false), (Role::Guest, true, false), (Role::Host, true, true)]
        {
            let room = RoomId::new("attic").unwrap();
            let made = Claims::new(&room, role, Some(&who), SystemTime::now(), Duration::from_secs(60));
            let read = key.verify(&key.sign(&made)).unwrap();
            assert_eq!(read, made);
            assert!(read.is_for(&room) && !read.is_for(&RoomId::main()) && read.may_watch());
            assert_eq!((read.may_join(), read.is_host()), (joins, rules));
            assert_eq!(read.name().map(ToString::to_string).as_deref(), Some("anna"));
        }
        let made = key.sign(&claims(SystemTime::now()));
        assert_eq!(Key::new(vec![8; 32]).verify(&made), Err(TokenError::Signature));
    }
}
