//! A `WEVT_TEMPLATE` manifest as providers with their events; the `evtx` crate parses it.

use std::collections::{HashMap, HashSet};

use evtx::wevt_templates::manifest::{self as wevt, CrimManifest, EventDefinition, MapDefinition};

use super::super::store::catalogue::{Event, Provider, ValueMap, Wording};
use crate::input::isolated;

/// Names of input types by number (`TDH_INTYPE_…`).
const INPUT_TYPES: [&str; 22] = [
    "Null",
    "UnicodeString",
    "AnsiString",
    "Int8",
    "UInt8",
    "Int16",
    "UInt16",
    "Int32",
    "UInt32",
    "Int64",
    "UInt64",
    "Float",
    "Double",
    "Boolean",
    "Binary",
    "GUID",
    "Pointer",
    "FILETIME",
    "SYSTEMTIME",
    "SID",
    "HexInt32",
    "HexInt64",
];

/// Output types that change how a value looks (`TDH_OUTTYPE_…`).
const OUTPUT_TYPES: [(u8, &str); 7] = [
    (16, "HexInt8"),
    (17, "HexInt16"),
    (18, "HexInt32"),
    (19, "HexInt64"),
    (30, "Win32Error"),
    (31, "NTStatus"),
    (32, "HResult"),
];

/// Message id of a manifest that stands for none.
const NO_MESSAGE: u32 = u32::MAX;

/// A provider and the ids of the messages that its events use.
type Read = (Provider, Vec<u32>);

/// Reads the providers of a manifest, with texts from `strings`.
pub(super) fn read(bytes: &[u8], strings: &HashMap<u32, &str>) -> Result<Vec<Read>, String> {
    let read = isolated(|| {
        let manifest = CrimManifest::parse(bytes).map_err(|error| error.to_string())?;
        Ok(manifest.providers.iter().map(|provider| read_provider(provider, strings)).collect())
    });
    read.unwrap_or_else(|reason| Err(format!("a manifest that the decoder gives up on ({reason})")))
}

fn read_provider(found: &wevt::Provider<'_>, strings: &HashMap<u32, &str>) -> Read {
    let guid = format!("{{{}}}", found.guid.to_string().trim_matches(['{', '}']).to_lowercase());
    let name = found.wevt.message_identifier.and_then(|id| strings.get(&id));
    let mut provider = Provider {
        name: name.map_or_else(|| guid.clone(), |name| (*name).to_owned()),
        guid,
        maps: maps(found, strings),
        ..Provider::default()
    };
    let templates = found.wevt.elements.templates.iter().flat_map(|table| &table.templates);
    let lookup = Lookup {
        templates: templates.map(|template| (template.offset, template)).collect(),
        maps: value_maps(found).map(|map| map.offset).collect(),
        channels: found.wevt.elements.channels.iter().flat_map(|channels| &channels.channels).collect(),
        strings,
    };
    let mut used = Vec::new();
    for definition in found.wevt.elements.events.iter().flat_map(|events| &events.events) {
        used.push(definition.message_identifier);
        provider.events.push(event(definition, &lookup));
    }
    (provider, used)
}

/// What events refer to.
struct Lookup<'a> {
    templates: HashMap<u32, &'a wevt::TemplateDefinition<'a>>,
    maps: HashSet<u32>,
    channels: Vec<&'a wevt::ChannelDefinition>,
    strings: &'a HashMap<u32, &'a str>,
}

fn event(definition: &EventDefinition, lookup: &Lookup<'_>) -> Event {
    let message = lookup.strings.get(&definition.message_identifier).copied().unwrap_or_default();
    let message = if definition.message_identifier == NO_MESSAGE { "" } else { message };
    let channel = lookup.channels.iter().find(|channel| channel.identifier == u32::from(definition.channel));
    let mut event = Event {
        id: u32::from(definition.identifier),
        version: definition.version,
        channel: channel.and_then(|channel| channel.name.clone()).unwrap_or_default(),
        level: Some(definition.level),
        fields: Some(Vec::new()),
        ..Event::default()
    };
    if !message.is_empty() {
        event.wordings.push(Wording { message: message.to_owned(), ..Wording::default() });
    }
    let template = definition.template_offset.and_then(|offset| lookup.templates.get(&offset));
    let items = template.map(|template| template.items.as_slice()).unwrap_or_default();
    let mut fields = Vec::new();
    // Binary data at the end is no insert.
    let items = items.iter().take_while(|item| item.name.as_deref() != Some("__binLength"));
    for (position, item) in items.enumerate() {
        let name = item.name.clone().unwrap_or_else(|| format!("param{}", position + 1));
        // The third number of an item is the place of its value map.
        if lookup.maps.contains(&item.unknown4) {
            event.maps.push((name.clone(), map_name(item.unknown4)));
        }
        event.types.push(type_name(item.input_type, item.output_type));
        fields.push(name);
    }
    event.fields = Some(fields);
    event
}

fn type_name(input: u8, output: u8) -> String {
    // Bits 7 and above mark arrays.
    let stored = INPUT_TYPES.get(usize::from(input & 0x7F)).copied().unwrap_or("Null");
    match OUTPUT_TYPES.iter().find(|(number, _)| *number == output) {
        Some((_, shown)) if !stored.starts_with("Hex") => format!("{stored}:{shown}"),
        _ => stored.to_owned(),
    }
}

fn map_name(offset: u32) -> String {
    format!("map{offset}")
}

fn value_maps<'a>(provider: &'a wevt::Provider<'a>) -> impl Iterator<Item = &'a wevt::ValueMap<'a>> {
    let maps = provider.wevt.elements.maps.iter().flat_map(|maps| &maps.maps);
    maps.filter_map(|map| match map {
        MapDefinition::ValueMap(map) => Some(map),
        _ => None,
    })
}

fn maps(provider: &wevt::Provider<'_>, strings: &HashMap<u32, &str>) -> Vec<(String, ValueMap)> {
    let read = |map: &wevt::ValueMap<'_>| {
        let word = |entry: &wevt::ValueMapEntry| {
            Some((u64::from(entry.identifier), (*strings.get(&entry.message_identifier?)?).to_owned()))
        };
        let values = map.entries.iter().filter_map(word).collect();
        (map_name(map.offset), ValueMap { is_bits: false, values })
    };
    value_maps(provider).map(read).collect()
}
