//! What is wrong with rules that can be read: names that mean nothing, tests that no record passes, fixes that nobody
//! can take back, parts that nothing uses.
//!
//! Says nothing of whether a rule is right; that is what its cases are for.

mod cause;
mod detection;
mod explains;
mod update;
mod weight;

use super::cause::CauseSpec;
use super::error::{Flaw, Flaws, nearest};
use super::file::{Kind, Rule};
use super::set::RuleSet;
use super::when;
use crate::text::Texts;
use crate::text::yaml::Node;

pub(super) use explains::cycles;
pub(super) use update::update;

/// Most lines of a rule's file.
const MAX_LINES: u32 = 120;

/// Everything that is wrong with a rule beyond what stops it from being read.
pub(super) fn rule(set: &RuleSet, number: usize, texts: &Texts) -> Vec<Flaw> {
    let Some(rule) = set.rules.get(number) else { return Vec::new() };
    let mut flaws = Flaws::new(&rule.file, rule.source.clone());
    if rule.constraint.impossible.is_none() {
        detection::check(set, number, texts, &mut flaws);
    }
    if rule.kind == Kind::Cause {
        cause::check(set, number, texts, &mut flaws);
        explains::check(set, rule, &mut flaws);
        weight::check(set, number, &mut flaws);
        whole(rule, &mut flaws);
    }
    flaws.list
}

/// Every signal that a condition of a cause names must exist.
pub(super) fn signals(set: &RuleSet, number: usize, flaws: &mut Flaws) {
    let Some(rule) = set.rules.get(number) else { return };
    let is_known = |name: &str| set.atom(number, name).is_some();
    let mut terms = rule.cause.iter().flat_map(CauseSpec::terms);
    if terms.all(|term| term.names().all(|(name, _)| is_known(name))) {
        return;
    }
    for node in conditions(rule.node()) {
        let Ok(condition) = when::parse(node.text().unwrap_or_default()) else { continue };
        let mut terms = Vec::new();
        condition.terms(&mut terms);
        let names = terms.iter().flat_map(|term| term.names());
        for (name, word) in names.filter(|(name, _)| !is_known(name)) {
            let known = set.names(number);
            let help = nearest(name, &known).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("`{name}` is neither a selection of this rule nor a shared signal");
            flaws.error(flaws.word(node, word), message, help);
        }
    }
}

/// The conditions over the timeline that a rule holds.
fn conditions(rule: &Node) -> Vec<&Node> {
    let Some(cause) = rule.get("cause") else { return Vec::new() };
    let weights = ["raise", "lower", "rules_out"];
    let weighed = weights.iter().filter_map(|key| cause.get(key)).flat_map(Node::items);
    cause.get("when").into_iter().chain(weighed.filter_map(|weight| weight.get("if"))).collect()
}

/// What a rule of ours should have and Sigma does not ask for.
fn whole(rule: &Rule, flaws: &mut Flaws) {
    let mark = rule.node().mark;
    for (is_missing, what, help) in [
        (rule.description.is_empty(), "`description` is missing", "say how it breaks RDP and what users see"),
        (rule.references.is_empty(), "`references` is missing", "name the source of each fact"),
        (
            rule.node().get("level").is_none(),
            "`level` is missing",
            "write one of critical, high, medium, low, informational",
        ),
        (!rule.cases.iter().any(|case| case.matches), "no case must match", "add a case to `tests.match`"),
        (
            rule.cases.iter().all(|case| case.matches),
            "no case must be ignored",
            "add a near miss that differs in one thing to `tests.ignore`",
        ),
    ] {
        if is_missing {
            flaws.warn(mark, what, help);
        }
    }
    let lines = rule.source.as_deref().map_or_else(
        || last_line(rule.node()),
        |source| u32::try_from(source.lines().count()).unwrap_or(u32::MAX),
    );
    if lines > MAX_LINES {
        let help = "move shared selections to rules/signals, shorten the cases";
        flaws.warn(mark, format!("the file has {lines} lines, more than {MAX_LINES}"), help);
    }
}

fn last_line(node: &Node) -> u32 {
    let inner = node.entries().iter().map(|(_, value)| value);
    let items = if inner.len() == 0 { node.items() } else { &[] };
    let deeper = inner.chain(items.iter().filter(|item| !std::ptr::eq(*item, node))).map(last_line);
    deeper.max().unwrap_or_default().max(node.mark.line)
}
