//! Compiles `rules/` into the binary.
fn main() {}
