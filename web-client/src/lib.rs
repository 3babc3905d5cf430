//! The call's page. It comes with the browser's call; for now it proves that the wire compiles for
//! wasm32 and says which wire it speaks.

use wasm_bindgen::prelude::wasm_bindgen;

/// The gRPC service that the page will speak to, as it stands in the address of each call.
#[wasm_bindgen]
pub fn service_name() -> String {
    tessera_wire::video_processing_service_server::SERVICE_NAME.to_owned()
}
