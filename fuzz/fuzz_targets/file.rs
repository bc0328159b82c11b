//! Any bytes as a file: each chunk of it, and all of it carved.
#![no_main]

#[path = "../../tests/suite/lanes.rs"]
mod lanes;

use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE, carve};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for chunk in bytes.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE) {
        lanes::read(chunk);
    }
    let mut all = lanes::Everything::default();
    carve(bytes, &lanes::place(), &mut all).expect("bytes in memory can be read");
});
