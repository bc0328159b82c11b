//! The scenarios under `samples/`.

use std::fs;
use std::path::{Path, PathBuf};

use super::scenario::Scenario;

/// The folder of the samples in the source tree.
pub(crate) fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Every scenario with the name of its folder, in the order of the names.
pub(crate) fn samples() -> Vec<(String, Scenario)> {
    let folders = fs::read_dir(samples_folder()).expect("samples/ is there");
    let mut found: Vec<(String, Scenario)> = folders
        .filter_map(|entry| {
            let folder = entry.expect("a readable folder").path();
            let text = fs::read_to_string(folder.join("scenario.yml")).ok()?;
            let name = folder.file_name()?.to_string_lossy().into_owned();
            Some((name, Scenario::from_yaml(&text)))
        })
        .collect();
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}
