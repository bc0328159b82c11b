//! Every rule against every other rule's cases and every sample: one snapshot, so that a change of a rule shows what
//! else it changes.

#![allow(clippy::indexing_slicing, reason = "a test may stop where it fails")]

use std::path::Path;
use std::process::Command;

use rdpwhy::diagnose::trial;
use rdpwhy::rule::RuleSet;
use rdpwhy::text::Texts;

/// `rule (confidence, 2×), …`
fn row(found: &trial::Fired) -> String {
    let cells = found.iter().map(|(rule, (confidence, count))| {
        let confidence = format!("{confidence:?}").to_lowercase();
        format!("{rule} ({confidence}, {count}×)")
    });
    cells.collect::<Vec<_>>().join(", ")
}

/// The causes of each host of the samples.
fn samples() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_rdpwhy"))
        .args(["diagnose", "--quiet", "--format", "json", "samples"])
        .current_dir(root)
        .output()
        .expect("the program starts");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let hosts = report["hosts"].as_array().expect("hosts");
    let mut lines: Vec<String> = hosts
        .iter()
        .map(|host| {
            let causes = host["causes"].as_array().expect("causes").iter().map(|cause| {
                let text = |key: &str| cause[key].as_str().unwrap_or_default().to_owned();
                format!("{} ({})", text("rule"), text("confidence"))
            });
            let causes: Vec<String> = causes.collect();
            format!("{}: {}", host["host"].as_str().unwrap_or_default(), causes.join(", "))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn which_rules_fire_where() {
    let rules = RuleSet::load_with_cases(&[]).expect("the built-in rules");
    let texts = Texts::builtin();
    let mut text = String::from("# hosts of the samples: causes\n");
    samples().iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text.push_str("\n# rules: what fires on their cases\n");
    for (rule, found) in trial::matrix(&rules, &texts) {
        text.push_str(&format!("{rule}: {}\n", row(&found)));
    }
    insta::assert_snapshot!(text);
}
