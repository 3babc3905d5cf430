//! gRPC from a browser: gRPC-Web over `fetch`.

mod fetch;

use std::rc::Rc;

use bytes::Bytes;
use js_sys::Reflect;
use prost::Message;
use tessera_wire::{
    EndSeatRequest, FrameRequest, FrameResponse, LockRoomRequest, PushFrameResponse, WatchMosaicRequest,
};
use tonic::Code;

use super::dom::window;
use super::identity::Token;
use crate::call::Ending;
use crate::grpc_web::framed;
use fetch::Answer;

/// Bytes of the largest frame that the server takes unless told otherwise. Over HTTP/1.1 a larger one shows up
/// as a failed fetch without a reason, so it is not sent.
pub(crate) const MAX_FRAME_BYTES: usize = 4 << 20;

/// The service of the server that the page came from.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Goes with every call.
    token: Option<Rc<Token>>,
}

impl Client {
    pub(crate) fn new(token: Option<Token>) -> Self {
        Self { token: token.map(Rc::new) }
    }

    /// Whether its calls say who was invited.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// One frame up.
    pub(crate) async fn push_frame(&self, request: &FrameRequest) -> Result<PushFrameResponse, Ending> {
        let answer = self.ask("PushFrame", framed(request)).await?;
        PushFrameResponse::decode(answer).map_err(|_| malformed())
    }

    /// Mosaics down.
    pub(crate) async fn watch_mosaic(&self, request: &WatchMosaicRequest) -> Result<Mosaics, Ending> {
        Ok(Mosaics(self.call("WatchMosaic", framed(request)).await?))
    }

    /// Ends somebody's seat.
    pub(crate) async fn end_seat(&self, request: &EndSeatRequest) -> Result<(), Ending> {
        self.ask("EndSeat", framed(request)).await.map(drop)
    }

    /// Locks the room, or opens it again.
    pub(crate) async fn lock_room(&self, request: &LockRoomRequest) -> Result<(), Ending> {
        self.ask("LockRoom", framed(request)).await.map(drop)
    }

    /// A call with one answer.
    async fn ask(&self, method: &str, request: Vec<u8>) -> Result<Bytes, Ending> {
        let mut answer = self.call(method, request).await?;
        let message = answer.message().await?;
        // How it ended stands behind the message.
        while answer.message().await?.is_some() {}
        message.ok_or_else(malformed)
    }

    async fn call(&self, method: &str, request: Vec<u8>) -> Result<Answer, Ending> {
        let path = format!("/VideoProcessingService/{method}");
        fetch::call(&path, &request, self.token.as_deref()).await
    }
}

/// The stream of mosaics. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Mosaics(Answer);

impl Mosaics {
    /// The next response; `None` when the stream has ended well.
    pub(crate) async fn next(&mut self) -> Result<Option<FrameResponse>, Ending> {
        let message = self.0.message().await?;
        message.map(|message| FrameResponse::decode(message).map_err(|_| malformed())).transpose()
    }
}

fn malformed() -> Ending {
    Ending::new(Code::Internal, "the answer is not what was asked for")
}

/// Whether the page came over HTTP/2, which has no limit of connections for a browser's tabs. As the page came, so
/// will its calls: from the same server, by the same browser.
pub(crate) fn is_http2() -> bool {
    let came = window().performance().map(|clock| clock.get_entries_by_type("navigation").get(0));
    let protocol = came.and_then(|entry| Reflect::get(&entry, &"nextHopProtocol".into()).ok()?.as_string());
    match protocol.as_deref() {
        // From the browser's cache, or a browser that does not say: they speak HTTP/2 over TLS only.
        None | Some("") => window().location().protocol().is_ok_and(|scheme| scheme == "https:"),
        Some(protocol) => !protocol.starts_with("http/1"),
    }
}
