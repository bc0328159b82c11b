//! What a browser gets.

use std::path::Path;
use std::process::Command;

use super::super::test_report::{fleet, hostile, many, single};
use super::super::{Format, Style, diagnose, escape, postmortem, timeline};
use super::base64;
use crate::report::Report;

fn shown(report: &Report) -> String {
    let mut out = Vec::new();
    diagnose(report, Format::Html, &Style::default(), &mut out).expect("memory takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

#[test]
fn base64_pads() {
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    assert_eq!(base64(b"any carnal pleasu"), "YW55IGNhcm5hbCBwbGVhc3U=");
    assert_eq!(base64(b"any carnal pleasur"), "YW55IGNhcm5hbCBwbGVhc3Vy");
}

#[test]
fn the_file_needs_nothing_else() {
    let text = shown(&fleet());
    for part in ["src=", "<link", "@import", "url(", "http-equiv=\"refresh"] {
        assert!(!text.contains(part), "{part}");
    }
}

#[test]
fn hostile_text_adds_no_element_and_no_control() {
    let report = hostile();
    let host = report.hosts.first().expect("the report has a host");
    let mut texts = vec![shown(&report), String::new(), String::new()];
    let mut out = Vec::new();
    timeline(host, Format::Html, &Style::default(), &mut out).expect("memory takes all");
    texts[1] = String::from_utf8(std::mem::take(&mut out)).expect("output is UTF-8");
    postmortem(&report, Format::Html, &Style::default(), &mut out).expect("memory takes all");
    texts[2] = String::from_utf8(out).expect("output is UTF-8");
    for text in texts {
        assert_eq!(text.matches("<script").count(), 1);
        assert!(!text.contains("href=\"javascript"));
        assert!(!text.chars().any(|character| character != '\n' && escape::is_dangerous(character)));
    }
}

#[test]
fn a_thousand_hosts_stay_small() {
    let bytes = shown(&many(1000)).len();
    assert!(bytes < 4_000_000, "{bytes} bytes");
}

/// Browsers that the test takes, the first one found.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

#[test]
fn a_browser_shows_filters_and_copies() {
    let browser = BROWSERS.iter().find(|path| Path::new(path).exists());
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    let (Some(browser), true) = (browser, has_python) else {
        eprintln!("skipped: no Chromium or no Python here");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    for (name, report) in
        [("fleet", fleet()), ("single", single()), ("hostile", hostile()), ("many", many(1000))]
    {
        let path = folder.path().join(name).with_extension("html");
        std::fs::write(path, shown(&report)).expect("the folder takes files");
    }
    let host = single().hosts.remove(0);
    for (name, is_story) in [("timeline", false), ("postmortem", true)] {
        let path = folder.path().join(name).with_extension("html");
        let mut file = std::fs::File::create(path).expect("the folder takes files");
        let style = Style::default();
        let written = match is_story {
            true => postmortem(&single(), Format::Html, &style, &mut file),
            false => timeline(&host, Format::Html, &style, &mut file),
        };
        written.expect("the disk has room");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(browser).arg(folder.path());
    command.args(std::env::var_os("RDPWHY_SHOTS"));
    let output = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
