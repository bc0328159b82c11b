//! What is kept of the records: bounded by kinds and hours, not by how many there are, and joinable.
//!
//! Records of one kind (computer, provider, event id, matched selections) and one hour share a bucket, which keeps
//! the first and the last ones and counts the rest. Buckets of two logs join into the same bucket whatever the
//! order, so that parts of a run can be put together later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::evtx::{Fault, Record, TICKS_PER_SECOND, Time};
use crate::rule::AtomId;

/// Records that each end of a bucket keeps.
pub(crate) const KEEP: usize = 32;
/// Buckets of one computer; above it, hours become days, and so on.
const MAX_BUCKETS: usize = 40_000;
/// The shortest period, in seconds.
pub(super) const HOUR: i64 = 3600;
/// Lengths of the periods in seconds: an hour, a day, thirty days, ten years, everything.
const PERIODS: [i64; 5] = [HOUR, 86_400, 30 * 86_400, 3650 * 86_400, i64::MAX / TICKS_PER_SECOND];
/// Longest text of one value that is kept, in bytes.
const MAX_VALUE: usize = 4096;
/// Most damage that is kept one by one for a log.
const MAX_FAULTS: usize = 64;
/// Most kinds of errors and warnings that are counted by day for a computer.
const MAX_SIGNATURES: usize = 2048;
/// Most days that one kind is counted for.
const MAX_DAYS: usize = 1200;

/// What makes records alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) provider: Arc<str>,
    pub(crate) event_id: u32,
    pub(crate) channel: Arc<str>,
    pub(crate) atoms: Vec<AtomId>,
}

/// Records of one kind in one period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// All records, those of the same record in two logs twice.
    seen: u64,
    /// The first [`KEEP`] records, in order.
    first: Vec<Record>,
    /// The last ones behind them.
    last: VecDeque<Record>,
}

impl Bucket {
    /// Counts a record of a log that the bucket's other records come from too, and says whether it would be kept.
    pub(crate) fn wants(&mut self, time: Time, record_id: u64) -> bool {
        let key = (time, record_id);
        let of = |record: &Record| (record.time, record.record_id);
        let is_in_first = self.first.last().is_some_and(|record| key <= of(record));
        let is_wanted = if is_in_first {
            self.first.binary_search_by(|record| of(record).cmp(&key)).is_err()
        } else if self.last.back().is_none_or(|record| of(record) < key) {
            true
        } else {
            let is_dropped =
                self.last.len() >= KEEP && self.last.front().is_some_and(|record| key < of(record));
            !is_dropped && self.last.binary_search_by(|record| of(record).cmp(&key)).is_err()
        };
        self.seen += u64::from(!is_wanted);
        is_wanted
    }

    pub(crate) fn add(&mut self, record: Record) {
        self.seen += 1;
        self.insert(record);
    }

    /// Keeps a record when it is among the first or the last ones: what is first or last of the whole is first or last
    /// of every part.
    fn insert(&mut self, record: Record) {
        if self.first.last().is_none_or(|last| order(last) < order(&record)) && self.first.len() >= KEEP {
            return self.insert_last(record);
        }
        match self.first.binary_search_by(|other| order(other).cmp(&order(&record))) {
            Ok(at) => replace(self.first.get_mut(at), record),
            Err(at) => {
                self.first.insert(at, record);
                if self.first.len() > KEEP
                    && let Some(surplus) = self.first.pop()
                {
                    self.insert_last(surplus);
                }
            }
        }
    }

    fn insert_last(&mut self, record: Record) {
        match self.last.binary_search_by(|other| order(other).cmp(&order(&record))) {
            Ok(at) => replace(self.last.get_mut(at), record),
            Err(at) => {
                self.last.insert(at, record);
                if self.last.len() > KEEP {
                    self.last.pop_front();
                }
            }
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.seen += other.seen;
        other.first.into_iter().chain(other.last).for_each(|record| self.insert(record));
    }

    /// Kept records with how many each stands for.
    pub(crate) fn weighted(self) -> impl Iterator<Item = (Record, u64)> {
        let kept = u64::try_from(self.first.len() + self.last.len()).unwrap_or(u64::MAX);
        let is_thinned = self.last.len() == KEEP;
        let rest = if is_thinned { self.seen.saturating_sub(kept) } else { 0 };
        self.first
            .into_iter()
            .chain(self.last)
            .enumerate()
            .map(move |(at, record)| (record, if at + 1 == KEEP { rest + 1 } else { 1 }))
    }
}

/// Of the same record in two logs, the one from the log whose name comes first is kept.
fn replace(own: Option<&mut Record>, record: Record) {
    if let Some(own) = own.filter(|own| record.log < own.log) {
        *own = record;
    }
}

/// The total order of records of one computer; equal ones are one record.
fn order(record: &Record) -> (Time, u64, &str, &str, u32) {
    (record.time, record.record_id, &record.channel, &record.provider, record.event_id)
}

/// What is known of one computer name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Computer {
    /// Index into [`PERIODS`].
    level: usize,
    pub(crate) buckets: BTreeMap<(Kind, i64), Bucket>,
    /// Errors and warnings of each kind by day since 1970.
    pub(crate) signatures: BTreeMap<(Arc<str>, u32), BTreeMap<i64, u64>>,
}

impl Computer {
    fn period(&self, time: Time) -> i64 {
        let seconds = PERIODS.get(self.level).copied().unwrap_or(i64::MAX / TICKS_PER_SECOND);
        time.0.div_euclid(seconds.saturating_mul(TICKS_PER_SECOND))
    }

    /// Takes a bucket of the shortest period; this is still one of the shortest periods only.
    pub(super) fn take(&mut self, kind: Kind, bucket: Bucket) {
        let Some(first) = bucket.first.first() else { return };
        let period = self.period(first.time);
        self.buckets.entry((kind, period)).or_default().join(bucket);
    }

    /// Adds errors or warnings of a kind on one day since 1970.
    pub(super) fn count_signature(&mut self, provider: &Arc<str>, event_id: u32, (day, count): (i64, u64)) {
        *self.signatures.entry((Arc::clone(provider), event_id)).or_default().entry(day).or_default() +=
            count;
    }

    pub(super) fn join(&mut self, mut other: Self) {
        while self.level < other.level {
            self.widen();
        }
        while other.level < self.level {
            other.widen();
        }
        for (key, bucket) in other.buckets {
            self.buckets.entry(key).or_default().join(bucket);
        }
        self.coarsen();
        for (key, days) in other.signatures {
            let own = self.signatures.entry(key).or_default();
            days.into_iter().for_each(|(day, count)| *own.entry(day).or_default() += count);
        }
        self.bound_signatures();
    }

    fn coarsen(&mut self) {
        while self.buckets.len() > MAX_BUCKETS && self.level + 1 < PERIODS.len() {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.level += 1;
        for ((kind, _), bucket) in std::mem::take(&mut self.buckets) {
            let Some(first) = bucket.first.first() else { continue };
            let period = self.period(first.time);
            self.buckets.entry((kind, period)).or_default().join(bucket);
        }
    }

    /// Keeps the first kinds by name and the last days: the same ones in whatever order parts come.
    fn bound_signatures(&mut self) {
        while self.signatures.len() > MAX_SIGNATURES {
            self.signatures.pop_last();
        }
        for days in self.signatures.values_mut() {
            while days.len() > MAX_DAYS {
                days.pop_first();
            }
        }
    }
}

/// Records of one computer in one channel of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cover {
    pub(crate) records: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
    pub(crate) lowest_id: u64,
    pub(crate) highest_id: u64,
}

/// Times that a machine's clock may show: the years 1990 to 2199. Others are damage and bound no period.
const PLAUSIBLE: (Time, Time) =
    (Time(631_152_000 * TICKS_PER_SECOND), Time(7_258_118_400 * TICKS_PER_SECOND));

impl Cover {
    pub(crate) fn at(time: Time, id: u64) -> Self {
        let is_plausible = time >= PLAUSIBLE.0 && time < PLAUSIBLE.1;
        let (first, last) = if is_plausible { (time, time) } else { (Time(i64::MAX), Time(i64::MIN)) };
        Self { records: 1, first, last, lowest_id: id, highest_id: id }
    }

    /// The first and the last plausible time.
    pub(crate) fn times(&self) -> Option<(Time, Time)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.records += other.records;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.lowest_id = self.lowest_id.min(other.lowest_id);
        self.highest_id = self.highest_id.max(other.highest_id);
    }
}

/// What is known of one log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// Bytes read.
    pub(crate) bytes: u64,
    /// By computer and channel.
    pub(crate) covers: BTreeMap<(Arc<str>, Arc<str>), Cover>,
    pub(crate) records: u64,
    pub(crate) lost: u64,
    pub(crate) recovered: u64,
    /// Damage; `hidden_faults` more are only counted.
    pub(crate) faults: Vec<Fault>,
    pub(crate) hidden_faults: u64,
    /// Whether it could not be read to its end.
    pub(crate) is_partial: bool,
}

impl Log {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
        self.bound();
    }

    pub(crate) fn cover(&mut self, computer: &Arc<str>, channel: &Arc<str>, cover: Cover) {
        self.covers
            .entry((Arc::clone(computer), Arc::clone(channel)))
            .and_modify(|own| own.join(cover))
            .or_insert(cover);
    }

    fn bound(&mut self) {
        self.faults.sort_by_key(|fault| fault.offset);
        while self.faults.len() > MAX_FAULTS {
            self.faults.pop();
            self.hidden_faults += 1;
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.records += other.records;
        self.lost += other.lost;
        self.recovered += other.recovered;
        self.hidden_faults += other.hidden_faults;
        self.is_partial |= other.is_partial;
        self.faults.extend(other.faults);
        self.bound();
        for ((computer, channel), cover) in other.covers {
            self.cover(&computer, &channel, cover);
        }
    }
}

/// Everything that a scan keeps. Two of them join into one, in any order and grouping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) computers: BTreeMap<Arc<str>, Computer>,
    pub(crate) logs: BTreeMap<Arc<str>, Log>,
}

impl Tally {
    /// Puts another tally's content into this one.
    pub(crate) fn join(&mut self, other: Self) {
        for (name, computer) in other.computers {
            self.computers.entry(name).or_default().join(computer);
        }
        for (name, log) in other.logs {
            self.logs.entry(name).or_default().join(log);
        }
    }
}

/// Cuts values that are too long to be kept.
pub(super) fn bound(record: &mut Record) {
    for field in &mut record.fields {
        shorten(&mut field.value);
    }
    if let Some(message) = record.rendering.as_mut().and_then(|rendering| rendering.message.as_mut()) {
        shorten(message);
    }
    if let Some(binary) = record.binary.as_mut().filter(|binary| binary.len() > MAX_VALUE) {
        *binary = binary.iter().copied().take(MAX_VALUE).collect();
    }
}

fn shorten(value: &mut Box<str>) {
    if value.len() > MAX_VALUE {
        let end =
            value.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_VALUE).last().unwrap_or(0);
        *value = format!("{}…", value.get(..end).unwrap_or_default()).into();
    }
}
