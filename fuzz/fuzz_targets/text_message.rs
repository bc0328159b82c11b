//! Any text as a template with values of any type.
#![no_main]

#[path = "../../tests/suite/text_bytes.rs"]
mod text_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| text_bytes::message(bytes));
