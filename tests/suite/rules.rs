//! The verb `rules`: mistakes in rule files, cases, lists, the schema.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program with `arguments` in `folder`.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

/// What `rules check` says of one file, and its exit code.
fn check(name: &str, text: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    let output = run(folder.path(), &["rules", "check", "."]);
    (String::from_utf8(output.stdout).expect("text"), output.status.code())
}

const MISTAKES: &str = "\
title: A cause with mistakes
description: text
references: [https://example.com]
logsource: {product: windows}
detection:
    crashed:
        Provider_Name: Service Control Manager
        EventID: 7034
        param9: TermService
    impossible:
        - {EventID: 1, Provider_Name: A}
        - EventID: 2
    never:
        Provider_Name: A
        EventID: 1
    other:
        Provider_Name: B
        EventID: 1
    condition: never and other
level: high
falsepositives: [a reason]
cause:
    finding: 'The service {param1} of {crashed.param8} at {host} with {nobody.X} and {param77}'
    confidence: high
    confidense: low
    when: >-
        crashed count >= 2 or
        crushed within 5m of update_installed
    explains: [no-such-cause, 'family:licencing']
    fixes:
        - {do: Restart it., run: Restart-Service TermService, shell: powershell, risk: ends-sessions}
";

#[test]
fn mistakes_are_found_all_in_one_run_with_their_places() {
    let (text, code) = check("service-crash/mistakes.yml", MISTAKES);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text);
}

#[test]
fn circles_of_explanations_are_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, other) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let text = format!(
            "title: {name}\ndescription: d\nreferences: [r]\nlogsource: {{product: windows}}\ndetection: {{one: {{Provider_Name: X, EventID: 1}}, condition: one}}\nlevel: low\ncause: {{family: other, finding: f, explains: [{other}], fixes: [{{do: d, check: c}}]}}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yml")), text).expect("a file");
    }
    let output = run(folder.path(), &["rules", "check", "."]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("causes explain each other in a circle: a → b → c → a"), "{text}");
    assert_eq!(text.matches("circle").count(), 1, "{text}");
}

#[test]
fn plain_sigma_rules_that_cannot_run_are_listed_with_the_reason() {
    let sigma = "title: On Linux\nlogsource: {product: linux}\ndetection: {one: {a: b}, condition: one}\nx_own_key: 1\n";
    let (text, code) = check("linux.yml", sigma);
    assert_eq!(code, Some(0));
    assert!(text.contains("left out: the rule cannot run: its log source is `linux`, not Windows"), "{text}");
    assert!(text.contains("warning: unknown key `x_own_key`"), "{text}");
}

#[test]
fn every_shipped_rule_has_a_place_in_the_list_and_prose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = run(root, &["rules", "list"]);
    let list = String::from_utf8(list.stdout).expect("text");
    assert!(list.contains("rdp-cert-private-key-unreadable"), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 120), "{list}");
    let prose = run(root, &["rules", "show", "rdp-cert-private-key-unreadable"]);
    insta::assert_snapshot!(String::from_utf8(prose.stdout).expect("text"));
}

#[test]
fn the_schema_in_docs_is_the_one_that_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = run(root, &["rules", "schema"]);
    let kept = std::fs::read_to_string(root.join("docs/rule.schema.json")).expect("the schema");
    assert!(
        String::from_utf8_lossy(&output.stdout) == kept,
        "write it again: rdpwhy rules schema > docs/rule.schema.json"
    );
}
