//! What an update is: the build that it leads to, and what it is known to break or to repair.

use super::{Context, Kind, Library, Topic};
use crate::diagnose::builds;
use crate::rule::Tree;
use crate::text::yaml::{Node, Value};

/// The topic of an update such as `KB5012345`; none when nothing is known of it.
pub(super) fn topics(kb: &str, library: &Library<'_>) -> Vec<Topic> {
    let mut topic = Topic::new(Kind::Update, kb, "Windows update");
    for (build, revision) in builds::kb_build(kb) {
        let os = builds::os_name(build, None).unwrap_or_else(|| "Windows".to_owned());
        topic.what.push(format!("Leads to build {build}.{revision} ({os})."));
    }
    for (build, _) in builds::rollup_place(kb) {
        let os = builds::os_name(build, None).unwrap_or_else(|| "Windows".to_owned());
        topic.what.push(format!("A rollup of build {build} ({os}); the build's revision does not show it."));
    }
    for case in library.updates.iter().map(Tree::node) {
        let is_in = |key: &str| holds(case.get(key), kb);
        if is_in("breaking") || is_in("breaking_by_os") {
            breaks(case, &mut topic, library);
        } else if is_in("fixed_by") {
            topic.what.push(format!("Repairs: {}.", text(case, "title")));
            topic.references.extend(sources(case));
        }
    }
    let is_known = !topic.what.is_empty() || !topic.contexts.is_empty();
    if is_known && topic.contexts.is_empty() && !topic.what.iter().any(|line| line.starts_with("Repairs")) {
        topic.is_not.push(
            "It is not among the updates known to have broken Remote Desktop. What failed after it may still come \
             from the restart that it asked for: changes made earlier take effect then."
                .to_owned(),
        );
    }
    is_known.then_some(topic).into_iter().collect()
}

/// The topics of known cases whose title or symptom holds all the words.
pub(super) fn with_words(words: &[String], library: &Library<'_>) -> Vec<(String, String)> {
    let cases = library.updates.iter().map(Tree::node);
    let found = cases.filter_map(|case| {
        let all =
            format!("{} {} {}", text(case, "id"), text(case, "title"), text(case, "symptom")).to_lowercase();
        let kb = first_text(case.get("breaking")?)?;
        words.iter().all(|word| all.contains(word.as_str())).then(|| (kb, text(case, "title")))
    });
    found.collect()
}

fn breaks(case: &Node, topic: &mut Topic, library: &Library<'_>) {
    let title = text(case, "title");
    topic.title.clone_from(&title);
    let symptom = text(case, "symptom");
    topic.contexts.push(Context {
        when: title,
        means: [symptom, text(case, "cause")].join(" ").trim().to_owned(),
        causes: Vec::new(),
    });
    for (word, key) in [
        ("Whose fault it is", "where"),
        ("Released", "released"),
        ("Repaired", "fixed"),
        ("How logs show it", "tell"),
        ("What speaks against it", "rules_out"),
        ("What clients show", "client_error"),
        ("What logs cannot show", "cannot_show"),
        ("Until the repair", "workaround"),
        ("Taking it back", "rollback"),
    ] {
        let value = text(case, key);
        if !value.is_empty() {
            topic.weighs.push(format!("{word}: {value}"));
        }
    }
    let repairs: Vec<String> = case
        .get("fixed_by")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .map(|item| format!("{} ({})", text(item, "kb"), text(item, "os")))
        .collect();
    if !repairs.is_empty() {
        topic.weighs.push(format!("Repaired by: {}", repairs.join(", ")));
    }
    for name in case.get("root_causes").map(Node::items).unwrap_or_default().iter().filter_map(Node::text) {
        topic.causes.push(library.pointer(name, "through this it breaks Remote Desktop"));
    }
    topic.references.extend(sources(case));
}

fn sources(case: &Node) -> Vec<String> {
    let list = case.get("sources").map(Node::items).unwrap_or_default();
    list.iter().map(|source| text(source, "url")).filter(|url| !url.is_empty()).collect()
}

fn text(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::text).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_text(node: &Node) -> Option<String> {
    node.items().first().and_then(Node::text).map(str::to_owned)
}

/// Whether an update stands anywhere in a part of a case.
fn holds(node: Option<&Node>, kb: &str) -> bool {
    node.is_some_and(|node| match &node.value {
        Value::Null => false,
        Value::Text { text, .. } => text.eq_ignore_ascii_case(kb),
        Value::List(items) => items.iter().any(|item| holds(Some(item), kb)),
        Value::Map(entries) => entries.iter().any(|(_, value)| holds(Some(value), kb)),
    })
}
