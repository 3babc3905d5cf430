//! Tokens, which let their bearers into rooms, and the invite links that carry them.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tessera_wire::NameError;
use thiserror::Error;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::address::{AddressError, ServerAddress};
use crate::identity::Room;

/// The longest token, in bytes. The server's own have 400; it looks at no header above this.
const LONGEST: usize = 8 << 10;
/// What stands before the token in a link's fragment, which browsers send to nobody.
pub(crate) const MARK: &str = "#token=";

/// A secret that lets its bearer into a room. The server sees it, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(MetadataValue<Ascii>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(secret)")
    }
}

/// A text that is no token. It is not repeated here: it may be one with a slip of the pen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a token is the part of an invite link behind \"{MARK}\", or the whole link")]
pub struct TokenError;

impl FromStr for Token {
    type Err = TokenError;

    /// Reads a token, with or without the mark that stands before it in a link.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let token = text.trim();
        let token = token.strip_prefix(MARK).unwrap_or(token);
        // RFC 6750 section 2.1.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || token.len() > LONGEST || !token.bytes().all(is_token) {
            return Err(TokenError);
        }
        let mut header: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| TokenError)?;
        // No table of HTTP/2 remembers it, and no log of a library below shows it.
        header.set_sensitive(true);
        Ok(Self(header))
    }
}

/// What people give as a token: the token, or the whole link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// The token alone.
    Token(Token),
    /// A link, which says as well where the token is for.
    Link(Invite),
}

impl FromStr for Pass {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let is_link = text.trim().find(MARK).is_some_and(|at| at > 0);
        if is_link { text.parse().map(Self::Link) } else { Ok(Self::Token(text.parse()?)) }
    }
}

/// Shows the token with every call.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(pub(crate) Option<Token>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(Token(header)) = &self.0 {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}

/// A link into a room, as `tessera-server invite` prints it: `http://HOST:PORT/r/ROOM#token=TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Where the server is, with the token for it.
    pub server: ServerAddress,
    /// The room.
    pub room: Room,
}

/// Why a text is no invite link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InviteError {
    /// It has another form.
    #[error(
        "an invite link is like https://HOST/r/ROOM{MARK}..., as `tessera-server invite` prints it: quote it"
    )]
    Form,
    /// Its token is none.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Its server is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Its room is none.
    #[error("the room in the link: {0}")]
    Room(#[from] NameError),
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let (link, token) = text.trim().split_once(MARK).ok_or(InviteError::Form)?;
        let (origin, room) = link.split_once("/r/").ok_or(InviteError::Form)?;
        let room = percent_decode_str(room).decode_utf8().map_err(|_| InviteError::Form)?;
        let server: ServerAddress = with_port(origin)?.parse()?;
        Ok(Self { server: server.with_token(Some(token.parse()?)), room: room.parse()? })
    }
}

/// The origin with its port, which is left out where it is the scheme's own: people open links in browsers.
fn with_port(origin: &str) -> Result<String, InviteError> {
    let (scheme, authority) = origin.split_once("://").ok_or(InviteError::Form)?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    Ok(if has_port { origin.to_owned() } else { format!("{origin}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl";

    fn shown(token: &Token) -> &str {
        token.0.to_str().unwrap()
    }

    #[test]
    fn a_token_is_taken_as_it_is_and_with_its_mark() {
        for text in [TOKEN.to_owned(), format!(" {TOKEN}\n"), format!("#token={TOKEN}")] {
            assert_eq!(shown(&text.parse().unwrap()), format!("Bearer {TOKEN}"));
            assert_eq!(text.parse(), Ok(Pass::Token(TOKEN.parse().unwrap())));
        }
        for text in ["", " ", "two words", "https://a.example/r/x", "a\nb", "é", &"a".repeat(LONGEST + 1)] {
            assert_eq!(text.parse::<Token>(), Err(TokenError), "{text}");
            assert_eq!(text.parse::<Pass>(), Err(TokenError.into()), "{text}");
        }
    }

    #[test]
    fn a_link_that_is_given_as_a_token_stays_a_link() {
        let link = format!("https://a.example/r/x#token={TOKEN}");
        assert_eq!(link.parse(), Ok(Pass::Link(link.parse().unwrap())));
        assert_eq!(format!("a.example#token={TOKEN}").parse::<Pass>(), Err(InviteError::Form));
    }

    #[test]
    fn a_token_is_shown_to_the_server_and_to_nobody_else() {
        let token: Token = TOKEN.parse().unwrap();
        let request = Bearer(Some(token.clone())).call(Request::new(())).unwrap();
        let header = request.metadata().get("authorization").unwrap();
        assert_eq!(header.to_str().unwrap(), format!("Bearer {TOKEN}"));
        assert!(header.is_sensitive());
        let link: Invite = format!("https://a.example/r/x#token={TOKEN}").parse().unwrap();
        for text in [
            format!("{token:?}"),
            format!("{request:?}"),
            format!("{link:?}"),
            link.server.to_string(),
            format!("{:?}", Bearer(Some(token))),
        ] {
            assert!(!text.contains("eyJ"), "{text}");
        }
        assert!(Bearer(None).call(Request::new(())).unwrap().metadata().is_empty());
    }

    #[test]
    fn a_link_names_the_server_the_room_and_the_token() {
        for (origin, server) in [
            ("https://call.example.org", "https://call.example.org:443"),
            ("HTTP://a.example", "http://a.example:80"),
            ("http://localhost:50051", "http://localhost:50051"),
            ("https://[::1]", "https://[::1]:443"),
            ("https://[::1]:7", "https://[::1]:7"),
        ] {
            let link: Invite = format!("{origin}/r/stand%20up%2F%C3%A9#token={TOKEN}\n").parse().unwrap();
            assert_eq!((link.server.to_string().as_str(), link.room.as_str()), (server, "stand up/é"));
        }
    }

    #[test]
    fn what_is_no_link_is_told_the_form_and_not_repeated() {
        for text in [
            TOKEN,
            "https://a.example/r/x",
            "https://a.example/x#token=eyJ",
            "a.example/r/x#token=eyJ",
            "https://a.example/r/#token=eyJ",
            "https://a.example/r/%FF#token=eyJ",
            "https://a.example/r/x#token=eyJ!",
            "ftp://a.example/r/x#token=eyJ",
        ] {
            let error = text.parse::<Invite>().unwrap_err().to_string();
            assert!(!error.contains("eyJ"), "{error}");
        }
    }
}
