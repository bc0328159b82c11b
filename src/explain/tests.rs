//! Answers for everything that rules mention.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{Answer, Kind, Library, Question, explain, question};
use crate::rule::{RuleSet, Tree};
use crate::text::{Texts, codes};

static RULES: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::load(&[]).expect("the built-in rules are well formed"));
static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::builtin);
static LIBRARY: LazyLock<Library<'static>> = LazyLock::new(|| Library::new(&RULES, &TEXTS));

fn ask(thing: &str) -> Answer {
    let answer = explain(thing, &LIBRARY);
    assert!(!answer.topics.is_empty(), "{thing} is not explained; near: {:?}", answer.near);
    answer
}

/// Names of causes that anything points to.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rule in LIBRARY.rules.rules() {
        names.insert(rule.name.to_string());
        let explains = rule.cause.iter().flat_map(|cause| &cause.explains);
        names.extend(explains.map(ToString::to_string));
    }
    names.extend(codes::all().flat_map(|code| code.points_to));
    names
}

#[test]
fn every_cause_that_rules_and_codes_name_is_explained() {
    for name in names() {
        let answer = ask(&name);
        assert_eq!(answer.topics[0].kind, Kind::Cause, "{name}");
        assert!(!answer.topics[0].what.is_empty(), "{name}");
        if let Some(cause) = LIBRARY.rule(&name).and_then(|rule| rule.cause.as_ref()) {
            assert_eq!(answer.topics[0].fixes.len(), cause.fixes.len(), "{name}");
            assert!(!answer.topics[0].references.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_event_that_rules_mention_is_explained_with_its_causes() {
    let mut wanted: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for mention in &LIBRARY.mentions {
        let is_ours = mention.providers.iter().any(|name| &**name == "rdpwhy");
        if is_ours || mention.providers.is_empty() {
            continue;
        }
        let causes = LIBRARY.causes_of(mention).into_iter().filter(|rule| rule.cause.is_some());
        let names: Vec<&str> = causes.map(|rule| &*rule.name).collect();
        for id in &mention.event_ids {
            wanted.entry(*id).or_default().extend(&names);
        }
    }
    for (id, causes) in wanted {
        let answer = ask(&format!("event {id}"));
        let found: BTreeSet<&str> =
            answer.topics.iter().flat_map(|topic| &topic.causes).map(|cause| cause.rule.as_str()).collect();
        let missing: Vec<_> = causes.difference(&found).collect();
        assert!(missing.is_empty(), "event {id} does not lead to {missing:?}");
    }
}

#[test]
fn providers_without_texts_are_written_as_rules_write_them() {
    for name in names() {
        let shows = LIBRARY.rule(&name).map(|rule| LIBRARY.shows(rule)).unwrap_or_default();
        for line in shows {
            let lower = line.provider.to_lowercase();
            assert!(lower != line.provider || LIBRARY.spelled(&lower) == lower, "{name}: {lower}");
        }
    }
    assert_eq!(ask("event 6167").topics[0].name, "LsaSrv 6167");
}

#[test]
fn every_code_that_rules_mention_is_explained() {
    let mentioned = LIBRARY.mentions.iter().flat_map(|mention| &mention.codes).map(|(_, code)| *code);
    for code in mentioned.filter(|code| *code != 0).collect::<BTreeSet<u32>>() {
        let answer = ask(&format!("code {code}"));
        assert!(answer.topics.iter().all(|topic| topic.kind == Kind::Code), "{code}");
    }
    let mut shown: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for rule in RULES.rules() {
        for code in rule.cause.iter().flat_map(|cause| &cause.client_errors) {
            shown.entry(*code).or_default().insert(&rule.name);
        }
    }
    for (code, causes) in shown {
        let answer = ask(&format!("0x{code:X}"));
        let found: BTreeSet<&str> =
            answer.topics.iter().flat_map(|topic| &topic.causes).map(|cause| cause.rule.as_str()).collect();
        let missing: Vec<_> = causes.difference(&found).collect();
        assert!(missing.is_empty(), "0x{code:X} does not lead to {missing:?}");
    }
}

#[test]
fn every_note_is_found_and_names_known_causes() {
    let known = names();
    for note in &LIBRARY.notes {
        let contexts = note.contexts.iter().chain(note.pairs.iter().map(|(_, _, context)| context));
        for name in contexts.flat_map(|context| &context.causes).chain(&note.causes) {
            assert!(known.contains(name), "{}: {name} is no cause", note.title);
        }
        let things = (note.codes.iter().map(|code| format!("0x{code:X}")))
            .chain(note.events.iter().map(|(provider, id)| format!("{provider} {id}")))
            .chain(note.words.iter().cloned());
        for thing in things {
            let answer = ask(&thing);
            let has_it =
                answer.topics.iter().any(|topic| topic.what.contains(&note.what) || note.what.is_empty());
            assert!(has_it, "{thing} misses what is noted under {}", note.title);
        }
    }
}

#[test]
fn every_known_bad_update_is_explained() {
    for case in LIBRARY.updates.iter().map(Tree::node) {
        for kb in case.get("breaking").map(crate::text::yaml::Node::items).unwrap_or_default() {
            let answer = ask(kb.text().unwrap_or_default());
            assert!(!answer.topics[0].contexts.is_empty(), "{kb:?}");
        }
    }
}

#[test]
fn spellings_of_one_thing_are_one_question() {
    for spelling in ["0x80070040", "-2147024832", "2147942464", "80070040", "code 0x80070040"] {
        assert_eq!(question(spelling), Question::Code(0x8007_0040, None), "{spelling}");
    }
    assert_eq!(question("0x904/0x7"), Question::Code(0x904, Some(7)));
    assert_eq!(question("client 2308"), Question::Code(0x904, None));
    assert_eq!(question("c000006d"), Question::Code(0xC000_006D, None));
    assert_eq!(question("kb 5012345"), Question::Update("KB5012345".to_owned()));
    assert_eq!(question("1067"), Question::Number(1067));
    assert_eq!(question("event 1067"), Question::Event(None, 1067));
    assert_eq!(question("TermDD 56"), Question::Event(Some("termdd".to_owned()), 56));
    for words in ["", "kb", "black screen", "0x", "é", "/", "0x904/"] {
        assert_eq!(question(words), Question::Words, "{words}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn anything_can_be_asked(thing in "\\PC{0,40}") {
            let answer = explain(&thing, &LIBRARY);
            proptest::prop_assert!(answer.near.len() <= 8);
    }
}
