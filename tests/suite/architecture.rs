//! The direction of rooms: a room uses rooms to its left only.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The rooms from left to right. `report` stands where its words (severity, confidence, risk, …) are first needed:
/// it is plain data that rules, diagnosis and fleet fill and renderers show.
const ROOMS: [&str; 11] =
    ["input", "evtx", "text", "report", "rule", "scan", "diagnose", "fleet", "explain", "render", "cli"];

fn sources(folder: &Path, out: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            out.push((path.display().to_string(), fs::read_to_string(&path).expect("a file")));
        }
    }
}

#[test]
fn rooms_use_rooms_to_their_left_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (place, room) in ROOMS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&root.join(room), &mut files);
        for (path, text) in files {
            for other in ROOMS.iter().skip(place + 1) {
                let names =
                    [format!("crate::{other}::"), format!("use crate::{other};"), format!("{{{other} as ")];
                if names.iter().any(|name| text.contains(name.as_str())) {
                    wrong.push(format!("{path} uses {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_folder_of_the_source_is_a_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders: Vec<String> = fs::read_dir(root)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for folder in folders {
        assert!(ROOMS.contains(&folder.as_str()), "{folder} is no room");
    }
}

#[test]
fn every_file_opens_with_its_purpose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let without: Vec<&String> =
        files.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(without.is_empty(), "{without:#?}");
    let lines: BTreeMap<&String, usize> = files
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .collect();
    assert!(lines.is_empty(), "too long: {lines:#?}");
}
