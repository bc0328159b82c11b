//! Faults of the world: inputs that cannot be read or change while they are, outputs that cannot be written, and an
//! interrupt. Each is told, what was read is kept, and no output is half written.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it fails"
)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rdpwhy::evtx::{CHUNK_SIZE, FILE_HEADER_SIZE};
use rdpwhy::input::{self, Options};
use rdpwhy::rule::RuleSet;
use rdpwhy::scan::{self, Builds, Flow, Progress, Query, Scan};
use rdpwhy::text::Texts;
use serde_json::Value;

/// Far more than any of these runs takes.
const LIMIT: Duration = Duration::from_secs(120);

const LOGS: &str = "samples/termservice-crash";
const LOG: &str = "samples/termservice-crash/System.evtx";

/// Verbs that read logs and show what they hold.
pub(crate) const VERBS: [&[&str]; 5] =
    [&["diagnose"], &["events"], &["timeline"], &["connections"], &["postmortem", "--format", "json"]];

fn rdpwhy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}

/// Waits for a run; one that hangs is ended and fails the test.
pub(crate) fn end(mut child: Child) -> Output {
    let (out, error) = (child.stdout.take(), child.stderr.take());
    let out = out.map(|out| std::thread::spawn(move || std::io::read_to_string(out).unwrap()));
    let error = error.map(|error| std::thread::spawn(move || std::io::read_to_string(error).unwrap()));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |thread: Option<std::thread::JoinHandle<String>>| {
        thread.map(|thread| thread.join().unwrap().into_bytes()).unwrap_or_default()
    };
    Output { status, stdout: text(out), stderr: text(error) }
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = end(rdpwhy(arguments).spawn().unwrap());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn with<'a>(verb: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    verb.iter().chain(more).copied().collect()
}

#[test]
fn inputs_that_are_no_files_are_told_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let below = |name: &str| folder.path().join(name);
    fs::create_dir(below("folder.evtx")).unwrap();
    // A file that opens and cannot be read, as on a share that went away.
    symlink("/proc/self/mem", below("unreadable.evtx")).unwrap();
    symlink("nowhere", below("gone.evtx")).unwrap();
    let cases = [
        ("folder.evtx", "a folder without event logs"),
        ("unreadable.evtx", "cannot be read: "),
        ("gone.evtx", "no such file or folder"),
    ];
    for verb in VERBS {
        for (name, what) in cases {
            let path = below(name);
            let alone = run(&with(verb, &[path.to_str().unwrap()]));
            assert_eq!((alone.0, alone.1.as_str()), (Some(2), ""), "{verb:?} {name}: {}", alone.2);
            assert!(alone.2.contains(what) && alone.2.contains("help: "), "{verb:?} {name}: {}", alone.2);
        }
        let gone = below("unreadable.evtx");
        let both = run(&with(verb, &["-q", gone.to_str().unwrap(), LOGS]));
        assert_eq!(both.0, Some(2), "{verb:?}: {}", both.2);
        assert!(both.1.len() > 100 && both.2.contains("cannot be read: "), "{verb:?}: {}", both.2);
    }
}

#[test]
fn a_pipe_in_a_folder_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG), folder.path().join("good.evtx")).unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.evtx")).status();
    if !made.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no mkfifo");
    }
    let (code, out, error) = run(&["events", "-q", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.lines().count() > 10);
}

/// Does something to a log when the first bytes of it were read.
struct Meddler<'a> {
    at_first: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
    waits_for_bytes: bool,
}

impl Progress for Meddler<'_> {
    fn log(&self, _name: &str) {
        if !self.waits_for_bytes {
            self.bytes(0);
        }
    }

    fn bytes(&self, _count: u64) {
        if let Some(act) = self.at_first.lock().unwrap().take() {
            act();
        }
    }
}

/// A log of so many chunks: those of a sample, over and over.
fn large_log(path: &Path, chunks: usize) {
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG)).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(&sample[..FILE_HEADER_SIZE]).unwrap();
    for _ in 0..chunks {
        file.write_all(&sample[FILE_HEADER_SIZE..FILE_HEADER_SIZE + CHUNK_SIZE]).unwrap();
    }
}

/// What `diagnose` reads while something happens to the log.
fn meddled(path: &Path, waits_for_bytes: bool, act: impl FnOnce() + Send) -> Scan {
    let found = input::find(&[path.to_owned()], &Options::default());
    let (rules, texts, stop) = (RuleSet::load(&[]).unwrap(), Texts::builtin(), AtomicBool::new(false));
    let progress = Meddler { at_first: Mutex::new(Some(Box::new(act))), waits_for_bytes };
    let options = scan::Options {
        rules: &rules,
        texts: &texts,
        since: None,
        until: None,
        carve: false,
        progress: &progress,
        stop: &stop,
        is_joinable: false,
        cache: None,
    };
    // One thread, so that the first block is read before the others.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| scan::scan(&found.sources, &options))
}

fn grow(path: &Path, chunks: usize) {
    let more = fs::read(path).unwrap()[FILE_HEADER_SIZE..FILE_HEADER_SIZE + CHUNK_SIZE].repeat(chunks);
    OpenOptions::new().append(true).open(path).unwrap().write_all(&more).unwrap();
}

fn cut(path: &Path, chunks: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len((FILE_HEADER_SIZE + chunks * CHUNK_SIZE) as u64).unwrap();
}

#[test]
fn a_log_that_shrinks_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shrinks.evtx");
    large_log(&path, 40);
    let scan = meddled(&path, true, || cut(&path, 20));
    assert_eq!(scan.problems.len(), 1, "{:?}", scan.problems);
    assert!(scan.problems[0].contains("shrinks.evtx: not read to its end (byte "), "{:?}", scan.problems);
    assert!(scan.problems[0].contains("it shrank by "), "{:?}", scan.problems);
}

#[test]
fn a_log_that_grows_while_it_is_read_is_read_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grows.evtx");
    large_log(&path, 20);
    let alone = meddled(&path, true, || {});
    let scan = meddled(&path, true, || grow(&path, 40));
    assert_eq!(scan.problems, Vec::<String>::new());
    assert!(scan == alone);
}

#[test]
fn a_log_that_disappears_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vanishes.evtx");
    large_log(&path, 2);
    let scan = meddled(&path, false, || fs::remove_file(&path).unwrap());
    assert_eq!(scan.problems.len(), 1, "{:?}", scan.problems);
    assert!(scan.problems[0].contains("vanishes.evtx: ") && scan.problems[0].contains("No such file"));
}

#[test]
fn events_tell_of_a_log_that_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shrinks.evtx");
    large_log(&path, 400);
    let found = input::find(std::slice::from_ref(&path), &Options::default());
    let texts = Texts::builtin();
    let (builds, query, stop) = (Builds::default(), Query::default(), AtomicBool::new(false));
    let progress = Meddler { at_first: Mutex::new(Some(Box::new(|| cut(&path, 3)))), waits_for_bytes: true };
    let show = |_: &_, _: &_, bytes: &mut Vec<u8>| bytes.push(b'.');
    let flow = Flow {
        query: &query,
        texts: &texts,
        builds: &builds,
        carve: false,
        progress: &progress,
        stop: &stop,
        show: &show,
    };
    let flowed = scan::flow(&found.sources, &flow, &mut |_| Ok(())).unwrap();
    assert!(flowed.records > 0);
    assert_eq!(flowed.problems.len(), 1, "{:?}", flowed.problems);
    assert!(flowed.problems[0].contains("it shrank while it was read"), "{:?}", flowed.problems);
}

#[test]
fn a_log_whose_archive_breaks_off_is_used_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.evtx.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packer.write_all(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG)).unwrap()).unwrap();
    let packed = packer.finish().unwrap();
    fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let (code, out, error) = run(&["diagnose", "-q", "--format", "json", path.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("not read to its end (byte "), "{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["is_partial"], true);
    assert!(report["summary"]["records"].as_u64() > Some(5), "{}", report["summary"]);
    let (code, out, error) = run(&["events", "-q", path.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("not read to its end (byte ") && out.lines().count() > 5, "{error}");
}

#[test]
fn a_full_disk_is_told() {
    let verbs = VERBS.iter().map(|verb| with(verb, &["-q", LOGS]));
    let others =
        [vec!["explain", "1067"], vec!["collect"], vec!["rules", "causes"], vec!["completions", "bash"]];
    for arguments in verbs.chain(others) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = end(rdpwhy(&arguments).stdout(full).spawn().unwrap());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains("No space left"), "{arguments:?}: {error}");
    }
}

#[test]
fn an_output_in_a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/such/folder/report.json");
    for verb in VERBS {
        let (code, _, error) = run(&with(verb, &["-q", "--output", path.to_str().unwrap(), LOGS]));
        assert_eq!(code, Some(2), "{verb:?}: {error}");
        assert!(error.contains("cannot write ") && error.contains("report.json"), "{verb:?}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let verbs = VERBS.iter().map(|verb| with(verb, &["-q", LOGS]));
    let others =
        [vec!["explain", "1067"], vec!["collect"], vec!["rules", "causes"], vec!["completions", "bash"]];
    for arguments in verbs.chain(others) {
        let mut child = rdpwhy(&arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = end(child);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Interrupts a run when it has the log open, and says how it ended; `None` when it was faster.
fn interrupted(log: &Path, report: &Path) -> Option<Output> {
    let out = ["diagnose", "-q", "--threads", "1", "--format", "json", "--output"];
    let child = rdpwhy(&out).arg(report).arg(log).spawn().unwrap();
    let files = PathBuf::from(format!("/proc/{}/fd", child.id()));
    let began = Instant::now();
    let is_open = || {
        fs::read_dir(&files)
            .into_iter()
            .flatten()
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == *log))
    };
    while began.elapsed() < LIMIT && files.exists() && !is_open() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    // It may have ended already.
    drop(Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status());
    let output = end(child);
    (output.status.code() != Some(0)).then_some(output)
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_leaves_a_whole_report_that_says_it_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let folder_path = fs::canonicalize(folder.path()).unwrap();
    let (log, report) = (folder_path.join("large.evtx"), folder_path.join("report.json"));
    let ended = [500, 4000].into_iter().find_map(|chunks| {
        large_log(&log, chunks);
        interrupted(&log, &report)
    });
    let output = ended.expect("250 MB take longer than a signal");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{error}");
    let text: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(text["is_partial"], true);
    assert_eq!(fs::read_dir(&folder_path).unwrap().count(), 2, "the log and the report");
}
