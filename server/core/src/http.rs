//! Routes: the gRPC service, the page, the health check.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tessera_wire::video_processing_service_server::{SERVICE_NAME, VideoProcessingServiceServer};

use crate::service::Service;

/// What a browser gets: one page for now.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The page itself.
    pub html: &'static str,
    /// Its style, under `/style.css`.
    pub css: &'static str,
}

/// Bytes of protobuf and gRPC around a frame, generously: names, numbers, framing.
const ENVELOPE: usize = 64 << 10;

/// The routes of the one port. Messages up to twice the largest frame are read, so that a frame that is
/// somewhat too large is refused alone, with the reason, instead of ending its stream.
pub(crate) fn router(service: Service, page: Page, max_frame_bytes: usize) -> Router {
    let grpc = VideoProcessingServiceServer::from_arc(Arc::new(service))
        .max_decoding_message_size(2 * max_frame_bytes + ENVELOPE)
        .max_encoding_message_size(usize::MAX);
    Router::new()
        .route("/", get(async move || typed("text/html; charset=utf-8", page.html)))
        .route("/style.css", get(async move || typed("text/css; charset=utf-8", page.css)))
        .route("/healthz", get(async || typed("text/plain; charset=utf-8", "ok\n")))
        .route_service(&format!("/{SERVICE_NAME}/{{*rpc}}"), grpc)
}

fn typed(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type)], body)
}
