#![no_main]

use tessera_fuzz::caught;

// The parser of the boxes panics by design, and is caught.
libfuzzer_sys::fuzz_target!(init: caught::expect_panics(), |data: &[u8]| {
    caught::or_abort(|| tessera_client::fuzzing::mp4(data));
});
