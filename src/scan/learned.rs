//! What a thread has learned of names and events; it goes from log to log, so that it is learned once.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::gather::Origin;
use super::interest::{self, Interest, Sign};
use crate::evtx::Head;
use crate::rule::{Key, Plan, RuleSet};
use crate::text::Texts;

/// Names at which everything is learned anew: forwarded logs of a large site have some thousands.
const MAX_NAMES: usize = 1 << 16;

/// Most bytes of records of one event that are known to be signs, or not to be.
const MAX_SIGNS: usize = 1 << 20;

/// One kind of event, as long as the rules are the same.
pub(super) struct Event {
    pub(super) provider: Arc<str>,
    pub(super) event_id: u32,
    pub(super) interest: Interest,
    pub(super) sign: Sign,
    pub(super) plan: Plan,
    /// Whether a record that no rule matches is a sign all the same, by all that it says.
    pub(super) signs: FxHashMap<Key, bool>,
    signs_size: usize,
}

impl Event {
    /// Keeps whether records that say the same are signs.
    pub(super) fn learn(&mut self, key: Key, is_sign: bool) {
        if self.signs_size >= MAX_SIGNS {
            self.signs.clear();
            self.signs_size = 0;
        }
        self.signs_size += key.len();
        self.signs.insert(key, is_sign);
    }
}

/// Numbers of the names of a provider and of an event source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) provider: u32,
    pub(super) source: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Learned {
    numbers: FxHashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// By source and event id.
    known: FxHashMap<(Source, u32), u32>,
    events: Vec<Event>,
}

impl Learned {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// The name with a number.
    pub(super) fn name(&self, number: u32) -> Arc<str> {
        let name = usize::try_from(number).ok().and_then(|number| self.names.get(number));
        name.map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// The number of the event of a record from a source.
    pub(super) fn event_of(
        &mut self,
        source: Source,
        head: &Head<'_>,
        rules: &RuleSet,
        texts: &Texts,
    ) -> u32 {
        let key = (source, head.event_id);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let number = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let plan = Plan::new(rules, head, texts);
        let (interest, sign) = interest::interest(head, &plan, rules);
        let provider = self.name(source.provider);
        self.events.push(Event {
            provider,
            event_id: head.event_id,
            interest,
            sign,
            plan,
            signs: FxHashMap::default(),
            signs_size: 0,
        });
        self.known.insert(key, number);
        number
    }

    /// The event with a number.
    pub(super) fn event(&self, number: u32) -> Option<&Event> {
        self.events.get(usize::try_from(number).ok()?)
    }

    /// The event with a number, to learn of it, and the names of a computer and of a channel.
    pub(super) fn event_at(&mut self, number: u32, origin: Origin) -> Option<(&mut Event, &str, &str)> {
        let at = |number: u32| usize::try_from(number).ok();
        let name = |number| at(number).and_then(|at| self.names.get(at)).map_or("", |name| &**name);
        let (computer, channel) = (name(origin.computer), name(origin.channel));
        Some((self.events.get_mut(at(number)?)?, computer, channel))
    }

    /// The event with a number, to learn of it.
    pub(super) fn event_mut(&mut self, number: u32) -> Option<&mut Event> {
        self.events.get_mut(usize::try_from(number).ok()?)
    }
}

/// What threads have learned and nobody uses at the moment.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Learned>>,
}

impl Pool {
    pub(super) fn take(&self) -> Learned {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, learned: Learned) {
        if learned.names.len() + learned.events.len() < MAX_NAMES {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(learned);
        }
    }
}
