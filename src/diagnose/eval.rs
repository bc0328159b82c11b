//! Decides the conditions of causes over a timeline, with three truths.
//!
//! Unknown is never false: a signal whose log is missing, or an absence that no log covers, stays unknown and names
//! the log that would decide it.

use std::collections::BTreeSet;

use super::timeline::Timeline;
use crate::evtx::{Record, Span, Time};
use crate::rule::field::{FieldKey, Subject};
use crate::rule::when::{Bound, Quantity, Relation, Term, Wanted, When};
use crate::rule::{AtomId, RuleSet};
use crate::scan::Covered;
use crate::text::Texts;

/// How far a log must reach back before a change for "not seen before" to mean something.
const LOOK_BACK: Span = Span::hours(24);

/// True, false, or unknown with what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown(BTreeSet<String>),
}

/// A decided condition, with the records that made it true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) truth: Truth,
    pub(crate) hits: BTreeSet<usize>,
}

impl Outcome {
    fn plain(truth: Truth) -> Self {
        Self { truth, hits: BTreeSet::new() }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.truth == Truth::True
    }
}

/// Decides conditions of one rule on one host.
pub(crate) struct Judge<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) rules: &'a RuleSet,
    pub(crate) texts: &'a Texts,
    pub(crate) rule: usize,
}

impl Judge<'_> {
    pub(crate) fn decide(&self, when: &When) -> Outcome {
        match when {
            When::All(parts) => self.all(parts),
            When::Any(parts) => self.any(parts),
            When::Not(inner) => {
                let outcome = self.decide(inner);
                Outcome::plain(match outcome.truth {
                    Truth::True => Truth::False,
                    Truth::False => Truth::True,
                    unknown @ Truth::Unknown(_) => unknown,
                })
            }
            When::Term(term) => self.term(term),
        }
    }

    /// The records that a signal matched, by name.
    pub(crate) fn hits(&self, name: &str) -> &[usize] {
        self.rules.atom(self.rule, name).map(|atom| self.timeline.hits(atom)).unwrap_or_default()
    }

    fn all(&self, parts: &[When]) -> Outcome {
        let mut hits = BTreeSet::new();
        let mut needs = BTreeSet::new();
        for part in parts {
            let outcome = self.decide(part);
            match outcome.truth {
                Truth::False => return Outcome::plain(Truth::False),
                Truth::Unknown(more) => needs.extend(more),
                Truth::True => {}
            }
            hits.extend(outcome.hits);
        }
        Outcome { truth: if needs.is_empty() { Truth::True } else { Truth::Unknown(needs) }, hits }
    }

    fn any(&self, parts: &[When]) -> Outcome {
        let mut hits = BTreeSet::new();
        let mut needs = BTreeSet::new();
        let mut is_true = false;
        for part in parts {
            let outcome = self.decide(part);
            match outcome.truth {
                Truth::True => {
                    is_true = true;
                    hits.extend(outcome.hits);
                }
                Truth::Unknown(more) => needs.extend(more),
                Truth::False => {}
            }
        }
        let truth = match () {
            () if is_true => Truth::True,
            () if needs.is_empty() => Truth::False,
            () => Truth::Unknown(needs),
        };
        Outcome { truth, hits }
    }

    fn term(&self, term: &Term) -> Outcome {
        let Some(atom) = self.rules.atom(self.rule, &term.signal) else {
            return Outcome::plain(Truth::False);
        };
        let mut hits: Vec<usize> = self.timeline.hits(atom).to_vec();
        let mut needs = BTreeSet::new();
        for bound in &term.bounds {
            if let Some(missing) = self.bounded(&mut hits, bound, term, atom) {
                needs.insert(missing);
            }
        }
        if term.wanted == Wanted::Absent {
            return self.absent(term, atom, &hits);
        }
        let hits = self.counted(hits, term);
        if term.wanted == Wanted::Unseen {
            return Outcome::plain(if hits.is_empty() { Truth::True } else { Truth::False });
        }
        if !hits.is_empty() {
            let truth = if needs.is_empty() { Truth::True } else { Truth::Unknown(needs) };
            return Outcome { truth, hits: hits.into_iter().collect() };
        }
        let missing = self.missing_channel(atom);
        Outcome::plain(missing.map_or(Truth::False, |channel| Truth::Unknown(BTreeSet::from([channel]))))
    }

    /// Keeps the hits that stand in the relation; names what is missing to be sure.
    fn bounded(&self, hits: &mut Vec<usize>, bound: &Bound, term: &Term, atom: AtomId) -> Option<String> {
        let others = self.hits(&bound.other);
        match bound.relation {
            Relation::New => return self.newly(hits, others, atom),
            Relation::AfterLast => {
                let last = others.last().map(|at| self.timeline.time(*at));
                hits.retain(|at| last.is_some_and(|last| self.timeline.time(*at) > last));
            }
            relation => hits.retain(|at| self.is_related(*at, others, (relation, bound.span), &term.joins)),
        }
        None
    }

    fn is_related(
        &self,
        at: usize,
        others: &[usize],
        (relation, span): (Relation, Option<Span>),
        joins: &[(Box<str>, Box<str>)],
    ) -> bool {
        let time = self.timeline.time(at);
        let span = span.unwrap_or(Span(i64::MAX));
        let (from, to) = match relation {
            Relation::Near => (time.minus(span), time.plus(span)),
            Relation::Before => (time, time.plus(span)),
            _ => (time.minus(span), time),
        };
        let start = others.partition_point(|other| self.timeline.time(*other) < from);
        let mut near = others.iter().skip(start).take_while(|other| self.timeline.time(**other) <= to);
        near.any(|other| *other != at && self.is_joined(at, *other, joins))
    }

    fn is_joined(&self, left: usize, right: usize, joins: &[(Box<str>, Box<str>)]) -> bool {
        joins.iter().all(|(own, other)| {
            let value = |at: usize, name: &str| {
                self.timeline.item(at).and_then(|item| value(&item.record, name, self.texts))
            };
            match (value(left, own), value(right, other)) {
                (Some(left), Some(right)) => join_form(&left) == join_form(&right),
                _ => false,
            }
        })
    }

    /// Hits after the latest other, when there are none before it.
    fn newly(&self, hits: &mut Vec<usize>, others: &[usize], atom: AtomId) -> Option<String> {
        let first_hit = hits.first().map(|at| self.timeline.time(*at))?;
        let change =
            others.iter().map(|at| self.timeline.time(*at)).take_while(|time| *time <= first_hit).last();
        let Some(change) = change else {
            hits.clear();
            return None;
        };
        let far = change.minus(LOOK_BACK);
        let reaches = self
            .channels(atom)
            .iter()
            .any(|channel| self.timeline.coverage.reaches(channel, far) == Covered::Yes);
        (!reaches && !self.is_derived(atom))
            .then(|| format!("a log that reaches back to {}", super::finding::moment(far)))
    }

    fn absent(&self, term: &Term, atom: AtomId, hits: &[usize]) -> Outcome {
        if !self.counted(hits.to_vec(), term).is_empty() {
            return Outcome::plain(Truth::False);
        }
        let mut from = self.timeline.coverage.first.unwrap_or_default();
        for bound in &term.bounds {
            let others = self.hits(&bound.other);
            let Some(last) = others.last().map(|at| self.timeline.time(*at)) else {
                return Outcome::plain(Truth::False);
            };
            from = match bound.relation {
                Relation::After | Relation::AfterLast | Relation::New => last,
                Relation::Before | Relation::Near => last.minus(bound.span.unwrap_or(LOOK_BACK)),
            };
        }
        let is_bounded = !term.bounds.is_empty();
        let covers = |channel: &&str| match self.timeline.coverage.reaches(channel, from) {
            Covered::Yes => true,
            Covered::StartsAt(_) => !is_bounded,
            Covered::Missing => false,
        };
        if self.is_derived(atom) || self.channels(atom).iter().any(covers) {
            return Outcome::plain(Truth::True);
        }
        let channel = self.channels(atom).first().copied().unwrap_or("System");
        Outcome::plain(Truth::Unknown(BTreeSet::from([channel.to_owned()])))
    }

    /// Keeps hits only when there are as many as the term asks for.
    fn counted(&self, hits: Vec<usize>, term: &Term) -> Vec<usize> {
        if let Some(lasting) = term.lasting {
            let first = hits.first().map(|at| self.timeline.time(*at));
            let last = hits.last().map(|at| self.timeline.time(*at));
            if first.zip(last).is_none_or(|(first, last)| last.since(first) < lasting) {
                return Vec::new();
            }
        }
        let Some(quantity) = &term.quantity else { return hits };
        if self.has_quantity(&hits, quantity) { hits } else { Vec::new() }
    }

    fn has_quantity(&self, hits: &[usize], quantity: &Quantity) -> bool {
        let Some(per) = quantity.per else {
            return quantity.compare.holds(self.amount(hits, quantity), quantity.number);
        };
        let mut start = 0;
        (0..hits.len()).any(|end| {
            let Some(now) = hits.get(end).map(|at| self.timeline.time(*at)) else { return false };
            while hits.get(start).is_some_and(|at| now.since(self.timeline.time(*at)) > per) {
                start += 1;
            }
            let window = hits.get(start..=end).unwrap_or_default();
            quantity.compare.holds(self.amount(window, quantity), quantity.number)
        })
    }

    fn amount(&self, hits: &[usize], quantity: &Quantity) -> u64 {
        match &quantity.distinct {
            None => hits.iter().map(|at| self.timeline.weight(*at)).sum(),
            Some(field) => {
                let values: BTreeSet<String> = hits
                    .iter()
                    .filter_map(|at| self.timeline.item(*at))
                    .filter_map(|item| value(&item.record, field, self.texts))
                    .map(|value| join_form(&value))
                    .collect();
                u64::try_from(values.len()).unwrap_or(u64::MAX)
            }
        }
    }

    fn channels(&self, atom: AtomId) -> Vec<&str> {
        let atom = usize::try_from(atom).ok().and_then(|at| self.rules.atoms.get(at));
        atom.map(|atom| atom.demand.channels()).unwrap_or_default()
    }

    fn is_derived(&self, atom: AtomId) -> bool {
        self.channels(atom).contains(&super::facts::PROVIDER)
    }

    /// The channel whose log is missing, when none of those that could hold the signal is there.
    fn missing_channel(&self, atom: AtomId) -> Option<String> {
        let channels = self.channels(atom);
        let is_there = |channel: &&str| self.timeline.coverage.channel(channel).is_some();
        if channels.is_empty() || self.is_derived(atom) || channels.iter().any(is_there) {
            return None;
        }
        channels.first().map(|channel| (*channel).to_owned())
    }
}

/// The value of a field of a record, by the name that rules use.
pub(crate) fn value(record: &Record, name: &str, texts: &Texts) -> Option<String> {
    let subject = Subject::new(record, texts);
    let found = subject.value(&FieldKey::parse(name)).map(std::borrow::Cow::into_owned);
    found.filter(|value| !value.is_empty())
}

/// Values are equal without case, addresses without port, services without the state behind the slash.
fn join_form(value: &str) -> String {
    if let Some(address) = crate::rule::matcher::address_of(value) {
        return address.to_string();
    }
    let lower = value.trim().to_lowercase();
    match lower.rsplit_once('/') {
        Some((service, state)) if state.len() == 1 => service.to_owned(),
        _ => lower,
    }
}

/// The first and last time of some hits.
pub(crate) fn bounds(timeline: &Timeline, hits: &BTreeSet<usize>) -> Option<(Time, Time)> {
    Some((timeline.time(*hits.first()?), timeline.time(*hits.last()?)))
}
