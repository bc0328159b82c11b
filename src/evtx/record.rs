//! One record of a log in our own type, the same whichever lane or source decoded it.
//!
//! Values are kept as the text that the record's XML has (`0x1f`, `true`, `2026-01-14T03:12:41.5000000Z`,
//! `{guid}`, hexadecimal digits for binary), so that a log, an XML export and a JSON-lines export of it give
//! equal records. Provider, channel and computer are shared strings: a log repeats them in every record.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Time;

/// What is known of a record before its data is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The same for heads with the same provider, event source, channel and computer, where that is known.
    pub names: Option<Names>,
    /// `System/Provider/@Name`.
    pub provider: &'a str,
    /// `System/Provider/@EventSourceName`; empty when absent.
    pub event_source: &'a str,
    /// `System/Channel`; empty when the record has none.
    pub channel: &'a str,
    /// `System/Computer`; empty when the record has none.
    pub computer: &'a str,
    /// `System/EventID`.
    pub event_id: u32,
    /// `System/EventID/@Qualifiers`, present in classic events.
    pub qualifiers: Option<u16>,
    /// `System/Level`: 1 critical, 2 error, 3 warning, 4 information, 5 verbose.
    pub level: u8,
    /// `System/EventRecordID`.
    pub record_id: u64,
    /// `System/TimeCreated/@SystemTime`.
    pub time: Time,
}

/// A combination of names in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Tells chunks apart, as long as the program runs.
    pub chunk: u64,
    /// Tells combinations apart: they are counted from 0.
    pub number: u16,
}

/// One entry of a log, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Path or name of the log it was read from.
    pub log: Arc<str>,
    /// `System/Provider/@Name`; empty when the record has none.
    pub provider: Arc<str>,
    /// `System/Provider/@Guid`, lower case in braces.
    pub provider_guid: Option<Arc<str>>,
    /// `System/Provider/@EventSourceName`.
    pub event_source: Option<Arc<str>>,
    /// `System/Channel`; empty when the record has none.
    pub channel: Arc<str>,
    /// `System/Computer`; empty when the record has none.
    pub computer: Arc<str>,
    /// `System/EventID`.
    pub event_id: u32,
    /// `System/EventID/@Qualifiers`, present in classic events.
    pub qualifiers: Option<u16>,
    /// `System/Version`.
    pub version: u8,
    /// `System/Level`: 1 critical, 2 error, 3 warning, 4 information, 5 verbose.
    pub level: u8,
    /// `System/Task`.
    pub task: u32,
    /// `System/Opcode`.
    pub opcode: u32,
    /// `System/Keywords`.
    pub keywords: u64,
    /// `System/EventRecordID`: the number in the XML, not that of the record header.
    pub record_id: u64,
    /// The number in the record's header: its place in an exported log, counted from 1. 0 where there is no header.
    pub number: u64,
    /// `System/TimeCreated/@SystemTime`.
    pub time: Time,
    /// `System/Correlation/@ActivityID`, in braces.
    pub activity_id: Option<Box<str>>,
    /// `System/Correlation/@RelatedActivityID`, in braces.
    pub related_activity_id: Option<Box<str>>,
    /// `System/Execution/@ProcessID`.
    pub process_id: Option<u32>,
    /// `System/Execution/@ThreadID`.
    pub thread_id: Option<u32>,
    /// `System/Security/@UserID`: a SID.
    pub user_sid: Option<Box<str>>,
    /// `EventData/Data` in order, or the leaf elements under `UserData`; never `Binary`.
    pub fields: Vec<Field>,
    /// The element under `UserData`, when the record has one.
    pub user_data: Option<Arc<str>>,
    /// `EventData/Binary`: the driver's or service's own bytes.
    pub binary: Option<Box<[u8]>>,
    /// `RenderingInfo`, which forwarded events carry.
    pub rendering: Option<Box<Rendering>>,
}

/// One value of a record's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// `Data/@Name`, or the name of the element under `UserData`; `None` for unnamed `Data`.
    pub name: Option<Arc<str>>,
    /// The value as the XML has it.
    pub value: Box<str>,
}

/// The text that the sending machine put into a forwarded event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rendering {
    /// `RenderingInfo/@Culture`, such as `en-US`.
    pub culture: Option<Box<str>>,
    /// `RenderingInfo/Message`.
    pub message: Option<Box<str>>,
    /// `RenderingInfo/Level`.
    pub level: Option<Box<str>>,
}

impl Record {
    /// The value of the first field with this name, compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
            .map(|field| &*field.value)
    }

    /// The value at a position, counted from 1 as the inserts of a message are.
    #[must_use]
    pub fn insert(&self, number: usize) -> Option<&str> {
        self.fields.get(number.checked_sub(1)?).map(|field| &*field.value)
    }

    /// The binary data as text; Service Control Manager events keep the service's short name there.
    #[must_use]
    pub fn binary_text(&self) -> Option<String> {
        binary_text(self.binary.as_deref()?)
    }

    /// The same record's head.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head {
            names: None,
            provider: &self.provider,
            event_source: self.event_source.as_deref().unwrap_or_default(),
            channel: &self.channel,
            computer: &self.computer,
            event_id: self.event_id,
            qualifiers: self.qualifiers,
            level: self.level,
            record_id: self.record_id,
            time: self.time,
        }
    }
}

/// Binary data read as UTF-16LE text up to the first NUL; `None` when there is no text. Bytes that are all letters of
/// ASCII are text as they stand: some exports make it so.
pub(crate) fn binary_text(bytes: &[u8]) -> Option<String> {
    if bytes.len() > 2 && bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return Some(bytes.iter().copied().map(char::from).collect());
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units.take_while(|&unit| unit != 0))
        .map(|unit| unit.unwrap_or('\u{fffd}'))
        .collect();
    (!text.is_empty()).then_some(text)
}
