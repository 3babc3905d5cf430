//! Who this page is: from its address, from what the tab remembers, or by chance.

use std::fmt;

use js_sys::Reflect;
use tessera_wire::{NameError, check_name};
use wasm_bindgen::UnwrapThrowExt;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Storage, UrlSearchParams};

use super::dom::window;
use crate::call::Claim;
use crate::grpc_web::decoded;

/// For the tab: a reload comes back to its place.
const ID: &str = "tessera.id";
const SESSION: &str = "tessera.session";
const SLOT: &str = "tessera.slot";
/// The room of those who name none.
const MAIN: &str = "main";
/// What random ids begin with.
const RANDOM: &str = "web-";
/// For the browser: the next call begins with these.
const NAME: &str = "tessera.name";
const CAMERA: &str = "tessera.camera";

/// What an invite link brings.
#[derive(Debug, Default)]
pub(crate) struct Invitation {
    pub(crate) token: Option<Token>,
    /// Who its bearer is, and no other.
    pub(crate) id: Option<String>,
    /// What its bearer is called, whatever is typed.
    pub(crate) name: Option<String>,
    /// It is for no seat.
    pub(crate) only_watches: bool,
}

/// What proves to the server that somebody was invited. It is in no store, and shown to nobody.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(secret)")
    }
}

/// What the page's address asks for.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) name: Option<String>,
    /// Empty for the main one; an error where no room can be called so. Whoever made a link chose these words, so they
    /// are shown only if others could be in that room.
    pub(crate) room: Result<String, NameError>,
    pub(crate) id: Option<String>,
    pub(crate) autojoin: bool,
    pub(crate) language: Option<String>,
}

impl Address {
    /// Reads `/r/ROOM?name=N&id=ID&autojoin=1&lang=TAG`; without a room in the path `?room=ROOM` names it.
    pub(crate) fn read() -> Self {
        let location = window().location();
        let query = UrlSearchParams::new_with_str(&location.search().unwrap_or_default());
        let query = query.expect_throw("any text is a query");
        let path = location.pathname().unwrap_or_default();
        let room = path.strip_prefix("/r/").map(decoded).or_else(|| query.get("room")).unwrap_or_default();
        Self {
            name: query.get("name"),
            room: room_of(&room),
            id: query.get("id").filter(|id| !id.is_empty()),
            autojoin: query.get("autojoin").is_some_and(|value| value == "1"),
            language: query.get("lang"),
        }
    }
}

fn room_of(text: &str) -> Result<String, NameError> {
    match check_name(text) {
        Ok(MAIN) | Err(NameError::Empty) => Ok(String::new()),
        Ok(name) => Ok(name.to_owned()),
        Err(error) => Err(error),
    }
}

/// The address of this room, without anything that is this person's own.
pub(crate) fn link(room: &str) -> String {
    let origin = window().location().origin().unwrap_or_default();
    if room.is_empty() {
        return origin + "/";
    }
    format!("{origin}/r/{}", String::from(js_sys::encode_uri_component(room)))
}

/// Whether the page's address means this machine, whoever opens it.
pub(crate) fn is_local() -> bool {
    let host = window().location().hostname().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// Copies text for other programs; whether that is possible, and allowed.
pub(crate) async fn copy(text: &str) -> bool {
    // Only secure pages have a clipboard.
    let clipboard = Reflect::get(&window().navigator(), &"clipboard".into());
    if clipboard.is_ok_and(|clipboard| clipboard.is_undefined()) {
        return false;
    }
    JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// The tab's client id: the address's, the remembered one, or a new one.
pub(crate) fn client_id(address: &Address) -> String {
    let id = address.id.clone().or_else(|| get(&tab()?, ID)).unwrap_or_else(random);
    put(tab().as_ref(), ID, Some(&id));
    id
}

/// A new client id, for whoever wants to be somebody else.
pub(crate) fn renew() -> String {
    let id = random();
    put(tab().as_ref(), ID, Some(&id));
    id
}

/// Whether an id says nothing about anybody.
pub(crate) fn is_random(id: &str) -> bool {
    id.starts_with(RANDOM)
}

/// 64 bits of chance as text: nobody has it by accident.
fn random() -> String {
    let mut bytes = [0; 8];
    let filled = window().crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
    filled.expect_throw("every browser with WebAssembly has chance, on pages that are not secure too");
    format!("{RANDOM}{:016x}", u64::from_be_bytes(bytes))
}

/// The place that this tab had before it was loaded anew.
pub(crate) fn claim() -> Option<Claim> {
    let slot = get(&tab()?, SLOT)?.parse().ok()?;
    Some(Claim { session: get(&tab()?, SESSION)?, slot })
}

/// Remembers the place for a reload, or forgets it.
pub(crate) fn remember(claim: Option<&Claim>) {
    put(tab().as_ref(), SESSION, claim.map(|claim| claim.session.as_str()));
    put(tab().as_ref(), SLOT, claim.map(|claim| claim.slot.to_string()).as_deref());
}

pub(crate) fn name() -> Option<String> {
    get(&browser()?, NAME)
}

pub(crate) fn remember_name(name: &str) {
    put(browser().as_ref(), NAME, Some(name).filter(|name| !name.is_empty()));
}

/// The camera that was chosen last, by its device id.
pub(crate) fn camera() -> Option<String> {
    get(&browser()?, CAMERA)
}

pub(crate) fn remember_camera(device: &str) {
    put(browser().as_ref(), CAMERA, Some(device));
}

/// A browser that keeps nothing works as well.
fn tab() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn browser() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn get(storage: &Storage, key: &str) -> Option<String> {
    storage.get_item(key).ok().flatten()
}

fn put(storage: Option<&Storage>, key: &str, value: Option<&str>) {
    let Some(storage) = storage else { return };
    // Full or forbidden: then nothing is remembered.
    let _kept = match value {
        Some(value) => storage.set_item(key, value),
        None => storage.remove_item(key),
    };
}
