//! What one collector gathers, under numbers instead of names: a record costs no comparison of names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::learned::Learned;
use super::tally::{self, Bucket, Computer, Cover, Kind, Tally};
use crate::evtx::{Record, TICKS_PER_SECOND, Time};

/// Buckets at which they are put into the tally, which bounds them.
const MAX_BUCKETS: usize = 40_000;
const DAY: i64 = 86_400 * TICKS_PER_SECOND;

/// Numbers that [`Learned`] gave to names and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Origin {
    pub(super) computer: u32,
    pub(super) channel: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    origin: Origin,
    event: u32,
    atoms: u32,
    hour: i64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Gather {
    buckets: FxHashMap<Key, Bucket>,
    covers: FxHashMap<Origin, Cover>,
    /// What records from the same origin, one after the other, cover.
    run: Option<(Origin, Cover)>,
    /// Errors and warnings by computer, event and day since 1970.
    signatures: FxHashMap<(u32, u32, i64), u64>,
}

impl Gather {
    pub(super) fn cover(&mut self, origin: Origin, cover: Cover) {
        match &mut self.run {
            Some((own, run)) if *own == origin => run.join(cover),
            _ => {
                self.end_run();
                self.run = Some((origin, cover));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((origin, cover)) = self.run.take() {
            self.covers.entry(origin).and_modify(|own| own.join(cover)).or_insert(cover);
        }
    }

    pub(super) fn count_signature(&mut self, computer: u32, event: u32, time: Time) {
        *self.signatures.entry((computer, event, time.0.div_euclid(DAY))).or_default() += 1;
    }

    fn bucket(&mut self, origin: Origin, event: u32, atoms: u32, time: Time) -> &mut Bucket {
        let hour = time.0.div_euclid(tally::HOUR * TICKS_PER_SECOND);
        self.buckets.entry(Key { origin, event, atoms, hour }).or_default()
    }

    /// Whether a record with these atoms would be kept; it is counted when it would not.
    pub(super) fn wants(
        &mut self,
        origin: Origin,
        event: u32,
        atoms: u32,
        (time, record_id): (Time, u64),
    ) -> bool {
        self.bucket(origin, event, atoms, time).wants(time, record_id)
    }

    pub(super) fn add(&mut self, origin: Origin, event: u32, atoms: u32, mut record: Record) {
        tally::bound(&mut record);
        self.bucket(origin, event, atoms, record.time).add(record);
    }

    /// Whether there are so many buckets that it is time to put them into the tally.
    pub(super) fn is_full(&self) -> bool {
        self.buckets.len() > MAX_BUCKETS
    }

    /// Puts what was gathered of a log into the tally.
    pub(super) fn flush(&mut self, learned: &Learned, log: &Arc<str>, tally: &mut Tally) {
        self.end_run();
        let mut computers: FxHashMap<u32, Computer> = FxHashMap::default();
        for (key, bucket) in self.buckets.drain() {
            let Some(event) = learned.event(key.event) else { continue };
            let kind = Kind {
                provider: Arc::clone(&event.provider),
                event_id: event.event_id,
                channel: learned.name(key.origin.channel),
                atoms: event.plan.atoms(key.atoms).to_vec(),
            };
            computers.entry(key.origin.computer).or_default().take(kind, bucket);
        }
        for ((computer, event, day), count) in self.signatures.drain() {
            let Some(event) = learned.event(event) else { continue };
            let computer = computers.entry(computer).or_default();
            computer.count_signature(&event.provider, event.event_id, (day, count));
        }
        for (number, computer) in computers {
            tally.computers.entry(learned.name(number)).or_default().join(computer);
        }
        let log = tally.logs.entry(Arc::clone(log)).or_default();
        for (origin, cover) in self.covers.drain() {
            log.cover(&learned.name(origin.computer), &learned.name(origin.channel), cover);
        }
    }
}
