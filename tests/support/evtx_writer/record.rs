//! A record as a scenario means it, and its BinXML in the shapes that Windows uses.
//!
//! Templates follow real logs: manifest events of a Windows service name provider and channel as values,
//! classic events as text in the template; the data is an instance of its own inside a value of type 0x21.

use rdpwhy::evtx::Time;

use super::binxml::{Element, Instance, Piece};
use super::value::Value;

const EVENT_NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";

/// Everything under `System`.
#[derive(Debug, Clone, Default)]
pub(crate) struct System {
    pub(crate) provider: String,
    pub(crate) guid: Option<String>,
    pub(crate) event_source: Option<String>,
    pub(crate) event_id: u16,
    /// Present in classic events only; it decides the shape.
    pub(crate) qualifiers: Option<u16>,
    pub(crate) version: u8,
    pub(crate) level: u8,
    pub(crate) task: u16,
    pub(crate) opcode: u8,
    pub(crate) keywords: u64,
    pub(crate) time: Time,
    pub(crate) record_id: u64,
    pub(crate) activity: Option<String>,
    pub(crate) process_id: u32,
    pub(crate) thread_id: u32,
    pub(crate) channel: String,
    pub(crate) computer: String,
    pub(crate) user: Option<String>,
    /// Servers before 2022 leave Version, Opcode and Execution out of events of sources without a GUID.
    pub(crate) is_terse: bool,
}

/// What the record says beside `System`.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// `EventData` with named values; SCM and User32 add `Binary`.
    Named { fields: Vec<(String, Value)>, binary: Option<Vec<u8>> },
    /// `EventData` of a classic source: unnamed strings in one array value.
    Strings { strings: Vec<String>, binary: Option<Vec<u8>> },
    /// `UserData` with one element of this name and namespace.
    User { element: String, namespace: String, fields: Vec<(String, Value)> },
}

/// What the sending machine adds to a forwarded record.
#[derive(Debug, Clone)]
pub(crate) struct Rendering {
    pub(crate) culture: String,
    pub(crate) message: String,
}

/// One record before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) system: System,
    pub(crate) data: Data,
    /// Present in forwarded records, which are stored without template.
    pub(crate) rendering: Option<Rendering>,
}

impl Record {
    /// The record as template and values.
    pub(crate) fn instance(&self) -> Instance {
        let is_user = matches!(self.data, Data::User { .. });
        let is_classic = self.system.qualifiers.is_some();
        let data_slot = if is_classic { 19 } else { 17 };
        let data = slot(data_slot, 0x21);
        let event = Element::new("Event").attribute("xmlns", Piece::Text(EVENT_NAMESPACE.into()));
        let system = if is_classic { self.classic_system() } else { self.manifest_system() };
        let root = if is_user {
            let user = Element::new("UserData").depends(data_slot).piece(data);
            event.child(system).child(user)
        } else {
            event.depends(data_slot).child(system).piece(data)
        };
        Instance { root, values: self.values(is_classic), with_header: true }
    }

    fn values(&self, is_classic: bool) -> Vec<Value> {
        let system = &self.system;
        let guid = |guid: &Option<String>| guid.clone().map_or(Value::Null(0), Value::Guid);
        let stray = if matches!(self.data, Data::User { .. }) { 2 } else { 0 };
        let mut values = vec![
            Value::UInt8(system.level),
            Value::UInt8(system.opcode),
            Value::UInt16(system.task),
            Value::UInt16(system.event_id),
            system.qualifiers.map_or(Value::Null(stray), Value::UInt16),
            Value::Hex64(system.keywords),
            Value::FileTime(system.time),
            guid(&system.activity),
            Value::UInt32(system.process_id),
            Value::UInt32(system.thread_id),
            Value::UInt64(system.record_id),
            Value::UInt8(system.version),
            system.user.clone().map_or(Value::Null(0), Value::Sid),
            Value::Null(0),
        ];
        if is_classic {
            values.resize_with(19, || Value::Null(0));
        } else {
            values.push(Value::Text(system.provider.clone()));
            values.push(guid(&system.guid));
            values.push(Value::Text(system.channel.clone()));
        }
        values.push(Value::Xml(Box::new(self.data.instance())));
        values
    }

    fn manifest_system(&self) -> Element {
        let provider =
            Element::new("Provider").attribute("Name", slot(14, 0x01)).attribute("Guid", slot(15, 0x0f));
        self.counted(Element::new("System").child(provider), 13)
            .child(Element::new("Channel").depends(16).piece(slot(16, 0x01)))
            .child(self.computer())
            .child(security())
    }

    fn classic_system(&self) -> Element {
        let mut provider =
            Element::new("Provider").attribute("Name", Piece::Text(self.system.provider.clone()));
        if let Some(guid) = &self.system.guid {
            provider = provider.attribute("Guid", Piece::Text(guid.clone()));
        }
        if let Some(source) = &self.system.event_source {
            provider = provider.attribute("EventSourceName", Piece::Text(source.clone()));
        }
        self.counted(Element::new("System").child(provider), 18)
            .child(Element::new("Channel").text(&self.system.channel))
            .child(self.computer())
            .child(security())
    }

    /// The elements from `EventID` to `Execution`; `related` is the value of the related activity.
    fn counted(&self, system: Element, related: u16) -> Element {
        let one =
            |name: &str, index: u16, kind: u8| Element::new(name).depends(index).piece(slot(index, kind));
        let event_id =
            Element::new("EventID").depends(3).attribute("Qualifiers", slot(4, 0x06)).piece(slot(3, 0x06));
        let time = Element::new("TimeCreated").attribute("SystemTime", slot(6, 0x11));
        let mut system = system.child(event_id);
        if !self.system.is_terse {
            system = system.child(one("Version", 11, 0x04));
        }
        system = system.child(one("Level", 0, 0x04)).child(one("Task", 2, 0x06));
        if !self.system.is_terse {
            system = system.child(one("Opcode", 1, 0x04));
        }
        system = system.child(one("Keywords", 5, 0x15)).child(time).child(one("EventRecordID", 10, 0x0a));
        if self.system.is_terse {
            return system;
        }
        let correlation = Element::new("Correlation")
            .attribute("ActivityID", slot(7, 0x0f))
            .attribute("RelatedActivityID", slot(related, 0x0f));
        let execution = Element::new("Execution")
            .attribute("ProcessID", slot(8, 0x08))
            .attribute("ThreadID", slot(9, 0x08));
        system.child(correlation).child(execution)
    }

    fn computer(&self) -> Element {
        Element::new("Computer").text(&self.system.computer)
    }

    /// The record without template, as an event collector stores what it was sent.
    pub(crate) fn plain(&self, rendering: &Rendering) -> Element {
        let system = &self.system;
        let leaf = |name: &str, text: &str| Element::new(name).text(text);
        let text = |text: &str| Piece::Text(text.into());
        let mut provider = Element::new("Provider").attribute("Name", text(&system.provider));
        if let Some(guid) = &system.guid {
            provider = provider.attribute("Guid", text(guid));
        }
        if let Some(source) = &system.event_source {
            provider = provider.attribute("EventSourceName", text(source));
        }
        let mut event_id = leaf("EventID", &system.event_id.to_string());
        if let Some(qualifiers) = system.qualifiers {
            event_id = event_id.attribute("Qualifiers", text(&qualifiers.to_string()));
        }
        let mut node = Element::new("System")
            .child(provider)
            .child(event_id)
            .child(leaf("Version", &system.version.to_string()))
            .child(leaf("Level", &system.level.to_string()))
            .child(leaf("Task", &system.task.to_string()))
            .child(leaf("Opcode", &system.opcode.to_string()))
            .child(leaf("Keywords", &format!("0x{:x}", system.keywords)))
            .child(Element::new("TimeCreated").attribute("SystemTime", text(&system.time.rfc3339())))
            .child(leaf("EventRecordID", &system.record_id.to_string()));
        if let Some(activity) = &system.activity {
            node = node.child(Element::new("Correlation").attribute("ActivityID", text(activity)));
        }
        let execution = Element::new("Execution")
            .attribute("ProcessID", text(&system.process_id.to_string()))
            .attribute("ThreadID", text(&system.thread_id.to_string()));
        node = node
            .child(execution)
            .child(leaf("Channel", &system.channel))
            .child(leaf("Computer", &system.computer));
        if let Some(user) = &system.user {
            node = node.child(Element::new("Security").attribute("UserID", text(user)));
        }
        Element::new("Event")
            .attribute("xmlns", text(EVENT_NAMESPACE))
            .child(node)
            .child(self.data.plain())
            .child(self.rendering_info(rendering))
    }

    fn rendering_info(&self, rendering: &Rendering) -> Element {
        let level = match self.system.level {
            1 => "Critical",
            2 => "Error",
            3 => "Warning",
            _ => "Information",
        };
        Element::new("RenderingInfo")
            .attribute("Culture", Piece::Text(rendering.culture.clone()))
            .child(Element::new("Message").text(&rendering.message))
            .child(Element::new("Level").text(level))
            .child(Element::new("Task"))
            .child(Element::new("Opcode").text("Info"))
            .child(Element::new("Channel").text(&self.system.channel))
            .child(Element::new("Provider").text(&self.system.provider))
            .child(Element::new("Keywords"))
    }
}

impl Data {
    fn instance(&self) -> Instance {
        match self {
            Self::Named { fields, binary } => named_instance(fields, binary.as_deref()),
            Self::Strings { strings, binary } => strings_instance(strings, binary.as_deref()),
            Self::User { element, namespace, fields } => {
                let mut root = Element::new(element).attribute("xmlns", Piece::Text(namespace.clone()));
                for (index, (name, value)) in (0..).zip(fields) {
                    root = root.child(Element::new(name).piece(required(index, value.code())));
                }
                let values = fields.iter().map(|(_, value)| value.clone()).collect();
                Instance { root, values, with_header: false }
            }
        }
    }

    fn plain(&self) -> Element {
        let binary_of = |binary: &Option<Vec<u8>>, data: Element| match binary {
            Some(bytes) => data.child(Element::new("Binary").text(&Value::Binary(bytes.clone()).text())),
            None => data,
        };
        match self {
            Self::Named { fields, binary } => {
                let data = fields.iter().fold(Element::new("EventData"), |data, (name, value)| {
                    let name = Piece::Text(name.clone());
                    data.child(Element::new("Data").attribute("Name", name).text(&value.text()))
                });
                binary_of(binary, data)
            }
            Self::Strings { strings, binary } => {
                let data = strings.iter().fold(Element::new("EventData"), |data, text| {
                    data.child(Element::new("Data").text(text))
                });
                binary_of(binary, data)
            }
            Self::User { element, namespace, fields } => {
                let root = Element::new(element).attribute("xmlns", Piece::Text(namespace.clone()));
                let root = fields
                    .iter()
                    .fold(root, |root, (name, value)| root.child(Element::new(name).text(&value.text())));
                Element::new("UserData").child(root)
            }
        }
    }
}

/// Named `Data`; `Binary` comes after its length, which no element shows.
fn named_instance(fields: &[(String, Value)], binary: Option<&[u8]>) -> Instance {
    let mut root = Element::new("EventData");
    for (index, (name, value)) in (0..).zip(fields) {
        let data = Element::new("Data").attribute("Name", Piece::Text(name.clone()));
        root = root.child(data.piece(required(index, value.code())));
    }
    let mut values: Vec<Value> = fields.iter().map(|(_, value)| value.clone()).collect();
    if let Some(bytes) = binary {
        let length = u16::try_from(fields.len()).expect("few fields");
        root = root.child(Element::new("Binary").piece(required(length + 1, 0x0e)));
        values.push(Value::UInt32(u32::try_from(bytes.len()).expect("short")));
        values.push(Value::Binary(bytes.to_vec()));
    }
    Instance { root, values, with_header: true }
}

fn strings_instance(strings: &[String], binary: Option<&[u8]>) -> Instance {
    let root = Element::new("EventData")
        .child(Element::new("Data").depends(0).piece(slot(0, 0x81)))
        .child(Element::new("Binary").depends(2).piece(slot(2, 0x0e)));
    let array = if strings.is_empty() { Value::Null(0) } else { Value::Texts(strings.to_vec()) };
    let length = u32::try_from(binary.map_or(0, <[u8]>::len)).expect("short");
    let binary = binary.map_or(Value::Null(0), |bytes| Value::Binary(bytes.to_vec()));
    Instance { root, values: vec![array, Value::UInt32(length), binary], with_header: true }
}

fn security() -> Element {
    Element::new("Security").attribute("UserID", slot(12, 0x13))
}

fn slot(index: u16, kind: u8) -> Piece {
    Piece::Slot { index, kind, optional: true }
}

fn required(index: u16, kind: u8) -> Piece {
    Piece::Slot { index, kind, optional: false }
}
