//! Runs the cases that rules bring along: records in, finding or none out.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Options, diagnose_records, strangers};
use crate::report::Confidence;
use crate::rule::case::Case;
use crate::rule::field::Subject;
use crate::rule::{Kind, Rule, RuleSet};
use crate::text::Texts;

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// File of the rule.
    pub file: String,
    /// Line of the case.
    pub line: u32,
    /// Name of the case.
    pub case: String,
    /// How many strangers were tried with it: its records as another provider or event would tell them.
    pub strangers: usize,
    /// What is wrong, when something is.
    pub problem: Option<String>,
}

/// Runs the cases of all rules, or of those whose name contains `name`.
#[must_use]
pub fn run(rules: &RuleSet, texts: &Texts, name: Option<&str>) -> Vec<Trial> {
    let is_wanted = |rule: &&Rule| name.is_none_or(|name| rule.name.contains(name));
    let cases: Vec<(&Rule, &Case)> = rules
        .rules
        .iter()
        .filter(is_wanted)
        .flat_map(|rule| rule.cases.iter().map(move |case| (rule, case)))
        .collect();
    cases.into_par_iter().map(|(rule, case)| trial(rules, texts, rule, case)).collect()
}

fn trial(rules: &RuleSet, texts: &Texts, rule: &Rule, case: &Case) -> Trial {
    // A plain Sigma rule names what its author found enough.
    let is_ours = matches!(rule.kind, Kind::Cause | Kind::Signals);
    let (strangers, taken) = if is_ours { strangers::taken(rule, case, texts) } else { (0, None) };
    Trial {
        file: rule.file.to_string(),
        line: case.mark.line,
        case: case.name.to_string(),
        strangers,
        problem: problem(rules, texts, rule, case).or(taken),
    }
}

/// Rules that fire, with the highest confidence and how often.
pub type Fired = BTreeMap<String, (Confidence, usize)>;

/// Which rules fire on whose cases: for each rule, those found in its `match` cases by name, with the highest
/// confidence and in how many of the cases.
#[must_use]
pub fn matrix(rules: &RuleSet, texts: &Texts) -> Vec<(String, Fired)> {
    let of = |rule: &&Rule| {
        let mut row = Fired::new();
        for case in rule.cases.iter().filter(|case| case.matches) {
            let options = Options { rules, texts, client_errors: &[], story: None, keeps_harmless: true };
            for cause in diagnose_records(&case.records(), &options).iter().flat_map(|host| &host.causes) {
                let entry = row.entry(cause.rule.clone()).or_insert((cause.confidence, 0));
                entry.0 = entry.0.max(cause.confidence);
                entry.1 += 1;
            }
        }
        (rule.name.to_string(), row)
    };
    let all: Vec<&Rule> = rules.rules().collect();
    all.par_iter().map(of).collect()
}

/// What is wrong with the outcome of a case, when something is.
pub(super) fn problem(rules: &RuleSet, texts: &Texts, rule: &Rule, case: &Case) -> Option<String> {
    if rule.kind == Kind::Signals {
        return signal_problem(texts, rule, case);
    }
    let client_errors: Vec<u32> = case.client_error.into_iter().collect();
    let options = Options { rules, texts, client_errors: &client_errors, story: None, keeps_harmless: true };
    let hosts = diagnose_records(&case.records(), &options);
    let found = hosts.iter().flat_map(|host| &host.causes).find(|cause| *cause.rule == *rule.name);
    match (found, case.matches) {
        (None, true) => Some("the cause is not found".to_owned()),
        (Some(cause), false) => {
            Some(format!("the cause is found with {:?} confidence and must not be", cause.confidence))
        }
        (Some(cause), true) => case.confidence.filter(|wanted| *wanted != cause.confidence).map(|wanted| {
            format!("confidence is {:?}, expected {wanted:?}; {}", cause.confidence, cause.because.join("; "))
        }),
        (None, false) => None,
    }
}

/// A case of a file of signals says of one of them whether it matches.
fn signal_problem(texts: &Texts, rule: &Rule, case: &Case) -> Option<String> {
    let name = case.signal.as_deref().unwrap_or_default();
    let Some(signal) = rule.detection.selections.iter().find(|selection| &*selection.name == name) else {
        return Some(format!("`signal` must name a signal of the file, not `{name}`"));
    };
    let matches = |record| rule.accepts(record) && signal.test.matches(&Subject::new(record, texts));
    match (strangers::told(case).iter().any(matches), case.matches) {
        (false, true) => Some(format!("the signal `{name}` does not match")),
        (true, false) => Some(format!("the signal `{name}` matches and must not")),
        _ => None,
    }
}
