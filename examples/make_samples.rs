//! Writes the logs of `samples/` anew from their scenarios: `cargo run --example make_samples`.

#[allow(dead_code, unused_imports, reason = "shared with the tests; this example needs only the samples")]
#[path = "../tests/support/mod.rs"]
mod support;

fn main() {
    for (name, scenario) in support::samples() {
        scenario.write(&support::samples_folder().join(&name));
    }
}
