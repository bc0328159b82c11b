//! Compiles `rules/` into the binary.

use std::env;
use std::path::PathBuf;

#[path = "build/builds.rs"]
mod builds;
#[path = "build/rules.rs"]
mod rules;
#[path = "build/text.rs"]
mod text;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the manifest's folder"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets the output folder"));
    println!("cargo::rerun-if-changed=build.rs");
    text::compile(&root.join("rules"), &out);
    builds::compile(&root.join("rules"), &out);
    rules::compile(&root.join("rules"), &out);
}
