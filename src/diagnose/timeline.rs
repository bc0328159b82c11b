//! A host's records and derived facts in order of time, with the places where each signal matched.

use rustc_hash::FxHashMap;

use super::correlate::{Correlated, correlate};
use super::facts::Fact;
use crate::evtx::{Record, Time};
use crate::rule::{AtomId, RuleSet};
use crate::scan::{Coverage, Item};
use crate::text::Texts;

/// Everything that conditions look at.
pub(crate) struct Timeline {
    pub(crate) items: Vec<Item>,
    pub(crate) coverage: Coverage,
    by_atom: FxHashMap<AtomId, Vec<usize>>,
    correlated: FxHashMap<usize, Vec<Correlated>>,
    /// Places of the records that facts were made of, by the places of the facts.
    sources: FxHashMap<usize, Vec<usize>>,
}

impl Timeline {
    /// Sorts derived facts in between the records.
    pub(crate) fn new(
        items: Vec<Item>,
        facts: Vec<Fact>,
        coverage: Coverage,
        rules: &RuleSet,
        texts: &Texts,
    ) -> Self {
        let mut scratch = Vec::new();
        let mut all: Vec<(Item, Origin)> =
            items.into_iter().enumerate().map(|(at, item)| (item, Origin::Record(at))).collect();
        all.extend(facts.into_iter().map(|fact| {
            let atoms = rules.matched(&fact.record, texts, &mut scratch);
            (Item { record: fact.record, atoms, weight: 1 }, Origin::Fact(fact.sources))
        }));
        all.sort_by(|(left, _), (right, _)| order(&left.record).cmp(&order(&right.record)));
        let (items, origins): (Vec<Item>, Vec<Origin>) = all.into_iter().unzip();
        let sources = sources(origins);
        let mut by_atom: FxHashMap<AtomId, Vec<usize>> = FxHashMap::default();
        for (at, item) in items.iter().enumerate() {
            for atom in &item.atoms {
                by_atom.entry(*atom).or_default().push(at);
            }
        }
        let mut timeline = Self { items, coverage, by_atom, correlated: FxHashMap::default(), sources };
        timeline.correlated = correlate(&timeline, rules, texts);
        for (rule, found) in &timeline.correlated {
            let mut ends: Vec<usize> = found.iter().filter_map(|one| one.items.last()).copied().collect();
            ends.sort_unstable();
            ends.dedup();
            if let Some(atom) = rules.condition_of(*rule) {
                timeline.by_atom.insert(atom, ends);
            }
        }
        timeline
    }

    /// The matches of a correlation, by number of its rule.
    pub(crate) fn correlated(&self, rule: usize) -> &[Correlated] {
        self.correlated.get(&rule).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where a signal matched, in order of time.
    pub(crate) fn hits(&self, atom: AtomId) -> &[usize] {
        self.by_atom.get(&atom).map(Vec::as_slice).unwrap_or_default()
    }

    /// The places of the records that a fact was made of, in order; none for a record.
    pub(crate) fn sources(&self, at: usize) -> &[usize] {
        self.sources.get(&at).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn item(&self, at: usize) -> Option<&Item> {
        self.items.get(at)
    }

    pub(crate) fn time(&self, at: usize) -> Time {
        self.items.get(at).map_or(Time(i64::MAX), |item| item.record.time)
    }

    pub(crate) fn weight(&self, at: usize) -> u64 {
        self.items.get(at).map_or(0, |item| item.weight)
    }
}

/// What stands at a place of the timeline.
enum Origin {
    /// The record with this number in the host's list.
    Record(usize),
    /// A fact made of the records with these numbers.
    Fact(Vec<usize>),
}

/// Numbers of records as places in the timeline.
fn sources(origins: Vec<Origin>) -> FxHashMap<usize, Vec<usize>> {
    let place = |(at, origin): (usize, &Origin)| match origin {
        Origin::Record(number) => Some((*number, at)),
        Origin::Fact(_) => None,
    };
    let places: FxHashMap<usize, usize> = origins.iter().enumerate().filter_map(place).collect();
    let moved = |numbers: Vec<usize>| {
        let mut moved: Vec<usize> = numbers.iter().filter_map(|number| places.get(number).copied()).collect();
        moved.sort_unstable();
        moved.dedup();
        moved
    };
    let facts = origins.into_iter().enumerate().filter_map(|(at, origin)| match origin {
        Origin::Fact(numbers) => Some((at, moved(numbers))),
        Origin::Record(_) => None,
    });
    facts.collect()
}

fn order(record: &Record) -> (Time, &str, u64, &str, u32) {
    (record.time, &record.channel, record.record_id, &record.provider, record.event_id)
}
