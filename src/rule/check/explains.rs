//! `explains`: rules that do not exist, and causes that explain each other in a circle.

use std::collections::BTreeMap;

use super::super::cause::FAMILIES;
use super::super::error::{Flaw, Flaws, nearest};
use super::super::file::Rule;
use super::super::set::RuleSet;
use crate::text::yaml::{Mark, Node};

pub(super) fn check(set: &RuleSet, rule: &Rule, flaws: &mut Flaws) {
    let causes: Vec<&str> = set.rules().map(|rule| &*rule.name).collect();
    // Known faults of Windows updates are found by their own names.
    let updates: Vec<&str> = set.updates.all.iter().map(|update| update.id.as_str()).collect();
    for node in items(rule) {
        let name = node.text().unwrap_or_default();
        let (known, what): (&[&str], _) = match name.strip_prefix("family:") {
            Some(family) if FAMILIES.contains(&family) => continue,
            Some(_) => (FAMILIES, "family"),
            None if name == &*rule.name => {
                flaws.error(node.mark, format!("`{name}` explains itself"), "remove it");
                continue;
            }
            None if causes.contains(&name) || updates.contains(&name) => continue,
            None => (&causes, "rule"),
        };
        let bare = name.trim_start_matches("family:");
        let help = nearest(bare, known)
            .map_or_else(|| "see `rdpwhy rules list`".to_owned(), |near| format!("did you mean `{near}`?"));
        flaws.error(node.mark, format!("`explains` names `{name}`, which is no {what}"), help);
    }
}

fn items(rule: &Rule) -> &[Node] {
    rule.node().get("cause").and_then(|cause| cause.get("explains")).map(Node::items).unwrap_or_default()
}

/// Circles of causes that explain each other, each once, with the number of the rule that it is reported for.
pub(in super::super) fn cycles(set: &RuleSet) -> Vec<(usize, Flaw)> {
    let edges: BTreeMap<&str, Vec<(&str, Mark)>> = set
        .rules()
        .map(|rule| {
            let out = items(rule).iter().filter_map(|node| Some((node.text()?, node.mark)));
            (&*rule.name, out.collect())
        })
        .collect();
    let mut flaws = Vec::new();
    for (number, rule) in set.rules.iter().enumerate() {
        // Each circle is reported where its first rule by name stands.
        let Some((path, mark)) = circle(&rule.name, &edges) else { continue };
        let mut found = Flaws::new(&rule.file, rule.source.clone());
        let message = format!("causes explain each other in a circle: {}", path.join(" → "));
        found.error(mark, message, "keep the direction from cause to effect");
        flaws.extend(found.list.into_iter().map(|flaw| (number, flaw)));
    }
    flaws
}

/// The shortest way from a rule over later ones by name back to itself.
fn circle<'a>(
    start: &'a str,
    edges: &BTreeMap<&'a str, Vec<(&'a str, Mark)>>,
) -> Option<(Vec<&'a str>, Mark)> {
    let mut before: BTreeMap<&str, (&str, Mark)> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(name) = queue.pop_front() {
        for (next, mark) in edges.get(name).into_iter().flatten() {
            let first = before.get(name).map_or(*mark, |(_, mark)| *mark);
            if *next == start && name != start {
                let mut path = vec![start];
                let mut at = name;
                while at != start {
                    path.push(at);
                    at = before.get(at)?.0;
                }
                path.push(start);
                path.reverse();
                return Some((path, first));
            }
            if *next > start && !before.contains_key(next) {
                before.insert(next, (name, first));
                queue.push_back(next);
            }
        }
    }
    None
}
