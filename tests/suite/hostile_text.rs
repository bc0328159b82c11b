//! Text that a log brings in, through the binary: what each verb shows in each form does nothing to the terminal, the
//! spreadsheet or the browser that shows it, and is not endless.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

/// Escape sequences, NUL, marks of direction, invisible characters, markup of all kinds.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\0\u{8}\u{202e}txt.exe\u{2069}z\u{200b}w\u{feff}\u{9b}31m\r\n\
                     <script>alert(1)</script><img src=x onerror=alert(1)> \"q\" 'q' `c` **b** [a](javascript:alert(1)) | \
                     # h ${7*7} {{7}} &amp; @team";

/// What a spreadsheet runs, with a separator of some languages in front as well.
const FORMULAS: [&str; 5] = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1"];

const LONG: usize = 32_000;

const FLOOD: usize = 5_000;

fn long() -> String {
    "X".repeat(LONG)
}

fn flood() -> String {
    format!("o{}", "\u{301}".repeat(FLOOD))
}

fn rdpwhy(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.stderr.iter().all(|&byte| byte == b'\n' || byte >= b' '), "{arguments:?}: stderr");
    String::from_utf8(output.stdout).unwrap()
}

/// The records of a sample with hostile values; what rules go by stays.
fn log(path: &Path) {
    let mut lines = String::new();
    for (number, line) in rdpwhy(&["events", "-q", "samples/termservice-crash"]).lines().enumerate() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let object = event.as_object_mut().unwrap();
        ["text", "text_source", "log"].into_iter().for_each(|key| drop(object.remove(key)));
        object.insert("host".to_owned(), format!("RDS03{NASTY}").into());
        if let Some(fields) = object.get_mut("fields").and_then(Value::as_object_mut) {
            let values = [
                ("User", NASTY.to_owned()),
                ("Address", FORMULAS[number % FORMULAS.len()].to_owned()),
                ("ClientIP", flood()),
                ("Param1", long()),
                ("Param2", flood()),
                ("Param3", FORMULAS[number % FORMULAS.len()].to_owned()),
                ("param1", format!("{NASTY}{}", long())),
            ];
            for (name, value) in values {
                if fields.contains_key(name) {
                    fields.insert(name.to_owned(), value.into());
                }
            }
        }
        lines.push_str(&event.to_string());
        lines.push('\n');
    }
    fs::write(path, lines).unwrap();
}

fn is_dangerous(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The most times that `wanted` stands in a row.
fn longest(text: &str, wanted: char) -> usize {
    text.split(|character| character != wanted).map(|run| run.chars().count()).max().unwrap_or(0)
}

fn check(what: &str, form: &str, text: &str) {
    assert!(text.len() > 100, "{what}: {text}");
    let wrong = text.chars().find(|character| is_dangerous(*character));
    assert_eq!(wrong, None, "{what}");
    match form {
        "json" => drop(serde_json::from_str::<Value>(text).unwrap()),
        "jsonl" => text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap())),
        _ => {
            assert!(longest(text, '\u{301}') <= 5, "{what}: a flood of marks");
            assert!(longest(text, 'X') <= 2_000, "{what}: {} of one value", longest(text, 'X'));
        }
    }
    match form {
        "csv" => {
            let mut table = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
            for line in table.records() {
                let line = line.unwrap();
                let formula =
                    line.iter().find(|cell| cell.trim_start().starts_with(['=', '+', '@', '\t', '\r']));
                let minus = line.iter().find(|cell| cell.starts_with("-2+3"));
                assert_eq!((formula, minus), (None, None), "{what}");
            }
        }
        "html" => {
            assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{what}");
        }
        "markdown" => {
            let own = ["<details", "</details", "<summary", "</summary", "<!--"];
            for event in Parser::new_ext(text, Options::all()) {
                let is_active = match &event {
                    Event::Html(html) | Event::InlineHtml(html) => {
                        !own.iter().any(|tag| html.trim_start().starts_with(tag)) && html.contains('<')
                    }
                    Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                        dest_url.contains(':') && !dest_url.starts_with("https:")
                    }
                    _ => false,
                };
                assert!(!is_active, "{what}: {event:?}");
            }
        }
        _ => {}
    }
}

/// The verbs and the forms of each.
const VERBS: [(&[&str], &[&str]); 6] = [
    (&["diagnose"], &["table", "json", "jsonl", "csv", "markdown", "html"]),
    (&["events"], &["table", "jsonl", "csv"]),
    (&["connections"], &["table", "jsonl", "csv"]),
    (&["connections", "--sessions"], &["table", "jsonl", "csv"]),
    (&["timeline"], &["table", "json", "jsonl", "csv", "markdown", "html"]),
    (&["postmortem"], &["table", "json", "jsonl", "csv", "markdown", "html"]),
];

#[test]
fn nothing_that_a_log_holds_acts_on_what_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.jsonl");
    log(&path);
    let mut shown = 0;
    for (verb, forms) in VERBS {
        for form in forms {
            let text = rdpwhy(&[verb, &["-q", "--format", form, path.to_str().unwrap()]].concat());
            check(&format!("{verb:?} as {form}"), form, &text);
            shown += usize::from(text.contains("txt.exe"));
        }
    }
    assert!(shown > 20, "the hostile text is shown in {shown} outputs only");
}

#[test]
fn what_is_explained_is_shown_harmlessly() {
    // An argument holds no NUL.
    let nasty = NASTY.replace('\0', "");
    let wanted = [nasty.as_str(), &long(), &flood(), "=cmd|'/c calc'!A1"];
    for text in wanted {
        for form in ["table", "json", "jsonl", "csv", "markdown", "html"] {
            let shown = rdpwhy(&["explain", "--format", form, "--", text]);
            let wrong = shown.chars().find(|character| is_dangerous(*character));
            assert_eq!(wrong, None, "{form}");
            assert!(form != "html" || !shown.contains("<script>alert"));
            assert!(matches!(form, "json" | "jsonl") || longest(&shown, 'X') <= 2_000, "{form}");
            assert!(matches!(form, "json" | "jsonl") || longest(&shown, '\u{301}') <= 5, "{form}");
        }
    }
}

#[test]
fn programs_get_the_text_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.jsonl");
    log(&path);
    let text = rdpwhy(&["events", "-q", "--id", "1149", "--format", "jsonl", path.to_str().unwrap()]);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    // As the XML of an event has it: that knows no control characters.
    let host = NASTY.replace(['\u{1b}', '\u{7}', '\0', '\u{8}'], "_");
    assert_eq!(first["host"], format!("RDS03{host}"));
    assert_eq!(first["fields"]["Param1"].as_str().map(str::len), Some(LONG));
    assert_eq!(first["fields"]["Param2"], flood());
}
