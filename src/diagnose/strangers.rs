//! Near misses that the tool makes itself: the records of a case as another program, or another event, would tell them.
//!
//! Other software logs the same numbers and words. A test that takes a stranger's record for its own names too little;
//! that it passes every case says nothing then. Derived facts are told apart by `Fact` as events are by their id.

use std::sync::Arc;

use super::facts;
use super::{host_of, reading};
use crate::evtx::{Record, Rendering};
use crate::rule::case::Case;
use crate::rule::detection::Test;
use crate::rule::field::Subject;
use crate::rule::{CONDITION, Rule};
use crate::text::Texts;

/// A provider that no rule knows.
const PROVIDER: &str = "Another Program";
/// An event id, and a fact, that no rule knows.
const EVENT_ID: u32 = 64_999;
/// The level of information.
const ORDINARY: u8 = 4;
const FACT: &str = "another_fact";

/// What a stranger differs in, and what a test that takes it lacks; nothing when a test may take it.
const KINDS: [(&str, Option<&str>); 3] = [
    ("another provider", Some("Provider_Name")),
    ("another event", Some("EventID, Level or Message (of derived facts: Fact)")),
    ("another event of the same level with the same sentence", None),
];

/// The forms of one record that strangers tell.
pub(super) type Strangers = [Record; KINDS.len()];

/// The records and facts of a case, each kind of them once.
pub(super) fn told(case: &Case) -> Vec<Record> {
    let mut told = reading::told(host_of(&case.records(), |_| Vec::new()));
    told.dedup_by(|right, left| {
        (right.time, right.record_id) = (left.time, left.record_id);
        right == left
    });
    told
}

/// The same record, with all its values, as another provider tells it in the same words, and as another event does: an
/// ordinary one in other words, and one of the same level in the same words.
pub(super) fn of(subject: &Subject<'_>) -> Strangers {
    let mut other_event = subject.record.clone();
    other_event.rendering = None;
    let mut other_provider = other_event.clone();
    if !subject.wordings().is_empty() {
        let message = Some(subject.wordings().join(" ").into());
        let rendering = Rendering { culture: Some("en-US".into()), message, level: None };
        other_provider.rendering = Some(Box::new(rendering));
    }
    if facts::is_fact(subject.record) {
        let is_name = |name: &Arc<str>| &**name == "Fact";
        let mut fields = other_event.fields.iter_mut();
        if let Some(fact) = fields.find(|field| field.name.as_ref().is_some_and(is_name)) {
            fact.value = FACT.into();
        }
    } else {
        other_event.event_id = EVENT_ID;
    }
    let same_words = Record { rendering: other_provider.rendering.clone(), ..other_event.clone() };
    other_event.level = ORDINARY;
    other_provider.provider = Arc::from(PROVIDER);
    other_provider.provider_guid = None;
    other_provider.event_source = None;
    [other_provider, other_event, same_words]
}

/// The tests of a rule that something asks for, by name: selections that a condition over the timeline names, all
/// selections of a file of signals, else the rule's condition.
pub(super) fn asked(rule: &Rule) -> Vec<(&str, Test)> {
    let selections = rule.detection.selections.iter();
    let mut tests: Vec<(&str, Test)> = selections
        .filter(|selection| rule.asks_for(&selection.name))
        .map(|selection| (&*selection.name, selection.test.clone()))
        .collect();
    if rule.asks_for(CONDITION) {
        let conditions = rule.detection.conditions.iter();
        let parts = conditions.map(|condition| rule.detection.test_of(condition)).collect();
        tests.push((CONDITION, Test::Any(parts)));
    }
    tests
}

/// How many strangers a case has, and what takes one of them for its own.
pub(super) fn taken(rule: &Rule, case: &Case, texts: &Texts) -> (usize, Option<String>) {
    let asked = asked(rule);
    let mut count = 0;
    for record in told(case).iter().filter(|record| rule.accepts(record)) {
        let subject = Subject::new(record, texts);
        let own: Vec<_> = asked.iter().filter(|(_, test)| test.matches(&subject)).collect();
        if own.is_empty() {
            continue;
        }
        for (stranger, (from, lacks)) in of(&subject).iter().zip(KINDS) {
            let Some(lacks) = lacks else { continue };
            count += 1;
            let subject = Subject::new(stranger, texts);
            if let Some((name, _)) = own.iter().find(|(_, test)| test.matches(&subject)) {
                let Record { provider, event_id, .. } = record;
                let problem =
                    format!("`{name}` takes {provider} {event_id} of {from} for its own; it lacks {lacks}");
                return (count, Some(problem));
            }
        }
    }
    (count, None)
}
