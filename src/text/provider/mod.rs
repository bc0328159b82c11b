//! Provider files of a Windows machine (`.dll`, `.exe`, `.sys`, `.mui`) as catalogues.
//!
//! A manifest names events, versions, fields and the ids of texts; the texts stand in the message table, usually
//! of the `.mui` file of a language. Both are joined by the file's name without `.mui`.

mod manifest;
mod message_table;
mod resources;

use std::collections::HashMap;

use super::catalogue::ANY_PROVIDER;
use super::store::catalogue::{Event, Provider, Wording};

pub(super) use resources::{Resources, read};

/// Highest four bits of ids that the message compiler gives to names of channels, levels, tasks, opcodes,
/// keywords and map values, and to manifest events (mc.exe).
const GENERATED: [u32; 7] = [0x1, 0x3, 0x5, 0x7, 0x9, 0xB, 0xD];

/// The providers of one file and its companions; messages that no manifest names are those of classic events.
pub(super) fn providers(files: &[Resources]) -> (Vec<Provider>, Vec<String>) {
    let mut strings: HashMap<u32, &str> = HashMap::new();
    for (id, text) in files.iter().flat_map(|file| &file.strings) {
        strings.entry(*id).or_insert(text);
    }
    let mut faults = Vec::new();
    let mut providers: Vec<Provider> = Vec::new();
    let mut used = Vec::new();
    for bytes in files.iter().flat_map(|file| &file.manifests) {
        match manifest::read(bytes, &strings) {
            Ok(read) => {
                for (provider, ids) in read {
                    used.extend(ids);
                    if !providers.iter().any(|known| known.guid == provider.guid) {
                        providers.push(provider);
                    }
                }
            }
            Err(error) => faults.push(error),
        }
    }
    if !providers.is_empty() && strings.is_empty() {
        faults.push("a manifest without texts: add the .mui file of a language".to_owned());
    }
    let classic = classic_events(&strings, &used);
    if !classic.is_empty() {
        match providers.as_mut_slice() {
            [only] => only.events.extend(classic),
            _ => providers.push(Provider {
                name: ANY_PROVIDER.to_owned(),
                events: classic,
                ..Provider::default()
            }),
        }
    }
    (providers, faults)
}

/// Classic events: the low half of a message id is the event id, the high half its qualifiers.
fn classic_events(strings: &HashMap<u32, &str>, used: &[u32]) -> Vec<Event> {
    let mut ids: Vec<u32> = strings.keys().copied().filter(|id| !GENERATED.contains(&(id >> 28))).collect();
    ids.sort_unstable();
    ids.retain(|id| !used.contains(id));
    let event = |id: u32| {
        let message = (*strings.get(&id)?).to_owned();
        Some(Event {
            id: id & 0xFFFF,
            qualifiers: u16::try_from(id >> 16).ok(),
            wordings: vec![Wording { message, ..Wording::default() }],
            ..Event::default()
        })
    };
    ids.into_iter().filter_map(event).collect()
}

/// Joins the message tables whose provider is not known into one, without the ids that have several texts.
pub(super) fn join_unnamed(providers: Vec<Provider>) -> Vec<Provider> {
    let (unnamed, mut named): (Vec<_>, Vec<_>) =
        providers.into_iter().partition(|provider| provider.name == ANY_PROVIDER);
    let mut events: Vec<Event> = unnamed.into_iter().flat_map(|provider| provider.events).collect();
    events.sort_by(|a, b| (a.id, a.qualifiers, &a.wordings).cmp(&(b.id, b.qualifiers, &b.wordings)));
    events.dedup();
    let clashes = |a: &Event, b: &Event| (a.id, a.qualifiers) == (b.id, b.qualifiers);
    let groups = events.chunk_by(clashes).filter(|group| group.len() == 1);
    let events: Vec<Event> = groups.flatten().cloned().collect();
    if !events.is_empty() {
        named.push(Provider { name: ANY_PROVIDER.to_owned(), events, ..Provider::default() });
    }
    named
}
