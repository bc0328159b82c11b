//! A host's records and derived facts in order of time, with the places where each signal matched.

use rustc_hash::FxHashMap;

use super::correlate::{Correlated, correlate};
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
}

impl Timeline {
    /// Sorts derived facts in between the records.
    pub(crate) fn new(
        mut items: Vec<Item>,
        facts: Vec<Record>,
        coverage: Coverage,
        rules: &RuleSet,
        texts: &Texts,
    ) -> Self {
        let mut scratch = Vec::new();
        items.extend(facts.into_iter().map(|record| {
            let atoms = rules.matched(&record, texts, &mut scratch);
            Item { record, atoms, weight: 1 }
        }));
        items.sort_by(|left, right| order(&left.record).cmp(&order(&right.record)));
        let mut by_atom: FxHashMap<AtomId, Vec<usize>> = FxHashMap::default();
        for (at, item) in items.iter().enumerate() {
            for atom in &item.atoms {
                by_atom.entry(*atom).or_default().push(at);
            }
        }
        let mut timeline = Self { items, coverage, by_atom, correlated: FxHashMap::default() };
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

fn order(record: &Record) -> (Time, &str, u64, &str, u32) {
    (record.time, &record.channel, record.record_id, &record.provider, record.event_id)
}
