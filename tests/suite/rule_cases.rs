//! The cases of rules: tables, strangers, and lines without which no case fails.

use std::process::Command;

use rdpwhy::diagnose::thorough;
use rdpwhy::rule::RuleSet;
use rdpwhy::text::Texts;

/// What `rules ARGUMENTS` says of one file of rules, and its exit code.
fn rules(arguments: &[&str], path: &str, text: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .arg("rules")
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    (String::from_utf8(output.stdout).expect("text"), output.status.code())
}

const TEST: [&str; 4] = ["test", "--rules", ".", "one-rule"];
const THOROUGH: [&str; 5] = ["test", "--thorough", "--rules", ".", "one-rule"];

/// A rule with this selection and these cases.
fn rule(selection: &str, cases: &str) -> String {
    format!(
        "title: A rule\ndescription: d\nreferences: [r]\nlogsource: {{product: windows}}\ndetection:\n    seen: {selection}\n    condition: seen\nlevel: low\ncause: {{family: other, finding: f, fixes: [{{do: d, check: c}}]}}\ntests:\n{cases}"
    )
}

const SELECTION: &str = "{Provider_Name: Schannel, EventID: [1, 2], A: [x, y]}";

const TABLE: &str = "    match:
        - name: a table
          each: {id: [1, 2], value: [x, y]}
          records: [{at: '09:00:00', provider: Schannel, event_id: '{id}', data: {A: '{value}'}}]
    ignore:
        - {name: another value, records: [{at: '09:00:00', provider: Schannel, event_id: 1, data: {A: z}}]}
";

#[test]
fn each_row_of_a_table_is_a_case() {
    let (text, code) = rules(&TEST, "one-rule.yml", &rule(SELECTION, TABLE));
    assert_eq!((text.as_str(), code), ("3 cases, 4 strangers, 0 failed\n", Some(0)));
    let short = TABLE.replace("id: [1, 2]", "id: [1]");
    assert_eq!(rules(&TEST, "one-rule.yml", &rule(SELECTION, &short)).1, Some(0));
    let wrong = TABLE.replace("value: [x, y]", "value: [x, w]");
    let (text, code) = rules(&TEST, "one-rule.yml", &rule(SELECTION, &wrong));
    assert!(text.contains("one-rule.yml:12: a table: 2, w: the cause is not found\n"), "{text}");
    assert_eq!(code, Some(1));
}

#[test]
fn tables_with_empty_columns_or_unused_names_are_errors() {
    for (from, to, wanted) in [
        ("value: [x, y]", "value: []", "`value` has not 1 to 64 values"),
        ("'{value}'", "x", "nothing in the case holds {value}"),
        ("id: [1, 2]", &format!("id: [{}]", "1, ".repeat(65)), "`id` has not 1 to 64 values"),
        ("at: '09:00:00'", "repeat: 10000, at: '09:00:00'", ""),
    ] {
        let (text, code) = rules(&["check", "."], "one-rule.yml", &rule(SELECTION, &TABLE.replace(from, to)));
        assert!(text.contains(wanted) && code == Some(i32::from(!wanted.is_empty())), "{wanted}: {text}");
    }
    let many = "{at: '09:00:00', provider: X, event_id: 1, repeat: 10000}, ".repeat(11);
    let cases = format!("    ignore: [{{name: many, records: [{many}]}}]\n");
    let (text, _) = rules(&["check", "."], "one-rule.yml", &rule(SELECTION, &cases));
    assert!(text.contains("more than 100000 records"), "{text}");
}

#[test]
fn rules_that_take_records_of_strangers_fail() {
    let stranger = |selection: &str| rules(&TEST, "one-rule.yml", &rule(selection, TABLE)).0;
    let text = stranger("{EventID: [1, 2], A: [x, y]}");
    assert!(
        text.contains("takes Schannel 1 of another provider for its own; it lacks Provider_Name"),
        "{text}"
    );
    let text = stranger("{Provider_Name: Schannel, A: [x, y]}");
    assert!(text.contains("takes Schannel 1 of another event for its own; it lacks EventID"), "{text}");
}

#[test]
fn lines_that_no_case_misses_are_told_and_fail_the_run() {
    assert_eq!(
        rules(&THOROUGH, "one-rule.yml", &rule(SELECTION, TABLE)),
        ("1 rules, 8 lines, 0 without a case that fails\n".to_owned(), Some(0))
    );
    let text = rule("{Provider_Name: Schannel, EventID: [1, 2, 3], A: [x, y], Level: 4}", TABLE);
    let (text, code) = rules(&THOROUGH, "one-rule.yml", &text);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text, @r"
    ./one-rule.yml:6:53: no case fails without the value `3`
    ./one-rule.yml:6:68: no case fails without `Level`
    ./one-rule.yml: 2 of 10 lines without a case that fails
         1 Level
         1 values
    1 rules, 10 lines, 2 without a case that fails
    ");
}

#[test]
fn a_case_of_a_file_of_signals_says_which_one_matches() {
    let text = "title: Signals\nlogsource: {product: windows}\ndetection:\n    came: {Provider_Name: A, EventID: 1}\n    left: {Provider_Name: A, EventID: 2}\n    condition: 1 of them\ntests:\n    match:\n        - {name: a, signal: came, records: [{at: '09:00:00', provider: A, event_id: 1}]}\n        - {name: b, signal: left, records: [{at: '09:00:00', provider: A, event_id: 1}]}\n        - {name: c, signal: nobody, records: [{at: '09:00:00', provider: A, event_id: 1}]}\n    ignore:\n        - {name: d, signal: came, records: [{at: '09:00:00', provider: A, event_id: 1}]}\n";
    let (text, code) = rules(&TEST, "signals/one-rule.yml", text);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text, @r"
    ./signals/one-rule.yml:10: b: the signal `left` does not match
    ./signals/one-rule.yml:11: c: `signal` must name a signal of the file, not `nobody`
    ./signals/one-rule.yml:13: d: the signal `came` matches and must not
    4 cases, 8 strangers, 3 failed
    ");
}

#[test]
fn lines_of_shipped_rules_earn_their_place() {
    let rules = RuleSet::load_with_cases(&[]).expect("the built-in rules");
    let figures = thorough::run(&rules, &Texts::builtin(), None);
    let unneeded: Vec<_> = figures.iter().flat_map(|figure| &figure.unneeded).collect();
    assert!(unneeded.is_empty(), "see `rdpwhy rules test --thorough`: {unneeded:?}");
}

#[test]
fn unseen_is_true_where_the_log_is_missing_and_not_is_unknown() {
    for (condition, confidence) in
        [("not elsewhere", "medium"), ("no elsewhere", "medium"), ("unseen elsewhere", "low")]
    {
        let cases = format!(
            "    match: [{{name: a, confidence: {confidence}, records: [{{at: '09:00:00', provider: Schannel, event_id: 1}}]}}]\n"
        );
        let text = rule("{Provider_Name: Schannel, EventID: 1}", &cases)
            .replace(
                "    condition:",
                "    elsewhere: {Provider_Name: D, EventID: 1, Channel: Microsoft-Windows-Elsewhere/Operational}\n    condition:",
            )
            .replace("finding: f,", &format!("finding: f, lower: [{{if: '{condition}', say: s}}],"));
        let (text, _) = rules(&TEST, "one-rule.yml", &text);
        assert!(text.ends_with(" 0 failed\n"), "{condition}: {text}");
    }
}
