//! Hosts that share a leading cause, with the records and the fix that they have in common.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{first_failure, leading};
use crate::report::{Cause, Fix, Group, Host, Status};

/// A kind of record is shared when at least four of five hosts have it.
const SHARED: (usize, usize) = (4, 5);

/// One host with the cause that it is filed under.
type Member<'h> = (&'h Host, &'h Cause);

/// Groups all but healthy hosts by their leading cause: largest first, then the worse cause, the earlier failure and
/// the rule's name.
pub(super) fn groups(hosts: &[Host]) -> Vec<Group> {
    let mut members: BTreeMap<&str, Vec<Member<'_>>> = BTreeMap::new();
    for host in hosts.iter().filter(|host| host.status != Status::Healthy) {
        if let Some(cause) = leading(host) {
            members.entry(&cause.rule).or_default().push((host, cause));
        }
    }
    let mut sorted: Vec<Vec<Member<'_>>> = members.into_values().collect();
    sorted.sort_by_key(|members| {
        let severity = members.iter().map(|(_, cause)| cause.severity).min();
        let failure = earliest(members);
        (Reverse(members.len()), severity, failure.is_none(), failure)
    });
    sorted.iter().filter_map(|members| group(members)).collect()
}

fn group(members: &[Member<'_>]) -> Option<Group> {
    let (_, cause) = members.first()?;
    let mut hosts: Vec<String> = members.iter().map(|(host, _)| host.name.clone()).collect();
    hosts.sort();
    Some(Group {
        rule: cause.rule.clone(),
        title: cause.title.clone(),
        family: cause.family.clone(),
        hosts,
        first_failure: earliest(members),
        shared_evidence: shared_evidence(members),
        fixes: common_fixes(members),
    })
}

fn earliest(members: &[Member<'_>]) -> Option<crate::evtx::Time> {
    members.iter().filter_map(|(host, _)| first_failure(host)).min()
}

/// The kinds of records that most hosts of a group have, commonest first.
fn shared_evidence(members: &[Member<'_>]) -> Vec<String> {
    let mut counts: BTreeMap<(&str, u32), usize> = BTreeMap::new();
    for (_, cause) in members {
        let kinds: BTreeSet<(&str, u32)> =
            cause.evidence.iter().map(|record| (record.provider.as_str(), record.event_id)).collect();
        for kind in kinds {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let (part, whole) = SHARED;
    let mut kinds: Vec<_> =
        counts.into_iter().filter(|(_, count)| count * whole >= members.len() * part).collect();
    kinds.sort_by_key(|(kind, count)| (Reverse(*count), *kind));
    kinds
        .into_iter()
        .map(|((provider, id), count)| {
            format!("{provider} {id} ({count} {})", if count == 1 { "host" } else { "hosts" })
        })
        .collect()
}

/// The steps that every host of a group has, in the order of the worst host.
fn common_fixes(members: &[Member<'_>]) -> Vec<Fix> {
    let Some(((_, first), others)) = members.split_first() else {
        return Vec::new();
    };
    let is_common = |fix: &&Fix| others.iter().all(|(_, cause)| cause.fixes.contains(fix));
    first.fixes.iter().filter(is_common).cloned().collect()
}
