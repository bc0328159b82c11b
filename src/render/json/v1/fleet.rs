//! What only shows over many hosts.

use serde::Serialize;

use super::super::super::words;
use super::cause::Fix;
use super::time;
use crate::report;

/// What only shows over many hosts.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Fleet<'a> {
    lines: Vec<Line<'a>>,
    groups: Vec<Group<'a>>,
    associations: Vec<Association<'a>>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(fleet: &'a report::Fleet) -> Self {
        Self {
            lines: fleet.lines.iter().map(Line::new).collect(),
            groups: fleet.groups.iter().map(Group::new).collect(),
            associations: fleet.associations.iter().map(Association::new).collect(),
        }
    }
}

/// A host in a line, worst first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Line<'a> {
    host: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["broken", "degraded", "unknown", "healthy"])))]
    status: &'static str,
    since: Option<String>,
    rule: Option<&'a str>,
    title: Option<&'a str>,
    confidence: Option<&'static str>,
    change: Option<&'a str>,
    failed_attempts: u64,
    reason: &'a str,
}

impl<'a> Line<'a> {
    fn new(line: &'a report::HostLine) -> Self {
        Self {
            host: &line.host,
            status: words::status(line.status),
            since: time(line.since),
            rule: line.rule.as_deref(),
            title: line.title.as_deref(),
            confidence: line.confidence.map(words::confidence),
            change: line.change.as_deref(),
            failed_attempts: line.failed_attempts,
            reason: &line.reason,
        }
    }
}

/// Hosts that share a leading cause.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Group<'a> {
    rule: &'a str,
    title: &'a str,
    family: &'a str,
    hosts: &'a [String],
    first_failure: Option<String>,
    shared_evidence: &'a [String],
    fixes: Vec<Fix<'a>>,
}

impl<'a> Group<'a> {
    fn new(group: &'a report::Group) -> Self {
        Self {
            rule: &group.rule,
            title: &group.title,
            family: &group.family,
            hosts: &group.hosts,
            first_failure: time(group.first_failure),
            shared_evidence: &group.shared_evidence,
            fixes: group.fixes.iter().map(Fix::new).collect(),
        }
    }
}

/// A property that goes with being broken, and the counts that say so.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Association<'a> {
    kind: &'a str,
    property: &'a str,
    broken_with: u64,
    working_with: u64,
    broken_without: u64,
    working_without: u64,
    risk_ratio: Option<f64>,
    interval: Option<(f64, f64)>,
    p_value: f64,
    corrected: f64,
    text: &'a str,
}

impl<'a> Association<'a> {
    fn new(association: &'a report::Association) -> Self {
        Self {
            kind: &association.kind,
            property: &association.property,
            broken_with: association.broken_with,
            working_with: association.working_with,
            broken_without: association.broken_without,
            working_without: association.working_without,
            risk_ratio: association.risk_ratio,
            interval: association.interval,
            p_value: association.p_value,
            corrected: association.corrected,
            text: &association.text,
        }
    }
}
