//! Generates the wire's Rust types from the proto. Nothing else.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = "proto/video_concat.proto";
    println!("cargo:rerun-if-changed={proto}");
    let descriptors = protox::compile([proto], ["proto"])?;
    tonic_prost_build::configure()
        // `Bytes` instead of `Vec<u8>`: a frame is never copied between socket and codec.
        .bytes(".")
        // `connect` is the transport's business; wasm32 has none.
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
