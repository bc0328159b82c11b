//! The seeds of the fuzz targets, replayed: small inputs of each shape, and what the fuzzer found.

use std::path::Path;

use crate::{lanes, text_bytes};

/// What a fuzz target does with its bytes.
type Target = fn(&[u8]);

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::path);
    paths.into_iter().filter_map(|entry| std::fs::read(entry.path()).ok()).collect()
}

#[test]
fn both_lanes_agree_on_the_seeds_of_chunks() {
    for seed in seeds("chunk") {
        lanes::compare(&seed);
        let all = lanes::read(&seed);
        assert_eq!(all.counts.read, all.records.len() as u64);
        assert_eq!(all.heads, all.counts.read + all.lost_after_head());
    }
}

#[test]
fn seeds_of_files_are_read_and_carved() {
    let seeds = seeds("file");
    assert!(seeds.len() > 50);
    seeds.iter().for_each(|seed| lanes::read_file(seed));
}

#[test]
fn both_lanes_agree_on_the_seeds_of_templates() {
    for seed in seeds("template") {
        lanes::compare_template(&seed);
    }
}

#[test]
fn seeds_of_texts_render() {
    let targets: [(&str, Target); 4] = [
        ("text_mta", text_bytes::mta),
        ("text_library", text_bytes::library),
        ("text_message", text_bytes::message),
        ("text_catalogue", text_bytes::catalogue),
    ];
    for (target, run) in targets {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        seeds.iter().for_each(|seed| run(seed));
    }
}
