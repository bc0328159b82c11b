//! What becomes of Windows updates: their history, blame and innocence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::path::Path;
use std::process::Command;

use crate::{corpus, support};

fn run(arguments: &[&str], logs: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    let output = command.args(arguments).arg("--quiet").arg(logs).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The values of a key in a JSON text, in order; enough for flat values of one name.
fn values(json: &str, key: &str) -> Vec<String> {
    let name = format!("\"{key}\":");
    let starts = json.split(&name).skip(1);
    starts
        .map(|rest| {
            let rest = rest.trim_start();
            rest.strip_prefix('"').map_or_else(
                || rest.split([',', '}', '\n']).next().unwrap().trim().to_owned(),
                |text| text.split('"').next().unwrap().to_owned(),
            )
        })
        .collect()
}

/// The part of a document that lists the updates of its only host.
fn updates_of(json: &str) -> &str {
    let start = json.split_once("\"updates\":").unwrap().1;
    start.split_once("\"connections\":").map_or(start, |(list, _)| list)
}

/// Two years of a machine's Setup log, beside the text that Event Viewer made of them: what was installed, in order.
#[test]
fn a_long_history_is_complete() {
    let Some(folder) = corpus::folder() else {
        eprintln!("skipped: no corpus (set RDPWHY_CORPUS to a folder with MANIFEST.tsv)");
        return;
    };
    let log = folder.join("omerbenamram+evtx/test.evtx");
    let json = run(&["diagnose", "--format", "json"], &log);
    let list = updates_of(&json);
    let text = std::fs::read_to_string(folder.join("omerbenamram+evtx/test.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.reverse();
    let mut expected = Vec::new();
    let mut again = "";
    for line in lines {
        let kb = line
            .split_whitespace()
            .find(|word| word.starts_with("KB"))
            .map(|word| word.trim_end_matches('.'));
        let Some(kb) = kb else { continue };
        if line.contains("Current state is Installed.") {
            again = kb;
        } else if line.contains("successfully changed to the Installed state") {
            // `12/9/2025 5:37:32 PM`: the zone is the author's, minutes and seconds are the same everywhere.
            let clock = line.split(' ').nth(1).unwrap().split_once(':').unwrap().1;
            if kb == again {
                again = "";
            } else {
                expected.push(format!("{clock} {kb}"));
            }
        }
    }
    let times = values(list, "time");
    let mut found: Vec<String> = times
        .iter()
        .zip(values(list, "kb"))
        .map(|(time, kb)| format!("{} {kb}", time.get(14..19).unwrap()))
        .collect();
    assert_eq!(found.len(), 71);
    assert!(values(list, "state").iter().all(|state| state == "installed"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn builds_and_records_of_a_sample_give_its_history() {
    let json =
        run(&["diagnose", "--format", "json"], &support::samples_folder().join("update-known-regression"));
    let list = updates_of(&json);
    assert_eq!(values(list, "kb"), ["KB5040430", "KB5041578"]);
    assert_eq!(values(list, "state"), ["from_build", "installed"]);
    assert_eq!(values(list, "build"), ["17763.6054", "17763.6189"]);
    assert_eq!(values(list, "restart")[1], "2024-08-14T03:23:35.000Z");
}

/// Rule, family and confidence of each cause of a sample's only host, and its status.
fn causes_of(sample: &str) -> (Vec<[String; 3]>, String) {
    let json = run(&["diagnose", "--format", "json"], &support::samples_folder().join(sample));
    let list = json.split_once("\"causes\":").unwrap().1.split_once("\"ruled_out\":").unwrap().0;
    let families = values(list, "family");
    let causes = values(list, "rule").into_iter().zip(families).zip(values(list, "confidence"));
    let causes = causes.map(|((rule, family), confidence)| [rule, family, confidence]).collect();
    (causes, values(&json, "status")[0].clone())
}

#[test]
fn a_known_regression_is_the_cause() {
    let (causes, status) = causes_of("update-known-regression");
    assert_eq!(causes[0], ["2024-08-kb5041578-mass-disconnect", "windows-update-regression", "medium"]);
    assert_eq!(status, "degraded");
}

#[test]
fn an_unknown_update_is_a_suspect_beside_the_stated_cause() {
    let (causes, status) = causes_of("update-unknown-breaks-service");
    assert_eq!(causes[0][1], "service-crash");
    assert!(
        causes.contains(&["update-suspected", "windows-update-regression", "low"].map(str::to_owned)),
        "{causes:?}"
    );
    assert_eq!(status, "broken");
    let text = run(&["diagnose"], &support::samples_folder().join("update-unknown-breaks-service"));
    assert!(text.contains("it began at the first start after KB5990101"), "{text}");
}

#[test]
fn an_innocent_update_is_not_blamed() {
    let (causes, status) = causes_of("update-innocent");
    assert_eq!((causes[0][1].as_str(), status.as_str()), ("tls-certificate", "broken"));
    assert!(causes.iter().all(|cause| cause[1] != "windows-update-regression"), "{causes:?}");
    let text = run(&["diagnose"], &support::samples_folder().join("update-innocent"));
    assert!(text.contains("it began before KB5065428 came into force"), "{text}");
}

#[test]
fn a_postmortem_tells_the_story_of_an_update() {
    let folder = support::samples_folder().join("update-unknown-breaks-service");
    let text = run(&["postmortem"], &folder);
    let story = [
        "# Postmortem: Remote Desktop",
        "has been down since 11 Aug 02:49 UTC",
        "| 10 Aug 10:18:00 | Last good connection |",
        "package KB5990101 installed (in force after a restart) | Setup · Servicing 4",
        "TermService ended unexpectedly (%%126)",
        "first failure",
        "the update is the suspect",
        "### Fix and verification",
        "### What to watch",
    ];
    let mut rest = text.as_str();
    for part in story {
        rest =
            rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing or out of order:\n{text}")).1;
    }
    assert!(run(&["postmortem", "--kb", "kb5990101"], &folder).contains("RDS12"));
}

#[test]
fn a_postmortem_of_an_update_that_no_host_has_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    let folder = support::samples_folder().join("update-innocent");
    let output = command.args(["postmortem", "-q", "--kb", "KB5000000"]).arg(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no host of these logs has KB5000000"));
}

#[test]
fn a_timeline_shows_changes_bars_and_the_outage() {
    let folder = support::samples_folder().join("update-known-regression");
    let text = run(&["timeline", "--width", "160"], &folder);
    for part in
        ["● change", "■ service  TermService is running", "████", "▲ found", "✖ outage   first failure"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let lines = run(&["timeline", "--format", "jsonl", "--around", "2024-08-14T10:00"], &folder);
    let times = values(&lines, "time");
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(times.iter().all(|time| time.starts_with("2024-08-1")));
    assert!(values(&lines, "kind").iter().any(|kind| kind == "outage"));
    let none = run(&["timeline", "--format", "jsonl", "--until", "2024-08-01"], &folder);
    assert_eq!(none, "");
}
