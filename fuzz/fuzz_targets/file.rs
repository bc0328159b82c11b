//! Any bytes as a file: each chunk of it, and all of it carved.
#![no_main]

#[path = "../../tests/suite/lanes.rs"]
mod lanes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lanes::read_file(bytes));
