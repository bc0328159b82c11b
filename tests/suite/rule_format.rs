//! The document on the form of rules: its examples run, and no key is missing.

use std::path::Path;
use std::process::Command;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rule-format.md");
    std::fs::read_to_string(path).expect("the document")
}

/// The blocks of YAML, each a whole file.
fn examples(document: &str) -> Vec<String> {
    let blocks = document.split("```yaml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().expect("a block").to_owned()).collect()
}

#[test]
fn examples_of_the_document_have_no_mistakes_and_pass_their_cases() {
    let folder = tempfile::tempdir().expect("a folder");
    let examples = examples(&document());
    assert!(examples.len() >= 6, "{}", examples.len());
    for (number, example) in examples.iter().enumerate() {
        std::fs::write(folder.path().join(format!("example-{number}.yml")), example).expect("a file");
    }
    for arguments in [&["rules", "check", "."][..], &["rules", "test", "--rules", ".", "example-"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let is_clean = !text.contains("warning:") && !text.contains("left out:");
        assert!(is_clean, "{text}");
    }
}

#[test]
fn every_key_of_the_schema_stands_in_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rule.schema.json");
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON");
    let document = document();
    let mut missing = Vec::new();
    let definitions = schema["$defs"].as_object().expect("a map").values();
    for place in definitions.chain([&schema]) {
        for key in place["properties"].as_object().expect("a map").keys() {
            let is_there =
                [format!("`{key}`"), format!("{key}:")].iter().any(|form| document.contains(form.as_str()));
            if !is_there {
                missing.push(key.clone());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/rule-format.md: {missing:?}");
}
