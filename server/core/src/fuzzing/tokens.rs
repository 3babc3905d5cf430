//! Tokens, with a signature that is right and without.

use std::sync::LazyLock;

use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::access::{Access, Keys, Wish};
use crate::names::RoomId;

/// Only what the key signed lets anybody in; and what it signed may say anything.
pub fn tokens(data: &[u8]) {
    let (access, key) = &*WORLD;
    assert!(access.present(Some(data)).is_err(), "nobody can guess the secret");
    let unsigned = format!("{}.{}", base64(br#"{"alg":"HS256","typ":"JWT"}"#), base64(data));
    let header = |signature: &str| format!("Bearer {unsigned}.{signature}");
    for signature in ["", "AAAA", &base64(data)] {
        assert!(access.present(Some(header(signature).as_bytes())).is_err());
    }
    let signature = sign(unsigned.as_bytes(), key, Algorithm::HS256).unwrap();
    let Ok(badge) = access.present(Some(header(&signature).as_bytes())) else { return };
    let rooms = [RoomId::main(), RoomId::new("attic").unwrap()];
    let is_let_in = |wish, room: &RoomId| badge.may(wish, room).is_ok();
    assert!(!rooms.iter().all(|room| is_let_in(Wish::Watch, room)), "a token is for one room");
    if let Some(id) = badge.id() {
        assert!(badge.may_be(id).is_ok());
    }
}

static WORLD: LazyLock<(Access, EncodingKey)> = LazyLock::new(|| {
    let secret = b"a secret that a fuzzer will not find".to_vec();
    let key = EncodingKey::from_secret(&secret);
    (Access::with_keys(Keys::fixed(secret)), key)
});

/// Base64 as tokens have it (RFC 4648 section 5), without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes.chunks(3).flat_map(|group| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        (0..=group.len()).map(move |at| char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]))
    });
    letters.collect()
}
