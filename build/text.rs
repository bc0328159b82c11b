//! Packs `rules/events` and `rules/codes` into `events.bin` and `codes.bin`.

#[path = "codes.rs"]
mod codes;
#[path = "../src/text/store/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "the crate uses, and shows, what a build script does not")]
pub(crate) mod store;

use std::fs;
use std::path::{Path, PathBuf};

use store::yaml::{self, Mark, Node, YamlError};
use store::{catalogue, pack};

/// Name of the file that says which fields hold codes.
const FIELD_USES: &str = "fields.yml";

/// Packs the texts under `rules` into `out`; a broken file ends the build with its path and line.
pub(crate) fn compile(rules: &Path, out: &Path) {
    let mut providers = Vec::new();
    for path in yaml_files(&rules.join("events")) {
        providers.extend(catalogue::read(&read(&path)).unwrap_or_else(|error| fail(&path, &error)));
    }
    write(&out.join("events.bin"), &pack::catalogue(&providers));

    let mut tables = Vec::new();
    let mut uses = Vec::new();
    for path in yaml_files(&rules.join("codes")) {
        let text = read(&path);
        if path.ends_with(FIELD_USES) {
            uses = codes::read_uses(&text).unwrap_or_else(|error| fail(&path, &error));
        } else {
            tables.push(codes::read_table(&text).unwrap_or_else(|error| fail(&path, &error)));
        }
    }
    write(&out.join("codes.bin"), &codes::pack(&tables, &uses));
}

/// The first document of a file.
pub(crate) fn first(text: &str) -> Result<Node, YamlError> {
    let missing = YamlError { mark: Mark { line: 1, column: 1 }, message: "an empty file".to_owned() };
    yaml::read(text, &yaml::SMALL)?.into_iter().next().ok_or(missing)
}

pub(crate) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(folder, &error));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap_or_else(|error| fail(folder, &error)).path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    paths.sort();
    paths
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| fail(path, &error))
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return;
    }
    fs::write(path, bytes).unwrap_or_else(|error| fail(path, &error));
}

pub(crate) fn fail(path: &Path, error: &dyn std::fmt::Display) -> ! {
    println!("cargo::error={}: {error}", path.display());
    std::process::exit(1)
}
