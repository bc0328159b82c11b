//! Records with their text: a JSON object per line, a line of a table, or a line for a spreadsheet.
//!
//! Records are written one by one, so that a log of any size needs no memory.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::SecondsFormat;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Style, csv, escape, json};
use crate::evtx::{Field, Record, Time};
use crate::text::Sentence;

/// The keys of a line, in their order.
pub const EVENT_KEYS: [&str; 14] = [
    "time",
    "host",
    "channel",
    "provider",
    "event_id",
    "version",
    "qualifiers",
    "level",
    "record_id",
    "activity_id",
    "fields",
    "text",
    "text_source",
    "log",
];

/// Width from which a table has a column for the host.
const WIDE: usize = 140;
/// Columns of the host: the longest NetBIOS name.
const HOST: usize = 15;
/// Columns of the event: the longest short name of a provider that matters here, with its id.
const EVENT: usize = 29;
/// Columns of a column that was asked for by name; the last one takes the rest.
const NAMED: usize = 24;
/// Columns of a time with all its digits.
const PRECISE: usize = 28;
/// Columns of a number.
const NUMBER: usize = 11;

/// A form for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventForm {
    /// For a person at a terminal.
    Table,
    /// One JSON object per line.
    JsonLines,
    /// For a spreadsheet.
    Csv,
}

/// Writes records in one form.
#[derive(Debug, Clone)]
pub struct EventLines {
    form: EventForm,
    /// Keys of a line or names of fields; `None` for the usual ones.
    keys: Option<Vec<String>>,
    style: Style,
}

impl EventLines {
    /// Lines of a form, with the named keys of a line or fields of events only.
    #[must_use]
    pub fn new(form: EventForm, keys: Option<Vec<String>>, style: Style) -> Self {
        Self { form, keys, style }
    }

    /// Writes what stands above the records.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.form, &self.keys) {
            (EventForm::JsonLines, _) => Ok(()),
            (EventForm::Csv, _) => csv::row(&self.keys(), out),
            (EventForm::Table, Some(keys)) => self.columns(keys.iter().map(|key| key.to_uppercase()), out),
            (EventForm::Table, None) => {
                let lead = self.lead("TIME", "HOST", "LEVEL", "EVENT");
                writeln!(out, "{lead}TEXT")
            }
        }
    }

    /// Writes one record.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn record(&self, record: &Record, sentence: &Sentence, out: &mut dyn Write) -> io::Result<()> {
        let cells = || self.keys().into_iter().map(|key| (key, cell(key, record, sentence)));
        match (self.form, &self.keys) {
            (EventForm::JsonLines, _) => json::line(&Line(cells().collect()), out),
            (EventForm::Csv, _) => {
                let cells: Vec<String> = cells().map(|(_, cell)| cell.shown()).collect();
                csv::row(&cells, out)
            }
            (EventForm::Table, Some(_)) => {
                self.columns(cells().map(|(_, cell)| escape::line(&cell.shown(), escape::SENTENCE)), out)
            }
            (EventForm::Table, None) => self.row(record, sentence, out),
        }
    }

    fn keys(&self) -> Vec<&str> {
        match &self.keys {
            Some(keys) => keys.iter().map(String::as_str).collect(),
            None => EVENT_KEYS.to_vec(),
        }
    }

    fn row(&self, record: &Record, sentence: &Sentence, out: &mut dyn Write) -> io::Result<()> {
        let local = record.time.to_chrono().map(|time| time.with_timezone(&self.style.tz));
        let time =
            local.map_or_else(|| record.time.rfc3339(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string());
        let host = record.computer.split('.').next().unwrap_or_default();
        let event = format!("{} {}", short_provider(&record.provider), record.event_id);
        let lead = self.lead(&time, host, level(record.level), &event);
        let indent = " ".repeat(escape::width(&lead).min(self.style.width * 2 / 3));
        let text = escape::line(&sentence.text, escape::SENTENCE);
        let options =
            textwrap::Options::new(self.style.width).initial_indent(&lead).subsequent_indent(&indent);
        for line in textwrap::wrap(&text, options) {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn lead(&self, time: &str, host: &str, level: &str, event: &str) -> String {
        let mut lead = format!("{time:<19}  ");
        if self.style.width >= WIDE {
            lead.push_str(&padded(host, HOST));
        }
        lead.push_str(&padded(level, 8));
        lead.push_str(&padded(event, EVENT));
        lead
    }

    fn columns(&self, cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        let mut cells = cells.zip(self.keys()).peekable();
        while let Some((cell, key)) = cells.next() {
            let width = match key {
                "time" => PRECISE,
                "event_id" | "version" | "qualifiers" | "level" | "record_id" => NUMBER,
                _ => NAMED,
            };
            line.push_str(&if cells.peek().is_some() { padded(&cell, width) } else { cell });
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// Text made harmless and as wide as a column, with a gap behind it.
pub(super) fn padded(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    for character in escape::line(text, escape::NAME).chars() {
        let more = escape::width(character.encode_utf8(&mut [0; 4]));
        if used + more > width {
            shown.pop();
            used = escape::width(&shown) + 1;
            shown.push('…');
            break;
        }
        used += more;
        shown.push(character);
    }
    shown.push_str(&" ".repeat(width.saturating_sub(used) + 2));
    shown
}

fn short_provider(provider: &str) -> &str {
    let short = provider.strip_prefix("Microsoft-Windows-").unwrap_or(provider);
    if escape::width(short) + 6 <= EVENT { short } else { short.rsplit('-').next().unwrap_or(short) }
}

/// The word for a level.
fn level(level: u8) -> &'static str {
    match level {
        1 => "critical",
        2 => "error",
        3 => "warning",
        5 => "verbose",
        _ => "info",
    }
}

/// A record's time with all that the log has: steps of 100 ns.
fn precise(time: Time) -> String {
    time.to_chrono().map_or_else(
        || time.rfc3339(),
        |time| {
            let text = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
            text.strip_suffix("00Z").map_or_else(|| text.clone(), |ticks| format!("{ticks}Z"))
        },
    )
}

/// One value of a line.
enum Cell<'r> {
    Nothing,
    Number(u64),
    Text(Cow<'r, str>),
    Fields(Fields<'r>),
}

/// All named or unnamed values of a record, its binary data last.
struct Fields<'r> {
    fields: &'r [Field],
    binary: Option<String>,
}

struct Line<'r>(Vec<(&'r str, Cell<'r>)>);

fn cell<'r>(key: &str, record: &'r Record, sentence: &'r Sentence) -> Cell<'r> {
    let text = |text: &'r str| Cell::Text(Cow::Borrowed(text));
    let maybe = |value: Option<&'r str>| value.map_or(Cell::Nothing, text);
    match key {
        "time" => Cell::Text(Cow::Owned(precise(record.time))),
        "host" => text(&record.computer),
        "channel" => text(&record.channel),
        "provider" => text(&record.provider),
        "event_id" => Cell::Number(record.event_id.into()),
        "version" => Cell::Number(record.version.into()),
        "qualifiers" => record.qualifiers.map_or(Cell::Nothing, |number| Cell::Number(number.into())),
        "level" => Cell::Number(record.level.into()),
        "record_id" => Cell::Number(record.record_id),
        "activity_id" => maybe(record.activity_id.as_deref()),
        "fields" => Cell::Fields(Fields { fields: &record.fields, binary: binary(record) }),
        "text" => text(&sentence.text),
        "text_source" => text(sentence.source.as_str()),
        "log" => text(&record.log),
        _ if key.eq_ignore_ascii_case("binary") && record.field(key).is_none() => {
            binary(record).map_or(Cell::Nothing, |digits| Cell::Text(Cow::Owned(digits)))
        }
        _ => {
            let place = key.strip_prefix('%').and_then(|number| number.parse().ok());
            maybe(record.field(key).or_else(|| record.insert(place?)))
        }
    }
}

fn binary(record: &Record) -> Option<String> {
    let bytes = record.binary.as_deref()?;
    Some(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
}

impl Cell<'_> {
    /// The value as a person reads it.
    fn shown(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Fields(fields) => {
                let binary = fields.binary.iter().map(|digits| format!("Binary={digits}"));
                let values = fields.fields.iter().map(|field| match &field.name {
                    Some(name) => format!("{name}={}", field.value),
                    None => field.value.to_string(),
                });
                values.chain(binary).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl Fields<'_> {
    /// Whether every value has a name of its own, so that an object holds them all.
    fn is_object(&self) -> bool {
        let mut names: Vec<&str> = Vec::with_capacity(self.fields.len() + 1);
        names.extend(self.binary.iter().map(|_| "Binary"));
        for field in self.fields {
            match field.name.as_deref() {
                None => return false,
                Some(name) => names.push(name),
            }
        }
        names.sort_unstable();
        names.windows(2).all(|pair| pair.first() != pair.last())
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_object() {
            let mut map = serializer.serialize_map(None)?;
            for field in self.fields {
                map.serialize_entry(field.name.as_deref().unwrap_or_default(), &*field.value)?;
            }
            if let Some(digits) = &self.binary {
                map.serialize_entry("Binary", digits)?;
            }
            return map.end();
        }
        let mut list = serializer.serialize_seq(None)?;
        for field in self.fields {
            match field.name.as_deref() {
                None => list.serialize_element(&*field.value)?,
                Some(name) => list.serialize_element(&Named { name, value: &field.value })?,
            }
        }
        if let Some(digits) = &self.binary {
            list.serialize_element(&Named { name: "Binary", value: digits })?;
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
struct Named<'r> {
    name: &'r str,
    value: &'r str,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, cell)| (key, cell)))
    }
}
