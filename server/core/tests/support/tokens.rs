//! Tokens as a key's owner makes them, and as an attacker does.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_server_core::Config;
use tonic::Request;

use super::config;

/// The secret of the tests.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A key file in a folder of its own.
pub struct KeyFile {
    _folder: TempDir,
    pub path: PathBuf,
}

impl KeyFile {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, SECRET).unwrap();
        Self { _folder: folder, path }
    }

    /// A private server's configuration.
    pub fn config(&self) -> Config {
        Config { key_file: Some(self.path.clone()), ..config() }
    }
}

/// Seconds since 1970, `later` than now.
pub fn at(later: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    now.as_secs() as i64 + later
}

/// The claims of a role in room `main`, for an hour.
pub fn claims(role: &str) -> Value {
    json!({
        "exp": at(3600),
        "video": {
            "room": "main", "roomJoin": true, "canSubscribe": true,
            "canPublish": role != "viewer", "roomAdmin": role == "host",
        },
    })
}

/// A token that says so, signed with the secret of the tests.
pub fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token for a role in room `main`.
pub fn token(role: &str) -> String {
    signed(&claims(role))
}

/// A request that brings a token.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
