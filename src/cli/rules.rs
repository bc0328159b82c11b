//! The verb `rules`.

use std::collections::BTreeMap;

use super::args::RulesVerb;
use super::{FOUND, Failure, OK};
use crate::diagnose::trial;
use crate::rule::RuleSet;
use crate::text::Texts;

/// Runs one of its verbs.
pub(super) fn run(verb: &RulesVerb) -> Result<u8, Failure> {
    match verb {
        RulesVerb::List { rules } => list(&RuleSet::load(rules)?),
        RulesVerb::Test { rules, name } => test(&RuleSet::load(rules)?, name.as_deref()),
        RulesVerb::Check { dir } => {
            let set = match dir {
                Some(dir) => RuleSet::load(std::slice::from_ref(dir))?,
                None => RuleSet::load(&[])?,
            };
            for warning in &set.warnings {
                println!("{warning}");
            }
            println!("{} rules are well formed", set.rules().count());
            Ok(OK)
        }
    }
}

fn list(set: &RuleSet) -> Result<u8, Failure> {
    let mut families: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for rule in set.rules() {
        families.entry(rule.family()).or_default().push((&rule.name, &rule.title));
    }
    for (family, rules) in families {
        println!("{family}");
        for (name, title) in rules {
            println!("    {name:<44} {title}");
        }
    }
    Ok(OK)
}

fn test(set: &RuleSet, name: Option<&str>) -> Result<u8, Failure> {
    let texts = Texts::builtin();
    let outcomes = trial::run(set, &texts, name);
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.problem.is_some()).collect();
    for outcome in &failed {
        let problem = outcome.problem.as_deref().unwrap_or_default();
        println!("{}:{}: {}: {problem}", outcome.file, outcome.line, outcome.case);
    }
    println!("{} cases, {} failed", outcomes.len(), failed.len());
    Ok(if failed.is_empty() { OK } else { FOUND })
}
