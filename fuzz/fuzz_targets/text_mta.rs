//! Any bytes as display information beside a log.
#![no_main]

#[path = "../../tests/suite/text_bytes.rs"]
mod text_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| text_bytes::mta(bytes));
