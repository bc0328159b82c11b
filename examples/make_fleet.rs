//! Writes a fleet of invented hosts with known causes: `cargo run --release --example make_fleet -- FOLDER 200 1`.
//!
//! The folder gets one folder of logs per host and `truth.json`, which says what is true of each.

use std::path::PathBuf;

#[allow(dead_code, unused_imports, reason = "shared with the tests; this example needs only the fleet")]
#[path = "../tests/support/mod.rs"]
mod support;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder to write into"));
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (hosts, seed) = (number(200), number(1));
    let hosts = usize::try_from(hosts).expect("a count of hosts");
    let truths = support::fleet::fleet(&folder, hosts, seed);
    let text = serde_json::to_string_pretty(&truths).expect("plain data");
    std::fs::write(folder.join("truth.json"), text).expect("the folder can be written");
}
