//! What a host's records say before any rule is asked: who it is, its connections, services, changes, and the facts
//! made of them.

use std::collections::BTreeMap;

use super::attempt::{Attempt, Fate};
use super::connections;
use super::facts::Fact;
use super::identity::{self, Identity};
use super::outage::{self, Course};
use super::services::{self, Step};
use super::{changes, clock, derive, parties};
use crate::evtx::{Record, Time};
use crate::report::Party;
use crate::scan::HostScan;

/// One host, read.
pub(super) struct Reading {
    pub(super) identity: Identity,
    pub(super) attempts: Vec<Attempt>,
    pub(super) steps: Vec<Step>,
    pub(super) at_end: BTreeMap<String, Step>,
    pub(super) course: Course,
    pub(super) parties: Vec<Party>,
    pub(super) changes: Vec<changes::Step>,
    pub(super) facts: Vec<Fact>,
}

/// Reads the records of a host, whose clock is mended; the outage nearest to `around` is the one told.
pub(super) fn read(scan: &HostScan, around: Option<Time>) -> Reading {
    let identity = identity::identify(scan);
    let attempts = connections::attempts(&scan.items, &scan.coverage);
    let steps = services::steps(&scan.items);
    let last_good =
        attempts.iter().rev().find(|attempt| attempt.fate == Fate::Good).map(|attempt| attempt.start);
    let at_end = services::at_end(&steps, &identity.boots, last_good);
    let states = outage::States { steps: &steps, at_end: &at_end, boots: &identity.boots };
    let (parties, apart) = parties::parties(&attempts);
    let course = outage::course(&attempts, &apart, &states, around);
    let changes = changes::steps(&scan.items);
    let facts = derive::derive(&derive::Sources {
        host: scan,
        attempts: &attempts,
        services: &steps,
        at_end: &at_end,
        changes: &changes,
        course: &course,
        boots: &identity.boots,
    });
    Reading { identity, attempts, steps, at_end, course, parties, changes, facts }
}

/// All that rules are asked about: the records, and the facts made of them.
pub(super) fn told(mut scan: HostScan) -> Vec<Record> {
    clock::mend(&mut scan.items);
    let facts = read(&scan, None).facts.into_iter().map(|fact| fact.record);
    scan.items.into_iter().map(|item| item.record).chain(facts).collect()
}
