//! What only shows over many hosts: one line for each, groups with one cause, and what the broken ones have in common.
//!
//! Everything is computed from the hosts' reports, so a fleet joined from partial reports comes out as one scanned at
//! once. Reading logs and naming causes is left to the rooms before.

mod associate;
mod group;
mod property;
mod report;
mod statistics;

use std::cmp::{Ordering, Reverse};

use crate::evtx::Time;
pub use report::report;

use crate::report::{Cause, Confidence, Fleet, Host, HostLine, Report, Severity, Status};

/// Sorts hosts worst first and says what shows over all of them.
///
/// The order is total, so the result does not depend on the order in which the hosts come.
#[must_use]
pub fn fleet(hosts: &mut [Host]) -> Fleet {
    hosts.sort_by(worse);
    Fleet {
        lines: hosts.iter().map(line).collect(),
        groups: group::groups(hosts),
        associations: associate::associations(hosts),
    }
}

/// Keeps only the hosts that `wanted` says, and of groups what they show; counts and comparisons of the run stay.
pub fn keep(report: &mut Report, wanted: &dyn Fn(&Host) -> bool) {
    report.hosts.retain(|host| wanted(host));
    report.fleet.lines = report.hosts.iter().map(line).collect();
    report.fleet.groups = group::groups(&report.hosts);
}

/// The cause that a host is filed under: the first that no other cause explains.
fn leading(host: &Host) -> Option<&Cause> {
    host.causes.iter().find(|cause| cause.explained_by.is_none())
}

/// The first failure of a host's outage.
fn first_failure(host: &Host) -> Option<Time> {
    host.outage.as_ref().and_then(|outage| outage.first_failure)
}

fn failed_attempts(host: &Host) -> u64 {
    host.outage.as_ref().map_or(0, |outage| outage.failed_attempts)
}

/// Worst first: status, then severity and confidence of the leading cause, then failed attempts, then the name.
fn worse(left: &Host, right: &Host) -> Ordering {
    urgency(left).cmp(&urgency(right)).then_with(|| identity(left).cmp(&identity(right)))
}

/// Sorts the worst first; hosts without a cause come after those with one.
fn urgency(host: &Host) -> impl Ord {
    let cause = leading(host);
    let severity = cause.map_or((true, Severity::Informational), |cause| (false, cause.severity));
    let confidence = cause.map_or(Confidence::Low, |cause| cause.confidence);
    (host.status, severity, Reverse(confidence), Reverse(failed_attempts(host)))
}

/// What tells two hosts of one name apart, should names not have been joined.
fn identity(host: &Host) -> impl Ord + '_ {
    let logs: Vec<&str> = host.logs.iter().map(|log| log.name.as_str()).collect();
    (&host.name, &host.other_names, host.first_record, host.last_record, host.records, logs)
}

fn line(host: &Host) -> HostLine {
    let cause = leading(host);
    let is_known = host.status != Status::Unknown;
    HostLine {
        host: host.name.clone(),
        status: host.status,
        since: first_failure(host),
        rule: cause.map(|cause| cause.rule.clone()),
        title: cause.map(|cause| cause.title.clone()),
        confidence: cause.map(|cause| cause.confidence),
        change: change_before(host),
        failed_attempts: failed_attempts(host),
        reason: if is_known { String::new() } else { host.status_reason.clone() },
    }
}

/// The nearest change that is not later than the first failure; changes come nearest first.
fn change_before(host: &Host) -> Option<String> {
    let failure = first_failure(host)?;
    host.changes.iter().find(|change| change.time <= failure).map(|change| change.text.clone())
}

#[cfg(test)]
mod tests;
