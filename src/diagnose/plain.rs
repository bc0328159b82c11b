//! Plain Sigma rules and correlations: what matched, without saying that it broke Remote Desktop.
//!
//! Their findings have the family `sigma` and low confidence whatever their level: they never decide a host's status
//! and stand behind all causes.

use std::collections::BTreeSet;

use super::eval::bounds;
use super::evidence;
use super::finding::{Finding, Found, Scene};
use crate::report::{Cause, Confidence, Severity};
use crate::rule::{Kind, Rule};
use crate::text::yaml::Node;

/// Family of these findings.
pub(crate) const FAMILY: &str = "sigma";

/// Most records that one finding takes as its evidence.
const MAX_HITS: usize = 4096;

/// What a plain rule matched on a host.
pub(super) fn decide(number: usize, rule: &Rule, scene: &Scene<'_>) -> Finding {
    if scene.rules.is_silent(number) {
        return Finding::Nothing;
    }
    let (hits, text) = match rule.kind {
        Kind::Correlation => {
            let found = scene.timeline.correlated(number);
            let hits: BTreeSet<usize> =
                found.iter().flat_map(|one| &one.items).copied().take(MAX_HITS).collect();
            (hits, format!("met {}", times(found.len())))
        }
        _ => {
            let Some(atom) = scene.rules.condition_of(number) else { return Finding::Nothing };
            let all = scene.timeline.hits(atom);
            let count: u64 = all.iter().map(|at| scene.timeline.weight(*at)).sum();
            let text =
                if count == 1 { "1 record matches".to_owned() } else { format!("{count} records match") };
            (all.iter().copied().take(MAX_HITS).collect(), text)
        }
    };
    if hits.is_empty() {
        return Finding::Nothing;
    }
    let span = bounds(scene.timeline, &hits);
    let cause = Cause {
        rule: rule.name.to_string(),
        title: rule.title.to_string(),
        family: FAMILY.to_owned(),
        severity: severity(rule),
        confidence: Confidence::Low,
        summary: format!("{text}; a plain Sigma rule says nothing of what this does to Remote Desktop"),
        description: rule.description.to_string(),
        because: Vec::new(),
        open: Vec::new(),
        evidence: evidence::lines(scene, &hits),
        fixes: Vec::new(),
        explains: Vec::new(),
        explained_by: None,
        references: rule.references.iter().map(ToString::to_string).collect(),
        since: span.map(|(first, _)| first),
        until: span.map(|(_, last)| last),
    };
    Finding::Found(Box::new(Found { cause, hits, explains: Vec::new() }))
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn severity(rule: &Rule) -> Severity {
    match rule.node().get("level").and_then(Node::text) {
        Some("critical") => Severity::Critical,
        Some("high") => Severity::High,
        Some("low") => Severity::Low,
        Some("informational") => Severity::Informational,
        _ => Severity::Medium,
    }
}
