//! gRPC from a browser: tonic's client over gRPC-Web over `fetch`.

mod fetch;

use js_sys::Reflect;
use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tonic_web::{GrpcWebCall, GrpcWebClientService};

use super::dom::window;
use fetch::Fetch;

/// The service at the page's own address.
pub(crate) type Client = VideoProcessingServiceClient<GrpcWebClientService<Fetch>>;

/// Bytes of the largest message that is read. A mosaic of the usual canvas is a few hundred KB; this is a bound, not an
/// expectation.
const MAX_MOSAIC_BYTES: usize = 64 << 20;
/// Bytes of the largest frame that the server takes unless told otherwise. Over HTTP/1.1 a larger one shows up
/// as a failed fetch without a reason, so it is not sent.
pub(crate) const MAX_FRAME_BYTES: usize = 4 << 20;

/// What `fetch` sends.
type Call = GrpcWebCall<tonic::body::Body>;

/// A client of the server that the page came from: its calls have a path and no address, as links have.
pub(crate) fn client() -> Client {
    VideoProcessingServiceClient::new(GrpcWebClientService::new(Fetch))
        .max_decoding_message_size(MAX_MOSAIC_BYTES)
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
