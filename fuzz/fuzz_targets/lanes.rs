//! The fast lane against the `evtx` crate: what the crate reads must be among what is read, and equal.
#![no_main]

#[path = "../../tests/suite/lanes.rs"]
mod lanes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lanes::compare(bytes));
