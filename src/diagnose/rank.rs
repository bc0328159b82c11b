//! Which cause leads: the one that explains the most and is explained by none.
//!
//! The order is total: confidence, how much it explains, severity, how late its evidence, name.

use std::cmp::Reverse;

use super::facts::is_fact;
use super::finding::Found;
use super::plain::FAMILY;
use super::timeline::Timeline;
use crate::evtx::Time;
use crate::report::{Cause, Confidence};

/// Silence shows nothing of its cause: where records state another one, it is only a remark beside it.
pub(super) fn humble(found: &mut [Found], timeline: &Timeline) {
    let is_silence = |found: &Found| {
        let is_one = |at: &usize| {
            let item = timeline.item(*at);
            item.is_some_and(|item| is_fact(&item.record) && item.record.field("Fact") == Some("silence"))
        };
        !found.hits.is_empty() && found.hits.iter().all(is_one)
    };
    let states = |found: &&Found| {
        let cause = &found.cause;
        cause.confidence >= Confidence::Medium && cause.family != "expected-or-benign" && !is_silence(found)
    };
    let Some(stated) = found.iter().find(states).map(|found| found.cause.title.clone()) else { return };
    for one in found.iter_mut().filter(|one| is_silence(one)) {
        one.cause.confidence = Confidence::Low;
        one.cause.because.push(format!("only silence shows it, and records state another cause: {stated}"));
    }
}

/// Orders causes, the leading one first, and notes which explains which.
pub(crate) fn rank(mut found: Vec<Found>, client_errors: &dyn Fn(&str) -> bool) -> Vec<Cause> {
    link(&mut found);
    found.sort_by(|left, right| order(left, client_errors).cmp(&order(right, client_errors)));
    found.into_iter().map(|found| found.cause).collect()
}

type Order<'a> = (
    (bool, bool),
    bool,
    Reverse<Confidence>,
    bool,
    Reverse<usize>,
    crate::report::Severity,
    Reverse<Option<Time>>,
    &'a str,
);

fn order<'a>(found: &'a Found, client_errors: &dyn Fn(&str) -> bool) -> Order<'a> {
    let cause = &found.cause;
    (
        (cause.family == FAMILY, cause.family == "expected-or-benign"),
        cause.explained_by.is_some(),
        Reverse(cause.confidence),
        !client_errors(&cause.rule),
        Reverse(cause.explains.len()),
        cause.severity,
        Reverse(cause.until),
        &cause.rule,
    )
}

/// A cause explains another when its rule says so and it is at least about as sure.
fn link(found: &mut [Found]) {
    let known: Vec<(String, String, Confidence, Vec<String>)> = found
        .iter()
        .map(|found| {
            (
                found.cause.rule.clone(),
                found.cause.family.clone(),
                found.cause.confidence,
                found.explains.clone(),
            )
        })
        .collect();
    let explains = |by: &(String, String, Confidence, Vec<String>), rule: &str, family: &str| {
        by.0 != rule && by.3.iter().any(|name| name == rule || name.strip_prefix("family:") == Some(family))
    };
    for one in found.iter_mut() {
        let cause = &mut one.cause;
        let stronger =
            known.iter().filter(|by| explains(by, &cause.rule, &cause.family) && by.2 >= cause.confidence);
        // Two causes that explain each other: the first by name leads.
        let own = known.iter().find(|own| own.0 == cause.rule);
        let mut leading = stronger.filter(|by| {
            let is_mutual = own.is_some_and(|own| explains(own, &by.0, &by.1) && own.2 >= by.2);
            !is_mutual || by.0 < cause.rule
        });
        cause.explained_by = leading.next().map(|by| by.0.clone());
    }
    let explained: Vec<(String, String)> = found
        .iter()
        .filter_map(|one| Some((one.cause.explained_by.clone()?, one.cause.rule.clone())))
        .collect();
    for one in found {
        let own = explained.iter().filter(|(by, _)| *by == one.cause.rule).map(|(_, rule)| rule.clone());
        one.cause.explains = own.collect();
        one.cause.explains.sort();
    }
}
