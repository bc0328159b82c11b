//! How records of one event are matched: what is sure, what depends on a few values, what needs the whole record.
//!
//! The values that tests look at repeat from record to record (the same status, the same logon type), so the outcome
//! for a combination of them is kept and a flood of alike records costs one look-up each.

use rustc_hash::FxHashMap;

use super::detection::Test;
use super::field::{FieldKey, Subject};
use super::index::AtomId;
use super::set::RuleSet;
use crate::evtx::{Head, Record};
use crate::text::Texts;

/// Combinations of values that are kept for one event.
const MAX_KEPT: usize = 2048;
/// Longest combination that is kept, in bytes.
const MAX_KEY: usize = 512;

/// How records of one event are matched.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Atoms that every such record matches.
    sure: Vec<AtomId>,
    /// Atoms that depend on `fields` alone.
    plain: Vec<AtomId>,
    fields: Vec<FieldKey>,
    /// Atoms that look at the sentence or at any value.
    rest: Vec<AtomId>,
    known: FxHashMap<String, Vec<AtomId>>,
    key: String,
}

impl Plan {
    /// The plan for records with this provider and event id.
    pub(crate) fn new(rules: &RuleSet, head: &Head<'_>) -> Self {
        let mut plan = Self::default();
        for id in rules.candidates(head) {
            let Some(atom) = rules.atom_at(id) else { continue };
            let mut fields = Vec::new();
            let is_free = atom.constraint.is_free();
            match &atom.test {
                Test::All(tests) if tests.is_empty() && is_free => plan.sure.push(id),
                test if test.fields(&mut fields) => {
                    if !is_free {
                        fields.push(FieldKey::Channel);
                    }
                    fields.retain(|field| !plan.fields.contains(field));
                    plan.fields.extend(fields);
                    plan.plain.push(id);
                }
                _ => plan.rest.push(id),
            }
        }
        plan.fields.dedup();
        plan
    }

    /// The atoms that a record matches, in ascending order.
    pub(crate) fn matched(&mut self, rules: &RuleSet, record: &Record, texts: &Texts) -> Vec<AtomId> {
        let mut atoms = self.sure.clone();
        let subject = Subject::new(record, texts);
        let holds = |id: &&AtomId| {
            let atom = rules.atom_at(**id);
            atom.is_some_and(|atom| atom.constraint.allows(record) && atom.test.matches(&subject))
        };
        if !self.plain.is_empty() {
            self.key.clear();
            for field in &self.fields {
                if let Some(value) = subject.value(field) {
                    self.key.push_str(&value);
                }
                // Neither a missing value nor two values side by side may look like another combination.
                self.key.push(if subject.value(field).is_some() { '\u{1}' } else { '\u{2}' });
            }
            match self.known.get(&self.key) {
                Some(known) => atoms.extend_from_slice(known),
                None => {
                    let found: Vec<AtomId> = self.plain.iter().filter(holds).copied().collect();
                    atoms.extend_from_slice(&found);
                    if self.key.len() <= MAX_KEY {
                        if self.known.len() >= MAX_KEPT {
                            self.known.clear();
                        }
                        self.known.insert(self.key.clone(), found);
                    }
                }
            }
        }
        atoms.extend(self.rest.iter().filter(holds).copied());
        atoms.sort_unstable();
        atoms
    }
}
