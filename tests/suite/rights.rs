//! What a user may not read or write: told, the rest kept as partial. Root, who may do everything, becomes nobody.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::faults::{VERBS, end};

/// A user and group to whom nothing belongs.
const NOBODY: u32 = 65_534;

const LOGS: &str = "samples/termservice-crash";

/// A folder that may not be written to: in `logs` two logs that may be read and one that may not, `shut` that may not be
/// entered, and the program.
struct Shut(TempDir);

impl Drop for Shut {
    /// So that it can be removed.
    fn drop(&mut self) {
        for name in ["", "shut"] {
            drop(fs::set_permissions(self.0.path().join(name), fs::Permissions::from_mode(0o755)));
        }
    }
}

fn folder() -> Shut {
    let folder = Shut(tempfile::tempdir().unwrap());
    let below = |name: &str| folder.0.path().join(name);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOGS);
    fs::create_dir_all(below("logs")).unwrap();
    fs::create_dir_all(below("shut")).unwrap();
    let sessions = "Microsoft-Windows-TerminalServices-LocalSessionManager%4Operational";
    let copies = [
        ("System", "logs/System"),
        (sessions, "logs/Sessions"),
        ("Application", "logs/Application"),
        ("System", "shut/System"),
    ];
    for (from, to) in copies {
        let to = below(&format!("{to}.evtx"));
        fs::copy(sample.join(format!("{from}.evtx")), &to).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_rdpwhy");
    // The user may not reach the place where it was built.
    if fs::hard_link(program, below("rdpwhy")).is_err() {
        fs::copy(program, below("rdpwhy")).unwrap();
    }
    for (name, mode) in [("logs/Application.evtx", 0o000), ("shut", 0o000), ("", 0o555)] {
        fs::set_permissions(below(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    folder
}

fn run(Shut(folder): &Shut, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(folder.path().join("rdpwhy"));
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir(folder.path()).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    let output = end(command.spawn().unwrap());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn with<'a>(verb: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    verb.iter().chain(more).copied().collect()
}

#[test]
fn a_log_that_may_not_be_read_is_told_and_the_others_are_read() {
    let folder = folder();
    for verb in VERBS {
        for inputs in [
            &["logs"][..],
            &["logs/*.evtx"],
            &["logs/Application.evtx", "logs/Sessions.evtx", "logs/System.evtx"],
        ] {
            let (code, out, error) = run(&folder, &with(verb, &with(&["-q"], inputs)));
            assert_eq!(code, Some(2), "{verb:?} {inputs:?}: {error}");
            assert!(out.len() > 100, "{verb:?} {inputs:?}: {error}");
            assert_eq!(
                error,
                "logs/Application.evtx: permission denied\n  help: copy the log to a place that you may read, or run \
                 with more rights\n",
                "{verb:?} {inputs:?}"
            );
        }
    }
    let (_, out, _) = run(&folder, &["diagnose", "-q", "--format", "json", "logs"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["is_partial"], true);
    assert_eq!(report["summary"]["logs"], 2);
}

#[test]
fn a_folder_that_may_not_be_entered_is_told() {
    let folder = folder();
    for name in ["shut", "shut/System.evtx", "shut/*.evtx"] {
        let (code, out, error) = run(&folder, &["diagnose", name]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{name}: {error}");
        let told: Vec<&str> = error.lines().filter(|line| !line.starts_with("  help: ")).collect();
        let place = name.trim_end_matches("/*.evtx");
        assert_eq!(told, [format!("{place}: permission denied").as_str(), "error: no log to read"]);
        let (code, out, error) =
            run(&folder, &["diagnose", "-q", "--format", "json", name, "logs/System.evtx"]);
        assert_eq!(code, Some(2), "{name}: {error}");
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["is_partial"], true, "{name}");
    }
}

#[test]
fn an_output_where_nothing_may_be_written_is_told() {
    let folder = folder();
    for verb in VERBS {
        let (code, out, error) = run(&folder, &with(verb, &["-q", "--output", "report", "logs/System.evtx"]));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{verb:?}: {error}");
        assert!(error.contains("cannot write report: Permission denied"), "{verb:?}: {error}");
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 3, "logs, shut and the program");
}
