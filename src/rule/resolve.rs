//! Which rules a correlation means, and in which order correlations can be decided.

use rustc_hash::FxHashMap;

use super::error::{Flaw, FlawKind, Flaws};
use super::file::Rule;
use crate::text::yaml::Node;

/// Deepest chain of correlations over correlations.
const MAX_DEPTH: usize = 8;

/// The number of the rule that a reference means: by name, id or file name.
fn find(rules: &[Rule], reference: &str) -> Option<usize> {
    let id = |rule: &Rule| rule.node().get("id").and_then(Node::text).map(str::to_owned);
    let stem = |rule: &Rule| {
        let name = rule.file.rsplit('/').next().unwrap_or_default().to_owned();
        name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
    };
    let has_condition = |rule: &Rule| rule.correlation.is_some() || !rule.detection.conditions.is_empty();
    [
        rules.iter().position(|rule| &*rule.name == reference && has_condition(rule)),
        rules.iter().position(|rule| id(rule).as_deref() == Some(reference)),
        rules.iter().position(|rule| stem(rule) == reference && has_condition(rule)),
    ]
    .into_iter()
    .flatten()
    .next()
}

/// Marks correlations that cannot run: they refer to a rule that is not there, that cannot run, or to themselves.
pub(super) fn leave_out(rules: &mut [Rule], flaws: &mut Vec<Flaw>) {
    // A correlation over one that is left out is left out too, so this goes on until nothing changes.
    loop {
        let found = rules.iter().enumerate().find_map(|(number, rule)| {
            let reason = reason(rules, number)?;
            rule.constraint.impossible.is_none().then_some((number, reason))
        });
        let Some((number, reason)) = found else { return };
        let Some(rule) = rules.get_mut(number) else { return };
        let mut own = Flaws::new(&rule.file, rule.source.clone());
        let mark = rule.node().get("correlation").map_or(rule.node().mark, |node| node.mark);
        let help = "name rules that are loaded too, by `name` or `id`";
        own.add(FlawKind::LeftOut, mark, format!("the correlation cannot run: {reason}"), help.to_owned());
        flaws.extend(own.list);
        rule.constraint.impossible = Some(reason.into());
    }
}

fn reason(rules: &[Rule], number: usize) -> Option<String> {
    let correlation = rules.get(number)?.correlation.as_ref()?;
    for name in &correlation.rules {
        let Some(other) = find(rules, name) else { return Some(format!("no rule is named `{name}`")) };
        let Some(other) = rules.get(other) else { continue };
        if other.constraint.impossible.is_some() {
            return Some(format!("`{name}` cannot run"));
        }
        if other.cause.as_ref().is_some_and(|cause| cause.when.is_some()) {
            return Some(format!("`{name}` is a cause with `when`, not a test of one record"));
        }
    }
    depth(rules, number, 0).is_none().then(|| "it refers to itself, or to too long a chain".to_owned())
}

/// How many correlations stand on each other; `None` for circles.
fn depth(rules: &[Rule], number: usize, above: usize) -> Option<usize> {
    if above > MAX_DEPTH {
        return None;
    }
    let Some(correlation) = rules.get(number).and_then(|rule| rule.correlation.as_ref()) else {
        return Some(0);
    };
    let mut deepest = 0;
    for name in &correlation.rules {
        if let Some(other) = find(rules, name) {
            deepest = deepest.max(depth(rules, other, above + 1)?);
        }
    }
    Some(deepest + 1)
}

/// Correlations that can run, each behind those that it refers to, and what they refer to.
pub(super) fn order(rules: &[Rule]) -> (Vec<usize>, FxHashMap<usize, Vec<usize>>) {
    let mut numbers: Vec<(usize, usize)> = Vec::new();
    let mut references = FxHashMap::default();
    for (number, rule) in rules.iter().enumerate() {
        let Some(correlation) = rule.correlation.as_ref() else { continue };
        let found: Option<Vec<usize>> = correlation.rules.iter().map(|name| find(rules, name)).collect();
        if let (None, Some(found), Some(depth)) =
            (&rule.constraint.impossible, found, depth(rules, number, 0))
        {
            numbers.push((depth, number));
            references.insert(number, found);
        }
    }
    numbers.sort_unstable();
    (numbers.into_iter().map(|(_, number)| number).collect(), references)
}
