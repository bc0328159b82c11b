//! Selections: tests that no record passes, fields that an event does not have, selections that nothing names.

use std::collections::BTreeSet;

use super::super::condition::Condition;
use super::super::detection::Test;
use super::super::error::{Flaws, nearest};
use super::super::facts;
use super::super::field::FieldKey;
use super::super::file::{Kind, Rule};
use super::super::index::{Demand, demand};
use super::super::logsource::Constraint;
use super::super::placeholder;
use super::super::set::RuleSet;
use super::super::when;
use crate::text::Texts;
use crate::text::yaml::{Node, Value};

pub(super) fn check(set: &RuleSet, number: usize, texts: &Texts, flaws: &mut Flaws) {
    let Some(rule) = set.rules.get(number) else { return };
    let Some(section) = rule.node().get("detection") else { return };
    for selection in &rule.detection.selections {
        let Some(node) = section.get(&selection.name) else { continue };
        if let Some(what) = contradiction(&selection.test, &rule.constraint) {
            let help = "a record has one provider, one id and one channel";
            flaws.error(node.mark, format!("no record passes `{}`: {what}", selection.name), help);
        }
        Fields { texts, constraint: &rule.constraint, flaws }.look(node, &selection.test);
    }
    if rule.kind == Kind::Signals {
        return;
    }
    if let Some(node) = section.get("condition") {
        for (node, condition) in node.items().iter().zip(&rule.detection.conditions) {
            impossible(rule, node, condition, flaws);
        }
    }
    unused(rule, section, flaws);
}

/// What a test asks for that cannot be: several things at once, or nothing at all.
fn contradiction(test: &Test, constraint: &Constraint) -> Option<&'static str> {
    let Demand { providers, event_ids, channels } = demand(test, constraint);
    let is_outside = |wanted: &Option<Vec<Box<str>>>, allowed: &[Box<str>]| {
        !allowed.is_empty()
            && wanted.as_ref().is_some_and(|wanted| !wanted.iter().any(|one| allowed.contains(one)))
    };
    match () {
        () if providers.as_ref().is_some_and(Vec::is_empty) => Some("its providers contradict each other"),
        () if event_ids.as_ref().is_some_and(Vec::is_empty) => Some("its event ids contradict each other"),
        () if channels.as_ref().is_some_and(Vec::is_empty) => Some("its channels contradict each other"),
        () if is_outside(&channels, &constraint.channels) => {
            Some("its channels are not those of the log source")
        }
        () => None,
    }
}

fn impossible(rule: &Rule, node: &Node, condition: &Condition, flaws: &mut Flaws) {
    let whole = rule.detection.test_of(condition);
    let is_own = rule
        .detection
        .selections
        .iter()
        .any(|selection| contradiction(&selection.test, &rule.constraint).is_some());
    if let (Some(what), false) = (contradiction(&whole, &rule.constraint), is_own) {
        let help = "selections joined by `and` must fit one and the same record; what several records say belongs in `cause.when`";
        flaws.error(
            node.mark,
            format!("no record meets `{}`: {what}", node.text().unwrap_or_default()),
            help,
        );
    }
}

struct Fields<'a> {
    texts: &'a Texts,
    constraint: &'a Constraint,
    flaws: &'a mut Flaws,
}

impl Fields<'_> {
    fn look(&mut self, node: &Node, test: &Test) {
        match (&node.value, test) {
            (Value::List(items), Test::Any(tests)) => {
                items.iter().zip(&**tests).for_each(|(item, test)| self.look(item, test));
            }
            (Value::Map(entries), Test::All(_)) => {
                let demand = demand(test, self.constraint);
                entries.iter().for_each(|(key, value)| self.field(key, value, &demand));
            }
            _ => {}
        }
    }

    fn field(&mut self, key: &Node, value: &Node, demand: &Demand) {
        let name = key.text().unwrap_or_default().split('|').next().unwrap_or_default();
        let FieldKey::Named(name) = FieldKey::parse(name) else { return };
        let name = &*name;
        if name.is_empty() {
            return;
        }
        let Some(known) = fields_of(demand, self.texts) else { return };
        if !known.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let help = nearest(name, &names).map_or_else(
                || format!("its fields: {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.flaws.warn(key.mark, format!("the event has no field `{name}`"), help);
        }
        if name == "Fact" {
            for item in value.items() {
                let fact = item.text().unwrap_or_default();
                if facts::fields(fact).is_none() {
                    let known = facts::names();
                    let help = nearest(fact, &known).map_or_else(
                        || format!("facts: {}", known.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.flaws.warn(item.mark, format!("`{fact}` is no derived fact"), help);
                }
            }
        }
    }
}

/// The fields that records of a demand can have; `None` when that is not known of all of them.
pub(super) fn fields_of(demand: &Demand, texts: &Texts) -> Option<Vec<String>> {
    let providers = demand.providers.as_deref()?;
    if providers.iter().any(|provider| &**provider == facts::PROVIDER) {
        return Some(facts::all_fields());
    }
    let ids = demand.event_ids.as_deref()?;
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut is_any = false;
    for provider in providers {
        for id in ids {
            // A provider under another name, or an id of another version of Windows, has no entry of its own.
            if let Some(fields) = texts.fields(provider, *id) {
                is_any = true;
                all.extend(fields);
            } else if texts
                .events_with_id(*id)
                .iter()
                .any(|event| event.provider.eq_ignore_ascii_case(provider))
            {
                return None;
            }
        }
    }
    is_any.then(|| all.into_iter().collect())
}

fn unused(rule: &Rule, section: &Node, flaws: &mut Flaws) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let has_when = rule.cause.as_ref().is_some_and(|cause| cause.when.is_some());
    if !has_when {
        for condition in &rule.detection.conditions {
            condition.selections(&mut |index| {
                used.extend(rule.detection.selections.get(index).map(|selection| &*selection.name));
            });
        }
    }
    let nodes = super::conditions(rule.node());
    let parsed: Vec<when::When> =
        nodes.iter().filter_map(|node| when::parse(node.text().unwrap_or_default()).ok()).collect();
    let mut terms = Vec::new();
    parsed.iter().for_each(|condition| condition.terms(&mut terms));
    for term in terms {
        used.insert(&term.signal);
        used.extend(term.bounds.iter().map(|bound| &*bound.other));
    }
    let is_condition_used = used.contains(super::super::set::CONDITION);
    for (name, mark) in section.entries().iter().filter_map(|(key, _)| Some((key.text()?, key.mark))) {
        let is_test = !matches!(name, "condition" | "timeframe");
        if is_test && !is_condition_used && !used.contains(name) && !is_shown(rule, name) {
            let help = "name it in `condition`, `cause.when` or a weight, or remove it";
            flaws.warn(mark, format!("nothing uses the selection `{name}`"), help);
        }
    }
}

/// Whether a sentence of the cause shows a value of the selection.
fn is_shown(rule: &Rule, selection: &str) -> bool {
    rule.node().get("cause").is_some_and(|cause| {
        placeholder::templates(cause).iter().any(|template| {
            placeholder::names(template.text().unwrap_or_default())
                .iter()
                .any(|name| placeholder::split(name).0 == Some(selection))
        })
    })
}
