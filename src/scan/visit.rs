//! The visitor that turns records into a [`Tally`].

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::interest::{self, Interest};
use super::tally::{Cover, Tally};
use crate::evtx::{Counts, Fault, Head, Record, Time, Visitor};
use crate::rule::{Plan, RuleSet, update};
use crate::text::Texts;

/// What all threads share.
pub(crate) struct Task<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) texts: &'a Texts,
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
}

/// Provider, event source and event id.
type Event = (Arc<str>, Option<Arc<str>>, u32);

/// Collects the records of some chunks of one log.
pub(crate) struct Collector<'a> {
    task: &'a Task<'a>,
    log: Arc<str>,
    pub(crate) tally: Tally,
    covers: FxHashMap<(Arc<str>, Arc<str>), Cover>,
    names: FxHashSet<Arc<str>>,
    /// Whether an event is wanted, by provider and id: asked once, not for each record.
    wanted: FxHashMap<(Arc<str>, u32), Arc<Interest>>,
    /// What the record whose head was seen last must hold.
    last: Arc<Interest>,
    plans: FxHashMap<Event, Plan>,
    records: u64,
    bytes: u64,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(task: &'a Task<'a>, log: &Arc<str>) -> Self {
        Self {
            task,
            log: Arc::clone(log),
            tally: Tally::default(),
            covers: FxHashMap::default(),
            names: FxHashSet::default(),
            wanted: FxHashMap::default(),
            last: Arc::new(Interest::No),
            plans: FxHashMap::default(),
            records: 0,
            bytes: 0,
        }
    }

    /// What was collected, with `bytes` read.
    pub(crate) fn finish(mut self, bytes: u64) -> Tally {
        let log = self.tally.logs.entry(Arc::clone(&self.log)).or_default();
        log.bytes += bytes + self.bytes;
        log.records += self.records;
        for ((computer, channel), cover) in self.covers {
            log.cover(&computer, &channel, cover);
        }
        self.tally
    }

    /// Notes bytes that were read.
    pub(crate) fn add_bytes(&mut self, count: u64) {
        self.bytes += count;
    }

    /// Notes that the log was not read to its end.
    pub(crate) fn stop(&mut self) {
        self.tally.logs.entry(Arc::clone(&self.log)).or_default().is_partial = true;
    }

    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let fresh: Arc<str> = Arc::from(name);
        self.names.insert(Arc::clone(&fresh));
        fresh
    }

    fn interest(&mut self, provider: &Arc<str>, head: &Head<'_>) -> Arc<Interest> {
        let key = (Arc::clone(provider), head.event_id);
        if let Some(known) = self.wanted.get(&key) {
            return Arc::clone(known);
        }
        let found = Arc::new(interest::interest(head, self.task.rules));
        self.wanted.insert(key, Arc::clone(&found));
        found
    }
}

impl Visitor for Collector<'_> {
    fn head(&mut self, head: &Head<'_>) -> bool {
        let outside = self.task.since.is_some_and(|since| head.time < since)
            || self.task.until.is_some_and(|until| head.time > until);
        self.records += 1;
        if outside {
            return false;
        }
        let computer = self.shared(head.computer);
        let channel = self.shared(head.channel);
        let cover = Cover::at(head.time, head.record_id);
        self.covers
            .entry((Arc::clone(&computer), channel))
            .and_modify(|own| own.join(cover))
            .or_insert(cover);
        let provider = self.shared(head.provider);
        if (1..=3).contains(&head.level) {
            self.tally.computers.entry(computer).or_default().count_signature(
                &provider,
                head.event_id,
                head.time,
            );
        }
        self.last = self.interest(&provider, head);
        !matches!(*self.last, Interest::No)
    }

    fn bytes(&mut self, bytes: &[u8]) -> bool {
        match &*self.last {
            Interest::Words(finder) => finder.is_match(bytes),
            Interest::Always => true,
            Interest::No => false,
        }
    }

    fn record(&mut self, mut record: Record) {
        record.provider = self.shared(&record.provider);
        record.channel = self.shared(&record.channel);
        record.computer = self.shared(&record.computer);
        let source = record.event_source.as_deref().map(|name| self.shared(name));
        let key = (Arc::clone(&record.provider), source, record.event_id);
        let rules = self.task.rules;
        let plan = self.plans.entry(key).or_insert_with(|| Plan::new(rules, &record.head()));
        let atoms = plan.matched(rules, &record, self.task.texts);
        if !atoms.is_empty() || interest::is_fact(&record) || update::is_sign(&record) {
            self.tally.add(record, atoms);
        }
    }

    fn counts(&mut self, counts: &Counts) {
        if counts.recovered > 0 || counts.lost > 0 {
            let log = self.tally.logs.entry(Arc::clone(&self.log)).or_default();
            log.recovered += counts.recovered;
            log.lost += counts.lost;
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.tally.logs.entry(Arc::clone(&self.log)).or_default().fault(fault);
    }
}
