//! The `tests` section: records in, finding (or none) out.
//!
//! A case with `each` is a table: one case for each of its rows.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::Flaws;
use super::keys;
use crate::evtx::{Field, Record, Span, Time};
use crate::report::Confidence;
use crate::text::yaml::{Mark, Node, Value};

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
    /// Of a file of signals: the one that must match.
    pub(crate) signal: Option<Box<str>>,
    records: Vec<Repeated>,
}

/// A record as the case writes it, and how often it comes. Repeated only when the case runs, so that a small file
/// cannot grow large by being read.
#[derive(Debug, Clone)]
struct Repeated {
    record: Record,
    times: u32,
    every: Span,
}

/// Most records that `repeat` may make.
const MAX_REPEAT: u32 = 10_000;
/// Most records of one case.
const MAX_RECORDS: u32 = 100_000;
/// Most rows of one table.
const MAX_ROWS: usize = 64;

impl Case {
    /// The records that the host's logs hold.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut out = Vec::new();
        self.records.iter().for_each(|repeated| repeated.write(&mut out));
        out
    }
}

impl Repeated {
    fn write(&self, out: &mut Vec<Record>) {
        for index in 0..self.times {
            let mut record = self.record.clone();
            record.record_id = u64::try_from(out.len()).unwrap_or(u64::MAX) + 1;
            record.time = record.time.plus(Span(self.every.0.saturating_mul(i64::from(index))));
            out.push(record);
        }
    }
}

/// Reads `match` and `ignore`.
pub(super) fn read(node: &Node, flaws: &mut Flaws) -> Vec<Case> {
    flaws.unknown_keys(node, &keys::TESTS);
    let mut cases = Vec::new();
    for (key, matches) in [("match", true), ("ignore", false)] {
        for item in node.get(key).map(Node::items).unwrap_or_default() {
            flaws.unknown_keys(item, &keys::CASE);
            let rows = rows(item, flaws);
            cases.extend(rows.iter().map(|row| case(item, row, matches, flaws)));
        }
    }
    cases
}

/// A row of a table: names with the texts that stand in their place.
type Row<'a> = Vec<(&'a str, &'a str)>;

/// The rows of `each`, in which a shorter column repeats its last value; one empty row for a case without.
fn rows<'a>(case: &'a Node, flaws: &mut Flaws) -> Vec<Row<'a>> {
    let columns = case.get("each").map(Node::entries).unwrap_or_default();
    if columns.is_empty() {
        return vec![Row::new()];
    }
    let count = columns.iter().map(|(_, values)| values.items().len()).max().unwrap_or_default();
    for (key, values) in columns {
        let name = key.text().unwrap_or_default();
        if values.items().is_empty() || values.items().len() > MAX_ROWS {
            let message = format!("`{name}` has not 1 to {MAX_ROWS} values");
            flaws.error(values.mark, message, "a row is a case; make several cases of it");
        }
        let mut places = ["signal", "records"].into_iter().filter_map(|key| case.get(key));
        if !places.any(|place| mentions(place, &format!("{{{name}}}"))) {
            let help = format!("write {{{name}}} where its values shall stand");
            flaws.error(key.mark, format!("nothing in the case holds {{{name}}}"), help);
        }
    }
    let cell = |(key, values): &'a (Node, Node), at: usize| {
        let value = values.items().get(at).or(values.items().last());
        (key.text().unwrap_or_default(), value.and_then(Node::text).unwrap_or_default())
    };
    (0..count.min(MAX_ROWS)).map(|at| columns.iter().map(|column| cell(column, at)).collect()).collect()
}

fn mentions(node: &Node, placeholder: &str) -> bool {
    match &node.value {
        Value::Text { text, .. } => text.contains(placeholder),
        Value::List(items) => items.iter().any(|item| mentions(item, placeholder)),
        Value::Map(entries) => entries.iter().any(|(_, value)| mentions(value, placeholder)),
        Value::Null => false,
    }
}

/// A part of a case with a row's texts in place of their names.
fn filled<'a>(node: &'a Node, row: &Row<'_>) -> Cow<'a, Node> {
    if row.is_empty() {
        return Cow::Borrowed(node);
    }
    let value = match &node.value {
        Value::Null => Value::Null,
        Value::Text { text, is_plain } => Value::Text { text: fill(text, row).into(), is_plain: *is_plain },
        Value::List(items) => Value::List(items.iter().map(|item| filled(item, row).into_owned()).collect()),
        Value::Map(entries) => Value::Map(
            entries.iter().map(|(key, value)| (key.clone(), filled(value, row).into_owned())).collect(),
        ),
    };
    Cow::Owned(Node { mark: node.mark, value })
}

fn fill(text: &str, row: &Row<'_>) -> String {
    row.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The name of a case; one that does not show the row has its values behind it.
fn name(node: &Node, row: &Row<'_>) -> Box<str> {
    let plain = node.get("name").and_then(Node::text).unwrap_or("unnamed");
    let filled = fill(plain, row);
    if row.is_empty() || filled != plain {
        return filled.into();
    }
    let values: Vec<&str> = row.iter().map(|(_, value)| *value).collect();
    format!("{plain}: {}", values.join(", ")).into()
}

fn case(node: &Node, row: &Row<'_>, matches: bool, flaws: &mut Flaws) -> Case {
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
        records.extend(record(&filled(item, row), flaws));
    }
    let count = records.iter().fold(0_u32, |sum, record| sum.saturating_add(record.times));
    if count > MAX_RECORDS {
        flaws.error(node.mark, format!("more than {MAX_RECORDS} records"), "repeat them less often");
        records.clear();
    }
    Case {
        name: name(node, row),
        mark: node.mark,
        matches,
        confidence,
        client_error: node.get("client_error").and_then(Node::text).and_then(super::matcher::number_of),
        signal: node.get("signal").and_then(Node::text).map(|text| fill(text, row).into()),
        records,
    }
}

fn record(node: &Node, flaws: &mut Flaws) -> Option<Repeated> {
    flaws.unknown_keys(node, &keys::RECORD);
    let text = |key: &str| node.get(key).and_then(Node::text);
    let at = text("at").and_then(moment);
    if at.is_none() {
        flaws.error(node.mark, "`at` is missing or no time", "write '2026-01-14 03:12:41' or '03:12:41'");
    }
    let number = |key: &str| text(key).and_then(|value| value.trim().parse::<u32>().ok());
    let Some(event_id) = number("event_id") else {
        flaws.error(node.mark, "`event_id` is missing", "add the id of the event");
        return None;
    };
    let provider = text("provider").unwrap_or_default();
    let channel = text("channel").unwrap_or_else(|| super::logsource::channel_of(provider, event_id));
    let every = text("every").and_then(super::when::span).unwrap_or(Span::seconds(1));
    let shared = |text: &str| -> Arc<str> { Arc::from(text) };
    let binary = text("binary").map(crate::evtx::bytes_of).or_else(|| text("binary_text").map(utf16));
    let record = Record {
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
    Some(Repeated { record, times: number("repeat").unwrap_or(1).min(MAX_REPEAT), every })
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
    let documents =
        crate::text::yaml::read(text, &crate::text::yaml::SMALL).expect("the test's text is YAML");
    let mut flaws = Flaws::new("a test", None);
    let mut out = Vec::new();
    for item in documents.iter().flat_map(Node::items) {
        if let Some(repeated) = record(item, &mut flaws) {
            repeated.write(&mut out);
        }
    }
    assert_eq!(flaws.list, []);
    out
}
