//! The verb `rules`.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::{Global, RulesVerb};
use super::{FOUND, Failure, OK, output};
use crate::diagnose::{thorough, trial};
use crate::explain::Library;
use crate::render;
use crate::rule::{self, FlawKind, RuleSet};
use crate::text::Texts;
use crate::text::yaml::Mark;

/// Runs one of its verbs.
pub(super) fn run(verb: &RulesVerb, global: &Global) -> Result<u8, Failure> {
    match verb {
        RulesVerb::List { rules } => {
            let set = RuleSet::load(rules)?;
            let width = output::width(None);
            output::write(None, &|out| render::rule_list(&set, width, out))?;
            Ok(OK)
        }
        RulesVerb::Test { rules, name, thorough: false } => {
            test(&RuleSet::load_with_cases(rules)?, name.as_deref())
        }
        RulesVerb::Test { rules, name, thorough: true } => {
            unneeded(&RuleSet::load_with_cases(rules)?, name.as_deref())
        }
        RulesVerb::Check { dir } => check(dir.as_deref(), global),
        RulesVerb::Show { name, rules } => show(&RuleSet::load(rules)?, name),
        RulesVerb::Causes => {
            let (set, texts) = (RuleSet::load(&[])?, Texts::builtin());
            let library = Library::new(&set, &texts);
            output::write(None, &|out| render::causes(&set, &library, out))?;
            Ok(OK)
        }
        RulesVerb::Schema => {
            let schema = rule::schema();
            output::write(None, &|out| out.write_all(schema.as_bytes()))?;
            Ok(OK)
        }
    }
}

fn check(dir: Option<&Path>, global: &Global) -> Result<u8, Failure> {
    let folders: Vec<_> = dir.into_iter().map(Path::to_owned).collect();
    let (set, flaws) = RuleSet::check(&folders, &Texts::builtin())?;
    let count = |kind: FlawKind| flaws.iter().filter(|flaw| flaw.kind == kind).count();
    output::write(None, &|out| flaws.iter().try_for_each(|flaw| writeln!(out, "{flaw}")))?;
    let (errors, left_out) = (count(FlawKind::Error), count(FlawKind::LeftOut));
    if !global.quiet {
        let warnings = count(FlawKind::Warning);
        let rules = set.rules().count();
        eprintln!("{rules} rules: {errors} errors, {left_out} left out, {warnings} warnings");
    }
    Ok(if errors == 0 { OK } else { FOUND })
}

fn show(set: &RuleSet, name: &str) -> Result<u8, Failure> {
    let exact = set.rules().find(|rule| &*rule.name == name);
    let near: Vec<_> = set.rules().filter(|rule| rule.name.contains(name)).collect();
    let rule = match (exact, near.as_slice()) {
        (Some(rule), _) => rule,
        (None, [rule]) => rule,
        (None, []) => {
            return Err(Failure::new(format!("no rule is named `{name}`"), "see `rdpwhy rules list`"));
        }
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|rule| &*rule.name).collect();
            return Err(Failure::new(format!("several rules contain `{name}`"), names.join(", ")));
        }
    };
    let width = output::width(None);
    output::write(None, &|out| render::rule(rule, width, out))?;
    Ok(OK)
}

fn test(set: &RuleSet, name: Option<&str>) -> Result<u8, Failure> {
    let texts = Texts::builtin();
    let outcomes = trial::run(set, &texts, name);
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.problem.is_some()).collect();
    output::write(None, &|out| {
        for outcome in &failed {
            let problem = outcome.problem.as_deref().unwrap_or_default();
            writeln!(out, "{}:{}: {}: {problem}", outcome.file, outcome.line, outcome.case)?;
        }
        let strangers: usize = outcomes.iter().map(|outcome| outcome.strangers).sum();
        writeln!(out, "{} cases, {strangers} strangers, {} failed", outcomes.len(), failed.len())
    })?;
    Ok(if failed.is_empty() { OK } else { FOUND })
}

fn unneeded(set: &RuleSet, name: Option<&str>) -> Result<u8, Failure> {
    let texts = Texts::builtin();
    let figures = thorough::run(set, &texts, name);
    let lines: usize = figures.iter().map(|figure| figure.lines).sum();
    let unneeded: usize = figures.iter().map(|figure| figure.unneeded.len()).sum();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in figures.iter().flat_map(|figure| &figure.unneeded) {
        *kinds.entry(line.what.kind()).or_default() += 1;
    }
    output::write(None, &|out| {
        for figure in figures.iter().filter(|figure| !figure.unneeded.is_empty()) {
            for line in &figure.unneeded {
                let Mark { line: number, column } = line.mark;
                writeln!(out, "{}:{number}:{column}: no case fails {}", figure.file, line.what)?;
            }
            let count = figure.unneeded.len();
            writeln!(out, "{}: {count} of {} lines without a case that fails", figure.file, figure.lines)?;
        }
        for (kind, count) in &kinds {
            writeln!(out, "{count:>6} {kind}")?;
        }
        writeln!(out, "{} rules, {lines} lines, {unneeded} without a case that fails", figures.len())
    })?;
    Ok(if unneeded == 0 { OK } else { FOUND })
}
