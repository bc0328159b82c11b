//! Partial reports join to what one run over everything says, in any order and grouping.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn rdpwhy(arguments: &[&Path]) -> Vec<u8> {
    let run = Command::new(env!("CARGO_BIN_EXE_rdpwhy")).args(arguments).output().expect("the binary runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

fn path(text: &str) -> &Path {
    Path::new(text)
}

/// Folders of logs; the first one twice, under another name, so that parts share logs.
fn folders(copies: &Path) -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let names =
        ["healthy-server", "session-limit", "renamed-host", "forwarded-three-hosts", "update-innocent"];
    let mut folders: Vec<PathBuf> = names.iter().map(|name| samples.join(name)).collect();
    let copy = copies.join("copy");
    std::fs::create_dir_all(&copy).expect("a folder can be made");
    for entry in std::fs::read_dir(samples.join("healthy-server")).expect("samples are there").flatten() {
        std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("a sample can be copied");
    }
    folders.push(copy);
    folders
}

#[test]
fn parts_join_to_the_bytes_of_one_run() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folders = folders(scratch.path());
    let mut all = vec![path("diagnose"), path("--quiet"), path("--format"), path("json")];
    all.extend(folders.iter().map(PathBuf::as_path));
    let whole = rdpwhy(&all);
    let parts: Vec<PathBuf> = (0..folders.len()).map(|n| scratch.path().join(format!("{n}.part"))).collect();
    for (folder, part) in folders.iter().zip(&parts) {
        rdpwhy(&[path("diagnose"), path("--quiet"), path("--partial"), part, folder]);
    }
    let order = Just(parts).prop_shuffle();
    let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(order, 1usize..5), |(order, cut)| {
        // Joins the first parts to one, and that with the rest.
        let (left, right) = order.split_at(cut);
        let joined = scratch.path().join("joined.part");
        let mut first = vec![path("report"), path("--partial"), &joined];
        first.extend(left.iter().map(PathBuf::as_path));
        rdpwhy(&first);
        let mut second = vec![path("report"), path("--format"), path("json")];
        second.extend(right.iter().map(PathBuf::as_path));
        second.push(&joined);
        prop_assert!(rdpwhy(&second) == whole);
        Ok(())
    });
    outcome.expect("every order and grouping gives the same bytes");
}

#[test]
fn any_number_of_threads_and_a_cache_give_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let cache = scratch.path().join("cache");
    let base = [path("diagnose"), path("--quiet"), path("--format"), path("json"), &samples];
    let one = rdpwhy(&[&base[..], &[path("--threads"), path("1")]].concat());
    let eight = rdpwhy(&[&base[..], &[path("--threads"), path("8")]].concat());
    let filling = rdpwhy(&[&base[..], &[path("--cache"), &cache]].concat());
    let filled = rdpwhy(&[&base[..], &[path("--cache"), &cache]].concat());
    assert!(one == eight, "threads change the output");
    assert!(one == filling && one == filled, "the cache changes the output");
}

#[test]
fn a_cache_entry_holds_for_the_same_texts_only() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/termservice-crash/System.evtx");
    let (cache, texts) = (scratch.path().join("cache"), scratch.path().join("own.yml"));
    std::fs::write(&texts, "- provider: Agent\n  events: [{id: 7, message: Seven}]\n").expect("a file");
    let entries = || std::fs::read_dir(&cache).expect("a cache").count();
    let base = [path("diagnose"), path("--quiet"), path("--cache"), &cache, &log];
    rdpwhy(&base);
    let own = [&base[..], &[path("--messages"), &texts]].concat();
    let counts = [&base[..], &own, &own, &base].map(|arguments| {
        rdpwhy(arguments);
        entries()
    });
    assert_eq!(counts, [1, 2, 2, 2]);
}

#[test]
fn a_file_that_is_no_partial_report_is_named() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join("notes.txt");
    std::fs::write(&file, "hello").expect("a file can be written");
    let run = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .arg("report")
        .arg(&file)
        .output()
        .expect("the binary runs");
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2));
    assert!(told.contains("notes.txt") && told.contains("no partial report"), "{told}");
}
