//! Any bytes as a template and the values of its instance: both lanes must agree on the record.
#![no_main]

#[path = "../../tests/suite/lanes.rs"]
mod lanes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lanes::compare_template(bytes));
