//! Any bytes as a provider file: headers, resources, manifest and message table.
#![no_main]

#[path = "../../tests/suite/text_bytes.rs"]
mod text_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| text_bytes::library(bytes));
