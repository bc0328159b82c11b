//! The `cause` section: confidence, fixes, and placeholders that nothing fills.

use super::super::error::{Flaws, nearest};
use super::super::field::FieldKey;
use super::super::file::Rule;
use super::super::index::{AtomId, Demand};
use super::super::placeholder;
use super::super::set::RuleSet;
use super::detection::fields_of;
use crate::report::{Confidence, Risk};
use crate::text::Texts;
use crate::text::yaml::Node;

pub(super) fn check(set: &RuleSet, number: usize, texts: &Texts, flaws: &mut Flaws) {
    let Some(rule) = set.rules.get(number) else { return };
    let Some(node) = rule.node().get("cause") else { return };
    let Some(cause) = &rule.cause else { return };
    if cause.confidence == Confidence::High && !rule.falsepositives.is_empty() {
        let mark = node.get("confidence").map_or(node.mark, |value| value.mark);
        let help = "start at medium and raise it, or remove the innocent reasons";
        flaws.error(mark, "`confidence: high` stands beside `falsepositives`", help);
    }
    fixes(rule, node, flaws);
    let names = Names { set, number, texts, signals: used(set, number) };
    for template in placeholder::templates(node) {
        names.check(template, flaws);
    }
}

fn fixes(rule: &Rule, node: &Node, flaws: &mut Flaws) {
    let fixes = rule.cause.as_ref().map(|cause| cause.fixes.as_slice()).unwrap_or_default();
    let nodes = node.get("fixes").map(Node::items).unwrap_or_default();
    let is_benign = rule.family() == "expected-or-benign";
    if fixes.is_empty() && !is_benign {
        flaws.warn(node.mark, "the cause has no `fixes`", "say what to do, even if it is to look further");
    }
    for (at, (fix, node)) in fixes.iter().zip(nodes).enumerate() {
        let order = node.get("do").and_then(Node::text).unwrap_or_default();
        if fix.risk != Risk::Safe && fix.undo.is_none() {
            let help = "add `undo: how to take it back`, or why nothing is to be taken back";
            flaws.error(node.mark, format!("a step that is not safe has no `undo`: `{order}`"), help);
        }
        if at + 1 == fixes.len() && fix.check.is_none() {
            let help = "add `check: how to see that it worked`";
            flaws.error(node.mark, format!("the last step has no `check`: `{order}`"), help);
        }
        if !fix.run.is_empty() && fix.shell.is_empty() {
            let help = "add `shell: powershell`, `cmd` or `gui`";
            flaws.warn(node.mark, format!("a step with `run` does not say where: `{order}`"), help);
        }
    }
}

/// The selections and signals whose records a sentence may take values from.
fn used(set: &RuleSet, number: usize) -> Vec<AtomId> {
    let Some(rule) = set.rules.get(number) else { return Vec::new() };
    let mut names: Vec<String> =
        rule.detection.selections.iter().map(|selection| selection.name.to_string()).collect();
    for node in super::conditions(rule.node()) {
        if let Ok(condition) = super::when::parse(node.text().unwrap_or_default()) {
            let mut terms = Vec::new();
            condition.terms(&mut terms);
            names.extend(terms.iter().map(|term| term.signal.to_string()));
        }
    }
    names.sort();
    names.dedup();
    names.iter().filter_map(|name| set.atom(number, name)).collect()
}

struct Names<'a> {
    set: &'a RuleSet,
    number: usize,
    texts: &'a Texts,
    signals: Vec<AtomId>,
}

impl Names<'_> {
    fn check(&self, template: &Node, flaws: &mut Flaws) {
        for name in placeholder::names(template.text().unwrap_or_default()) {
            let mark = flaws.inside(template, &format!("{{{name}"));
            if placeholder::ALWAYS.contains(&name) {
                continue;
            }
            let (Some(signal), field) = placeholder::split(name) else {
                if !self.signals.iter().any(|atom| self.may_have(*atom, name)) {
                    let help = "name a field of a record that a selection of this rule matches";
                    flaws.error(mark, format!("nothing fills `{{{name}}}`"), help);
                }
                continue;
            };
            match self.set.atom(self.number, signal) {
                None => {
                    let known = self.set.names(self.number);
                    let help = nearest(signal, &known).map_or_else(
                        || "write {selection.Field}".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message =
                        format!("nothing fills `{{{name}}}`: `{signal}` is no selection and no signal");
                    flaws.error(mark, message, help);
                }
                Some(atom) if field != "count" && !self.may_have(atom, field) => {
                    let known = self.fields(atom).unwrap_or_default();
                    let help = format!("its fields: {}", known.join(", "));
                    flaws.error(
                        mark,
                        format!("nothing fills `{{{name}}}`: `{signal}` has no such field"),
                        help,
                    );
                }
                Some(_) => {}
            }
        }
    }

    fn demand(&self, atom: AtomId) -> Option<&Demand> {
        usize::try_from(atom).ok().and_then(|at| self.set.atoms.get(at)).map(|atom| &atom.demand)
    }

    fn fields(&self, atom: AtomId) -> Option<Vec<String>> {
        fields_of(self.demand(atom)?, self.texts)
    }

    fn may_have(&self, atom: AtomId, field: &str) -> bool {
        let tested = usize::try_from(atom).ok().and_then(|at| self.set.atoms.get(at));
        let FieldKey::Named(field) = FieldKey::parse(field) else { return true };
        tested.is_some_and(|atom| atom.test.names(&field))
            || self.fields(atom).is_none_or(|known| known.iter().any(|own| own.eq_ignore_ascii_case(&field)))
    }
}
