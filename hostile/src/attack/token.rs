//! Tokens (JWT, RFC 7519) as guests forge them. Signed here by hand, so that nothing keeps a forger from nonsense.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// The first token in a text, such as a link.
pub fn find(text: &str) -> Option<&str> {
    let is_part_of_one = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.split(|c| !is_part_of_one(c)).find(|word| Claims::of_token(word).is_some())
}

/// The secret of a server that was told so.
#[derive(Debug, Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// One that no server has.
    pub fn nobodys() -> Self {
        Self(b"somebody else's secret, as long as ours".to_vec())
    }

    /// The one that stands in this file's bytes, without white space around it.
    pub fn of_file(bytes: &[u8]) -> Self {
        Self(bytes.trim_ascii().to_vec())
    }
}

/// What a token claims.
#[derive(Debug, Clone)]
pub struct Claims(Value);

impl Claims {
    /// A guest of this room for an hour from now, by somebody who never saw a token of this server.
    pub fn invented(room: &str) -> Self {
        let now = now();
        Self(json!({ "sub": "guest", "room": room, "role": "guest", "nbf": now - 60, "exp": now + 3600 }))
    }

    /// Those of a token, whoever signed it; `None` of what is none.
    pub fn of_token(token: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&bytes).ok().map(Self)
    }

    /// That ended a minute ago.
    #[must_use]
    pub fn expired(self) -> Self {
        self.with("exp", now() - 60)
    }

    /// That begins in an hour.
    #[must_use]
    pub fn not_yet(self) -> Self {
        self.with("nbf", now() + 3600)
    }

    fn with(mut self, name: &str, time: u64) -> Self {
        self.0[name] = json!(time);
        self
    }

    /// Signed as the server does it.
    pub fn signed(&self, secret: &Secret) -> String {
        self.of_another_algorithm(secret, "HS256")
    }

    /// With a signature of nothing under the algorithm `none` (RFC 8725, section 2.1).
    pub fn of_no_algorithm(&self) -> String {
        format!("{}.", self.unsigned("none"))
    }

    /// Signed as the server does it, by the name of another algorithm.
    pub fn of_another_algorithm(&self, secret: &Secret, name: &str) -> String {
        let text = self.unsigned(name);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
        let signature = hmac::sign(&key, text.as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn unsigned(&self, algorithm: &str) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(&self.0))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_its_link_and_read() {
        let token = Claims::invented("main").signed(&Secret::nobodys());
        let link = format!("an invitation:\nhttps://localhost:50051/r/main#token={token}\n");
        assert_eq!(find(&link), Some(token.as_str()));
        assert_eq!(Claims::of_token(&token).unwrap().0["room"], "main");
        assert_eq!(find("https://localhost:50051/r/main"), None);
    }
}
