//! Elements, attributes and text in document order become a [`Record`], whichever lane reads them.
//!
//! Knows which elements of an event mean what: `System`, `EventData`, `UserData` of any element name, `Binary`,
//! `RenderingInfo` and the sections that other providers use (`ProcessingErrorData`, `DebugData`,
//! `BinaryEventData`). Other elements are passed over.

use std::sync::Arc;

use super::{Field, Record, Time};

/// Deepest nesting that is followed; real events have at most a dozen levels.
pub(super) const MAX_DEPTH: usize = 64;

/// The child of `Event` that an element stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// None: the element is `Event` or one of its children.
    Top,
    System,
    EventData,
    UserData,
    /// `DebugData` or `ProcessingErrorData`.
    OtherData,
    RenderingInfo,
    Unknown,
}

impl Section {
    fn new(name: &str) -> Self {
        match name {
            "System" => Self::System,
            "EventData" => Self::EventData,
            "UserData" => Self::UserData,
            "DebugData" | "ProcessingErrorData" => Self::OtherData,
            "RenderingInfo" => Self::RenderingInfo,
            _ => Self::Unknown,
        }
    }
}

/// An element on the way down, with what its end needs to know.
struct Open {
    name: Arc<str>,
    field: Option<Arc<str>>,
    has_child: bool,
}

/// Builds one record at a time; its buffers serve all of them.
pub(super) struct Builder {
    record: Record,
    path: Vec<Open>,
    /// Of the elements in the child of `Event` that is open.
    section: Section,
    text: String,
    seen: bool,
}

impl Builder {
    pub(super) fn new(log: &Arc<str>) -> Self {
        Self { record: empty(log), path: Vec::new(), section: Section::Top, text: String::new(), seen: false }
    }

    /// Begins a record of which some fields are known.
    pub(super) fn begin(&mut self, record: Record) {
        self.record = record;
        self.path.clear();
        self.text.clear();
        self.seen = false;
    }

    /// The record, when an `Event` element was there; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> Option<Record> {
        let next = empty(&self.record.log);
        let record = std::mem::replace(&mut self.record, next);
        std::mem::take(&mut self.seen).then_some(record)
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.path.len()
    }

    /// Where the text of the open element is collected.
    pub(super) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Opens an element; false when it is nested too deeply.
    pub(super) fn open(&mut self, name: Arc<str>) -> bool {
        if self.path.len() >= MAX_DEPTH {
            return false;
        }
        if let Some(parent) = self.path.last_mut() {
            parent.has_child = true;
        }
        self.seen |= self.path.is_empty() && &*name == "Event";
        self.text.clear();
        match self.path.len() {
            0 => self.section = Section::Top,
            1 => self.section = Section::new(&name),
            2 if self.section == Section::UserData && self.record.user_data.is_none() => {
                self.record.user_data = Some(Arc::clone(&name));
            }
            _ => {}
        }
        self.path.push(Open { name, field: None, has_child: false });
        true
    }

    /// Takes an attribute of the element that was opened last.
    pub(super) fn attribute(&mut self, key: &str, value: &str) {
        match self.path.len() {
            2 if key == "Culture" && self.section == Section::RenderingInfo => {
                self.record.rendering.get_or_insert_default().culture = Some(value.into());
            }
            3 if self.section == Section::System => self.system_attribute(key, value),
            3 if key == "Name" => self.field_name(Arc::from(value)),
            _ => {}
        }
    }

    /// Takes the `Name` attribute of the element that was opened last, as a shared string.
    pub(super) fn field_name(&mut self, name: Arc<str>) {
        if self.section == Section::System {
            self.attribute("Name", &name);
        } else if self.path.len() == 3
            && let Some(open) = self.path.last_mut()
        {
            open.field = Some(name);
        }
    }

    fn system_attribute(&mut self, key: &str, value: &str) {
        let record = &mut self.record;
        match (self.path.last().map_or("", |open| &open.name), key) {
            ("Provider", "Name") => record.provider = Arc::from(value),
            ("Provider", "Guid") => record.provider_guid = Some(Arc::from(value.to_ascii_lowercase())),
            ("Provider", "EventSourceName") => record.event_source = Some(Arc::from(value)),
            ("EventID", "Qualifiers") => record.qualifiers = value.parse().ok(),
            ("TimeCreated", "SystemTime") => record.time = Time::parse(value).unwrap_or_default(),
            ("Correlation", "ActivityID") => record.activity_id = Some(value.into()),
            ("Correlation", "RelatedActivityID") => record.related_activity_id = Some(value.into()),
            ("Execution", "ProcessID") => record.process_id = value.parse().ok(),
            ("Execution", "ThreadID") => record.thread_id = value.parse().ok(),
            ("Security", "UserID") => record.user_sid = Some(value.into()),
            _ => {}
        }
    }

    /// Closes the element that was opened last.
    pub(super) fn close(&mut self) {
        let Some(open) = self.path.pop() else { return };
        let mut text = std::mem::take(&mut self.text);
        match (self.section, self.path.len()) {
            (Section::System, 2) => self.system(&open.name, &text),
            (Section::RenderingInfo, 2) => self.rendering(&open.name, &text),
            (Section::Unknown, 1) if !open.has_child && &*open.name == "BinaryEventData" => {
                self.record.binary = Some(bytes_of(&text));
            }
            (Section::EventData | Section::UserData | Section::OtherData, 2..) => self.data(open, &text),
            _ => {}
        }
        text.clear();
        self.text = text;
    }

    fn system(&mut self, name: &str, text: &str) {
        let record = &mut self.record;
        match name {
            "EventID" => record.event_id = text.trim().parse().unwrap_or_default(),
            "Version" => record.version = text.trim().parse().unwrap_or_default(),
            "Level" => record.level = text.trim().parse().unwrap_or_default(),
            "Task" => record.task = text.trim().parse().unwrap_or_default(),
            "Opcode" => record.opcode = text.trim().parse().unwrap_or_default(),
            "Keywords" => record.keywords = keywords_of(text),
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

    fn data(&mut self, open: Open, text: &str) {
        if open.has_child {
            return;
        }
        if &*open.name == "Binary" && self.path.len() == 2 {
            self.record.binary = Some(bytes_of(text));
            return;
        }
        let is_data = self.section == Section::EventData && &*open.name == "Data";
        let name = open.field.or_else(|| (!is_data).then(|| Arc::clone(&open.name)));
        self.record.fields.push(Field { name, value: text.into() });
    }
}

/// The mask in a `Keywords` element.
pub(super) fn keywords_of(text: &str) -> u64 {
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or_default()
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

thread_local! {
    static NOTHING: Arc<str> = Arc::from("");
}

/// The empty string, shared.
pub(super) fn nothing() -> Arc<str> {
    NOTHING.with(Arc::clone)
}

/// A record of which nothing is known but its log.
pub(super) fn empty(log: &Arc<str>) -> Record {
    let none = nothing();
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
        number: 0,
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
