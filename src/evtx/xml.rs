//! One event's XML becomes a [`Record`]; used for the crate's rendering and for XML exports.
//!
//! Reads `System`, `EventData`, `UserData` of any element name, `Binary`, `RenderingInfo` and the sections that
//! other providers use (`ProcessingErrorData`, `DebugData`, `BinaryEventData`). Unknown elements are passed over.

use std::sync::Arc;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Field, Record, Time};

/// The XML of an event could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("broken XML: {0}")]
    Syntax(String),
    #[error("no Event element")]
    NoEvent,
}

/// Deepest nesting that is followed; real events have at most a dozen levels.
const MAX_DEPTH: usize = 64;

/// Reads the first `Event` element of `text`.
pub(crate) fn read_event(text: &str, log: &Arc<str>) -> Result<Record, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut state = State::new(log);
    loop {
        match reader.read_event().map_err(|error| XmlError::Syntax(error.to_string()))? {
            Event::Start(tag) => state.open(&tag)?,
            Event::Empty(tag) => {
                state.open(&tag)?;
                state.close();
            }
            Event::Text(text) => state.text.push_str(&text),
            Event::CData(data) => state.text.push_str(&data),
            Event::GeneralRef(reference) => state.reference(&reference)?,
            Event::End(_) => {
                state.close();
                if state.path.is_empty() {
                    break;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if state.seen { Ok(state.record) } else { Err(XmlError::NoEvent) }
}

/// An element on the way down, with what its end needs to know.
struct Open {
    name: Box<str>,
    field: Option<Arc<str>>,
    has_child: bool,
}

struct State {
    record: Record,
    path: Vec<Open>,
    text: String,
    seen: bool,
}

impl State {
    fn new(log: &Arc<str>) -> Self {
        Self { record: empty(log), path: Vec::new(), text: String::new(), seen: false }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.path.len() >= MAX_DEPTH {
            return Err(XmlError::Syntax("elements nested too deeply".to_owned()));
        }
        if let Some(parent) = self.path.last_mut() {
            parent.has_child = true;
        }
        let name: Box<str> = tag.local_name().as_ref().into();
        self.seen |= self.path.is_empty() && &*name == "Event";
        let mut open = Open { name, field: None, has_child: false };
        self.text.clear();
        for attribute in tag.attributes().with_checks(false).flatten() {
            let key: Box<str> = attribute.key.local_name().as_ref().into();
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| XmlError::Syntax(error.to_string()))?;
            self.attribute(&mut open, &key, &value);
        }
        if self.path.len() == 2 && self.name_at(1) == "UserData" && self.record.user_data.is_none() {
            self.record.user_data = Some(Arc::from(&*open.name));
        }
        self.path.push(open);
        Ok(())
    }

    fn name_at(&self, depth: usize) -> &str {
        self.path.get(depth).map_or("", |open| &open.name)
    }

    fn attribute(&mut self, open: &mut Open, key: &str, value: &str) {
        let in_system = self.path.len() == 2 && self.name_at(1) == "System";
        let record = &mut self.record;
        match (&*open.name, key) {
            ("Provider", "Name") if in_system => record.provider = Arc::from(value),
            ("Provider", "Guid") if in_system => {
                record.provider_guid = Some(Arc::from(value.to_ascii_lowercase()));
            }
            ("Provider", "EventSourceName") if in_system => record.event_source = Some(Arc::from(value)),
            ("EventID", "Qualifiers") if in_system => record.qualifiers = value.parse().ok(),
            ("TimeCreated", "SystemTime") if in_system => {
                record.time = Time::parse(value).unwrap_or_default()
            }
            ("Correlation", "ActivityID") if in_system => record.activity_id = Some(value.into()),
            ("Correlation", "RelatedActivityID") if in_system => {
                record.related_activity_id = Some(value.into())
            }
            ("Execution", "ProcessID") if in_system => record.process_id = value.parse().ok(),
            ("Execution", "ThreadID") if in_system => record.thread_id = value.parse().ok(),
            ("Security", "UserID") if in_system => record.user_sid = Some(value.into()),
            ("RenderingInfo", "Culture") if self.path.len() == 1 => {
                record.rendering.get_or_insert_default().culture = Some(value.into());
            }
            (_, "Name") if self.path.len() == 2 && !in_system => open.field = Some(Arc::from(value)),
            _ => {}
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let syntax = |error: &dyn std::fmt::Display| XmlError::Syntax(error.to_string());
        if let Some(character) = reference.resolve_char_ref().map_err(|error| syntax(&error))? {
            self.text.push(character);
            return Ok(());
        }
        match &**reference {
            "amp" => self.text.push('&'),
            "lt" => self.text.push('<'),
            "gt" => self.text.push('>'),
            "quot" => self.text.push('"'),
            "apos" => self.text.push('\''),
            other => return Err(XmlError::Syntax(format!("unknown entity &{other};"))),
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(open) = self.path.pop() else { return };
        let text = std::mem::take(&mut self.text);
        match self.path.get(1).map_or("", |section| &*section.name) {
            "System" if self.path.len() == 2 => self.system(&open.name, &text),
            "RenderingInfo" if self.path.len() == 2 => self.rendering(&open.name, &text),
            "EventData" | "UserData" | "DebugData" | "ProcessingErrorData" => self.data(open, text),
            "" if !open.has_child && self.path.len() == 1 && &*open.name == "BinaryEventData" => {
                self.record.binary = Some(bytes_of(&text));
            }
            _ => {}
        }
    }

    fn system(&mut self, name: &str, text: &str) {
        let record = &mut self.record;
        match name {
            "EventID" => record.event_id = text.trim().parse().unwrap_or_default(),
            "Version" => record.version = text.trim().parse().unwrap_or_default(),
            "Level" => record.level = text.trim().parse().unwrap_or_default(),
            "Task" => record.task = text.trim().parse().unwrap_or_default(),
            "Opcode" => record.opcode = text.trim().parse().unwrap_or_default(),
            "Keywords" => {
                let digits = text.trim().trim_start_matches("0x");
                record.keywords = u64::from_str_radix(digits, 16).unwrap_or_default();
            }
            "EventRecordID" => record.record_id = text.trim().parse().unwrap_or_default(),
            "Channel" => record.channel = Arc::from(text),
            "Computer" => record.computer = Arc::from(text),
            _ => {}
        }
    }

    fn rendering(&mut self, name: &str, text: &str) {
        let rendering = self.record.rendering.get_or_insert_default();
        match name {
            "Message" => rendering.message = Some(text.into()),
            "Level" => rendering.level = Some(text.into()),
            _ => {}
        }
    }

    fn data(&mut self, open: Open, text: String) {
        if open.has_child {
            return;
        }
        if &*open.name == "Binary" && self.path.len() == 2 {
            self.record.binary = Some(bytes_of(&text));
            return;
        }
        let is_data = &*open.name == "Data" && self.name_at(1) == "EventData";
        let name = open.field.or_else(|| (!is_data).then(|| Arc::from(&*open.name)));
        self.record.fields.push(Field { name, value: text.into_boxed_str() });
    }
}

/// Hexadecimal digits as bytes; what is no digit ends them.
pub(crate) fn bytes_of(digits: &str) -> Box<[u8]> {
    let mut nibbles = digits.trim().chars().map_while(|digit| digit.to_digit(16));
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    while let (Some(high), Some(low)) = (nibbles.next(), nibbles.next()) {
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    bytes.into()
}

fn empty(log: &Arc<str>) -> Record {
    let none: Arc<str> = Arc::from("");
    Record {
        log: Arc::clone(log),
        provider: Arc::clone(&none),
        provider_guid: None,
        event_source: None,
        channel: Arc::clone(&none),
        computer: none,
        event_id: 0,
        qualifiers: None,
        version: 0,
        level: 0,
        task: 0,
        opcode: 0,
        keywords: 0,
        record_id: 0,
        time: Time::default(),
        activity_id: None,
        related_activity_id: None,
        process_id: None,
        thread_id: None,
        user_sid: None,
        fields: Vec::new(),
        user_data: None,
        binary: None,
        rendering: None,
    }
}
