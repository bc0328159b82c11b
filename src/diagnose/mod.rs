//! One host's matches and facts become causes: what happened, since when, why, and what to do.
//!
//! Reads no logs and knows no format. Everything that is known of Remote Desktop itself is in the rules; here is
//! the method: connections first, then when it broke, what changed, which causes fit, and what stays unknown.

mod advice;
mod attempt;
mod beside;
pub mod builds;
mod changes;
mod clock;
pub mod connections;
mod correlate;
mod derive;
mod eval;
mod evidence;
mod facts;
mod finding;
mod host;
mod identity;
mod life;
mod open;
mod outage;
mod parties;
mod plain;
mod rank;
mod reading;
mod regression;
mod services;
mod sessions;
mod shifts;
mod signatures;
mod silence;
mod strangers;
mod suspect;
pub mod thorough;
mod timeline;
pub mod trial;
mod updates;

use crate::evtx::Record;
use crate::report;
use crate::rule::{AtomId, RuleSet};
use crate::scan::{self, HostScan, Item, Machine, Scan};
use crate::text::Texts;

pub use attempt::{Attempt, Fate, Stage};
pub use life::Story;
pub use sessions::{Ending, Session, Sessions, Stint};

/// What a diagnosis works with.
pub struct Options<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// The sources of text.
    pub texts: &'a Texts,
    /// Codes that clients showed.
    pub client_errors: &'a [u32],
    /// Which part of the hosts' lives is told; none when only the verdict is asked for.
    pub story: Option<Story>,
    /// Keeps what is no fault among the causes, as the cases of rules need it.
    pub keeps_harmless: bool,
}

/// Diagnoses all hosts of a scan, by name.
#[must_use]
pub fn diagnose(scan: &Scan, options: &Options<'_>) -> Vec<report::Host> {
    use rayon::prelude::*;
    // One by one, so that only as many hosts are unpacked at once as there are threads.
    let machines = scan::machines(scan).into_par_iter().with_max_len(1);
    machines.map(|machine| host::diagnose(machine.load(), options)).collect()
}

/// The connection attempts of each host, by name.
#[must_use]
pub fn connections(scan: &Scan) -> Vec<(String, Vec<Attempt>)> {
    let hosts = scan::machines(scan).into_iter().map(Machine::load);
    hosts
        .map(|host| {
            let attempts = connections::attempts(&host.items, &host.coverage);
            (host.name, attempts)
        })
        .collect()
}

/// The sessions of each host, by name.
#[must_use]
pub fn sessions(scan: &Scan) -> Vec<(String, Sessions)> {
    let hosts = scan::machines(scan).into_iter().map(Machine::load);
    hosts.map(|host| (host.name.clone(), sessions::sessions(&host))).collect()
}

/// Diagnoses a list of records as if they were all that a host's logs hold: how rules are tested.
#[must_use]
pub fn diagnose_records(records: &[Record], options: &Options<'_>) -> Vec<report::Host> {
    let mut scratch: Vec<AtomId> = Vec::new();
    let host = host_of(records, |record| options.rules.matched(record, options.texts, &mut scratch));
    vec![host::diagnose(host, options)]
}

/// A host whose logs hold these records and no others.
fn host_of(records: &[Record], mut atoms: impl FnMut(&Record) -> Vec<AtomId>) -> HostScan {
    let mut host = HostScan::default();
    for record in records {
        host.name = record.computer.to_string();
        host.coverage.see(record);
        host.records += 1;
        host.items.push(Item { record: record.clone(), atoms: atoms(record), weight: 1 });
    }
    host.items.sort_by(|left, right| {
        (left.record.time, left.record.record_id).cmp(&(right.record.time, right.record.record_id))
    });
    // A list may be in any order; its times count.
    for (number, item) in (1..).zip(&mut host.items) {
        item.record.record_id = number;
    }
    host
}
