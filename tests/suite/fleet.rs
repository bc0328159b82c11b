//! A fleet with known causes through the binary: who is broken, by what, and what the broken hosts share.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::fleet::{Ailment, BAD_UPDATE, Truth, fleet};

fn report(folder: &Path) -> Value {
    let arguments = ["diagnose", "--quiet", "--format", "json", "."];
    let output =
        Command::new(env!("CARGO_BIN_EXE_rdpwhy")).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn host<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut found = report["hosts"].as_array().unwrap().iter().filter(|host| host["host"] == name);
    let host = found.next().expect(name);
    assert!(found.next().is_none(), "{name} is there once");
    host
}

#[test]
fn a_fleet_of_200_hosts_has_the_causes_that_were_planted_and_its_bad_update() {
    let folder = tempfile::tempdir().unwrap();
    let truths = fleet(folder.path(), 200, 1);
    let report = report(folder.path());
    assert_eq!(report["hosts"].as_array().unwrap().len(), 200);
    let wrong: Vec<String> = truths.iter().filter_map(|truth| misjudged(truth, &report)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let first = &report["fleet"]["associations"][0];
    let count = |has: bool, is_broken: bool| {
        let is = |truth: &&Truth| {
            (truth.update == Some(BAD_UPDATE)) == has && (truth.ailment != Ailment::None) == is_broken
        };
        truths.iter().filter(is).count()
    };
    assert!(first["property"].as_str().unwrap().contains(BAD_UPDATE), "{first}");
    assert_eq!(first["broken_with"], count(true, true));
    assert_eq!(first["working_with"], count(true, false));
    assert_eq!(first["broken_without"], count(false, true));
    assert_eq!(first["working_without"], count(false, false));
    insta::assert_snapshot!(first["text"].as_str().unwrap(), @"35 of 40 hosts with KB5990201, build 20348.5512 (always together) are broken, 30 of 160 without: 4.7 times likelier (95 % sure: between 3.3 and 6.6 times). Chance alone would do this less than once in a billion times (3 properties tried).");
}

/// What is wrong with the verdict on a host: a broken one needs the right family, a working one must be healthy.
fn misjudged(truth: &Truth, report: &Value) -> Option<String> {
    let host = host(report, &truth.host);
    let (status, family) = (&host["status"], &host["causes"][0]["family"]);
    let is_right = match truth.ailment {
        Ailment::None => status == "healthy",
        _ => status == "broken" && family == truth.family,
    };
    (!is_right).then(|| format!("{} {:?}: {status} {family}", truth.host, truth.ailment))
}

#[test]
fn a_log_that_a_fleet_has_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let truths = fleet(folder.path(), 40, 1);
    let with_copies = report(folder.path());
    let mut copies = 0;
    for truth in truths.iter().filter(|truth| truth.has_duplicate) {
        let name = truth.host.split('.').next().unwrap();
        fs::remove_dir_all(folder.path().join(name).join("copy of logs")).unwrap();
        copies += 1;
    }
    assert!(copies > 0);
    let without = report(folder.path());
    assert_eq!(with_copies["summary"]["duplicate_logs"], copies);
    assert_eq!(without["summary"]["duplicate_logs"], 0);
    for truth in &truths {
        assert_eq!(host(&with_copies, &truth.host)["records"], host(&without, &truth.host)["records"]);
    }
}

#[test]
fn a_renamed_host_of_a_fleet_is_one_host() {
    let folder = tempfile::tempdir().unwrap();
    let truths = fleet(folder.path(), 40, 1);
    let report = report(folder.path());
    assert_eq!(report["hosts"].as_array().unwrap().len(), truths.len());
    let renamed: Vec<&Truth> = truths.iter().filter(|truth| truth.old_name.is_some()).collect();
    assert!(!renamed.is_empty());
    for truth in renamed {
        let names = &host(&report, &truth.host)["other_names"];
        let old = truth.old_name.as_deref().unwrap();
        assert_eq!(names, &serde_json::json!([old]), "{}", truth.host);
    }
}
