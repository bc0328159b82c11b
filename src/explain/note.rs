//! What people confuse and what follows from what, from `rules/explain`: prose that no table and no rule holds.

use super::{Context, Library, Topic};
use crate::text::codes;
use crate::text::yaml::Node;

/// One file of `rules/explain`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Note {
    pub(super) title: String,
    /// Codes that it is about, with the table that they stand in; any table when empty.
    pub(super) codes: Vec<u32>,
    pub(super) table: String,
    /// Codes with their extended codes, and what the pair means.
    pub(super) pairs: Vec<(u32, u32, Context)>,
    /// Events that it is about: provider, in any case, and id.
    pub(super) events: Vec<(String, u32)>,
    /// Words that people use for it.
    pub(super) words: Vec<String>,
    pub(super) what: String,
    pub(super) is_not: Vec<String>,
    pub(super) contexts: Vec<Context>,
    /// Causes, likeliest first.
    pub(super) causes: Vec<String>,
    pub(super) references: Vec<String>,
}

impl Note {
    /// Adds what the note says to a topic.
    pub(super) fn add_to(&self, topic: &mut Topic, library: &Library<'_>) {
        if !self.what.is_empty() {
            topic.what.push(self.what.clone());
        }
        topic.is_not.extend(self.is_not.iter().cloned());
        topic.contexts.extend(self.contexts.iter().cloned());
        for name in &self.causes {
            if !topic.causes.iter().any(|pointer| pointer.rule == *name) {
                topic.causes.push(library.pointer(name, ""));
            }
        }
        topic.references.extend(self.references.iter().cloned());
        topic.is_minor = false;
    }
}

/// All notes of the program.
pub(super) fn builtin() -> Vec<Note> {
    let files: Vec<(String, Vec<Node>)> =
        postcard::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/explain.bin")))
            .expect("the build script wrote these bytes with the same types");
    files.iter().flat_map(|(_, documents)| documents).map(read).collect()
}

fn read(node: &Node) -> Note {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().trim().to_owned();
    let events = items(node, "events").filter_map(|event| {
        let provider = event.get("provider").and_then(Node::text)?.to_lowercase();
        Some((provider, event.get("id").and_then(Node::text)?.parse().ok()?))
    });
    let pairs = items(node, "pairs").filter_map(|pair| {
        let (code, extended) = pair.get("code").and_then(Node::text)?.split_once('/')?;
        Some((codes::parse(code)?, codes::parse(extended)?, context(pair)))
    });
    Note {
        title: text("title"),
        codes: texts(node, "codes").iter().filter_map(|code| codes::parse(code)).collect(),
        table: text("table"),
        pairs: pairs.collect(),
        events: events.collect(),
        words: texts(node, "words"),
        what: text("what"),
        is_not: texts(node, "is_not"),
        contexts: items(node, "contexts").map(context).collect(),
        causes: texts(node, "causes"),
        references: texts(node, "references"),
    }
}

fn items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> {
    node.get(key).map(Node::items).unwrap_or_default().iter()
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    items(node, key).filter_map(Node::text).map(|text| text.trim().to_owned()).collect()
}

fn context(node: &Node) -> Context {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().trim().to_owned();
    Context { when: text("when"), means: text("means"), causes: texts(node, "causes") }
}
