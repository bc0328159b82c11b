//! A catalogue's template and a record's values become a sentence.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::evtx::Record;

use super::catalogue::Event;
use super::{Sentence, TextSource, codes, message, values};

/// A template of an event with the record's values filled in.
pub(super) fn filled(record: &Record, event: &Event<'_>, template: &str) -> String {
    let insert = |number: usize| -> Option<Cow<'_, str>> {
        let position = number.checked_sub(1)?;
        let value = value_of(record, event, position)?;
        let kind = event.types.get(position).copied().unwrap_or_default();
        let map = event.maps.iter().find(|(place, _)| *place == position).map(|(_, map)| map);
        Some(values::shown(value, kind, map))
    };
    let text = message::fill(template, insert);
    let is_security = record.provider.starts_with("Microsoft-Windows-Security-Auditing");
    let has_own_table = record.provider.eq_ignore_ascii_case("Microsoft-Windows-GroupPolicy");
    let parameter = |number| codes::parameter_text(number, is_security).filter(|_| !has_own_table);
    let mut text = message::fill_parameters(&text, parameter).into_owned();
    text.truncate(text.trim_end().len());
    text
}

/// The value for an insert. Names count when the record has all of the event's but those of binary data, or no others:
/// exports and later versions of Windows change the order, and agents leave values out. Otherwise the position counts,
/// as it does for Windows.
fn value_of<'a>(record: &'a Record, event: &Event<'_>, position: usize) -> Option<&'a str> {
    let names = event.fields.as_deref().unwrap_or_default();
    let is_there = |(position, name): (usize, &&str)| {
        let is_binary = *name == "__binLength" || event.types.get(position) == Some(&"Binary");
        is_binary || record.field(name).is_some()
    };
    let is_known = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(name) = names.get(position)
        && (names.iter().enumerate().all(is_there)
            || record.fields.iter().all(|field| field.name.as_deref().is_some_and(is_known)))
    {
        return record.field(name);
    }
    record.fields.get(position).map(|field| &*field.value)
}

/// What is said of a record without a text: all its values.
pub(super) fn fallback(record: &Record) -> Sentence {
    let mut text = format!("no text known: {} {}", record.provider, record.event_id);
    for (position, field) in record.fields.iter().enumerate() {
        let separator = if position == 0 { ':' } else { ',' };
        let _ = match &field.name {
            Some(name) => write!(text, "{separator} {name}={}", field.value),
            None => write!(text, "{separator} {}", field.value),
        };
    }
    Sentence { text, source: TextSource::None, original: None }
}
