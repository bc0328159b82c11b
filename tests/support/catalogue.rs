//! What is known of each event that a scenario can name: `catalogue.yml`, read once.

use std::sync::LazyLock;

use super::evtx_writer::{Data, Value};
use super::yaml::Yaml;

static CATALOGUE: LazyLock<Yaml> = LazyLock::new(|| Yaml::read(include_str!("catalogue.yml")));

/// One event of a provider, with what the provider says for all of its events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    provider: &'static Yaml,
    event: &'static Yaml,
}

impl Known {
    /// Looks an event up; `log` tells the two forms of one provider apart.
    pub(crate) fn find(provider: &str, event_id: u16, log: Option<&str>) -> Option<Self> {
        let id = event_id.to_string();
        CATALOGUE.items().iter().find_map(|own| {
            let is_here = own.need("provider") == provider && log.is_none_or(|log| own.need("log") == log);
            let event = is_here.then(|| own.get("events").and_then(|events| events.get(&id))).flatten()?;
            Some(Self { provider: own, event })
        })
    }

    /// A text that the event says or else its provider.
    pub(crate) fn text(self, key: &str) -> Option<&'static str> {
        self.event.text(key).or_else(|| self.provider.text(key))
    }

    /// A number that the event says or else its provider.
    pub(crate) fn number(self, key: &str, default: u64) -> u64 {
        let Some(text) = self.text(key) else { return default };
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed.unwrap_or_else(|_| panic!("{key}: {text}"))
    }

    /// The data of a record of this event: values in the order of the fields.
    pub(crate) fn data(self, values: &[&str], binary: Option<Vec<u8>>) -> Data {
        let shape = self.text("shape").expect("every provider has a shape");
        if shape == "strings" {
            return Data::Strings { strings: values.iter().map(|value| (*value).into()).collect(), binary };
        }
        let fields = self.fields(values);
        match shape {
            "user" if !fields.is_empty() => Data::User {
                element: self.text("element").expect("user data has an element").into(),
                namespace: self.text("namespace").expect("user data has a namespace").into(),
                fields,
            },
            _ => Data::Named { fields, binary },
        }
    }

    /// The places of the fields by name.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let fields = self.event.text("fields").unwrap_or_default();
        fields.split_whitespace().map(|field| field.split(':').next().unwrap_or_default())
    }

    fn fields(self, values: &[&str]) -> Vec<(String, Value)> {
        let fields: Vec<&str> = self.event.text("fields").unwrap_or_default().split_whitespace().collect();
        assert_eq!(fields.len(), values.len(), "values of {:?}", self.event);
        let read = |(field, value): (&&str, &&str)| {
            let (name, kind) = field.split_once(':').unwrap_or((field, ""));
            (name.to_owned(), Value::read(kind, value))
        };
        fields.iter().zip(values).map(read).collect()
    }

    /// The sentence of a forwarded record.
    pub(crate) fn message(self, values: &[&str]) -> String {
        let text = self.event.text("text").unwrap_or("The description of this event is not available.");
        (1..)
            .zip(values)
            .fold(text.to_owned(), |text, (number, value)| text.replace(&format!("{{{number}}}"), value))
    }
}
