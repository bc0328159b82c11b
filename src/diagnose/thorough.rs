//! Whether each line of a rule earns its place: it is taken away, and a case must fail.
//!
//! A line without which every case passes is either not needed or not tested; which of the two, its author must say.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::strangers::{self, Strangers};
use super::trial;
use crate::evtx::Record;
use crate::rule::case::Case;
use crate::rule::detection::Test;
use crate::rule::field::Subject;
use crate::rule::when::When;
use crate::rule::{CONDITION, Condition, Kind, Rule, RuleSet};
use crate::text::Texts;
use crate::text::yaml::{Mark, Node, Value};

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
    pub what: What,
}

/// What a change takes away or swaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A selection, by name.
    Selection(String),
    /// The test of a field, as the rule spells it.
    Field(String),
    /// A part of a list that is no plain value.
    Part,
    /// One value of several.
    Value(String),
    /// `and` became `or`.
    Or,
    /// `or` became `and`.
    And,
}

impl What {
    /// What changes are counted by: the kind of line, of field tests the field.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Selection(_) => "selections",
            Self::Field(name) => name.split('|').next().unwrap_or_default(),
            Self::Part => "parts",
            Self::Value(_) => "values",
            Self::Or | Self::And => "and, or",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selection(name) => write!(formatter, "without the selection `{name}`"),
            Self::Field(name) => write!(formatter, "without `{name}`"),
            Self::Part => formatter.write_str("without this part"),
            Self::Value(text) => write!(formatter, "without the value `{text}`"),
            Self::Or => formatter.write_str("with `or` in place of `and`"),
            Self::And => formatter.write_str("with `and` in place of `or`"),
        }
    }
}

/// Tries all rules of causes and all signals, or those whose name contains `name`, in order of name.
#[must_use]
pub fn run(rules: &RuleSet, texts: &Texts, name: Option<&str>) -> Vec<Figure> {
    let is_ours = |rule: &&Rule| matches!(rule.kind, Kind::Cause | Kind::Signals);
    let is_named = |rule: &&Rule| name.is_none_or(|name| rule.name.contains(name));
    let wanted: Vec<&Rule> = rules.rules.iter().filter(is_ours).filter(is_named).collect();
    wanted.into_par_iter().map(|rule| Bench::new(rules, texts, rule).figure()).collect()
}

/// One rule with what its cases tell.
struct Bench<'a> {
    rules: &'a RuleSet,
    texts: &'a Texts,
    rule: &'a Rule,
    asked: Vec<(&'a str, Test)>,
    told: Vec<Vec<Record>>,
    /// Whether each case fails before anything is changed.
    fails: Vec<bool>,
}

impl<'a> Bench<'a> {
    fn new(rules: &'a RuleSet, texts: &'a Texts, rule: &'a Rule) -> Self {
        let told = rule.cases.iter().map(strangers::told).collect();
        let mut bench = Self { rules, texts, rule, asked: strangers::asked(rule), told, fails: Vec::new() };
        bench.fails = rule.cases.iter().map(|case| bench.fails(rule, case)).collect();
        bench
    }

    /// Whether a case of the rule fails with a changed form of it.
    fn fails(&self, changed: &Rule, case: &Case) -> bool {
        match changed.kind {
            Kind::Signals => trial::problem(self.rules, self.texts, changed, case).is_some(),
            _ => trial::problem(&self.rules.alone(changed.clone()), self.texts, changed, case).is_some(),
        }
    }

    fn figure(&self) -> Figure {
        let records: Vec<Vec<Seen<'_>>> =
            self.told.iter().map(|told| told.iter().map(|record| self.see(record)).collect()).collect();
        let changes = changes(self.rule);
        let lines = changes.len();
        let unneeded = changes.into_iter().filter(|change| !self.is_noticed(&records, &change.2));
        Figure {
            rule: self.rule.name.to_string(),
            file: self.rule.file.to_string(),
            lines,
            unneeded: unneeded.map(|(mark, what, _)| Line { mark, what }).collect(),
        }
    }

    fn see<'b>(&'b self, record: &'b Record) -> Seen<'b> {
        let subject = Subject::new(record, self.texts);
        let matches: Vec<bool> =
            self.asked.iter().map(|(_, test)| self.rule.accepts(record) && test.matches(&subject)).collect();
        let is_own = matches.contains(&true);
        Seen { strangers: is_own.then(|| strangers::of(&subject)), subject, matches }
    }

    /// Whether a case fails with the changed rule. Only cases on whose records the change is seen are run.
    fn is_noticed(&self, records: &[Vec<Seen<'_>>], changed: &Rule) -> bool {
        let asked = strangers::asked(changed);
        let tests: Vec<(usize, &Test)> = asked
            .iter()
            .zip(&self.asked)
            .enumerate()
            .filter(|(_, ((_, new), (_, old)))| format!("{new:?}") != format!("{old:?}"))
            .map(|(at, ((_, new), _))| (at, new))
            .collect();
        // A stranger is known by a changed test in another way than by the whole one.
        let takes_stranger = |seen: &Seen<'_>| {
            let own: Vec<_> = tests.iter().filter(|(at, _)| seen.matches.get(*at) == Some(&true)).collect();
            let strangers = seen.strangers.iter().flatten().filter(|_| !own.is_empty());
            strangers.map(|record| Subject::new(record, self.texts)).any(|subject| {
                let before = |at: usize| self.asked.get(at).is_some_and(|(_, test)| test.matches(&subject));
                own.iter().any(|(at, test)| test.matches(&subject) && !before(*at))
            })
        };
        let is_seen = |seen: &Seen<'_>| {
            let accepts = self.rule.accepts(seen.subject.record);
            tests
                .iter()
                .any(|(at, test)| seen.matches.get(*at) != Some(&(accepts && test.matches(&seen.subject))))
        };
        // Another condition over the timeline may turn any case.
        let runs_all = when(self.rule) != when(changed);
        let mut cases = self.rule.cases.iter().zip(records).zip(&self.fails);
        records.iter().flatten().any(takes_stranger)
            || cases.any(|((case, told), before)| {
                (runs_all || told.iter().any(is_seen)) && self.fails(changed, case) != *before
            })
    }
}

fn when(rule: &Rule) -> Option<&When> {
    rule.cause.as_ref().and_then(|cause| cause.when.as_ref())
}

/// A record of a case, which tests of the unchanged rule match it, and its strangers.
struct Seen<'a> {
    subject: Subject<'a>,
    matches: Vec<bool>,
    strangers: Option<Strangers>,
}

type Changed<T> = (Mark, What, T);

/// The rule without each of its lines, and with `and` and `or` swapped.
fn changes(rule: &Rule) -> Vec<Changed<Rule>> {
    let mut out = Vec::new();
    let Some(section) = rule.node().get("detection") else { return out };
    let bare = rule.bare();
    for (at, selection) in rule.detection.selections.iter().enumerate() {
        let Some(node) = section.get(&selection.name) else { continue };
        let none = (node.mark, What::Selection(selection.name.to_string()), Test::Any(Arc::default()));
        for (mark, what, test) in std::iter::once(none).chain(tests(node, &selection.test)) {
            let mut changed = bare.clone();
            if let Some(selection) = changed.detection.selections.get_mut(at) {
                selection.test = test;
            }
            out.push((mark, what, changed));
        }
    }
    let is_asked = strangers::asked(rule).iter().any(|(name, _)| *name == CONDITION);
    let condition = section.get("condition").filter(|_| is_asked);
    for (at, (own, node)) in
        rule.detection.conditions.iter().zip(condition.map(Node::items).unwrap_or_default()).enumerate()
    {
        for (word, swapped) in conditions(own) {
            let mut changed = bare.clone();
            if let Some(own) = changed.detection.conditions.get_mut(at) {
                *own = swapped;
            }
            out.push((node.mark, word, changed));
        }
    }
    let when = rule.cause.as_ref().and_then(|cause| cause.when.as_ref());
    if let (Some(when), Some(node)) = (when, rule.node().get("cause").and_then(|cause| cause.get("when"))) {
        for (word, swapped) in whens(when) {
            let mut changed = bare.clone();
            if let Some(cause) = changed.cause.as_mut() {
                cause.when = Some(swapped);
            }
            out.push((node.mark, word, changed));
        }
    }
    out
}

/// A test without one of its parts, for each part.
fn tests(node: &Node, test: &Test) -> Vec<Changed<Test>> {
    match (&node.value, test) {
        (Value::Map(entries), Test::All(parts)) => {
            let name = |key: &Node| What::Field(key.text().unwrap_or_default().to_owned());
            let nodes = entries.iter().map(|(key, value)| (key.mark, name(key), value));
            group(nodes.collect(), parts, &|parts| Test::All(parts.into()))
        }
        (Value::List(items), Test::Any(parts)) => {
            let name = |item: &Node| item.text().map_or(What::Part, |text| What::Value(text.to_owned()));
            let nodes = items.iter().map(|item| (item.mark, name(item), item));
            group(nodes.collect(), parts, &|parts| Test::Any(parts.into()))
        }
        (Value::List(items), Test::Field { key, matchers, needs_all })
            if items.len() == matchers.len() && items.len() > 1 =>
        {
            let without = |at: usize| {
                let others = matchers.iter().enumerate().filter(|(other, _)| *other != at);
                let matchers = others.map(|(_, matcher)| matcher.clone()).collect();
                Test::Field { key: key.clone(), matchers, needs_all: *needs_all }
            };
            let value = |item: &Node| What::Value(item.text().unwrap_or_default().to_owned());
            items.iter().enumerate().map(|(at, item)| (item.mark, value(item), without(at))).collect()
        }
        _ => Vec::new(),
    }
}

fn group(
    nodes: Vec<(Mark, What, &Node)>,
    parts: &[Test],
    make: &dyn Fn(Vec<Test>) -> Test,
) -> Vec<Changed<Test>> {
    let mut out = Vec::new();
    for (at, ((mark, name, node), part)) in nodes.into_iter().zip(parts).enumerate() {
        if parts.len() > 1 {
            let mut rest = parts.to_vec();
            rest.remove(at);
            out.push((mark, name, make(rest)));
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

fn conditions(condition: &Condition) -> Vec<(What, Condition)> {
    match condition {
        Condition::Selection(_) => Vec::new(),
        Condition::Not(inner) => conditions(inner)
            .into_iter()
            .map(|(word, inner)| (word, Condition::Not(Box::new(inner))))
            .collect(),
        Condition::All(parts) => swaps(parts, &conditions, (What::Or, &Condition::Any, &Condition::All)),
        Condition::Any(parts) => swaps(parts, &conditions, (What::And, &Condition::All, &Condition::Any)),
    }
}

fn whens(when: &When) -> Vec<(What, When)> {
    match when {
        When::Term(_) => Vec::new(),
        When::Not(inner) => {
            whens(inner).into_iter().map(|(word, inner)| (word, When::Not(Box::new(inner)))).collect()
        }
        When::All(parts) => swaps(parts, &whens, (What::Or, &When::Any, &When::All)),
        When::Any(parts) => swaps(parts, &whens, (What::And, &When::All, &When::Any)),
    }
}

type Swap<'a, T> = (What, &'a dyn Fn(Vec<T>) -> T, &'a dyn Fn(Vec<T>) -> T);

/// The parts joined by the other word, and each part changed inside.
fn swaps<T: Clone>(
    parts: &[T],
    inside: &dyn Fn(&T) -> Vec<(What, T)>,
    (word, other, same): Swap<'_, T>,
) -> Vec<(What, T)> {
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
