//! The form of a file in `updates/`: keys and values that a known update has, and what it needs to be found.

use super::super::error::{Flaw, Flaws};
use super::super::file::File;
use super::super::keys::{
    CONFIDENCES, UPDATE, UPDATE_FIX, UPDATE_RANGE, UPDATE_SIGN, UPDATE_SOURCE, UPDATE_WINDOW,
};
use crate::text::yaml::Node;

/// What is wrong with one file.
pub(in super::super) fn update(file: &File) -> Vec<Flaw> {
    let mut flaws = Flaws::new(&file.path, file.source.clone());
    let stem = file.path.rsplit('/').next().unwrap_or_default();
    let stem = stem.trim_end_matches(".yml").trim_end_matches(".yaml");
    if let [_, second, ..] = file.documents.as_slice() {
        flaws.error(second.mark, "a file holds one known update", "write another file");
    }
    for node in &file.documents {
        document(node, stem, &mut flaws);
    }
    flaws.list
}

fn document(node: &Node, stem: &str, flaws: &mut Flaws) {
    flaws.unknown_keys(node, &UPDATE);
    for key in UPDATE.keys.iter().filter(|key| key.is_needed && node.get(key.name).is_none()) {
        flaws.error(node.mark, format!("`{}` is missing", key.name), key.about);
    }
    if let Some(id) = node.get("id").filter(|id| id.text() != Some(stem)) {
        flaws.error(id.mark, "`id` is not the name of the file", format!("write `id: '{stem}'`"));
    }
    word(node, "confidence", CONFIDENCES, flaws);
    for side in list(node, "side") {
        one_of(side, "side", &["target", "client", "domain-controller", "gateway", "third-party"], flaws);
    }
    if let Some(window) = node.get("window") {
        flaws.unknown_keys(window, &UPDATE_WINDOW);
        list(window, "builds").iter().for_each(|build| range(build, flaws));
    }
    let is_found = node.get("cannot_show").is_none();
    if is_found && list(node, "breaking").is_empty() && node.get("window").is_none() {
        let help = "name updates in `breaking` or builds in `window`";
        flaws.error(node.mark, "nothing says which hosts have it", help);
    }
    list(node, "fixed_by").iter().for_each(|fix| flaws.unknown_keys(fix, &UPDATE_FIX));
    list(node, "sources").iter().for_each(|source| flaws.unknown_keys(source, &UPDATE_SOURCE));
    let signs = list(node, "signals");
    signs.iter().for_each(|sign_node| sign(sign_node, flaws));
    let proves = |sign: &Node| sign.get("how").and_then(Node::text) != Some("context");
    if is_found && !signs.iter().any(proves) {
        let help = "add `signals` that are no context, or say in `cannot_show` why no log can show it";
        flaws.error(node.mark, "no record shows it", help);
    }
}

fn range(node: &Node, flaws: &mut Flaws) {
    flaws.unknown_keys(node, &UPDATE_RANGE);
    for key in ["build", "from"] {
        number(node, key, flaws);
    }
    match node.get("fixed_at").map(|value| (value, value.text().unwrap_or_default())) {
        Some((_, "never" | "unknown")) => {}
        Some((_, text)) if text.parse::<u32>().is_ok() => {}
        found => {
            let mark = found.map_or(node.mark, |(value, _)| value.mark);
            flaws.error(mark, "`fixed_at` must be a revision", "write a number, `never` or `unknown`");
        }
    }
}

fn sign(node: &Node, flaws: &mut Flaws) {
    flaws.unknown_keys(node, &UPDATE_SIGN);
    for key in UPDATE_SIGN.keys.iter().filter(|key| key.is_needed && node.get(key.name).is_none()) {
        flaws.error(node.mark, format!("`{}` is missing", key.name), key.about);
    }
    word(node, "how", &["new", "more", "context"], flaws);
    word(node, "confidence", CONFIDENCES, flaws);
    for event_id in list(node, "event_ids") {
        if event_id.text().is_none_or(|text| text.parse::<u32>().is_err()) {
            flaws.error(event_id.mark, "an event id must be a number", "write `event_ids: [1000]`");
        }
    }
    if node.get("together").is_some() {
        number(node, "together", flaws);
    }
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn number(node: &Node, key: &str, flaws: &mut Flaws) {
    let value = node.get(key);
    if value.and_then(Node::text).is_none_or(|text| text.parse::<u32>().is_err()) {
        let mark = value.map_or(node.mark, |value| value.mark);
        flaws.error(mark, format!("`{key}` must be a number"), format!("write `{key}: 17763`"));
    }
}

fn word(node: &Node, key: &str, known: &[&str], flaws: &mut Flaws) {
    if let Some(value) = node.get(key) {
        one_of(value, key, known, flaws);
    }
}

fn one_of(value: &Node, key: &str, known: &[&str], flaws: &mut Flaws) {
    if !value.text().is_some_and(|text| known.contains(&text)) {
        flaws.error(
            value.mark,
            format!("`{key}` has an unknown word"),
            format!("one of: {}", known.join(", ")),
        );
    }
}
