//! Reads sources in parallel and keeps, per computer, the records that rules and diagnosis look at.
//!
//! Does not judge what a record means. The outcome is joinable: two scans of different logs make one, so that a
//! fleet's logs can be read on many machines ([`Scan::write`], [`Scan::read`], [`Scan::join`]).

mod builds;
mod cache;
mod flow;
mod gather;
mod host;
mod interest;
mod kept;
mod learned;
mod partial;
mod query;
mod read;
mod tally;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

pub use builds::Builds;
pub(crate) use builds::stated;
pub use flow::{Flow, Flowed, flow};
pub(crate) use host::{Coverage, Covered, HostLog, HostScan, Item, Machine, machines};
use kept::Kept;
use learned::Pool;
pub use partial::PartialError;
pub use query::{Pattern, Query, grep};
use visit::Task;

use crate::evtx::{Fault, Time};
use crate::input::{ContentKey, Source, content_key};
use crate::rule::RuleSet;
use crate::text::Texts;

/// What to scan for.
pub struct Options<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// The sources of text.
    pub texts: &'a Texts,
    /// Records before this moment are passed over.
    pub since: Option<Time>,
    /// Records after this moment are passed over.
    pub until: Option<Time>,
    /// Also look for records outside of chunks.
    pub carve: bool,
    /// Told what is being read.
    pub progress: &'a (dyn Progress + Sync),
    /// Set from outside to stop early; what was read is kept.
    pub stop: &'a AtomicBool,
    /// Keeps logs apart by content, so that scans that share logs can be joined.
    pub is_joinable: bool,
    /// A folder that keeps what was read of each log, by content.
    pub cache: Option<&'a Path>,
}

/// Watches a scan.
pub trait Progress {
    /// A log is being opened.
    fn log(&self, name: &str);
    /// Bytes were read.
    fn bytes(&self, count: u64);
}

/// What a scan kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// Logs that need not be told apart any more.
    kept: Kept,
    /// Logs by content: what several scans have in common counts once.
    parts: BTreeMap<ContentKey, Part>,
    /// Fingerprint of the rules that it was made with.
    pub(crate) rules: String,
    /// Logs that had the same content as another.
    pub(crate) duplicates: u64,
    /// Inputs that could not be read: what was told about each.
    pub problems: Vec<String>,
    /// Whether it was stopped early, or an input could not be read.
    pub is_partial: bool,
}

/// One log of a joinable scan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Part {
    name: Arc<str>,
    kept: Kept,
}

/// Reads all sources. A source that cannot be read becomes a problem; the others are still read.
#[must_use]
pub fn scan(sources: &[Source], options: &Options<'_>) -> Scan {
    let task = Task {
        rules: options.rules,
        texts: options.texts,
        since: options.since,
        until: options.until,
        pool: Pool::default(),
    };
    let read = |source: &Source| -> Scan {
        if options.stop.load(Ordering::Relaxed) {
            return Scan { is_partial: true, ..Scan::default() };
        }
        options.progress.log(source.name());
        let mut scan = Scan::default();
        let outcome = read_one(source, &task, options);
        if let Ok((_, kept)) = &outcome
            && !options.stop.load(Ordering::Relaxed)
            && let Some(reason) = broken_off(kept)
        {
            scan.problems.push(format!("{}: {reason}", source.name()));
        }
        match outcome {
            Ok((Some(key), kept)) => {
                scan.parts.insert(key, Part { name: Arc::clone(source.name()), kept });
            }
            Ok((None, kept)) => scan.kept = kept,
            Err(error) => scan.problems.push(format!("{}: {error}", source.name())),
        }
        scan
    };
    let mut scan = sources.par_iter().map(read).reduce(Scan::default, |mut left, right| {
        left.join(right);
        left
    });
    scan.rules.clone_from(&options.rules.fingerprint);
    scan.is_partial |= options.stop.load(Ordering::Relaxed);
    scan.problems.sort();
    scan
}

impl Scan {
    /// Notes that some logs had the same content as others.
    pub fn add_duplicates(&mut self, count: usize) {
        self.duplicates += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// Adds the counts of all logs.
    pub(crate) fn summarize(&self, summary: &mut crate::report::Summary) {
        summary.logs = self.kept.logs.len();
        summary.duplicate_logs = usize::try_from(self.duplicates).unwrap_or(usize::MAX);
        for log in self.kept.logs.values() {
            summary.bytes += log.bytes;
            summary.records += log.records;
            summary.lost_records += log.lost;
            summary.recovered_records += log.recovered;
            for (from, to) in log.covers.values().filter_map(tally::Cover::times) {
                summary.first_record = Some(summary.first_record.map_or(from, |first| first.min(from)));
                summary.last_record = Some(summary.last_record.map_or(to, |last| last.max(to)));
            }
        }
    }

    /// Damage in logs that belong to none of the hosts.
    pub(crate) fn loose_faults(&self, hosts: &[crate::report::Host]) -> Vec<Fault> {
        let owned: BTreeSet<&str> =
            hosts.iter().flat_map(|host| &host.logs).map(|log| log.name.as_str()).collect();
        let loose = self.kept.logs.iter().filter(|(name, _)| !owned.contains(&***name));
        loose.flat_map(|(_, log)| log.faults.iter().cloned()).collect()
    }

    /// Puts another scan's content into this one; the outcome does not depend on order or grouping.
    pub fn join(&mut self, other: Self) {
        self.kept.join(other.kept);
        for (key, part) in other.parts {
            match self.parts.get_mut(&key) {
                None => {
                    self.parts.insert(key, part);
                }
                Some(own) => {
                    self.duplicates += 1;
                    if part.name < own.name {
                        *own = part;
                    }
                }
            }
        }
        self.duplicates += other.duplicates;
        self.is_partial |= other.is_partial;
        self.problems.extend(other.problems);
        self.problems.sort();
        self.problems.dedup();
        if self.rules.is_empty() {
            self.rules = other.rules;
        }
    }

    /// Forgets which log is which: the last step before a diagnosis.
    pub fn settle(&mut self) {
        for (_, part) in std::mem::take(&mut self.parts) {
            self.kept.join(part.kept);
        }
    }
}

/// Why a log was not read to its end, when it was not.
fn broken_off(kept: &Kept) -> Option<String> {
    let log = kept.logs.values().find(|log| log.is_partial)?;
    let unreadable = log.faults.iter().rev().find(|fault| &*fault.expected == read::READABLE);
    let reason =
        unreadable.or(log.faults.last()).map(|fault| format!(" (byte {}: {})", fault.offset, fault.found));
    Some(format!("not read to its end{}; what was read is used", reason.unwrap_or_default()))
}

/// One source, from the cache when it is there; with its content's key when that is asked for.
fn read_one(
    source: &Source,
    task: &Task<'_>,
    options: &Options<'_>,
) -> io::Result<(Option<ContentKey>, Kept)> {
    let read = || Kept::new(read::read(source, task, options)?);
    if !options.is_joinable && options.cache.is_none() {
        return Ok((None, read()?));
    }
    let key = content_key(source)?;
    let entry = options.cache.map(|folder| cache::Entry::new(folder, &key, source.name(), options));
    if let Some(kept) = entry.as_ref().and_then(cache::Entry::read) {
        options.progress.bytes(source.size());
        return Ok((Some(key), kept));
    }
    let kept = read()?;
    if let Some(entry) = entry
        && !options.stop.load(Ordering::Relaxed)
        && broken_off(&kept).is_none()
    {
        entry.write(&kept)?;
    }
    Ok((Some(key), kept))
}
