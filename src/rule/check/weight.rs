//! What lowers the confidence because nothing confirms the cause: that must be decided without the log that would.

use super::super::error::Flaws;
use super::super::facts::PROVIDER;
use super::super::set::RuleSet;
use super::super::when::{Term, Wanted, When};
use crate::text::yaml::Node;

/// Warns of a `lower` that asks for the absence of a signal whose log nothing else in the condition needs: with the log
/// missing it stays unknown, and the cause keeps its confidence just where least is known.
///
/// A bound in time asks whether something happened then; there unknown is meant.
pub(super) fn check(set: &RuleSet, number: usize, flaws: &mut Flaws) {
    let Some(rule) = set.rules.get(number) else { return };
    let Some(spec) = &rule.cause else { return };
    let nodes = rule.node().get("cause").and_then(|cause| cause.get("lower"));
    let conditions = nodes.map(Node::items).unwrap_or_default().iter().filter_map(|weight| weight.get("if"));
    let channels = |term: &Term| {
        let atom = set.atom(number, &term.signal).and_then(|atom| set.atom_at(atom));
        atom.map(|atom| atom.demand.channels()).unwrap_or_default()
    };
    for (weight, node) in spec.lowers.iter().zip(conditions) {
        let mut open = Vec::new();
        absent(&weight.condition, &mut Vec::new(), &mut open);
        for (term, needed) in open {
            let mut own = channels(term);
            own.dedup();
            let is_own = |channel: &str| own.iter().any(|name| name.eq_ignore_ascii_case(channel));
            let is_there = |other: &&Term| channels(other).into_iter().all(is_own);
            if own.is_empty() || own.contains(&PROVIDER) || needed.iter().any(is_there) {
                continue;
            }
            let signal = &term.signal;
            let message = format!(
                "this `lower` does nothing where the log of `{signal}` ({}) is missing",
                own.join(", ")
            );
            let help = format!("write `unseen {signal}`: the logs at hand do not show it");
            flaws.warn(flaws.word(node, term.word), message, help);
        }
    }
}

/// The signals without bounds in time that must be absent, each with those that must be there.
fn absent<'a>(when: &'a When, needed: &mut Vec<&'a Term>, out: &mut Vec<(&'a Term, Vec<&'a Term>)>) {
    match when {
        When::All(parts) => {
            let before = needed.len();
            needed.extend(parts.iter().filter_map(|part| match part {
                When::Term(term) if term.wanted == Wanted::Seen => Some(term),
                _ => None,
            }));
            parts.iter().for_each(|part| absent(part, needed, out));
            needed.truncate(before);
        }
        When::Any(parts) => parts.iter().for_each(|part| absent(part, needed, out)),
        When::Not(inner) => {
            if let When::Term(term) = &**inner
                && term.wanted == Wanted::Seen
                && term.bounds.is_empty()
            {
                out.push((term, needed.clone()));
            }
        }
        When::Term(term) if term.wanted == Wanted::Absent && term.bounds.is_empty() => {
            out.push((term, needed.clone()));
        }
        When::Term(_) => {}
    }
}
