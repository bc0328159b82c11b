//! The visitor that turns records into a [`Tally`].

use std::sync::Arc;

use super::gather::{Gather, Origin};
use super::interest::{self, Interest, Sign};
use super::learned::{Event, Learned, Pool, Source};
use super::tally::{Cover, Tally};
use crate::evtx::{Counts, Data, Fault, Head, Record, Time, Visitor};
use crate::rule::{Key, Outlook, RuleSet};
use crate::text::Texts;

/// What all threads share.
pub(crate) struct Task<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) texts: &'a Texts,
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) pool: Pool,
}

/// The record whose head was seen last.
#[derive(Default)]
struct Current {
    origin: Origin,
    event: u32,
    time: Time,
    record_id: u64,
    level: u8,
    qualifiers: Option<u16>,
    /// What it matches, when that is known before it is decoded.
    atoms: Option<u32>,
    /// What its atoms are kept by, when they are not known yet.
    key: Option<Key>,
    /// What is said of it is kept by this: whether it is a sign.
    sign: Option<Key>,
}

/// What the names of a record's head stand for.
#[derive(Debug, Clone, Copy)]
struct Known {
    origin: Origin,
    source: Source,
}

/// Collects the records of some chunks of one log.
pub(crate) struct Collector<'a> {
    task: &'a Task<'a>,
    log: Arc<str>,
    tally: Tally,
    learned: Learned,
    gather: Gather,
    current: Current,
    /// What combinations of names stand for, in the chunk with this number.
    names: (u64, Vec<Option<Known>>),
    records: u64,
    bytes: u64,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(task: &'a Task<'a>, log: &Arc<str>) -> Self {
        Self {
            task,
            log: Arc::clone(log),
            tally: Tally::default(),
            learned: task.pool.take(),
            gather: Gather::default(),
            current: Current::default(),
            names: (0, Vec::new()),
            records: 0,
            bytes: 0,
        }
    }

    /// What was collected, with `bytes` read.
    pub(crate) fn finish(mut self, bytes: u64) -> Tally {
        self.gather.flush(&self.learned, &self.log, &mut self.tally);
        self.task.pool.give(self.learned);
        let log = self.tally.logs.entry(self.log).or_default();
        log.bytes += bytes + self.bytes;
        log.records += self.records;
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

    /// Where a record comes from, and which source wrote it.
    fn known(&mut self, head: &Head<'_>) -> Known {
        let Some(names) = head.names else { return self.learn(head) };
        if names.chunk != self.names.0 {
            self.names.0 = names.chunk;
            self.names.1.clear();
        }
        // As many combinations as a chunk has room for.
        let at = usize::from(names.number);
        if let Some(Some(known)) = self.names.1.get(at) {
            return *known;
        }
        let known = self.learn(head);
        if at >= self.names.1.len() {
            self.names.1.resize(at + 1, None);
        }
        if let Some(place) = self.names.1.get_mut(at) {
            *place = Some(known);
        }
        known
    }

    fn learn(&mut self, head: &Head<'_>) -> Known {
        let mut number = |name| self.learned.number(name);
        let origin = Origin { computer: number(head.computer), channel: number(head.channel) };
        Known {
            origin,
            source: Source { provider: number(head.provider), source: number(head.event_source) },
        }
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
        let Known { origin, source } = self.known(head);
        self.gather.cover(origin, Cover::at(head.time, head.record_id));
        let event = self.learned.event_of(source, head, self.task.rules, self.task.texts);
        if (1..=3).contains(&head.level) {
            self.gather.count_signature(origin.computer, event, head.time);
        }
        let Head { time, record_id, level, qualifiers, .. } = *head;
        self.current =
            Current { origin, event, time, record_id, level, qualifiers, atoms: None, key: None, sign: None };
        self.learned.event(event).is_some_and(|event| !matches!(event.interest, Interest::No))
    }

    fn data(&mut self, data: &mut Data<'_, '_>) -> bool {
        let Current { origin, event: number, time, record_id, level, qualifiers, .. } = self.current;
        let Some((event, computer, channel)) = self.learned.event_at(number, origin) else { return true };
        let Event { provider, event_id, interest, sign, plan, signs, .. } = event;
        let head = Head {
            names: None,
            provider,
            event_source: "",
            channel,
            computer,
            event_id: *event_id,
            qualifiers,
            level,
            record_id,
            time,
        };
        let atoms = match plan.outlook(&head, data) {
            Outlook::Known(atoms) => atoms,
            Outlook::Open(key) => {
                self.current.key = key;
                return interest.may_hold(data.bytes());
            }
        };
        if *sign != Sign::Always && plan.atoms(atoms).is_empty() {
            if *sign == Sign::No {
                return false;
            }
            let key = plan.key(&head, data);
            match key.and_then(|key| signs.get(key)) {
                Some(false) => return false,
                Some(true) => {}
                None => {
                    self.current.sign = key.map(Into::into);
                    let may_be = interest.may_hold(data.bytes());
                    if !may_be && let Some(key) = self.current.sign.take() {
                        event.learn(key, false);
                    }
                    return may_be;
                }
            }
        }
        self.current.atoms = Some(atoms);
        self.gather.wants(origin, number, atoms, (time, record_id))
    }

    fn record(&mut self, mut record: Record) {
        let Current { origin, event: number, .. } = self.current;
        let (known, key) = (self.current.atoms.take(), self.current.key.take());
        record.computer = self.learned.name(origin.computer);
        record.channel = self.learned.name(origin.channel);
        let Some(event) = self.learned.event_mut(number) else { return };
        record.provider = Arc::clone(&event.provider);
        let atoms =
            known.unwrap_or_else(|| event.plan.matched((self.task.rules, self.task.texts), &record, key));
        let is_kept = !event.plan.atoms(atoms).is_empty()
            || match event.sign {
                Sign::Always => true,
                Sign::No => false,
                Sign::Perhaps => {
                    let is_sign = interest::is_sign(&record, self.task.rules);
                    if let Some(key) = self.current.sign.take() {
                        event.learn(key, is_sign);
                    }
                    is_sign
                }
            };
        if !is_kept {
            return;
        }
        if let Some(source) = &record.event_source {
            let number = self.learned.number(source);
            record.event_source = Some(self.learned.name(number));
        }
        self.gather.add(origin, number, atoms, record);
        if self.gather.is_full() {
            self.gather.flush(&self.learned, &self.log, &mut self.tally);
        }
    }

    fn period(&self) -> (Option<Time>, Option<Time>) {
        (self.task.since, self.task.until)
    }

    fn counts(&mut self, counts: &Counts) {
        self.records += counts.passed_over;
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
