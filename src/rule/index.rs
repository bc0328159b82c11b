//! Which tests a record is worth: by provider and event id, channel optional.
//!
//! Never sampled from a log. A test that names neither provider nor id is tried on every record that its log
//! source allows.

use rustc_hash::FxHashMap;

use super::detection::Test;
use super::field::FieldKey;
use super::logsource::{Constraint, channels_of};
use super::matcher::Matcher;
use crate::evtx::Head;

/// Number of an atom: a selection or a condition of a rule.
pub(crate) type AtomId = u32;

/// What a test demands of provider and id; an empty list demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Demand<N = Box<str>> {
    pub(crate) providers: Option<Vec<N>>,
    pub(crate) event_ids: Option<Vec<u32>>,
    pub(crate) channels: Option<Vec<N>>,
}

impl Demand {
    /// The channels that may hold what the test matches; none when any may.
    pub(crate) fn channels(&self) -> Vec<&str> {
        if let Some(channels) = &self.channels {
            return channels.iter().map(|name| &**name).collect();
        }
        let providers = self.providers.as_deref().unwrap_or_default();
        providers.iter().flat_map(|provider| channels_of(provider)).copied().collect()
    }
}

/// Finds the atoms that a record may match.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_both: FxHashMap<Box<str>, FxHashMap<u32, Vec<AtomId>>>,
    by_provider: FxHashMap<Box<str>, Vec<AtomId>>,
    by_id: FxHashMap<u32, Vec<AtomId>>,
    by_channel: FxHashMap<Box<str>, Vec<AtomId>>,
    always: Vec<AtomId>,
}

impl Index {
    pub(crate) fn add(&mut self, atom: AtomId, demand: &Demand) {
        match (&demand.providers, &demand.event_ids, &demand.channels) {
            (Some(providers), Some(ids), _) => {
                for provider in providers {
                    let by_id = of(&mut self.by_both, provider);
                    ids.iter().for_each(|id| by_id.entry(*id).or_default().push(atom));
                }
            }
            (Some(providers), None, _) => {
                for provider in providers {
                    of(&mut self.by_provider, provider).push(atom);
                }
            }
            (None, Some(ids), _) => ids.iter().for_each(|id| self.by_id.entry(*id).or_default().push(atom)),
            (None, None, Some(channels)) => {
                for channel in channels {
                    of(&mut self.by_channel, channel).push(atom);
                }
            }
            (None, None, None) => self.always.push(atom),
        }
    }

    /// The atoms that a record with this head may match, in ascending order.
    pub(crate) fn candidates(&self, head: &Head<'_>, out: &mut Vec<AtomId>) {
        out.clear();
        let provider = head.provider.to_ascii_lowercase();
        let source = head.event_source.to_ascii_lowercase();
        for (is_second, name) in [(false, provider.as_str()), (true, source.as_str())] {
            if name.is_empty() || (is_second && name == provider) {
                continue;
            }
            if let Some(atoms) = self.by_both.get(name).and_then(|by_id| by_id.get(&head.event_id)) {
                out.extend_from_slice(atoms);
            }
            if let Some(atoms) = self.by_provider.get(name) {
                out.extend_from_slice(atoms);
            }
        }
        if let Some(atoms) = self.by_id.get(&head.event_id) {
            out.extend_from_slice(atoms);
        }
        if !self.by_channel.is_empty()
            && let Some(atoms) = self.by_channel.get(head.channel.to_ascii_lowercase().as_str())
        {
            out.extend_from_slice(atoms);
        }
        out.extend_from_slice(&self.always);
        out.sort_unstable();
        out.dedup();
    }
}

/// What is kept of a name.
fn of<'m, T: Default>(by_name: &'m mut FxHashMap<Box<str>, T>, name: &str) -> &'m mut T {
    if !by_name.contains_key(name) {
        by_name.insert(name.into(), T::default());
    }
    by_name.get_mut(name).expect("it was put there where it was not")
}

/// What a test, under its log source, demands.
pub(crate) fn demand(test: &Test, constraint: &Constraint) -> Demand {
    let Demand { providers, event_ids, channels } = demand_of(test);
    let owned = |names: Option<Vec<&str>>| names.map(|names| names.into_iter().map(Into::into).collect());
    let mut demand = Demand { providers: owned(providers), event_ids, channels: owned(channels) };
    if demand.event_ids.is_none() && !constraint.event_ids.is_empty() {
        demand.event_ids = Some(constraint.event_ids.clone());
    }
    if demand.providers.is_none() && !constraint.providers.is_empty() {
        demand.providers = Some(constraint.providers.clone());
    }
    if demand.channels.is_none() && !constraint.channels.is_empty() {
        demand.channels = Some(constraint.channels.clone());
    }
    demand
}

fn demand_of(test: &Test) -> Demand<&str> {
    match test {
        Test::All(tests) => tests.iter().map(demand_of).fold(Demand::default(), |left, right| Demand {
            providers: both(left.providers, right.providers),
            event_ids: both(left.event_ids, right.event_ids),
            channels: both(left.channels, right.channels),
        }),
        Test::Any(tests) => {
            let mut demands = tests.iter().map(demand_of);
            let first = demands.next().unwrap_or_default();
            demands.fold(first, |left, right| Demand {
                providers: either(left.providers, right.providers),
                event_ids: either(left.event_ids, right.event_ids),
                channels: either(left.channels, right.channels),
            })
        }
        Test::Field { key, matchers, needs_all: false, .. } => match key {
            FieldKey::Provider => Demand { providers: words(matchers), ..Demand::default() },
            FieldKey::Channel => Demand { channels: words(matchers), ..Demand::default() },
            FieldKey::EventId => Demand { event_ids: numbers(matchers), ..Demand::default() },
            _ => Demand::default(),
        },
        Test::Field { .. } | Test::Not(_) | Test::Keyword(_) => Demand::default(),
    }
}

fn words(matchers: &[Matcher]) -> Option<Vec<&str>> {
    matchers
        .iter()
        .map(|matcher| match matcher {
            Matcher::Equal(text, _) => Some(&**text),
            _ => None,
        })
        .collect()
}

fn numbers(matchers: &[Matcher]) -> Option<Vec<u32>> {
    matchers
        .iter()
        .map(|matcher| match matcher {
            Matcher::Equal(_, number) => *number,
            _ => None,
        })
        .collect()
}

fn both<T: PartialEq>(left: Option<Vec<T>>, right: Option<Vec<T>>) -> Option<Vec<T>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.into_iter().filter(|item| right.contains(item)).collect()),
        (left, right) => left.or(right),
    }
}

fn either<T: PartialEq>(left: Option<Vec<T>>, right: Option<Vec<T>>) -> Option<Vec<T>> {
    let (mut left, right) = left.zip(right)?;
    for item in right {
        if !left.contains(&item) {
            left.push(item);
        }
    }
    Some(left)
}
