//! The `tests` section: records in, finding (or none) out.

use std::sync::Arc;

use super::error::Flaws;
use super::keys;
use super::yaml::{Mark, Node, Value};
use crate::evtx::{Field, Record, Span, Time};
use crate::report::Confidence;

/// One case of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: Box<str>,
    pub(crate) mark: Mark,
    /// Whether the cause must be found.
    pub(crate) matches: bool,
    /// The confidence that the finding must have.
    pub(crate) confidence: Option<Confidence>,
    pub(crate) client_error: Option<u32>,
    pub(crate) records: Vec<Record>,
}

/// Most records that `repeat` may make.
const MAX_REPEAT: u32 = 10_000;

/// Reads `match` and `ignore`.
pub(super) fn read(node: &Node, flaws: &mut Flaws) -> Vec<Case> {
    flaws.unknown_keys(node, &keys::TESTS);
    let mut cases = Vec::new();
    for (key, matches) in [("match", true), ("ignore", false)] {
        for item in node.get(key).map(Node::items).unwrap_or_default() {
            cases.push(case(item, matches, flaws));
        }
    }
    cases
}

fn case(node: &Node, matches: bool, flaws: &mut Flaws) -> Case {
    flaws.unknown_keys(node, &keys::CASE);
    let confidence = node.get("confidence").and_then(|value| match value.text() {
        Some("high") => Some(Confidence::High),
        Some("medium") => Some(Confidence::Medium),
        Some("low") => Some(Confidence::Low),
        _ => {
            flaws.error(value.mark, "this is no confidence", "write high, medium or low");
            None
        }
    });
    let mut records = Vec::new();
    for item in node.get("records").map(Node::items).unwrap_or_default() {
        self::records(item, flaws, &mut records);
    }
    Case {
        name: node.get("name").and_then(Node::text).unwrap_or("unnamed").into(),
        mark: node.mark,
        matches,
        confidence,
        client_error: node.get("client_error").and_then(Node::text).and_then(super::matcher::number_of),
        records,
    }
}

fn records(node: &Node, flaws: &mut Flaws, out: &mut Vec<Record>) {
    flaws.unknown_keys(node, &keys::RECORD);
    let text = |key: &str| node.get(key).and_then(Node::text);
    let at = text("at").and_then(moment);
    if at.is_none() {
        flaws.error(node.mark, "`at` is missing or no time", "write '2026-01-14 03:12:41' or '03:12:41'");
    }
    let number = |key: &str| text(key).and_then(|value| value.trim().parse::<u32>().ok());
    let Some(event_id) = number("event_id") else {
        flaws.error(node.mark, "`event_id` is missing", "add the id of the event");
        return;
    };
    let provider = text("provider").unwrap_or_default();
    let channel = text("channel").unwrap_or_else(|| super::logsource::channel_of(provider, event_id));
    let every = text("every").and_then(super::when::span).unwrap_or(Span::seconds(1));
    let shared = |text: &str| -> Arc<str> { Arc::from(text) };
    let binary = text("binary").map(crate::evtx::bytes_of).or_else(|| text("binary_text").map(utf16));
    let base = Record {
        log: shared(&format!("{}.evtx", channel.replace('/', "%4"))),
        provider: shared(provider),
        provider_guid: None,
        event_source: text("source").map(shared),
        channel: shared(channel),
        computer: shared(text("computer").unwrap_or("SRV01.corp.example")),
        event_id,
        qualifiers: number("qualifiers").and_then(|value| value.try_into().ok()),
        version: number("version").and_then(|value| value.try_into().ok()).unwrap_or_default(),
        level: number("level").and_then(|value| value.try_into().ok()).unwrap_or(4),
        task: 0,
        opcode: 0,
        keywords: 0,
        record_id: 0,
        number: 0,
        time: at.unwrap_or_default(),
        activity_id: text("activity_id").map(Into::into),
        related_activity_id: None,
        process_id: number("process_id"),
        thread_id: None,
        user_sid: text("user_sid").map(Into::into),
        fields: node.get("data").or(node.get("values")).map(fields).unwrap_or_default(),
        user_data: None,
        binary,
        rendering: text("message").map(|message| {
            Box::new(crate::evtx::Rendering {
                culture: text("culture").or(Some("en-US")).map(Into::into),
                message: Some(message.into()),
                level: None,
            })
        }),
    };
    for index in 0..number("repeat").unwrap_or(1).min(MAX_REPEAT) {
        let mut record = base.clone();
        record.record_id = u64::try_from(out.len()).unwrap_or(u64::MAX) + 1;
        record.time = base.time.plus(Span(every.0.saturating_mul(i64::from(index))));
        out.push(record);
    }
}

/// A time; without a day, on 14 January 2026.
fn moment(text: &str) -> Option<Time> {
    Time::parse(text).or_else(|| Time::parse(&format!("2026-01-14 {text}")))
}

fn utf16(text: &str) -> Box<[u8]> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn fields(node: &Node) -> Vec<Field> {
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| Field {
                name: key.text().map(Arc::from),
                value: value.text().unwrap_or_default().into(),
            })
            .collect(),
        _ => node
            .items()
            .iter()
            .map(|item| Field { name: None, value: item.text().unwrap_or_default().into() })
            .collect(),
    }
}

/// Records written as in the cases of a rule: how tests of other rooms make theirs.
#[cfg(test)]
pub(crate) fn records_of(text: &str) -> Vec<Record> {
    let documents = super::yaml::read(text).expect("the test's text is YAML");
    let mut flaws = Flaws::new("a test", None);
    let mut out = Vec::new();
    for item in documents.iter().flat_map(Node::items) {
        records(item, &mut flaws, &mut out);
    }
    assert_eq!(flaws.list, []);
    out
}
