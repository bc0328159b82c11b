//! Inputs as users have them: folders, patterns, archives, and what only looks like a log.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use rdpwhy::input::{Content, Format, Found, Options, Source, content_key, dedupe, find};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The smallest thing that is a log: a file header without chunks.
const LOG: &[u8] = b"ElfFile\0 and nothing more";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, bytes).expect("a file");
    path
}

fn find_in(path: &Path) -> Found {
    find(&[path.to_owned()], &Options::default())
}

/// Names below `folder`, with slashes.
fn names(found: &Found, folder: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    found.sources.iter().map(|source| source.name().replace('\\', "/").replace(&prefix, "")).collect()
}

fn problems(found: &Found) -> Vec<String> {
    found.problems.iter().map(|problem| problem.what.clone()).collect()
}

fn read(source: &Source) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match source.open().map_err(|error| error.to_string())? {
        Content::File(mut file, _) => file.read_to_end(&mut bytes),
        Content::Stream(mut stream) => stream.read_to_end(&mut bytes),
    }
    .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).expect("an entry");
        writer.write_all(bytes).expect("an entry");
    }
    writer.finish().expect("an archive").into_inner()
}

fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(bytes).expect("an entry");
    }
    writer.finish().expect("an archive").into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

#[test]
fn folder_is_walked_and_endings_have_no_case() {
    let folder = folder();
    write(folder.path(), "b/Deep/SYSTEM.EVTX", LOG);
    write(folder.path(), "a.evtx", LOG);
    write(folder.path(), "notes.txt", b"nothing");
    write(folder.path(), "settings.xml", b"<settings/>");
    write(folder.path(), "export.xml", b"<Events><Event/></Events>");
    write(folder.path(), "lines.JSONL", b"{\"Event\":{}}");
    let found = find_in(folder.path());
    assert_eq!(names(&found, folder.path()), ["a.evtx", "b/Deep/SYSTEM.EVTX", "export.xml", "lines.JSONL"]);
    assert_eq!(problems(&found), Vec::<String>::new());
    let formats: Vec<Format> = found.sources.iter().map(Source::format).collect();
    assert_eq!(formats, [Format::Evtx, Format::Evtx, Format::Xml, Format::JsonLines]);
    assert_eq!(found.sources[0].size(), 25);
    assert_eq!(found.sources[0].path(), Some(folder.path().join("a.evtx").as_path()));
}

#[test]
fn each_file_stands_once_however_it_is_named() {
    let folder = folder();
    let log = write(folder.path(), "a.evtx", LOG);
    let dotted = folder.path().join("./a.evtx");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&log, folder.path().join("link.evtx")).expect("a link");
    let found = find(&[log.clone(), dotted, folder.path().to_owned(), log], &Options::default());
    assert_eq!(found.sources.len(), 1);
    assert_eq!(found.problems, []);
}

#[test]
fn what_is_no_log_is_said_and_the_rest_is_read() {
    let folder = folder();
    write(folder.path(), "good.evtx", LOG);
    write(folder.path(), "empty.evtx", b"");
    write(
        folder.path(),
        "pointer.evtx",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
    );
    write(folder.path(), "text.evtx", b"Level\tDate and Time\r\n");
    write(folder.path(), "noise.evtx", &[1; 100_000]);
    let found = find_in(folder.path());
    assert_eq!(names(&found, folder.path()), ["good.evtx"]);
    let what = problems(&found);
    assert_eq!(what[0], "an empty file");
    assert!(what[1].starts_with("no event log"), "{what:?}");
    assert!(what[2].contains("Git LFS"), "{what:?}");
    assert_eq!(what[3], "a text file");
    assert!(found.problems.iter().all(|problem| !problem.is_missed && !problem.is_read));
    assert!(found.problems[0].to_string().ends_with("empty.evtx: an empty file"));
}

#[test]
fn named_paths_that_lead_nowhere_are_problems() {
    let folder = folder();
    let text = write(folder.path(), "notes.txt", b"nothing");
    let missing = folder.path().join("missing.evtx");
    let pattern = folder.path().join("*.evtx");
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let found = find(&[text, missing, pattern, folder.path().join("empty")], &Options::default());
    assert_eq!(
        problems(&found),
        [
            "no event log matches this pattern",
            "a folder without event logs",
            "no such file or folder",
            "a text file"
        ]
    );
    assert!(found.problems.iter().all(|problem| problem.is_missed && !problem.help.is_empty()));
}

#[test]
fn patterns_match_below_folders_and_in_quotes() {
    let folder = folder();
    for name in ["s1/System.evtx", "s2/SYSTEM.EVTX", "s2/deep/System.evtx", "[s3]/System.evtx"] {
        write(folder.path(), name, LOG);
    }
    let one = find_in(&folder.path().join("s*/*.evtx"));
    assert_eq!(names(&one, folder.path()), ["s1/System.evtx", "s2/SYSTEM.EVTX"]);
    let all = find_in(&folder.path().join("**/System.evtx"));
    assert_eq!(all.sources.len(), 4);
    let quoted = PathBuf::from(format!("'{}'", folder.path().join("s2/*.evtx").display()));
    assert_eq!(names(&find_in(&quoted), folder.path()), ["s2/SYSTEM.EVTX"]);
    assert_eq!(names(&find_in(&folder.path().join("[s3]")), folder.path()), ["[s3]/System.evtx"]);
}

#[test]
fn list_of_paths_adds_to_the_arguments() {
    let folder = folder();
    let first = write(folder.path(), "a.evtx", LOG);
    let second = write(folder.path(), "b c.evtx", LOG);
    let list = write(
        folder.path(),
        "list.txt",
        format!("{}\r\n{}\r\n", first.display(), second.display()).as_bytes(),
    );
    let options = Options { files_from: Some(list), ..Options::default() };
    assert_eq!(names(&find(&[], &options), folder.path()), ["a.evtx", "b c.evtx"]);
    let options = Options { files_from: Some(folder.path().join("none")), ..Options::default() };
    assert_eq!(problems(&find(&[first], &options)), ["no such file or folder"]);
}

#[test]
fn log_without_its_header_is_still_a_log() {
    let folder = folder();
    let mut bytes = vec![0; 4096 + 65_536];
    bytes.extend_from_slice(b"ElfChnk\0");
    let log = write(folder.path(), "a.evtx", &bytes);
    assert_eq!(find_in(&log).sources.len(), 1);
}

#[test]
fn carving_takes_any_file() {
    let folder = folder();
    let image = write(folder.path(), "disk.img", &[7; 5000]);
    assert_eq!(find_in(&image).sources.len(), 0);
    let options = Options { carve: true, ..Options::default() };
    let found = find(&[folder.path().to_owned()], &options);
    assert_eq!(names(&found, folder.path()), ["disk.img"]);
    assert_eq!(found.sources[0].format(), Format::Evtx);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let folder = folder();
    write(folder.path(), "a/log.evtx", LOG);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).expect("a link");
    std::os::unix::fs::symlink("nowhere", folder.path().join("a/gone.evtx")).expect("a link");
    let found = find_in(folder.path());
    assert_eq!(found.sources.len(), 1);
    let what = problems(&found);
    assert!(what.iter().any(|what| what.starts_with("a link that leads back to")), "{what:?}");
    assert!(what.iter().any(|what| what == "no such file or folder"), "{what:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_read() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"l\xf6g.evtx")), LOG).expect("a file");
    let found = find_in(folder.path());
    assert_eq!(names(&found, folder.path()), ["l\u{fffd}g.evtx"]);
    assert_eq!(read(&found.sources[0]).as_deref(), Ok(LOG));
}

#[test]
fn entries_of_zip_in_zip_are_read_in_place() {
    let folder = folder();
    let inner = packed(&[("logs\\System.evtx", LOG), ("readme.txt", b"no")]);
    let outer = packed(&[("inner.zip", &inner), ("Application.EVTX", LOG)]);
    write(folder.path(), "stored.zip", &stored(&[("srv1.zip", &outer)]));
    write(folder.path(), "log.evtx.gz", &gzipped(LOG));
    write(folder.path(), "bundle.zip.gz", &gzipped(&outer));
    let found = find_in(folder.path());
    assert_eq!(problems(&found), Vec::<String>::new());
    assert_eq!(
        names(&found, folder.path()),
        [
            "bundle.zip.gz!Application.EVTX",
            "bundle.zip.gz!inner.zip!logs/System.evtx",
            "log.evtx.gz",
            "stored.zip!srv1.zip!Application.EVTX",
            "stored.zip!srv1.zip!inner.zip!logs/System.evtx",
        ]
    );
    for source in &found.sources {
        assert_eq!(read(source).as_deref(), Ok(LOG), "{}", source.name());
        assert_eq!((source.size(), source.path()), (25, None));
    }
}

#[test]
fn zip_called_evtx_is_read_as_the_zip_it_is() {
    let folder = folder();
    let log = write(folder.path(), "System.evtx", &packed(&[("System.evtx", LOG)]));
    let found = find_in(&log);
    assert_eq!(names(&found, folder.path()), ["System.evtx!System.evtx"]);
    assert_eq!(problems(&found), ["a zip archive that is called .evtx; it is read as such"]);
    assert!(found.problems[0].is_read);
}

#[test]
fn many_entries_are_opened_side_by_side() {
    let folder = folder();
    let logs: Vec<(String, Vec<u8>)> = (0..300)
        .map(|number| (format!("{number:03}.evtx"), [LOG, number.to_string().as_bytes()].concat()))
        .collect();
    let entries: Vec<(&str, &[u8])> =
        logs.iter().map(|(name, log)| (name.as_str(), log.as_slice())).collect();
    let archive = write(folder.path(), "a.zip", &packed(&[("b.zip", &packed(&entries))]));
    let found = find_in(&archive);
    assert_eq!(found.sources.len(), 300);
    let sources = &found.sources;
    std::thread::scope(|scope| {
        for half in sources.chunks(100) {
            scope.spawn(move || half.iter().for_each(|source| assert!(read(source).is_ok())));
        }
    });
    assert_eq!(read(&sources[17]).as_deref(), Ok(logs[17].1.as_slice()));
}

#[test]
fn encrypted_entry_is_named_and_the_others_are_read() {
    let folder = folder();
    let mut archive = packed(&[("a.evtx", LOG), ("b.evtx", LOG)]);
    let directory = archive.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    archive[directory + 8] |= 1;
    let found = find_in(&write(folder.path(), "a.zip", &archive));
    assert_eq!(names(&found, folder.path()), ["a.zip!b.evtx"]);
    assert_eq!(problems(&found), ["an encrypted entry"]);
}

#[test]
fn wrong_sizes_and_checksums_are_errors_when_read() {
    let folder = folder();
    let good = packed(&[("a.evtx", LOG)]);
    let directory = good.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    let broken = |offset: usize, byte: u8| {
        let mut archive = good.clone();
        archive[directory + offset] = byte;
        let found = find_in(&write(folder.path(), "a.zip", &archive));
        match found.sources.first() {
            Some(source) => read(source).expect_err("a wrong entry"),
            None => problems(&found).join(" "),
        }
    };
    assert!(broken(24, 24).contains("longer than the 24 bytes"));
    assert!(broken(24, 99).contains("ends after 25 of 99 bytes"));
    assert!(broken(16, 1).contains("checksum"));
    assert!(broken(20, 3).contains("after"));
    assert!(broken(42, 9).contains("not where the directory says"));
    assert!(broken(10, 99).contains("method that is not read"));
}

#[test]
fn archive_that_was_cut_off_is_named() {
    let folder = folder();
    let whole = packed(&[("a.evtx", LOG), ("b.evtx", LOG)]);
    for cut in (4..whole.len()).step_by(7) {
        let found = find_in(&write(folder.path(), "a.zip", &whole[..cut]));
        assert_eq!(found.sources.len(), 0);
        assert!(problems(&found)[0].starts_with("a damaged zip archive"), "{:?}", problems(&found));
    }
    let gzip = gzipped(&[LOG, &[9; 100_000]].concat());
    let found = find_in(&write(folder.path(), "b.evtx.gz", &gzip[..gzip.len() / 2]));
    assert!(read(&found.sources[0]).expect_err("half an archive").contains("broken compressed data"));
}

#[test]
fn bombs_are_refused_without_being_read() {
    let folder = folder();
    let zeros = vec![0; 80 << 20];
    let bomb = packed(&[("bomb.evtx", &zeros), ("good.evtx", LOG)]);
    let found = find_in(&write(folder.path(), "a.zip", &bomb));
    assert_eq!(names(&found, folder.path()), ["a.zip!good.evtx"]);
    assert!(problems(&found)[0].contains("bomb"), "{:?}", problems(&found));
    let mut nested = packed(&[("deep.evtx", LOG)]);
    for _ in 0..6 {
        nested = packed(&[("deeper.zip", &nested)]);
    }
    let found = find_in(&write(folder.path(), "b.zip", &nested));
    assert_eq!(found.sources.len(), 0);
    assert_eq!(problems(&found), ["an archive in too many archives"]);
}

#[test]
fn absurd_entry_names_are_shown_harmlessly() {
    let folder = folder();
    let long = format!("../../{}.evtx", "x".repeat(5000));
    let found = find_in(&write(folder.path(), "a.zip", &packed(&[(&long, LOG), ("\u{1b}[2J.evtx", LOG)])));
    assert_eq!(found.sources.len(), 2);
    assert!(found.sources.iter().all(|source| read(source).as_deref() == Ok(LOG)));
    assert!(found.sources.iter().all(|source| source.name().chars().count() < 600));
    assert!(found.sources.iter().all(|source| !source.name().contains('\u{1b}')));
    assert_eq!(problems(&found).len(), 2);
}

#[test]
fn seven_zip_is_read_block_by_block() {
    let folder = folder();
    write(folder.path(), "in/a.evtx", LOG);
    write(folder.path(), "in/b.evtx", &[LOG, &[3; 1000]].concat());
    write(folder.path(), "in/c.txt", b"no");
    let archive = folder.path().join("logs.7z");
    sevenz_rust2::compress_to_path(folder.path().join("in"), &archive).expect("an archive");
    let found = find_in(&archive);
    assert_eq!(problems(&found), Vec::<String>::new());
    assert_eq!(names(&found, folder.path()), ["logs.7z!a.evtx", "logs.7z!b.evtx"]);
    assert_eq!(read(&found.sources[0]).as_deref(), Ok(LOG));
    assert_eq!(read(&found.sources[1]).map(|bytes| bytes.len()), Ok(1025));
    let bytes = fs::read(&archive).expect("an archive");
    for cut in (6..bytes.len()).step_by(13) {
        let found = find_in(&write(folder.path(), "cut.7z", &bytes[..cut]));
        assert!(found.sources.is_empty() && !found.problems.is_empty());
    }
    for place in (6..bytes.len()).step_by(5) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x55;
        let found = find_in(&write(folder.path(), "flipped.7z", &flipped));
        found.sources.iter().for_each(|source| drop(read(source)));
    }
}

#[test]
fn same_content_counts_once() {
    let folder = folder();
    let big = [LOG, &[5; 100_000]].concat();
    let other = [LOG, &[5; 99_999], &[6]].concat();
    write(folder.path(), "a.evtx", &big);
    write(folder.path(), "b.evtx", &other);
    write(folder.path(), "c.zip", &packed(&[("c.evtx", &big), ("d.evtx", &other[..99])]));
    write(folder.path(), "e.evtx.gz", &gzipped(&other));
    let (kept, duplicates) = dedupe(find_in(folder.path()).sources);
    let kept: Vec<&str> = kept.iter().filter_map(|source| source.name().rsplit('/').next()).collect();
    assert_eq!(kept, ["a.evtx", "b.evtx", "c.zip!d.evtx"]);
    let pairs: Vec<(bool, bool)> = duplicates
        .iter()
        .map(|pair| (pair.name.ends_with("c.zip!c.evtx"), pair.same_as.ends_with("a.evtx")))
        .collect();
    assert_eq!(pairs, [(true, true), (false, false)]);
    let found = find_in(&folder.path().join("a.evtx"));
    assert_eq!(content_key(&found.sources[0]).expect("readable").size, 100_025);
}

#[cfg(target_os = "linux")]
#[test]
fn pipe_is_read_to_its_end() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no mkfifo");
    }
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, packed(&[("a.evtx", LOG)]))
    });
    let found = find_in(&pipe);
    writer.join().expect("a thread").expect("a pipe");
    assert_eq!(names(&found, folder.path()), ["pipe!a.evtx"]);
    assert_eq!(read(&found.sources[0]).as_deref(), Ok(LOG));
}

#[test]
fn deflate64_of_explorer_is_read() {
    let folder = folder();
    // A stored block is the same in Deflate and Deflate64 (RFC 1951, 3.2.4).
    let length = u16::try_from(LOG.len()).expect("short");
    let block = [&[1], &length.to_le_bytes()[..], &(!length).to_le_bytes(), LOG].concat();
    let mut archive = stored(&[("a.evtx", &block)]);
    let directory = archive.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    archive[directory + 10] = 9;
    archive[directory + 16..directory + 20].copy_from_slice(&crc32fast::hash(LOG).to_le_bytes());
    archive[directory + 24] = u8::try_from(LOG.len()).expect("short");
    let found = find_in(&write(folder.path(), "a.zip", &archive));
    assert_eq!(problems(&found), Vec::<String>::new());
    assert_eq!(read(&found.sources[0]).as_deref(), Ok(LOG));
}

#[test]
fn named_archive_without_logs_is_said() {
    let folder = folder();
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    write(folder.path(), "a.tar.gz", &gzipped(&tar));
    write(folder.path(), "b.zip", &packed(&[("readme.txt", b"no")]));
    let named = [folder.path().join("a.tar.gz"), folder.path().join("b.zip")];
    let found = find(&named, &Options::default());
    assert_eq!(problems(&found), ["a tar archive", "an archive without event logs"]);
    assert_eq!(problems(&find_in(folder.path())), ["a folder without event logs"]);
}

#[test]
fn damaged_block_of_7z_gives_what_stands_before() {
    let folder = folder();
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|n| u8::try_from((n.wrapping_mul(2_654_435_761)) >> 24).unwrap_or_default())
        .collect();
    write(folder.path(), "in/a.evtx", LOG);
    write(folder.path(), "in/b.evtx", &[LOG, &noise].concat());
    let archive = folder.path().join("logs.7z");
    sevenz_rust2::compress_to_path(folder.path().join("in"), &archive).expect("an archive");
    let mut bytes = fs::read(&archive).expect("an archive");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xa5);
    fs::write(&archive, bytes).expect("an archive");
    let found = find_in(&archive);
    let whole: Vec<&Source> = found.sources.iter().filter(|source| read(source).is_ok()).collect();
    assert_eq!(whole.len(), 1);
    assert!(whole[0].name().ends_with("logs.7z!a.evtx"));
    assert_eq!(found.sources.len() + found.problems.len(), 2, "{:?}", found.problems);
}

#[test]
fn flipped_zip_is_read_or_a_problem() {
    let folder = folder();
    let inner = packed(&[("a.evtx", LOG), ("b.evtx", LOG)]);
    let whole = stored(&[("in.zip", &inner), ("c.evtx", LOG)]);
    for place in 4..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x41;
        let found = find_in(&write(folder.path(), "a.zip", &flipped));
        found.sources.iter().for_each(|source| drop(read(source)));
        assert!(found.sources.len() <= 3);
    }
}

#[test]
fn files_that_differ_anywhere_are_kept_and_copies_left_out() {
    let size = 700_000;
    let with = |place: usize, value: u8| {
        let mut bytes = [LOG, &vec![5; size]].concat();
        bytes[place] = value;
        bytes
    };
    let few = vec![
        with(0, LOG[0]),
        with(20_000, 1),
        with(0, LOG[0]),
        with(size, 2),
        with(20_000, 1),
        with(9_000, 3),
    ];
    let many: Vec<Vec<u8>> = (0..12).map(|number| with(100_000 + number, 9)).collect();
    let number =
        |path: &str| -> Option<usize> { path.rsplit('/').next()?.strip_suffix(".evtx")?.parse().ok() };
    for (contents, count) in [(&few, 6), (&few, 40), (&many, 24)] {
        let folder = self::folder();
        let content = |number: usize| &contents[number % contents.len()];
        let first = |number: usize| contents.iter().position(|other| other == content(number));
        for number in 0..count {
            write(folder.path(), &format!("{number:02}.evtx"), content(number));
        }
        let (kept, duplicates) = dedupe(find_in(folder.path()).sources);
        let own: Vec<usize> = (0..count).filter(|number| first(*number) == Some(*number)).collect();
        assert_eq!(kept.iter().filter_map(|source| number(source.name())).collect::<Vec<_>>(), own);
        for pair in &duplicates {
            let own = number(&pair.name).expect("a number");
            assert_eq!(number(&pair.same_as), first(own), "{own}");
        }
        assert_eq!(duplicates.len(), count - own.len());
    }
}
