//! Whether each line of a rule earns its place: it is taken away, and a case must fail.
//!
//! A line without which every case passes is either not needed or not tested; which of the two, its author must say.

use rayon::prelude::*;

use super::trial;
use crate::rule::case::Case;
use crate::rule::detection::Test;
use crate::rule::when::When;
use crate::rule::yaml::{Mark, Node, Value};
use crate::rule::{CONDITION, Condition, Kind, Rule, RuleSet};
use crate::text::Texts;

/// What is known of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its name.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// How many lines were tried: selections, field tests, values, words of conditions.
    pub lines: usize,
    /// Those without which no case fails.
    pub unneeded: Vec<Line>,
}

/// A change of a rule that no case notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it was changed.
    pub mark: Mark,
    /// What was changed.
    pub what: String,
}

/// Tries all rules of causes, or those whose name contains `name`, in order of name.
#[must_use]
pub fn run(rules: &RuleSet, texts: &Texts, name: Option<&str>) -> Vec<Figure> {
    let wanted: Vec<&Rule> = rules
        .rules()
        .filter(|rule| rule.kind == Kind::Cause && name.is_none_or(|name| rule.name.contains(name)))
        .collect();
    wanted.into_par_iter().map(|rule| one(rules, texts, rule)).collect()
}

fn one(rules: &RuleSet, texts: &Texts, rule: &Rule) -> Figure {
    let fails = |alone: &RuleSet, case: &Case| trial::one(alone, texts, rule, case).problem.is_some();
    let unchanged = rules.alone(rule.clone());
    let before: Vec<bool> = rule.cases.iter().map(|case| fails(&unchanged, case)).collect();
    let changes = changes(rule);
    let lines = changes.len();
    let unneeded = changes.into_iter().filter(|(_, _, changed)| {
        let alone = rules.alone(changed.clone());
        rule.cases.iter().zip(&before).all(|(case, before)| fails(&alone, case) == *before)
    });
    Figure {
        rule: rule.name.to_string(),
        file: rule.file.to_string(),
        lines,
        unneeded: unneeded.map(|(mark, what, _)| Line { mark, what }).collect(),
    }
}

type Changed<T> = (Mark, String, T);

/// The rule without each of its lines, and with `and` and `or` swapped.
fn changes(rule: &Rule) -> Vec<Changed<Rule>> {
    let mut out = Vec::new();
    let Some(section) = rule.node.get("detection") else { return out };
    let bare = rule.bare();
    for (at, selection) in rule.detection.selections.iter().enumerate() {
        let Some(node) = section.get(&selection.name) else { continue };
        let none = (node.mark, format!("without the selection `{}`", selection.name), Test::Any(Vec::new()));
        for (mark, what, test) in std::iter::once(none).chain(tests(node, &selection.test)) {
            let mut changed = bare.clone();
            if let Some(selection) = changed.detection.selections.get_mut(at) {
                selection.test = test;
            }
            out.push((mark, what, changed));
        }
    }
    let when = rule.cause.as_ref().and_then(|cause| cause.when.as_ref());
    let uses_condition = when.is_none_or(|when| {
        let mut terms = Vec::new();
        when.terms(&mut terms);
        terms.iter().any(|term| &*term.signal == CONDITION)
    });
    let condition = section.get("condition").filter(|_| uses_condition);
    for (at, (own, node)) in
        rule.detection.conditions.iter().zip(condition.map(Node::items).unwrap_or_default()).enumerate()
    {
        for (word, swapped) in conditions(own) {
            let mut changed = bare.clone();
            if let Some(own) = changed.detection.conditions.get_mut(at) {
                *own = swapped;
            }
            out.push((node.mark, word.to_owned(), changed));
        }
    }
    if let (Some(when), Some(node)) = (when, rule.node.get("cause").and_then(|cause| cause.get("when"))) {
        for (word, swapped) in whens(when) {
            let mut changed = bare.clone();
            if let Some(cause) = changed.cause.as_mut() {
                cause.when = Some(swapped);
            }
            out.push((node.mark, word.to_owned(), changed));
        }
    }
    out
}

/// A test without one of its parts, for each part.
fn tests(node: &Node, test: &Test) -> Vec<Changed<Test>> {
    match (&node.value, test) {
        (Value::Map(entries), Test::All(parts)) => {
            let nodes = entries.iter().map(|(key, value)| (key.mark, key.text().unwrap_or_default(), value));
            group(nodes.collect(), parts, &Test::All)
        }
        (Value::List(items), Test::Any(parts)) => {
            let nodes = items.iter().map(|item| (item.mark, item.text().unwrap_or("this part"), item));
            group(nodes.collect(), parts, &Test::Any)
        }
        (Value::List(items), Test::Field { key, matchers, needs_all })
            if items.len() == matchers.len() && items.len() > 1 =>
        {
            let without = |at: usize| {
                let mut matchers = matchers.clone();
                matchers.remove(at);
                Test::Field { key: key.clone(), matchers, needs_all: *needs_all }
            };
            let value = |item: &Node| format!("without the value `{}`", item.text().unwrap_or_default());
            items.iter().enumerate().map(|(at, item)| (item.mark, value(item), without(at))).collect()
        }
        _ => Vec::new(),
    }
}

fn group(
    nodes: Vec<(Mark, &str, &Node)>,
    parts: &[Test],
    make: &dyn Fn(Vec<Test>) -> Test,
) -> Vec<Changed<Test>> {
    let mut out = Vec::new();
    for (at, ((mark, name, node), part)) in nodes.into_iter().zip(parts).enumerate() {
        if parts.len() > 1 {
            let mut rest = parts.to_vec();
            rest.remove(at);
            out.push((mark, format!("without `{name}`"), make(rest)));
        }
        for (mark, what, inner) in tests(node, part) {
            let mut changed = parts.to_vec();
            if let Some(part) = changed.get_mut(at) {
                *part = inner;
            }
            out.push((mark, what, make(changed)));
        }
    }
    out
}

const OR: &str = "with `or` in place of `and`";
const AND: &str = "with `and` in place of `or`";

fn conditions(condition: &Condition) -> Vec<(&'static str, Condition)> {
    match condition {
        Condition::Selection(_) => Vec::new(),
        Condition::Not(inner) => conditions(inner)
            .into_iter()
            .map(|(word, inner)| (word, Condition::Not(Box::new(inner))))
            .collect(),
        Condition::All(parts) => swaps(parts, &conditions, (OR, &Condition::Any, &Condition::All)),
        Condition::Any(parts) => swaps(parts, &conditions, (AND, &Condition::All, &Condition::Any)),
    }
}

fn whens(when: &When) -> Vec<(&'static str, When)> {
    match when {
        When::Term(_) => Vec::new(),
        When::Not(inner) => {
            whens(inner).into_iter().map(|(word, inner)| (word, When::Not(Box::new(inner)))).collect()
        }
        When::All(parts) => swaps(parts, &whens, (OR, &When::Any, &When::All)),
        When::Any(parts) => swaps(parts, &whens, (AND, &When::All, &When::Any)),
    }
}

type Swap<'a, T> = (&'static str, &'a dyn Fn(Vec<T>) -> T, &'a dyn Fn(Vec<T>) -> T);

/// The parts joined by the other word, and each part changed inside.
fn swaps<T: Clone>(
    parts: &[T],
    inside: &dyn Fn(&T) -> Vec<(&'static str, T)>,
    (word, other, same): Swap<'_, T>,
) -> Vec<(&'static str, T)> {
    let mut out = Vec::new();
    if parts.len() > 1 {
        out.push((word, other(parts.to_vec())));
    }
    for (at, part) in parts.iter().enumerate() {
        for (word, inner) in inside(part) {
            let mut changed = parts.to_vec();
            if let Some(part) = changed.get_mut(at) {
                *part = inner;
            }
            out.push((word, same(changed)));
        }
    }
    out
}
