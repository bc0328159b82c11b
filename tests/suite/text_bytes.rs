//! What the fuzz targets for texts do with their bytes; the tests replay the seeds with it.
#![allow(dead_code, reason = "each fuzz target uses its part")]
#![allow(clippy::panic, reason = "a test may stop where it fails")]

use std::fmt::Write as _;
use std::sync::Arc;

use rdpwhy::evtx::{Field, Record, Time};
use rdpwhy::text::{Texts, normal_form, with_code_names};

/// Longest sentence that any source may give: what a record brings along, or a capped template.
const LONGEST: usize = 1 << 20;

/// A record of a provider with unnamed data.
pub(crate) fn record(provider: &str, event_id: u32, qualifiers: Option<u16>, values: &[&str]) -> Record {
    Record {
        log: Arc::from("System.evtx"),
        provider: Arc::from(provider),
        provider_guid: None,
        event_source: None,
        channel: Arc::from("System"),
        computer: Arc::from("HOST"),
        event_id,
        qualifiers,
        version: 0,
        level: 2,
        task: 0,
        opcode: 0,
        keywords: 0,
        record_id: u64::from(event_id),
        number: 0,
        time: Time(0),
        activity_id: None,
        related_activity_id: None,
        process_id: None,
        thread_id: None,
        user_sid: None,
        fields: values.iter().map(|value| Field { name: None, value: (*value).into() }).collect(),
        user_data: None,
        binary: None,
        rendering: None,
    }
}

/// Renders a record in every way there is.
fn render(texts: &Texts, record: &Record) {
    let sentence = texts.sentence(record, Some(17763));
    let named = with_code_names(record, &sentence.text);
    assert!(sentence.text.len() <= LONGEST && named.len() >= sentence.text.len());
    for wording in texts.wordings(record) {
        assert_eq!(normal_form(&wording), wording, "a normal form is its own normal form");
    }
}

/// Any bytes as display information beside a log.
pub(crate) fn mta(bytes: &[u8]) {
    let mut texts = Texts::builtin();
    if texts.add_mta_bytes("System.evtx", 1033, bytes.to_vec()).is_ok() {
        for id in 0..10 {
            render(&texts, &record("Provider", id, None, &["one", "two"]));
        }
    }
}

/// Any bytes as a provider file: headers, resources, manifest and message table.
pub(crate) fn library(bytes: &[u8]) {
    let mut texts = Texts::builtin();
    let _ = texts.add_messages_bytes("agent.dll", bytes);
    for id in 0..10 {
        render(&texts, &record("Provider", id, Some(0xC000), &["one", "two"]));
    }
}

/// Any text as a catalogue file of the user.
pub(crate) fn catalogue(bytes: &[u8]) {
    let mut texts = Texts::builtin();
    if texts.add_messages_bytes("own.yml", bytes).is_ok() {
        for id in 0..10 {
            render(&texts, &record("Provider", id, None, &["one", "two"]));
        }
    }
}

/// Any text as type, values and template: one per line, the template last.
pub(crate) fn message(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let mut lines = source.splitn(5, '\n');
    let kind = lines.next().unwrap_or_default();
    let mut values: Vec<&str> = lines.collect();
    let template = values.pop().unwrap_or_default();
    let kinds = vec![quoted(kind); values.len()].join(", ");
    let catalogue = format!(
        "- provider: Provider\n  events:\n    - id: 1\n      types: [{kinds}]\n      message: {}\n",
        quoted(template)
    );
    let mut texts = Texts::builtin();
    if let Err(error) = texts.add_messages_bytes("own.yml", catalogue.as_bytes()) {
        panic!("{error}: {catalogue}");
    }
    render(&texts, &record("Provider", 1, None, &values));
}

/// The text as a YAML string that gives the same text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        let _ = write!(quoted, "\\U{:08X}", u32::from(character));
    }
    quoted + "\""
}
