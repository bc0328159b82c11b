//! What a cause is: how it breaks Remote Desktop, what shows it, what to do.

use super::library::{fixes, unfilled};
use super::{Kind, Library, Topic, code};
use crate::rule::Rule;
use crate::text::codes;

/// The topic of a rule.
pub(super) fn topic(rule: &Rule, library: &Library<'_>) -> Topic {
    let mut topic = Topic::new(Kind::Cause, &*rule.name, &*rule.title);
    topic.what.push(rule.description.to_string());
    topic.shows = library.shows(rule);
    topic.references = rule.references.iter().map(ToString::to_string).collect();
    topic.is_not =
        rule.falsepositives.iter().map(|text| format!("The same records can mean: {text}")).collect();
    let Some(cause) = &rule.cause else { return topic };
    topic.what.push(format!("Family: {}. Reported as: {}", cause.family, unfilled(&cause.finding)));
    if !cause.client_errors.is_empty() {
        let named = cause.client_errors.iter().map(|value| {
            let name = code::client_code(&rule.name, *value).map(|code| format!(" {}", code.label()));
            format!("{}{}", code::spelled(*value), name.unwrap_or_default())
        });
        topic.what.push(format!("Clients can show: {}.", named.collect::<Vec<_>>().join("; ")));
    }
    let kinds =
        [("for it", &cause.raises), ("against it", &cause.lowers), ("it is ruled out", &cause.rules_out)];
    for (word, weights) in kinds {
        topic.weighs.extend(weights.iter().map(|weight| format!("{word}: {}", unfilled(&weight.say))));
    }
    for name in &cause.explains {
        topic.causes.push(library.pointer(name, "it explains this"));
    }
    topic.fixes = fixes(cause);
    topic
}

/// A cause that tables and rules name although no rule decides it from logs.
pub(super) fn without_rule(name: &str, library: &Library<'_>) -> Option<Topic> {
    let mut by: Vec<String> = Vec::new();
    for rule in library.rules.rules() {
        let Some(cause) = &rule.cause else { continue };
        if cause.explains.iter().any(|own| **own == *name) {
            by.push(format!("the cause {} explains it", rule.name));
        }
    }
    for code in codes::all().filter(|code| code.points_to.iter().any(|own| own == name)) {
        by.push(format!("{} {} points to it", code.table, code::spelled(code.value)));
    }
    if by.is_empty() {
        return None;
    }
    by.truncate(8);
    let mut topic = Topic::new(Kind::Cause, name, name.replace('-', " "));
    topic.what.push("No rule decides this from logs.".to_owned());
    topic.what.push(format!("Named where: {}.", by.join("; ")));
    Some(topic)
}
