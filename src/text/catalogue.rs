//! Looking up the texts of a record's event in a packed catalogue.
//!
//! The key is provider (name, GUID or event source, without case), id, qualifiers and version. A catalogue is
//! bytes: opening one costs nothing and a lookup decodes only the events it returns.

use std::borrow::Cow;

use crate::evtx::Record;

use super::message;
use super::packed::{Packed, u16_at, u32_at};
use super::store::catalogue::Provider;
use super::store::pack;

/// Name of a provider in a catalogue that stands for any provider.
pub(super) const ANY_PROVIDER: &str = "*";

/// A packed catalogue.
#[derive(Debug, Clone)]
pub(super) struct Catalogue {
    bytes: Cow<'static, [u8]>,
}

/// One event of a catalogue.
#[derive(Debug, Clone)]
pub(super) struct Event<'a> {
    /// Provider name.
    pub(super) provider: &'a str,
    /// Channel, or empty.
    pub(super) channel: &'a str,
    /// Event id.
    pub(super) id: u32,
    /// Qualifiers of a classic event.
    pub(super) qualifiers: Option<u16>,
    /// Version.
    pub(super) version: u8,
    /// Level as recorded.
    pub(super) level: Option<u8>,
    /// Field names; `None` for unnamed `Data`.
    pub(super) fields: Option<Vec<&'a str>>,
    /// Other names of the fields in records.
    pub(super) record_fields: Vec<&'a str>,
    /// Types of the fields; empty when all are text.
    pub(super) types: Vec<&'a str>,
    /// Value maps by position of the field.
    pub(super) maps: Vec<(usize, ValueMap<'a>)>,
    /// Texts, newest first.
    pub(super) wordings: Vec<Wording<'a>>,
}

/// Words for the numbers of a field.
#[derive(Debug, Clone)]
pub(super) struct ValueMap<'a> {
    /// Whether each bit has its own word.
    pub(super) is_bits: bool,
    /// Number and word.
    pub(super) values: Vec<(u64, &'a str)>,
}

/// One text and the builds it was seen in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wording<'a> {
    /// Oldest build; 0 when not known.
    pub(super) first: u32,
    /// Newest build; 0 when not known.
    pub(super) last: u32,
    /// The text.
    pub(super) message: &'a str,
}

struct Row {
    offset: u32,
    provider: u16,
    qualifiers: Option<u16>,
    version: u8,
}

impl Catalogue {
    /// The catalogue that is compiled into the program.
    pub(super) fn builtin() -> Self {
        Self { bytes: Cow::Borrowed(include_bytes!(concat!(env!("OUT_DIR"), "/events.bin"))) }
    }

    /// A catalogue of these providers.
    pub(super) fn of(providers: &[Provider]) -> Self {
        Self { bytes: Cow::Owned(pack::catalogue(providers)) }
    }

    /// The events of the record's provider that can be this record's, the one that fits best first.
    pub(super) fn events_of(&self, record: &Record) -> Vec<Event<'_>> {
        let mut rows: Vec<(u32, Row)> = self
            .rows(record.event_id)
            .filter_map(|row| Some((misfit(&row, record)?, row)))
            .filter(|(_, row)| self.is_provider_of(row.provider, record))
            .collect();
        rows.sort_by_key(|(misfit, _)| *misfit);
        let best = rows.first().map_or(0, |(misfit, _)| misfit / QUALIFIERS_GUESSED);
        rows.iter()
            .take_while(|(misfit, _)| misfit / QUALIFIERS_GUESSED == best)
            .filter_map(|(_, row)| self.event(record.event_id, row))
            .collect()
    }

    /// The event that a message table without a known provider has for a classic record.
    pub(super) fn unnamed_event_of(&self, record: &Record) -> Option<Event<'_>> {
        record.qualifiers?;
        let is_its = |row: &Row| {
            row.qualifiers == record.qualifiers && self.names(row.provider).first() == Some(&ANY_PROVIDER)
        };
        self.rows(record.event_id).find(is_its).and_then(|row| self.event(record.event_id, &row))
    }

    /// All events with this id.
    pub(super) fn events_with_id(&self, id: u32) -> Vec<Event<'_>> {
        self.rows(id).filter_map(|row| self.event(id, &row)).collect()
    }

    /// All events with this id of a provider, given by name, event source or GUID.
    pub(super) fn events_named(&self, provider: &str, id: u32) -> Vec<Event<'_>> {
        let is_named =
            |row: &Row| self.names(row.provider).iter().any(|name| name.eq_ignore_ascii_case(provider));
        self.rows(id).filter(is_named).filter_map(|row| self.event(id, &row)).collect()
    }

    /// The packed form.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn packed(&self) -> Packed<'_> {
        Packed(&self.bytes)
    }

    fn rows(&self, id: u32) -> impl Iterator<Item = Row> {
        self.packed().rows(pack::EVENTS, pack::EVENT_ROW, id).filter_map(|row| {
            let is_classic = row.get(13).is_some_and(|&flag| flag == 1);
            Some(Row {
                offset: u32_at(row, 4)?,
                provider: u16_at(row, 8)?,
                qualifiers: u16_at(row, 10).filter(|_| is_classic),
                version: *row.get(12)?,
            })
        })
    }

    /// Name, GUID and event sources of a provider.
    fn names(&self, number: u16) -> Vec<&str> {
        let packed = self.packed();
        let found: Option<pack::PackedProvider> =
            u32_at(packed.section(pack::PROVIDERS), usize::from(number) * 4)
                .and_then(|offset| packed.entry(pack::ENTRIES, offset));
        let Some(found) = found else { return Vec::new() };
        let mut names = vec![packed.string(found.name), packed.string(found.guid)];
        names.extend(packed.strings(&found.event_sources));
        names
    }

    fn is_provider_of(&self, number: u16, record: &Record) -> bool {
        let own = [Some(&record.provider), record.provider_guid.as_ref(), record.event_source.as_ref()];
        let is_own = |name: &&str| own.iter().flatten().any(|own| own.eq_ignore_ascii_case(name));
        self.names(number).iter().filter(|name| !name.is_empty()).any(is_own)
    }

    fn event(&self, id: u32, row: &Row) -> Option<Event<'_>> {
        let packed = self.packed();
        let found: pack::PackedEvent = packed.entry(pack::ENTRIES, row.offset)?;
        let map = |&(position, offset): &(u16, u32)| {
            let map: pack::PackedMap = packed.entry(pack::ENTRIES, offset)?;
            let values = map.values.iter().map(|(number, word)| (*number, packed.string(*word))).collect();
            Some((usize::from(position), ValueMap { is_bits: map.is_bits, values }))
        };
        Some(Event {
            provider: self.names(row.provider).first().copied().unwrap_or_default(),
            channel: packed.string(found.channel),
            id,
            qualifiers: row.qualifiers,
            version: row.version,
            level: found.level,
            fields: found.fields.as_deref().map(|fields| packed.strings(fields)),
            record_fields: packed.strings(&found.record_fields),
            types: packed.strings(&found.types),
            maps: found.maps.iter().filter_map(map).collect(),
            wordings: found
                .wordings
                .iter()
                .map(|&(first, last, text)| Wording { first, last, message: packed.string(text) })
                .collect(),
        })
    }
}

/// What a guess about qualifiers costs in [`misfit`]; more than any difference of versions.
const QUALIFIERS_GUESSED: u32 = 10_000;

/// How badly a row fits a record of its id; `None` when it is another event. The next lower version is better
/// than a higher one.
fn misfit(row: &Row, record: &Record) -> Option<u32> {
    let qualifiers = match (record.qualifiers, row.qualifiers) {
        (None, None) => 0,
        (Some(own), Some(other)) if own == other => 0,
        (Some(_), Some(_)) => return None,
        (Some(_), None) => QUALIFIERS_GUESSED,
        (None, Some(_)) => 2 * QUALIFIERS_GUESSED,
    };
    let (own, other) = (u32::from(record.version), u32::from(row.version));
    Some(qualifiers + if other <= own { own - other } else { 1000 + (other - own) })
}

impl<'a> Event<'a> {
    /// The text of a Windows build for a record with this many values: one that has no more inserts than that, seen
    /// in the build, else the nearest; without a build the newest.
    pub(super) fn wording(&self, build: Option<u32>, values: usize) -> Option<&'a str> {
        if let [only] = self.wordings.as_slice() {
            return Some(only.message);
        }
        let distance = |wording: &Wording<'_>| match build {
            None => 0,
            Some(_) if wording.first == 0 => u32::MAX,
            Some(build) => wording.first.saturating_sub(build).max(build.saturating_sub(wording.last)),
        };
        let is_short = |wording: &Wording<'_>| message::highest_insert(wording.message) > values;
        let best = self.wordings.iter().min_by_key(|wording| (is_short(wording), distance(wording)));
        best.map(|wording| wording.message)
    }
}
