//! The packed form of a catalogue and of the code tables: sections of fixed rows, entries and a string pool.
//!
//! A reader finds a row by binary search in the bytes and decodes one entry; nothing is parsed at start-up.
//! Layout: the number of sections, then offset and length of each, all `u32` little endian; then the bytes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::catalogue::{Event, Provider, ValueMap};

/// Offsets of providers among the entries, in the order of their numbers.
pub(crate) const PROVIDERS: usize = 2;
/// Rows of events, sorted by id.
pub(crate) const EVENTS: usize = 3;
/// Entries of events.
pub(crate) const ENTRIES: usize = 4;
/// Ends of strings among their bytes.
pub(crate) const STRING_ENDS: usize = 0;
/// Bytes of strings.
pub(crate) const STRINGS: usize = 1;
/// Sections of packed codes: names of tables.
pub(crate) const TABLES: usize = 2;
/// Rows of codes, sorted by value.
pub(crate) const CODES: usize = 3;
/// Which fields hold which codes.
pub(crate) const FIELD_USES: usize = 5;

/// Bytes of an event row: id, entry offset, provider, qualifiers (each `u32`, `u32`, `u16`, `u16`), version,
/// and whether there are qualifiers.
pub(crate) const EVENT_ROW: usize = 14;
/// Bytes of a code row: value, entry offset, table.
pub(crate) const CODE_ROW: usize = 10;

/// A provider; all numbers are those of strings.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedProvider {
    pub(crate) name: u32,
    pub(crate) guid: u32,
    pub(crate) event_sources: Vec<u32>,
}

/// An event without its key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedEvent {
    pub(crate) channel: u32,
    pub(crate) level: Option<u8>,
    pub(crate) fields: Option<Vec<u32>>,
    pub(crate) record_fields: Vec<u32>,
    pub(crate) types: Vec<u32>,
    /// Position of the field and offset of its map among the entries.
    pub(crate) maps: Vec<(u16, u32)>,
    /// Oldest build, newest build, text.
    pub(crate) wordings: Vec<(u32, u32, u32)>,
}

/// A value map.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedMap {
    pub(crate) is_bits: bool,
    pub(crate) values: Vec<(u64, u32)>,
}

/// A code without its key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedCode {
    pub(crate) name: u32,
    pub(crate) text: u32,
    pub(crate) short: u32,
    pub(crate) meaning: u32,
    pub(crate) class: u32,
    pub(crate) side: u32,
    pub(crate) is_unsure: bool,
    pub(crate) points_to: Vec<u32>,
}

/// A use of codes by a field.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackedUse {
    pub(crate) provider: u32,
    pub(crate) events: Vec<u32>,
    pub(crate) field: u32,
    pub(crate) tables: Vec<u32>,
}

/// Packs a catalogue.
pub(crate) fn catalogue(providers: &[Provider]) -> Vec<u8> {
    let mut strings = Strings::new();
    let mut entries = Vec::new();
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for (position, provider) in providers.iter().enumerate() {
        let packed = PackedProvider {
            name: strings.add(&provider.name),
            guid: strings.add(&provider.guid),
            event_sources: strings.add_all(&provider.event_sources),
        };
        names.extend_from_slice(&push(&mut entries, &packed).to_le_bytes());
        let maps: HashMap<&str, u32> = provider
            .maps
            .iter()
            .map(|(name, map)| (name.as_str(), push(&mut entries, &packed_map(map, &mut strings))))
            .collect();
        for event in &provider.events {
            let offset = push(&mut entries, &packed_event(event, &maps, &mut strings));
            let qualifiers = event.qualifiers.unwrap_or_default();
            let provider = u16::try_from(position).unwrap_or(u16::MAX);
            let is_classic = u8::from(event.qualifiers.is_some());
            rows.push((event.id, provider, qualifiers, event.version, is_classic, offset));
        }
    }
    rows.sort_unstable();
    let mut packed_rows = Vec::with_capacity(rows.len() * EVENT_ROW);
    for (id, provider, qualifiers, version, is_classic, offset) in rows {
        packed_rows.extend_from_slice(&id.to_le_bytes());
        packed_rows.extend_from_slice(&offset.to_le_bytes());
        packed_rows.extend_from_slice(&provider.to_le_bytes());
        packed_rows.extend_from_slice(&qualifiers.to_le_bytes());
        packed_rows.extend_from_slice(&[version, is_classic]);
    }
    sections(&mut [
        (STRING_ENDS, &strings.ends()),
        (STRINGS, strings.bytes()),
        (PROVIDERS, &names),
        (EVENTS, &packed_rows),
        (ENTRIES, &entries),
    ])
}

fn packed_map(map: &ValueMap, strings: &mut Strings) -> PackedMap {
    let values = map.values.iter().map(|(number, word)| (*number, strings.add(word))).collect();
    PackedMap { is_bits: map.is_bits, values }
}

fn packed_event(event: &Event, maps: &HashMap<&str, u32>, strings: &mut Strings) -> PackedEvent {
    let position = |name: &str| {
        let fields = event.fields.as_deref().unwrap_or_default();
        u16::try_from(fields.iter().position(|field| field == name)?).ok()
    };
    PackedEvent {
        channel: strings.add(&event.channel),
        level: event.level,
        fields: event.fields.as_ref().map(|fields| strings.add_all(fields)),
        record_fields: strings.add_all(&event.record_fields),
        types: strings.add_all(&event.types),
        maps: event
            .maps
            .iter()
            .filter_map(|(field, map)| Some((position(field)?, *maps.get(map.as_str())?)))
            .collect(),
        wordings: event
            .wordings
            .iter()
            .map(|wording| (wording.first, wording.last, strings.add(&wording.message)))
            .collect(),
    }
}

/// A value as an entry holds it.
pub(crate) fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain structures in memory can always be written")
}

/// Appends an entry and gives its offset.
pub(crate) fn push<T: Serialize>(entries: &mut Vec<u8>, value: &T) -> u32 {
    let offset = offset_of(entries.len());
    entries.extend_from_slice(&bytes_of(value));
    offset
}

/// An offset in a packed file; inputs are capped far below 4 GiB.
fn offset_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Joins sections, whose numbers have no gaps.
pub(crate) fn sections(parts: &mut [(usize, &[u8])]) -> Vec<u8> {
    parts.sort_by_key(|(number, _)| *number);
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&offset_of(parts.len()).to_le_bytes());
    let mut offset = 4 + parts.len() * 8;
    for (_, part) in parts.iter() {
        bytes.extend_from_slice(&offset_of(offset).to_le_bytes());
        bytes.extend_from_slice(&offset_of(part.len()).to_le_bytes());
        offset += part.len();
    }
    for (_, part) in parts.iter() {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Strings, each once.
pub(crate) struct Strings {
    known: HashMap<String, u32>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Strings {
    /// A pool that holds the empty string as number 0.
    pub(crate) fn new() -> Self {
        let mut strings = Self { known: HashMap::new(), ends: Vec::new(), bytes: Vec::new() };
        strings.add("");
        strings
    }

    /// The number of a string.
    pub(crate) fn add(&mut self, text: &str) -> u32 {
        if let Some(&known) = self.known.get(text) {
            return known;
        }
        let number = offset_of(self.ends.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(offset_of(self.bytes.len()));
        self.known.insert(text.to_owned(), number);
        number
    }

    /// The numbers of strings.
    pub(crate) fn add_all(&mut self, texts: &[String]) -> Vec<u32> {
        texts.iter().map(|text| self.add(text)).collect()
    }

    /// The section of ends.
    pub(crate) fn ends(&self) -> Vec<u8> {
        self.ends.iter().flat_map(|end| end.to_le_bytes()).collect()
    }

    /// The section of bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
