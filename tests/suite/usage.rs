//! `docs/usage.md` says what happens: its examples are run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// A command and what it must print.
struct Example {
    command: String,
    expected: Vec<String>,
}

fn usage() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/usage.md"))
        .unwrap()
        .replace("\r\n", "\n")
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line {
            "```console" => is_inside = true,
            "```" => is_inside = false,
            _ if !is_inside => {}
            _ => match line.strip_prefix("$ rdpwhy ") {
                Some(command) => examples.push(Example { command: command.to_owned(), expected: Vec::new() }),
                None => examples.last_mut().expect("output follows a command").expected.push(line.to_owned()),
            },
        }
    }
    examples
}

/// The words of a command; `'` keeps blanks.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in command.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words
}

/// Whether lines are as expected, where `…` stands for the rest of a line or for any lines.
fn fits(expected: &[String], found: &[&str]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return found.is_empty() };
    if first == "…" {
        return (0..=found.len()).any(|from| fits(rest, &found[from..]));
    }
    let is_equal = |line: &str| match first.strip_suffix('…') {
        Some(start) => line.starts_with(start.trim_end()),
        None => line.trim_end() == first.trim_end(),
    };
    found.split_first().is_some_and(|(line, found)| is_equal(line) && fits(rest, found))
}

#[cfg(unix)]
#[test]
fn examples_print_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    std::os::unix::fs::symlink(samples, folder.path().join("samples")).unwrap();
    for Example { command, expected } in examples(&usage()) {
        let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
            .current_dir(folder.path())
            .args(words(&command))
            // An output that is no terminal gets JSON lines from some verbs, and 120 columns from all.
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let found = String::from_utf8(output.stdout).unwrap();
        let found: Vec<&str> = found.lines().collect();
        assert!(fits(&expected, &found), "{command} printed:\n{}", found.join("\n"));
    }
}

#[test]
fn every_verb_has_a_section() {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let usage = usage();
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = lines
        .filter(|line| !line.starts_with("    "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 8, "{verbs:?}");
    for verb in verbs {
        assert!(usage.contains(&format!("\n## {verb}\n")), "{verb} has no section");
        assert!(usage.contains(&format!("rdpwhy {verb}")), "{verb} has no example");
    }
}
