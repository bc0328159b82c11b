//! What an event id means for each provider that has it.

use std::collections::BTreeMap;

use super::library::sentence;
use super::{Kind, Library, Pointer, Topic};
use crate::text::CatalogueEvent;

/// The topics of an event id, one a provider; with words of a name only those of providers that hold them.
pub(super) fn topics(provider: Option<&str>, event_id: u32, library: &Library<'_>) -> Vec<Topic> {
    let events = library.texts.events_with_id(event_id);
    let mut by_provider: BTreeMap<String, Vec<&CatalogueEvent>> = BTreeMap::new();
    for event in &events {
        by_provider.entry(event.provider.to_lowercase()).or_default().push(event);
    }
    // Rules know events that no catalogue has, and older names of providers beside those that it has.
    let mentions = library.mentions.iter().filter(|mention| mention.event_ids.contains(&event_id));
    for mention in mentions {
        if !mention.providers.iter().any(|name| by_provider.contains_key(&**name))
            && let Some(first) = mention.providers.first()
        {
            by_provider.entry(first.to_string()).or_default();
        }
    }
    let fits = |name: &str| provider.is_none_or(|wanted| wanted.split(' ').all(|word| name.contains(word)));
    let groups = by_provider.iter().filter(|(name, _)| *name != "rdpwhy" && fits(name));
    groups.map(|(name, events)| topic(name, event_id, events, library)).collect()
}

fn topic(provider: &str, event_id: u32, events: &[&CatalogueEvent], library: &Library<'_>) -> Topic {
    let name = events.first().map_or_else(|| library.spelled(provider), |event| &event.provider);
    let mut topic = Topic::new(Kind::Event, format!("{name} {event_id}"), "event");
    if let Some(channel) = events.iter().find_map(|event| event.channel.as_deref()) {
        topic.title = format!("event in {channel}");
    }
    let level = events.iter().find_map(|event| event.level).map(level).unwrap_or_default();
    if !level.is_empty() {
        topic.title = format!("{level} {}", topic.title);
    }
    for event in events {
        let text = sentence(event);
        if !text.is_empty() && !topic.what.contains(&text) {
            topic.what.push(text);
        }
    }
    let fields = events.iter().find_map(|event| event.fields.as_ref()).filter(|fields| !fields.is_empty());
    if let Some(fields) = fields {
        topic.what.push(format!("Fields: {}.", fields.join(", ")));
    }
    topic.causes = causes(provider, event_id, library);
    topic.is_about_rdp = is_about_rdp(provider);
    topic.is_minor = topic.causes.is_empty() && !topic.is_about_rdp;
    let is_its =
        |name: &str, id: u32| id == event_id && (name == provider || provider.ends_with(&format!("-{name}")));
    for note in library.notes.iter().filter(|note| note.events.iter().any(|(name, id)| is_its(name, *id))) {
        note.add_to(&mut topic, library);
    }
    topic
}

/// Causes whose rules look at the event: by their own selections first, then by signals that they share.
fn causes(provider: &str, event_id: u32, library: &Library<'_>) -> Vec<Pointer> {
    let mut own: Vec<Pointer> = Vec::new();
    let mut shared: Vec<Pointer> = Vec::new();
    for mention in &library.mentions {
        let is_named =
            mention.providers.is_empty() || mention.providers.iter().any(|name| **name == *provider);
        if !is_named || !mention.event_ids.contains(&event_id) {
            continue;
        }
        let is_own = library.rule_at(mention.rule).is_some_and(|rule| rule.cause.is_some());
        for rule in library.causes_of(mention) {
            let is_known = own.iter().chain(&shared).any(|pointer| *pointer.rule == *rule.name);
            match (is_known, is_own) {
                (true, _) => {}
                (_, true) => own.push(library.pointer(&rule.name, "its rule looks at the event")),
                (_, false) => {
                    let why = format!("its rule uses the signal `{}`", mention.selection);
                    shared.push(library.pointer(&rule.name, why));
                }
            }
        }
    }
    let severity = |pointer: &Pointer| {
        library
            .rule(&pointer.rule)
            .and_then(|rule| rule.cause.as_ref())
            .map(|cause| (cause.severity, std::cmp::Reverse(cause.confidence)))
    };
    own.sort_by_key(severity);
    own.extend(shared);
    own
}

fn is_about_rdp(provider: &str) -> bool {
    ["terminalservices", "remotedesktop", "termdd", "rdp", "termservice"]
        .iter()
        .any(|part| provider.contains(part))
}

const fn level(level: u8) -> &'static str {
    match level {
        1 => "critical",
        2 => "error",
        3 => "warning",
        4 => "information",
        _ => "",
    }
}
