//! Facts that no single record states, as records of a provider of our own, so that rules can use them. Each knows the
//! records that it was made of, which are its evidence.
//!
//! `Provider_Name: rdpwhy` with `Fact: attempt`, `service`, `service_at_end`, `listener_at_end`, `silence`,
//! `drop_together`, `stale_session`, `change`, `outage`, `boot`. `docs/rule-format.md` lists their fields.

use std::sync::Arc;

use crate::evtx::{Field, Record, Time};

/// Provider and channel of derived facts.
pub(crate) use crate::rule::facts::PROVIDER;

/// A derived fact.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// The fact as a record.
    pub(crate) record: Record,
    /// The records that it was made of, by their numbers in the host's list.
    pub(crate) sources: Vec<usize>,
}

/// Facts of one host while they are made.
pub(crate) struct Facts<'a> {
    host: &'a str,
    pub(crate) all: Vec<Fact>,
}

impl<'a> Facts<'a> {
    pub(crate) const fn new(host: &'a str) -> Self {
        Self { host, all: Vec::new() }
    }

    /// Adds a fact with its fields, and the records that show it.
    pub(crate) fn add(
        &mut self,
        name: &str,
        time: Time,
        fields: &[(&str, String)],
        sources: impl IntoIterator<Item = usize>,
    ) {
        let record = fact(name, time, self.host, fields);
        self.all.push(Fact { record, sources: sources.into_iter().collect() });
    }
}

/// A derived fact with its fields, as a record.
pub(crate) fn fact(name: &str, time: Time, computer: &str, fields: &[(&str, String)]) -> Record {
    let shared = |text: &str| -> Arc<str> { Arc::from(text) };
    let field = |name: &str, value: &str| Field { name: Some(shared(name)), value: value.into() };
    let own = shared(PROVIDER);
    Record {
        log: Arc::clone(&own),
        provider: Arc::clone(&own),
        provider_guid: None,
        event_source: None,
        channel: own,
        computer: shared(computer),
        event_id: 0,
        qualifiers: None,
        version: 0,
        level: 4,
        task: 0,
        opcode: 0,
        keywords: 0,
        record_id: 0,
        number: 0,
        time,
        activity_id: None,
        related_activity_id: None,
        process_id: None,
        thread_id: None,
        user_sid: None,
        fields: std::iter::once(field("Fact", name))
            .chain(fields.iter().map(|(name, value)| field(name, value)))
            .collect(),
        user_data: None,
        binary: None,
        rendering: None,
    }
}

/// Whether a record is a derived fact.
pub(crate) fn is_fact(record: &Record) -> bool {
    &*record.provider == PROVIDER
}
