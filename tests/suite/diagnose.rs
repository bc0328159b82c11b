//! The main job through the binary: what is found in the samples, in real logs, and what bad input is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn rdpwhy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpwhy"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[&str]) -> Output {
    rdpwhy().args(arguments).output().unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let output = run(&[&["diagnose", "--quiet", "--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("RDPWHY_CORPUS").map_or(beside, PathBuf::from);
    if folder.join("MANIFEST.tsv").exists() {
        return Some(folder);
    }
    eprintln!("skipped: no corpus of real logs (set RDPWHY_CORPUS)");
    None
}

/// Host, status, family of the leading cause with its confidence.
fn verdicts(report: &Value) -> Vec<String> {
    let hosts = report["hosts"].as_array().unwrap();
    let mut lines: Vec<String> = hosts
        .iter()
        .map(|host| {
            let cause = &host["causes"][0];
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let leading = format!("{} {}", text(&cause["family"]), text(&cause["confidence"]));
            format!("{} {}: {leading}", text(&host["host"]), text(&host["status"]))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_sample_gets_its_verdict() {
    insta::assert_snapshot!(verdicts(&report(&["samples"])).join("\n"), @r"
    APP02.corp.example broken: service-not-running high
    APP04.corp.example broken: listener-or-port high
    APP09.corp.example broken: nla-credssp high
    APP10.corp.example broken: session-limit medium
    APP14.corp.example broken: firewall-or-network high
    APP15.corp.example degraded: domain-trust-or-time high
    EDGE01.corp.example healthy: - -
    FILE23.corp.example healthy: - -
    FS07.corp.example healthy: - -
    RDS01.corp.example healthy: logon-or-credentials low
    RDS03.corp.example broken: service-crash high
    RDS05.corp.example broken: tls-certificate high
    RDS07.corp.example broken: licensing high
    RDS11.corp.example degraded: windows-update-regression medium
    RDS12.corp.example broken: service-crash high
    RDS13.corp.example broken: tls-certificate high
    SQL22.corp.example broken: service-crash high
    SRV-OFFICE.corp.example broken: third-party-software high
    TS08.corp.example broken: tls-protocol-hardening high
    WEB21.corp.example healthy: - -
    ");
}

#[test]
fn a_cause_shows_evidence_fixes_and_a_check() {
    let report = report(&["samples/certificate-key-unreadable"]);
    assert_eq!(report["schema"], 1);
    let host = &report["hosts"][0];
    assert!(
        host["outage"]["last_good"].as_str().unwrap() < host["outage"]["first_failure"].as_str().unwrap()
    );
    let cause = &host["causes"][0];
    assert!(!cause["evidence"].as_array().unwrap().is_empty());
    let fixes = cause["fixes"].as_array().unwrap();
    assert_eq!(fixes[0]["risk"], "safe");
    assert!(fixes.iter().any(|fix| fix["check"].is_string()));
    assert!(!cause["references"].as_array().unwrap().is_empty());
}

#[test]
fn a_client_code_orders_causes_and_never_makes_one() {
    let healthy = report(&["samples/healthy-server", "--client-error", "0x904"]);
    assert_eq!(healthy["hosts"][0]["status"], "healthy");
    let decimal = report(&["samples/licensing-grace-over", "--client-error", "2308"]);
    let hexadecimal = report(&["samples/licensing-grace-over", "--client-error", "0x904/0x7"]);
    assert_eq!(decimal["hosts"], hexadecimal["hosts"]);
    assert_eq!(decimal["hosts"][0]["causes"][0]["family"], "licensing");
    let output = run(&["diagnose", "samples/healthy-server", "--client-error", "blue"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("help:"));
}

#[test]
fn exit_codes_are_stable() {
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&["diagnose", "samples/termservice-crash"]), Some(0));
    assert_eq!(code(&["diagnose", "--fail-on", "high", "samples/termservice-crash"]), Some(1));
    assert_eq!(code(&["diagnose", "--fail-on", "medium", "samples/healthy-server"]), Some(0));
    assert_eq!(code(&["diagnose", "samples/no-such-folder"]), Some(2));
    assert_eq!(code(&["diagnose", "samples/healthy-server", "samples/no-such-folder"]), Some(2));
}

#[test]
fn inputs_that_are_no_logs_are_named_and_the_others_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    fs::write(path("notes.evtx"), "just some notes, no log").unwrap();
    fs::write(path("empty.evtx"), "").unwrap();
    fs::write(path("pointer.evtx"), "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n")
        .unwrap();
    let mut command = rdpwhy();
    command.args(["diagnose", "--format", "json", "samples/healthy-server"]);
    for name in ["notes.evtx", "empty.evtx", "pointer.evtx", "missing.evtx"] {
        command.arg(path(name));
    }
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    for name in ["notes.evtx", "empty.evtx", "pointer.evtx", "missing.evtx"] {
        assert!(told.contains(name), "{name} is not named in {told}");
    }
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["hosts"][0]["status"], "healthy");
}

#[test]
fn a_bad_rule_is_an_error_with_place_and_help() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("bad.yml");
    fs::write(
        &file,
        "title: X\nlogsource: {product: windows}\ndetection:\n    a: {EventID: 1}\n    condition: b\n",
    )
    .unwrap();
    let output = run(&["diagnose", "samples/healthy-server", "--rules", scratch.path().to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("bad.yml:5:") && told.contains("help:"), "{told}");
}

#[test]
fn nothing_is_written_to_a_file_that_cannot_be_written() {
    let output = run(&["diagnose", "samples/healthy-server", "-o", "/no/such/folder/report.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("report.json"));
}

#[test]
fn no_colour_in_a_pipe() {
    let output = run(&["diagnose", "samples/termservice-crash", "--width", "80"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'));
    let too_wide =
        |line: &&str| line.chars().count() > 80 && !line.trim_start().starts_with(char::is_alphabetic);
    assert!(text.lines().find(too_wide).is_none());
}

#[test]
fn healthy_and_noisy_real_logs_get_no_cause_of_high_confidence() {
    let Some(corpus) = corpus() else { return };
    let report = report(&[corpus.to_str().unwrap()]);
    let mut sure = Vec::new();
    for host in report["hosts"].as_array().unwrap() {
        for cause in host["causes"].as_array().unwrap() {
            if cause["confidence"] == "high" {
                sure.push(format!("{} {}", host["host"].as_str().unwrap(), cause["rule"].as_str().unwrap()));
            }
        }
    }
    sure.sort();
    // 4825 states the denial itself; 1001 and 41 with a stop code state the crash itself.
    insta::assert_snapshot!(sure.join("\n"), @r"
    WKS-WIN764BITB.shieldbase.local bugcheck-or-crash-loop
    fs02.offsec.lan no-rdp-logon-right
    ");
}

/// Hosts with their verdict and all evidence, without the names of logs.
fn substance(report: &Value) -> Vec<String> {
    let causes = |host: &Value| -> Vec<String> {
        let line = |cause: &Value| {
            let evidence = cause["evidence"].as_array().unwrap();
            let kinds: Vec<String> = evidence
                .iter()
                .map(|one| format!("{} {} {}", one["provider"], one["event_id"], one["count"]))
                .collect();
            format!("{} {} {kinds:?}", cause["rule"], cause["confidence"])
        };
        host["causes"].as_array().unwrap().iter().map(line).collect()
    };
    let hosts = report["hosts"].as_array().unwrap();
    hosts.iter().map(|host| format!("{} {} {:?}", host["host"], host["status"], causes(host))).collect()
}

#[test]
fn passing_over_records_by_their_bytes_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let lines = scratch.path().join("events.jsonl");
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")).unwrap();
    for folder in folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let logs = folder.to_str().unwrap();
        // Every record, decoded; an export has no bytes to look at before.
        fs::write(&lines, run(&["events", "--format", "jsonl", logs]).stdout).unwrap();
        assert_eq!(substance(&report(&[logs])), substance(&report(&[lines.to_str().unwrap()])), "{logs}");
    }
}

#[test]
fn every_record_of_real_logs_is_counted() {
    let Some(corpus) = corpus() else { return };
    let report = report(&[corpus.to_str().unwrap()]);
    insta::assert_snapshot!(format!("{} {}", report["summary"]["logs"], report["summary"]["records"]), @"44 19121");
}

/// A cause of one record of the System log, with weights that other logs would decide.
const WEIGHED: &str = "\
title: Weighed
description: d
references: [https://example.com]
logsource: {product: windows}
detection:
    died: {Provider_Name: Service Control Manager, EventID: 7034}
    refused: {Provider_Name: Microsoft-Windows-Security-Auditing, EventID: 4625}
    crashed: {Provider_Name: Application Error, EventID: 1000}
    arrived_here: {Provider_Name: Microsoft-Windows-RemoteDesktopServices-RdpCoreTS, EventID: 131}
    restarted_here: {Provider_Name: Service Control Manager, EventID: 7036}
    condition: died
level: low
cause:
    family: other
    finding: found
    confidence: CONFIDENCE
    when: died
    raise:
        - {if: crashed, say: crashed}
        - {if: refused after died, say: refused}
        - {if: restarted_here and crashed, say: never}
    lower: [{if: no refused, say: nobody was refused}]
    rules_out: [{if: arrived_here after died, say: somebody came}, {if: crashed count >= 99, say: often}]
    fixes: [{do: Nothing., check: Nothing.}]
";

#[test]
fn what_missing_logs_could_change_is_told_of_each_cause() {
    let open = |confidence: &str| {
        let folder = tempfile::tempdir().unwrap();
        let rule = WEIGHED.replace("CONFIDENCE", confidence);
        fs::write(folder.path().join("weighed.yml"), rule).unwrap();
        let rules = folder.path().to_str().unwrap();
        let report = report(&["--rules", rules, "samples/termservice-crash/System.evtx"]);
        let causes = report["hosts"][0]["causes"].as_array().unwrap().clone();
        let found = causes.iter().find(|cause| cause["rule"] == "weighed").unwrap();
        let lines = found["open"].as_array().unwrap().iter().map(ToString::to_string);
        lines.collect::<Vec<_>>()
    };
    let could = |needs: &str, effects: &str| format!(r#"{{"needs":["{needs}"],"could":[{effects}]}}"#);
    let arrivals = could("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", r#""rule_out""#);
    let both = [
        arrivals.clone(),
        could("Application", r#""raise","rule_out""#),
        could("Security", r#""raise","lower""#),
    ];
    assert_eq!(open("medium"), both);
    // What is sure cannot be raised, and what is only possible cannot be lowered.
    let names = r#"Application","Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"#;
    assert_eq!(open("high"), [could(names, r#""rule_out""#), could("Security", r#""lower""#)]);
    assert_eq!(open("low"), [arrivals, could("Security", r#""raise""#), both[1].clone()]);
}

/// Refusals of one user for a wrong password, a minute apart, in the time of the healthy sample.
fn refusals(count: u32) -> String {
    let line = |number: u32| {
        format!(
            r#"{{"time":"2026-01-08T10:0{number}:00Z","host":"RDS01.corp.example","channel":"Security","provider":"Microsoft-Windows-Security-Auditing","event_id":4625,"level":0,"record_id":{number},"fields":{{"TargetUserName":"x.user","Status":"0xC000006D","SubStatus":"0xC000006A","LogonType":"10","IpAddress":"10.20.30.99"}}}}"#
        )
    };
    (1..=count).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_mistyped_password_makes_no_host_sick_and_no_outage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("security.jsonl");
    let verdict = |count: u32| {
        fs::write(&path, refusals(count)).unwrap();
        let report = report(&["samples/healthy-server", path.to_str().unwrap()]);
        let host = &report["hosts"][0];
        let cause = host["causes"].as_array().unwrap().iter().find(|cause| cause["rule"] == "wrong-password");
        let confidence = cause.unwrap()["confidence"].as_str().unwrap().to_owned();
        (host["status"].as_str().unwrap().to_owned(), confidence, host["outage"].is_null())
    };
    assert_eq!(verdict(1), ("healthy".to_owned(), "low".to_owned(), true));
    assert_eq!(verdict(2), ("healthy".to_owned(), "low".to_owned(), true));
    // Somebody cannot get in; everybody else can.
    assert_eq!(verdict(5), ("degraded".to_owned(), "medium".to_owned(), true));
}
