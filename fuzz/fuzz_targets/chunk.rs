//! Any bytes as a chunk: no panic, no hang, and counts that agree with what was shown.
#![no_main]

#[path = "../../tests/suite/lanes.rs"]
mod lanes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let all = lanes::read(bytes);
    assert_eq!(all.counts.read, all.records.len() as u64);
    assert_eq!(all.counts.lost, all.lost);
    assert_eq!(all.heads, all.counts.read + all.lost_after_head(), "a head without record or fault");
});
