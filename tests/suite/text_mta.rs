//! Display information saved beside logs: which record gets which text, on disk and in archives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rdpwhy::evtx::{Place, Record};
use rdpwhy::input::{Options, Source, find};
use rdpwhy::text::{TextSource, Texts};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::corpus;

/// A log of the corpus that was saved with display information.
fn real() -> Option<PathBuf> {
    corpus::folder().map(|folder| folder.join("omerbenamram+evtx/test.evtx"))
}

fn source(path: &Path) -> Source {
    let found = find(&[path.to_owned()], &Options::default());
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    found.sources.into_iter().next().unwrap()
}

/// The records of a file, as those of the log of this name.
fn records(path: &Path, log: &str) -> Vec<Record> {
    let bytes = fs::read(path).unwrap();
    let chunks = bytes[4096..].chunks(65536).zip(0_u64..);
    let place = |number| Place { log: Arc::from(log), offset: 4096 + 65536 * number };
    chunks.flat_map(|(chunk, number)| corpus::read(chunk, &place(number)).records).collect()
}

/// The last column of a CSV export of Event Viewer, whose texts may be quoted.
fn last_column(csv: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let (mut cell, mut is_quoted) = (String::new(), false);
    for character in csv.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cell.clear(),
            '\n' if !is_quoted => rows.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {}
            _ => cell.push(character),
        }
    }
    rows
}

#[test]
fn texts_beside_a_log_equal_those_of_event_viewer() {
    let Some(path) = real() else { return };
    let mut texts = Texts::builtin();
    assert!(texts.add_mta(&source(&path)).is_empty());
    let csv = fs::read_to_string(path.with_extension("csv")).unwrap();
    let mut expected: Vec<String> = last_column(&csv).into_iter().skip(1).collect();
    let mut seen = Vec::new();
    for record in records(&path, &path.display().to_string()) {
        let sentence = texts.sentence(&record, None);
        assert_eq!(sentence.source, TextSource::Mta);
        let own = Texts::builtin().sentence(&record, None);
        assert_eq!((own.text.as_str(), own.source), (sentence.text.as_str(), TextSource::Catalogue));
        seen.push(sentence.text);
    }
    assert_eq!(seen.len(), 239);
    let normal = |texts: &mut Vec<String>| {
        for text in texts.iter_mut() {
            *text = text.trim().to_owned();
        }
        texts.sort();
    };
    normal(&mut seen);
    normal(&mut expected);
    assert_eq!(seen, expected);
}

#[test]
fn text_beside_a_log_is_taken_for_the_record_at_its_place_only() {
    let Some(path) = real() else { return };
    let mut texts = Texts::builtin();
    assert!(texts.add_mta(&source(&path)).is_empty());
    let source_of = |record: &Record| texts.sentence(record, None).source;
    for record in records(&path, &path.display().to_string()) {
        assert_eq!(source_of(&record), TextSource::Mta);
        // The same EventRecordID elsewhere in the log: the display information is that of another export.
        let moved = Record { number: record.number + 1, ..record.clone() };
        assert_eq!(source_of(&moved), TextSource::Catalogue);
        // The same place with another EventRecordID.
        let other = Record { record_id: record.record_id + 1, ..record.clone() };
        assert_eq!(source_of(&other), TextSource::Catalogue);
        // An export of the log as XML or JSON has no places.
        assert_eq!(source_of(&Record { number: 0, ..record.clone() }), TextSource::Mta);
        // Another log.
        assert_eq!(source_of(&Record { log: Arc::from("test.evtx"), ..record }), TextSource::Catalogue);
    }
}

#[test]
fn display_information_in_an_archive_belongs_to_the_log_beside_it() {
    let Some(path) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let parts =
        [("test.evtx", "test.evtx"), ("LocaleMetaData/test_1033.MTA", "LocaleMetaData/TEST_1033.mta")];
    let zipped = folder.path().join("logs.zip");
    let mut writer = ZipWriter::new(File::create(&zipped).unwrap());
    for (from, to) in parts {
        let bytes = fs::read(path.with_file_name(from)).unwrap();
        writer.start_file(format!("host/{to}"), SimpleFileOptions::default()).unwrap();
        writer.write_all(&bytes).unwrap();
        fs::create_dir_all(folder.path().join("in/host/LocaleMetaData")).unwrap();
        fs::write(folder.path().join("in/host").join(to), &bytes).unwrap();
    }
    writer.start_file("other/test.evtx", SimpleFileOptions::default()).unwrap();
    writer.write_all(b"ElfFile\0").unwrap();
    writer.finish().unwrap();
    let found = find(std::slice::from_ref(&zipped), &Options::default());
    let counts: Vec<usize> = found.sources.iter().map(|source| source.companions().len()).collect();
    assert_eq!(counts, [1, 0], "a log elsewhere in the archive has none");
    let seven = folder.path().join("logs.7z");
    sevenz_rust2::compress_to_path(folder.path().join("in"), &seven).unwrap();
    for archive in [zipped, seven] {
        let log = source(&archive);
        assert!(log.name().ends_with("!host/test.evtx"), "{}", log.name());
        let mut texts = Texts::builtin();
        assert_eq!(texts.add_mta(&log), []);
        let records = records(&path, log.name());
        assert_eq!(records.len(), 239);
        assert!(records.iter().all(|record| texts.sentence(record, None).source == TextSource::Mta));
    }
}

#[test]
fn damaged_display_information_in_an_archive_is_named_and_the_catalogue_asked() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("logs.zip");
    let mut writer = ZipWriter::new(File::create(&archive).unwrap());
    let log = fs::read("samples/termservice-crash/System.evtx").unwrap();
    for (name, bytes) in [("System.evtx", &log[..]), ("LocaleMetaData/System_1033.MTA", b"MTAFile\0garbage")]
    {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    for (verb, sign) in [("events", "\"text_source\":\"catalogue\""), ("diagnose", "terminated unexpectedly")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy")).arg(verb).arg(&archive).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("logs.zip!LocaleMetaData/System_1033.MTA, byte"), "{verb}: {told}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(sign), "{verb}");
        assert_eq!(output.status.code(), Some(0), "{verb}");
    }
}
