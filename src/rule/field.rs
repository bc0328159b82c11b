//! Which part of a record a rule's field name means.
//!
//! Sigma names (`EventID`, `Provider_Name`, `Channel`) stand for parts of `System`; `Message` for the sentence that
//! Event Viewer shows; `%1` for the first insert; `BinaryText` for the binary data read as UTF-16, `BinaryStatus` for
//! the status code in its last four bytes. Any other name is a named field of the record's data; `EventData.Level` is one
//! that has the name of another part.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::evtx::{self, Record};
use crate::text::Texts;

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum FieldKey {
    Provider,
    EventSource,
    EventId,
    Qualifiers,
    Channel,
    Computer,
    Level,
    Version,
    RecordId,
    ProcessId,
    UserSid,
    ActivityId,
    Time,
    Message,
    Binary,
    BinaryText,
    BinaryStatus,
    Unnamed,
    Position(usize),
    Named(Box<str>),
}

/// Names of parts that are no fields of the data.
const PARTS: &[(&str, FieldKey)] = &[
    ("Provider_Name", FieldKey::Provider),
    ("EventID", FieldKey::EventId),
    ("Message", FieldKey::Message),
    ("EventSourceName", FieldKey::EventSource),
    ("Qualifiers", FieldKey::Qualifiers),
    ("Channel", FieldKey::Channel),
    ("Computer", FieldKey::Computer),
    ("Level", FieldKey::Level),
    ("Version", FieldKey::Version),
    ("EventRecordID", FieldKey::RecordId),
    ("Execution_ProcessID", FieldKey::ProcessId),
    ("Security_UserID", FieldKey::UserSid),
    ("ActivityID", FieldKey::ActivityId),
    ("Correlation_ActivityID", FieldKey::ActivityId),
    ("TimeCreated", FieldKey::Time),
    ("Binary", FieldKey::Binary),
    ("BinaryText", FieldKey::BinaryText),
    ("BinaryStatus", FieldKey::BinaryStatus),
    ("Data", FieldKey::Unnamed),
];

impl FieldKey {
    /// The part that a name in a rule means.
    pub(crate) fn parse(name: &str) -> Self {
        if let Some(name) = data_name(name) {
            return Self::Named(name.into());
        }
        if let Some(position) = name.strip_prefix('%').and_then(|digits| digits.parse().ok()) {
            return Self::Position(position);
        }
        let part = PARTS.iter().find(|(part, _)| part.eq_ignore_ascii_case(name));
        part.map_or_else(|| Self::Named(name.into()), |(_, key)| key.clone())
    }
}

/// The name of a field of the record's data in `EventData.Name` or `UserData.Name`.
fn data_name(name: &str) -> Option<&str> {
    let (place, rest) = name.split_once('.')?;
    (place == "EventData" || place == "UserData").then_some(rest)
}

/// Whether a name is that of a field of the record's data, written out.
pub(super) fn is_data(name: &str) -> bool {
    data_name(name).is_some()
}

/// A record while rules look at it; its sentence is rendered only when one asks.
pub(crate) struct Subject<'a> {
    pub(crate) record: &'a Record,
    texts: &'a Texts,
    wordings: OnceCell<Vec<String>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(record: &'a Record, texts: &'a Texts) -> Self {
        Self { record, texts, wordings: OnceCell::new() }
    }

    /// Every known wording of the record's sentence, in normal form.
    pub(crate) fn wordings(&self) -> &[String] {
        self.wordings.get_or_init(|| self.texts.wordings(self.record))
    }

    /// The value of a part; `None` when the record has none. [`FieldKey::Message`] and [`FieldKey::Unnamed`] have
    /// several values, see [`Subject::any_value`].
    pub(crate) fn value(&self, key: &FieldKey) -> Option<Cow<'a, str>> {
        let record = self.record;
        let some = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        match key {
            FieldKey::Provider => some(&record.provider),
            FieldKey::EventSource => record.event_source.as_deref().map(Cow::Borrowed),
            FieldKey::EventId => Some(record.event_id.to_string().into()),
            FieldKey::Qualifiers => record.qualifiers.map(|value| value.to_string().into()),
            FieldKey::Channel => some(&record.channel),
            FieldKey::Computer => some(&record.computer),
            FieldKey::Level => Some(record.level.to_string().into()),
            FieldKey::Version => Some(record.version.to_string().into()),
            FieldKey::RecordId => Some(record.record_id.to_string().into()),
            FieldKey::ProcessId => record.process_id.map(|value| value.to_string().into()),
            FieldKey::UserSid => record.user_sid.as_deref().map(Cow::Borrowed),
            FieldKey::ActivityId => record.activity_id.as_deref().map(Cow::Borrowed),
            FieldKey::Time => Some(record.time.rfc3339().into()),
            FieldKey::Message => self.wordings().first().map(|text| Cow::Owned(text.clone())),
            FieldKey::Binary | FieldKey::BinaryText | FieldKey::BinaryStatus => {
                record.binary.as_deref().and_then(|bytes| of_binary(key, bytes)).map(Cow::Owned)
            }
            FieldKey::Unnamed => record.field("Data").or_else(|| record.insert(1)).map(Cow::Borrowed),
            FieldKey::Position(position) => record.insert(*position).map(Cow::Borrowed),
            FieldKey::Named(name) => record.field(name).map(Cow::Borrowed),
        }
    }

    /// Whether any value of a part passes `test`.
    pub(crate) fn any_value(&self, key: &FieldKey, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match key {
            FieldKey::Message => self.wordings().iter().any(|text| test(text)),
            FieldKey::Unnamed => {
                let mut fields = self.record.fields.iter();
                fields.any(|field| {
                    field.name.as_deref().is_none_or(|name| name == "Data") && test(&field.value)
                })
            }
            FieldKey::Provider => {
                test(&self.record.provider) || self.record.event_source.as_deref().is_some_and(&mut *test)
            }
            _ => self.value(key).is_some_and(|value| test(&value)),
        }
    }

    /// Whether any value of the record's data, or its sentence, passes `test`: what a keyword looks at.
    pub(crate) fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.record.fields.iter().any(|field| test(&field.value))
            || self.record.binary_text().is_some_and(|text| test(&text))
            || self.wordings().iter().any(|text| test(text))
    }
}

/// What a part that stands for the binary data says of its bytes.
pub(super) fn of_binary(key: &FieldKey, bytes: &[u8]) -> Option<String> {
    match key {
        FieldKey::Binary => Some(hex(bytes)),
        FieldKey::BinaryText => evtx::binary_text(bytes),
        FieldKey::BinaryStatus => status(bytes),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'A' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The NTSTATUS in the last four bytes, little endian, customer bit cleared (`0xD…` becomes `0xC…`).
fn status(bytes: &[u8]) -> Option<String> {
    let last: [u8; 4] = bytes.last_chunk::<4>().copied()?;
    Some(format!("0x{:08X}", u32::from_le_bytes(last) & 0xEFFF_FFFF))
}

#[cfg(test)]
mod tests {
    use super::FieldKey;

    #[test]
    fn fields_of_the_data_may_have_the_name_of_another_part() {
        assert_eq!(FieldKey::parse("Level"), FieldKey::Level);
        assert_eq!(FieldKey::parse("EventData.Level"), FieldKey::Named("Level".into()));
        assert_eq!(FieldKey::parse("UserData.Channel"), FieldKey::Named("Channel".into()));
        assert_eq!(FieldKey::parse("Source"), FieldKey::Named("Source".into()));
        assert_eq!(FieldKey::parse("Time"), FieldKey::Named("Time".into()));
    }
}
