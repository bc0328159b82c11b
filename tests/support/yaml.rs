//! Reads YAML into a tree for scenarios and the event catalogue; no anchors, no tags, every scalar is text.

use saphyr_parser::{Event, Parser};

/// A YAML value.
#[derive(Debug, Clone)]
pub(crate) enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// Reads the first document of `source`.
    pub(crate) fn read(source: &str) -> Self {
        let mut events = Parser::new_from_str(source).map(|event| event.expect("the file is YAML").0);
        while let Some(event) = events.next() {
            if !matches!(event, Event::Nothing | Event::StreamStart | Event::DocumentStart(_)) {
                return read_value(event, &mut events);
            }
        }
        Self::Map(Vec::new())
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// The text of a key of a map.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of a key that must be there.
    pub(crate) fn need(&self, key: &str) -> &str {
        self.text(key).unwrap_or_else(|| panic!("`{key}` is missing in {self:?}"))
    }

    /// The number of a key, or `default`.
    pub(crate) fn number(&self, key: &str, default: u64) -> u64 {
        self.text(key).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{key}: {text}")))
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The text of a scalar.
    pub(crate) fn as_text(&self) -> &str {
        if let Self::Text(text) = self { text } else { panic!("{self:?} is no scalar") }
    }
}

fn read_value<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Yaml {
    match event {
        Event::Scalar(text, ..) => Yaml::Text(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("a list ends") {
                    Event::SequenceEnd => return Yaml::List(items),
                    item => items.push(read_value(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = Vec::new();
            loop {
                let key = match events.next().expect("a map ends") {
                    Event::MappingEnd => return Yaml::Map(entries),
                    Event::Scalar(text, ..) => text.into_owned(),
                    other => panic!("{other:?} is no key"),
                };
                let value = events.next().expect("a key has a value");
                entries.push((key, read_value(value, events)));
            }
        }
        other => panic!("{other:?} is not supported"),
    }
}
