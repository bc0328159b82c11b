//! Providers as a catalogue file in our schema; reading it back gives the same providers.

use std::fmt::Write as _;

use super::super::store::catalogue::{Event, Provider};

/// Writes a catalogue file.
pub(super) fn catalogue(providers: &[Provider]) -> String {
    let mut text =
        String::from("# Texts of events, read from provider files. The texts belong to their publishers.\n");
    if providers.is_empty() {
        text.push_str("[]\n");
    }
    for provider in providers {
        write_provider(&mut text, provider);
    }
    text
}

/// A string that YAML reads back as it is. JSON strings are YAML, but for the control characters that YAML forbids.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        let _ = match character {
            '"' => write!(quoted, "\\\""),
            '\\' => write!(quoted, "\\\\"),
            '\n' => write!(quoted, "\\n"),
            '\t' => write!(quoted, "\\t"),
            '\r' => write!(quoted, "\\r"),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                write!(quoted, "\\U{:08X}", u32::from(character))
            }
            _ => write!(quoted, "{character}"),
        };
    }
    quoted.push('"');
    quoted
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

// Writing to a string cannot fail, so results of `write!` and `writeln!` are dropped below.

fn write_provider(out: &mut String, provider: &Provider) {
    let _ = writeln!(out, "- provider: {}", quoted(&provider.name));
    if !provider.guid.is_empty() {
        let _ = writeln!(out, "  guid: {}", quoted(&provider.guid));
    }
    if !provider.event_sources.is_empty() {
        let _ = writeln!(out, "  event_sources: {}", list(&provider.event_sources));
    }
    if !provider.maps.is_empty() {
        out.push_str("  maps:\n");
    }
    for (name, map) in &provider.maps {
        let kind = if map.is_bits { "bits" } else { "value" };
        let _ = writeln!(out, "    {}:\n      kind: {kind}\n      values:", quoted(name));
        for (number, word) in &map.values {
            let _ = writeln!(out, "        {number}: {}", quoted(word));
        }
    }
    out.push_str("  events:\n");
    for event in &provider.events {
        write_event(out, event);
    }
}

fn write_event(out: &mut String, event: &Event) {
    let _ = writeln!(out, "    - id: {}", event.id);
    if let Some(qualifiers) = event.qualifiers {
        let _ = writeln!(out, "      qualifiers: {qualifiers}");
    }
    if event.version != 0 {
        let _ = writeln!(out, "      version: {}", event.version);
    }
    if !event.channel.is_empty() {
        let _ = writeln!(out, "      channel: {}", quoted(&event.channel));
    }
    if let Some(level) = event.level {
        let _ = writeln!(out, "      level: {level}");
    }
    if let Some(fields) = &event.fields {
        let _ = writeln!(out, "      fields: {}", list(fields));
    }
    if !event.record_fields.is_empty() {
        let _ = writeln!(out, "      record_fields: {}", list(&event.record_fields));
    }
    if !event.types.is_empty() {
        let _ = writeln!(out, "      types: {}", list(&event.types));
    }
    if !event.maps.is_empty() {
        let maps: Vec<_> =
            event.maps.iter().map(|(field, map)| format!("{}: {}", quoted(field), quoted(map))).collect();
        let _ = writeln!(out, "      maps: {{{}}}", maps.join(", "));
    }
    for (number, wording) in event.wordings.iter().enumerate() {
        let (dash, indent) = match number {
            0 => ("      ", "      "),
            _ => ("        - ", "          "),
        };
        if number == 1 {
            out.push_str("      older:\n");
        }
        if wording.first == 0 {
            let _ = writeln!(out, "{dash}message: {}", quoted(&wording.message));
        } else {
            let _ = writeln!(out, "{dash}windows: {}-{}", wording.first, wording.last);
            let _ = writeln!(out, "{indent}message: {}", quoted(&wording.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::super::store::catalogue as source;
    use super::catalogue;

    #[test]
    fn every_catalogue_of_ours_survives_writing_and_reading() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/events");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yml") {
                continue;
            }
            let providers = source::read(&fs::read_to_string(&path).unwrap()).unwrap();
            let again = source::read(&catalogue(&providers)).unwrap();
            assert!(providers == again, "{}", path.display());
        }
    }

    #[test]
    fn hostile_strings_survive() {
        let text = "a\"b\\c\n\t\r\u{0}\u{1}\u{7f}\u{85}\u{2028}\u{feff}: - {x} %1 # no";
        let mut provider = source::Provider { name: text.to_owned(), ..Default::default() };
        let message = source::Wording { message: text.to_owned(), ..Default::default() };
        provider.events.push(source::Event { id: 1, wordings: vec![message], ..Default::default() });
        assert_eq!(source::read(&catalogue(&[provider.clone()])).unwrap(), [provider]);
    }
}
