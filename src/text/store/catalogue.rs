//! Catalogue files (`rules/events/*.yml`, `--messages FILE.yml`): which texts and fields an event has.
//!
//! A file is a list of providers, each with its events. A message is written as people read it: `%1` to `%99`
//! stand for values, line breaks and tabs are real ones.

use super::yaml::{self, Node, YamlError};

/// One provider and its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provider {
    /// `System/Provider/@Name`; `*` for a message table whose provider is not known.
    pub(crate) name: String,
    /// GUID in lower case and braces, or empty.
    pub(crate) guid: String,
    /// Other names under which records of these events come.
    pub(crate) event_sources: Vec<String>,
    /// Value maps by name.
    pub(crate) maps: Vec<(String, ValueMap)>,
    /// The events.
    pub(crate) events: Vec<Event>,
}

/// Words for the numbers of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ValueMap {
    /// Whether each bit has its own word.
    pub(crate) is_bits: bool,
    /// Number and word.
    pub(crate) values: Vec<(u64, String)>,
}

/// One event of a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// `System/EventID`.
    pub(crate) id: u32,
    /// `System/EventID/@Qualifiers`; `None` for manifest events, or where it is not known.
    pub(crate) qualifiers: Option<u16>,
    /// `System/Version`.
    pub(crate) version: u8,
    /// `System/Channel`, or empty.
    pub(crate) channel: String,
    /// `System/Level` as recorded.
    pub(crate) level: Option<u8>,
    /// Names of the fields, `%1` first; `None` for unnamed `Data`.
    pub(crate) fields: Option<Vec<String>>,
    /// Names that records have where they differ from `fields`.
    pub(crate) record_fields: Vec<String>,
    /// Type of each field, `In` or `In:Out`; empty when all are text.
    pub(crate) types: Vec<String>,
    /// Field name and the name of its value map.
    pub(crate) maps: Vec<(String, String)>,
    /// The texts, newest first; empty when none is known.
    pub(crate) wordings: Vec<Wording>,
}

/// One text of an event and the Windows builds it was seen in.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wording {
    /// Oldest build with this text; 0 when not known.
    pub(crate) first: u32,
    /// Newest build with this text; 0 when not known.
    pub(crate) last: u32,
    /// The text.
    pub(crate) message: String,
}

/// Reads a catalogue file.
pub(crate) fn read(text: &str) -> Result<Vec<Provider>, YamlError> {
    let documents = yaml::read(text, &yaml::LARGE)?;
    let providers = documents.first().map_or(Ok(&[][..]), |root| root.want_list("a list of providers"))?;
    providers.iter().map(provider).collect()
}

fn provider(node: &Node) -> Result<Provider, YamlError> {
    let mut provider = Provider::default();
    let mut channel = String::new();
    for (key, value) in node.want_map("a provider with its events")? {
        match key {
            "provider" => provider.name = value.want_text("a provider name")?,
            "guid" => provider.guid = value.want_text("a GUID")?.to_lowercase(),
            "event_sources" => provider.event_sources = value.want_texts("names of event sources")?,
            "channel" => channel = value.want_text("a channel name")?,
            "maps" => provider.maps = maps(value)?,
            "events" => {
                let events = value.want_list("a list of events")?;
                provider.events = events.iter().map(event).collect::<Result<_, _>>()?;
            }
            _ => return Err(unknown(value, key)),
        }
    }
    if provider.name.is_empty() {
        return Err(node.error("expected the key `provider`"));
    }
    for event in &mut provider.events {
        if event.channel.is_empty() {
            event.channel.clone_from(&channel);
        }
    }
    Ok(provider)
}

fn unknown(node: &Node, key: &str) -> YamlError {
    node.error(format!("unknown key `{key}`"))
}

fn maps(node: &Node) -> Result<Vec<(String, ValueMap)>, YamlError> {
    let mut maps = Vec::new();
    for (name, map) in node.want_map("value maps")? {
        let mut read = ValueMap::default();
        for (key, value) in map.want_map("`kind` and `values`")? {
            match key {
                "kind" => read.is_bits = value.want_text("`value` or `bits`")? == "bits",
                "values" => {
                    for (number, word) in value.want_map("numbers and words")? {
                        let number =
                            yaml::number(number).ok_or_else(|| word.error("expected a number as key"))?;
                        read.values.push((number, word.want_text("a word")?));
                    }
                }
                _ => return Err(unknown(value, key)),
            }
        }
        maps.push((name.to_owned(), read));
    }
    Ok(maps)
}

fn event(node: &Node) -> Result<Event, YamlError> {
    let mut event = Event::default();
    let mut newest = Wording::default();
    let mut older = Vec::new();
    for (key, value) in node.want_map("an event")? {
        match key {
            "id" => event.id = value.want_number("an event id")?,
            "qualifiers" => event.qualifiers = Some(value.want_number("qualifiers")?),
            "version" => event.version = value.want_number("a version")?,
            "channel" => event.channel = value.want_text("a channel name")?,
            "level" => event.level = Some(value.want_number("a level")?),
            "fields" => event.fields = Some(value.want_texts("names of fields")?),
            "record_fields" => event.record_fields = value.want_texts("names of fields")?,
            "types" => event.types = value.want_texts("types of fields")?,
            "maps" => {
                for (field, map) in value.want_map("fields and their maps")? {
                    event.maps.push((field.to_owned(), map.want_text("the name of a map")?));
                }
            }
            "windows" => (newest.first, newest.last) = builds(value)?,
            "message" => newest.message = value.want_text("a message")?,
            "older" => {
                let texts = value.want_list("older texts")?;
                older = texts.iter().map(wording).collect::<Result<_, _>>()?;
            }
            _ => return Err(unknown(value, key)),
        }
    }
    if !newest.message.is_empty() {
        event.wordings.push(newest);
    }
    event.wordings.append(&mut older);
    Ok(event)
}

fn wording(node: &Node) -> Result<Wording, YamlError> {
    let mut wording = Wording::default();
    for (key, value) in node.want_map("an older text")? {
        match key {
            "windows" => (wording.first, wording.last) = builds(value)?,
            "message" => wording.message = value.want_text("a message")?,
            _ => return Err(unknown(value, key)),
        }
    }
    Ok(wording)
}

/// Reads `7600-9600`, the oldest and the newest build that a text was seen in.
fn builds(node: &Node) -> Result<(u32, u32), YamlError> {
    let text = node.want_text("Windows builds")?;
    let range = text.split_once('-').unwrap_or((&text, &text));
    match (range.0.trim().parse(), range.1.trim().parse()) {
        (Ok(first), Ok(last)) => Ok((first, last)),
        _ => Err(node.error(format!("expected builds as 7600-9600, found {text:?}"))),
    }
}
