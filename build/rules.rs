//! Rule files become one list of YAML trees, read at build time so that a run need not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::text::store::yaml;

/// Folders of `rules/` that hold rules.
const FOLDERS: [&str; 2] = ["causes", "signals"];

/// Folders that hold plain data of the same kind of file.
const DATA: [&str; 2] = ["updates", "explain"];

/// Writes `rules.bin` and the data files: path and documents of each file.
pub(crate) fn compile(root: &Path, out: &Path) {
    println!("cargo::rerun-if-changed=src/text/store");
    let files = FOLDERS.iter().flat_map(|folder| read(root, folder)).collect::<Vec<_>>();
    // What a scan keeps depends on the data files as well.
    let [updates, notes] = DATA.map(|folder| read(root, folder));
    let all = updates.iter().chain(&notes).chain(&files);
    let digest = digest(&all.collect::<Vec<_>>());
    let (rules, cases): (Vec<File>, Vec<File>) = files.into_iter().map(split).unzip();
    write(&out.join("rules.bin"), &(digest, packed(&rules)));
    write(&out.join("cases.bin"), &cases);
    write(&out.join("updates.bin"), &packed(&updates));
    write(&out.join("explain.bin"), &notes);
}

/// Each file by itself, so that it can be unpacked when it is needed.
fn packed(files: &[File]) -> Vec<(&str, Vec<u8>)> {
    files.iter().map(|(path, documents)| (path.as_str(), bytes(documents))).collect()
}

/// Path and documents.
type File = (String, Vec<yaml::Node>);

#[allow(clippy::panic)] // a build script has no other way to say which file is wrong
fn read(root: &Path, folder: &str) -> Vec<File> {
    println!("cargo::rerun-if-changed=rules/{folder}");
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text =
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let shown = format!(
                "rules/{}",
                file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/")
            );
            let documents = yaml::read(&text, &yaml::SMALL).unwrap_or_else(|error| {
                panic!("{shown}:{}:{}: {}", error.mark.line, error.mark.column, error.message)
            });
            (shown, documents)
        })
        .collect()
}

/// A digest of all rules (FNV-1a, 64 bits), to tell the rules of one version from those of another.
fn digest(files: &[&File]) -> String {
    let text = format!("{files:?}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// A file's rules apart from their cases, which a run does not need.
fn split((path, documents): File) -> (File, File) {
    let (rules, cases) = documents
        .into_iter()
        .map(|document| {
            let mark = document.mark;
            let yaml::Value::Map(entries) = document.value else { return (document.clone(), document) };
            let (cases, rest) = entries.into_iter().partition(|(key, _)| key.text() == Some("tests"));
            let map = |entries| yaml::Node { mark, value: yaml::Value::Map(entries) };
            (map(rest), map(cases))
        })
        .unzip();
    ((path.clone(), rules), (path, cases))
}

fn write<T: serde::Serialize>(path: &Path, files: &T) {
    fs::write(path, bytes(files)).expect("the build folder can be written");
}

fn bytes<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data")
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|end| end == "yml") {
            out.push(path);
        }
    }
}
