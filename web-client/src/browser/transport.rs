//! gRPC from a browser: tonic's client over gRPC-Web over `fetch`.

mod fetch;

use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tonic_web::{GrpcWebCall, GrpcWebClientService};

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

/// A client of the server that the page came from.
pub(crate) fn client(origin: http::Uri) -> Client {
    VideoProcessingServiceClient::with_origin(GrpcWebClientService::new(Fetch), origin)
        .max_decoding_message_size(MAX_MOSAIC_BYTES)
}
