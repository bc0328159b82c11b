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
fn weights_that_a_missing_log_would_silence_are_warned_of() {
    let rule = |condition: &str| {
        format!(
            "title: t\ndescription: d\nreferences: [r]\nlogsource: {{product: windows}}\ndetection:\n    here: {{Provider_Name: Microsoft-Windows-Security-Auditing, EventID: 4625}}\n    beside: {{Channel: security, Provider_Name: X, EventID: 3}}\n    elsewhere: {{Provider_Name: Schannel, EventID: 36870}}\n    condition: 1 of them\nlevel: low\ncause:\n    family: other\n    finding: f\n    lower:\n        - {{if: {condition}, say: s}}\n    fixes: [{{do: d, check: c}}]\n"
        )
    };
    for condition in ["here and no elsewhere", "not elsewhere or here", "(here and beside) and not elsewhere"]
    {
        let (text, code) = check("silent.yml", &rule(condition));
        assert_eq!(code, Some(0), "{text}");
        let warning = "warning: this `lower` does nothing where the log of `elsewhere` (System) is missing\n";
        assert!(text.contains(warning), "{condition}: {text}");
        assert!(text.contains("help: write `unseen elsewhere`: "), "{condition}: {text}");
    }
    for condition in [
        "here and unseen elsewhere",
        "here and no beside",
        "beside and no here",
        "here and no elsewhere after last here",
        "elsewhere and not elsewhere count >= 5",
        "here and elsewhere",
    ] {
        let (text, _) = check("silent.yml", &rule(condition));
        assert!(!text.contains("does nothing"), "{condition}: {text}");
    }
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
}

#[test]
fn a_rule_as_prose_says_all_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("docs/rule-format.md")).expect("the document");
    let example =
        document.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a rule");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("service-dies.yml"), example).expect("a file");
    let prose = run(folder.path(), &["rules", "show", "--rules", ".", "service-dies"]);
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

#[test]
fn the_page_of_causes_says_what_the_rules_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = run(root, &["rules", "causes"]);
    let kept = std::fs::read_to_string(root.join("docs/causes.md")).expect("the page");
    assert!(
        String::from_utf8_lossy(&output.stdout) == kept,
        "write it again: rdpwhy rules causes > docs/causes.md"
    );
}

/// A plain rule with one more line in its selection, and a document behind it.
fn hostile(line: &str, behind: &str) -> String {
    format!(
        "title: Hostile\nname: hostile\nlogsource: {{product: windows}}\ndetection:\n    one:\n        Provider_Name: X\n        EventID: 1\n{line}    condition: one\n{behind}"
    )
}

fn correlation(text: &str) -> String {
    format!("---\ntitle: Hostile too\nname: hostile_too\ncorrelation: {{{text}}}\n")
}

#[test]
fn hostile_rules_are_refused_or_bounded() {
    let deep = format!("{}a{}", "(".repeat(400), ")".repeat(400));
    for (line, behind, wanted) in [
        ("        A|re: '((a{1,200}){1,200}){1,200}'\n", String::new(), "size limit"),
        ("        A|re: '(?=a)b'\n", String::new(), "look-around"),
        ("        A: &a [x, x]\n        B: *a\n", String::new(), "aliases are not supported"),
        ("        A|cidr: 1.2.3.4/64\n", String::new(), "is no network"),
        ("", format!("cause: {{family: other, finding: f, when: '{deep}'}}\n"), "nested too deeply"),
        (
            "",
            "cause: {family: other, finding: f, when: 'one count >= 1 per 9999999d'}\n".to_owned(),
            "no span of time",
        ),
        (
            "",
            correlation("type: event_count, rules: [hostile], timespan: 90000d, condition: {gte: 1}"),
            "too long",
        ),
        (
            "",
            correlation("type: event_count, rules: [hostile_too], timespan: 1d, condition: {gte: 1}"),
            "refers to itself",
        ),
        (
            "",
            correlation("type: event_count, rules: [nobody], timespan: 1d, condition: {gte: 1}"),
            "no rule is named `nobody`",
        ),
        (
            "",
            correlation("type: value_count, rules: [hostile], timespan: 1d, condition: {gte: 1}"),
            "`field` is missing",
        ),
    ] {
        let (text, _) = check("hostile.yml", &hostile(line, &behind));
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn yaml_bombs_are_refused() {
    let nested = format!("title: {}x{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let wide = format!("title: [{}]\n", "x, ".repeat(60_000));
    let long = format!("title: '{}'\n", "x".repeat(2 << 20));
    for (bomb, wanted) in
        [(nested, "recursion limit"), (wide, "50 thousand values"), (long, "larger than 1 MiB")]
    {
        let (text, code) = check("bomb.yml", &bomb);
        assert!(text.contains(wanted) && code == Some(1), "{text}");
    }
}

#[test]
fn correlations_over_many_groups_end_soon() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = "{at: '09:00:00', provider: X, event_id: 1, data: {A: '1'}, repeat: 10000, every: 1s}";
    let mut text = hostile("", "");
    for kind in ["value_count", "value_percentile", "value_sum"] {
        let condition = "{gte: 1000000, field: EventRecordID, percentile: 50}";
        text.push_str(&format!(
            "---\ntitle: {kind}\ncorrelation: {{type: {kind}, rules: [hostile], group-by: [A], timespan: 400d, condition: {condition}}}\ntests: {{ignore: [{{name: many, records: [{records}]}}]}}\n"
        ));
    }
    std::fs::write(folder.path().join("many.yml"), text).expect("a file");
    let start = std::time::Instant::now();
    let output = run(folder.path(), &["rules", "test", "--rules", ".", "many"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("3 cases"), "{text}");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn plain_sigma_rules_and_correlations_are_findings_of_low_confidence() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "title: A plain rule\nlogsource: {product: windows, service: system}\ndetection: {one: {EventID: 7036}, condition: one}\nlevel: critical\n";
    std::fs::write(folder.path().join("plain.yml"), text).expect("a file");
    let log = "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Service Control Manager'/><EventID>7036</EventID><Level>4</Level><TimeCreated SystemTime='2026-01-14T03:12:41Z'/><EventRecordID>1</EventRecordID><Channel>System</Channel><Computer>SRV1</Computer></System><EventData><Data Name='param1'>x</Data></EventData></Event></Events>";
    std::fs::write(folder.path().join("log.xml"), log).expect("a file");
    let output = run(folder.path(), &["diagnose", "--format", "json", "--rules", "plain.yml", "log.xml"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let host = &report["hosts"][0];
    assert_eq!(host["causes"][0]["rule"], "plain");
    assert_eq!(host["causes"][0]["family"], "sigma");
    assert_eq!(host["causes"][0]["confidence"], "low");
    assert_eq!(host["causes"][0]["severity"], "critical");
    assert_ne!(host["status"], "broken");
}

/// A record of System as Event Viewer exports it, one a minute.
fn event(minute: u32, provider: &str, id: u32, data: &str) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{provider}'/><EventID>{id}</EventID><Level>4</Level><TimeCreated SystemTime='2026-01-14T03:{minute:02}:00Z'/><EventRecordID>{}</EventRecordID><Channel>System</Channel><Computer>SRV1</Computer></System><EventData>{data}</EventData></Event>",
        minute + 1
    )
}

#[test]
fn a_role_that_records_do_not_say_leaves_the_cause_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "title: Only on gateways\ndescription: d\nreferences: [r]\nlogsource: {product: windows}\ndetection: {one: {Provider_Name: Odd, EventID: 1}, condition: one}\nlevel: high\ncause: {family: other, finding: f, applies_to: {roles: [ROLE]}, fixes: [{do: d, check: c}]}\n";
    let windows_10: String =
        "Windows 10".encode_utf16().flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02X}")).collect();
    let product = event(0, "EventLog", 6013, &format!("<Binary>{windows_10}</Binary>"));
    for (role, before, wanted) in [
        ("gateway", "", [false, true]),
        ("gateway", product.as_str(), [false, false]),
        ("client", product.as_str(), [true, false]),
        ("server, client", product.as_str(), [true, false]),
    ] {
        std::fs::write(folder.path().join("one.yml"), text.replace("ROLE", role)).expect("a file");
        let log = format!("<Events>{before}{}</Events>", event(9, "Odd", 1, ""));
        std::fs::write(folder.path().join("log.xml"), log).expect("a file");
        let output = run(folder.path(), &["diagnose", "--format", "json", "--rules", "one.yml", "log.xml"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let of = |key: &str, text: &str| report["hosts"][0][key].to_string().contains(text);
        let found =
            [of("causes", "Only on gateways"), of("unknown", "Only on gateways? It is one only on gateway.")];
        assert_eq!(found, wanted, "{role} {before}: {}", report["hosts"][0]);
    }
}
