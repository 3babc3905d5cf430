//! Routes: the gRPC service, the page, the health check.

use axum::Router;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use tessera_wire::video_processing_service_server::SERVICE_NAME;
use tonic_web::GrpcWebLayer;
use tower_layer::Layer;

use crate::page::{Page, careful};
use crate::service::{Calls, Service};

/// The routes of the one port.
pub(crate) fn router(service: Service, page: Page) -> Router {
    let grpc = Calls::new(service);
    let site = page
        .router()
        .route("/healthz", get(async || "ok\n"))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here; the page is at /\n"));
    // The layer answers 400 to whatever is neither gRPC nor gRPC-Web over HTTP/1.1, so it stands around the
    // service only.
    let calls = Router::new()
        .route_service(&format!("/{SERVICE_NAME}/{{*rpc}}"), GrpcWebLayer::new().layer(grpc))
        .layer(map_response(never_sniffed));
    careful(site).merge(calls)
}

/// A message may hold what looks like a page: a browser that is led here must not take it for one.
async fn never_sniffed(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
