//! One rule file becomes a [`Rule`]: Sigma's keys, our `cause` and `tests` sections.

use super::case::{self, Case};
use super::cause::{self, CauseSpec};
use super::correlation::{self, Correlation};
use super::detection::{self, Detection};
use super::error::{Flaw, FlawKind, Flaws};
use super::keys;
use super::logsource::{self, Constraint};
use super::set::CONDITION;
use super::tree::{self, Tree};
use crate::evtx::Record;
use crate::text::yaml::Node;
use std::sync::Arc;

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name: the file's name without ending, or `name`.
    pub name: Box<str>,
    /// Name of the cause, or Sigma's title.
    pub title: Box<str>,
    /// Path of the file.
    pub file: Box<str>,
    /// How it breaks Remote Desktop and what users see.
    pub description: Box<str>,
    /// Sources.
    pub references: Vec<Box<str>>,
    /// Innocent reasons for the same records.
    pub falsepositives: Vec<Box<str>>,
    /// What kind of rule it is.
    pub kind: Kind,
    pub(crate) constraint: Constraint,
    pub(crate) detection: Detection,
    pub(crate) cause: Option<CauseSpec>,
    pub(crate) correlation: Option<Correlation>,
    pub(crate) cases: Vec<Case>,
    pub(super) tree: Tree,
    /// The text of the file, when it was read in this run.
    pub(crate) source: Option<Arc<str>>,
}

/// A file of rules.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// With `/`.
    pub(super) path: String,
    /// Absent for files that are compiled into the binary.
    pub(super) source: Option<Arc<str>>,
    /// Its documents, or those that are packed.
    pub(super) documents: Vec<Node>,
    /// The documents of a file that is compiled into the binary.
    pub(super) packed: Option<&'static [u8]>,
}

impl File {
    /// A file that is compiled into the binary.
    pub(super) fn packed(path: String, packed: &'static [u8]) -> Self {
        Self { path, source: None, documents: Vec::new(), packed: Some(packed) }
    }

    /// Unpacks its documents for good.
    pub(super) fn unpack(&mut self) {
        if let Some(packed) = self.packed.take() {
            self.documents = tree::unpack(packed);
        }
    }

    /// Takes its documents out.
    pub(super) fn take(&mut self) -> Vec<Node> {
        self.packed.map_or_else(|| std::mem::take(&mut self.documents), tree::unpack)
    }
}

impl Rule {
    /// The family of the cause; `sigma` for rules without one.
    #[must_use]
    pub fn family(&self) -> &str {
        self.cause.as_ref().map_or("sigma", |cause| &cause.family)
    }
}

impl Rule {
    /// The rule as it is written.
    pub(crate) fn node(&self) -> &Node {
        self.tree.node()
    }

    /// The rule without its text and its cases: all that matching and deciding need.
    pub(crate) fn bare(&self) -> Self {
        let nothing = Node { mark: self.node().mark, value: crate::text::yaml::Value::Null };
        Self { cases: Vec::new(), tree: Tree::Read(nothing), source: None, ..self.clone() }
    }

    /// Signals without their text; other rules whole, since correlations look for their ids.
    pub(crate) fn bare_signals(&self) -> Self {
        if self.kind == Kind::Signals { self.bare() } else { self.clone() }
    }

    /// Whether something asks for the records of a selection, or of the condition: a signal is there for others, and
    /// what no condition over the timeline and no sentence names is only a part of the rule's own condition.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        if self.kind == Kind::Signals {
            return name != CONDITION;
        }
        let Some(cause) = &self.cause else { return name == CONDITION };
        (name == CONDITION && cause.when.is_none()) || cause.names(name) || cause.shows(name)
    }

    /// Whether a record comes from the rule's log source.
    #[must_use]
    pub fn accepts(&self, record: &Record) -> bool {
        self.constraint.impossible.is_none() && self.constraint.allows(record)
    }
}

/// What a rule file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A cause of broken Remote Desktop.
    Cause,
    /// Selections that several causes use by name.
    Signals,
    /// A Sigma rule without our additions.
    Sigma,
    /// A Sigma correlation document.
    Correlation,
}

/// Reads one document of a file. A plain Sigma rule that cannot run is kept, with the reason.
pub(super) fn read(node: Node, number: usize, file: &File, flaws: &mut Flaws) -> Option<Rule> {
    if node.entries().is_empty() {
        flaws.error(
            node.mark,
            "this is no rule",
            "a rule is a map with `title`, `logsource` and `detection`",
        );
        return None;
    }
    let kind = kind(&node, &file.path);
    let is_ours = matches!(kind, Kind::Cause | Kind::Signals);
    let mut own = Flaws::new(&file.path, file.source.clone());
    own.unknown_keys_as(if is_ours { FlawKind::Error } else { FlawKind::Warning }, &node, &keys::RULE);
    let mut rule = parts(node, number, kind, file, &mut own);
    if let (true, Some(reason)) = (rule.kind != Kind::Correlation, rule.constraint.impossible.clone()) {
        let mark = rule.node().get("logsource").map_or(rule.node().mark, |value| value.mark);
        let help = "rules run on what Windows logs hold; the rule is not used";
        own.error(mark, format!("the rule cannot run: {reason}"), help);
    }
    if !is_ours {
        // A rule for another system, or with an expression that this engine does not know, is left out; a rule that
        // is wrong in itself stops the run.
        let is_foreign = rule.constraint.impossible.is_some();
        let cannot_run = |flaw: &&mut Flaw| {
            flaw.kind == FlawKind::Error
                && (is_foreign || flaw.message.contains("regex") || rule.kind == Kind::Correlation)
        };
        for flaw in own.list.iter_mut().filter(cannot_run) {
            flaw.kind = FlawKind::LeftOut;
            rule.constraint.impossible.get_or_insert_with(|| flaw.message.as_str().into());
        }
    }
    flaws.list.append(&mut own.list);
    Some(rule)
}

fn parts(node: Node, number: usize, kind: Kind, file: &File, flaws: &mut Flaws) -> Rule {
    let path = file.path.as_str();
    if kind != Kind::Correlation && node.get("detection").is_none() {
        let help = "add `detection:` with a selection and a `condition`";
        flaws.error(node.mark, "`detection` is missing", help);
    }
    let mut steps = path.rsplit('/');
    let stem = steps.next().unwrap_or(path).trim_end_matches(".yml").trim_end_matches(".yaml");
    let folder = steps.next().unwrap_or_default();
    let plain =
        |key: &str| -> Box<str> { node.get(key).and_then(Node::text).unwrap_or_default().trim().into() };
    if plain("title").is_empty() {
        flaws.error(node.mark, "`title` is missing", "name the cause, not the event");
    }
    let fallback = if number == 0 { stem.to_owned() } else { format!("{stem}-{}", number + 1) };
    let name = node.get("name").and_then(Node::text).filter(|_| kind != Kind::Cause);
    let empty = Detection { selections: Vec::new(), conditions: Vec::new() };
    Rule {
        name: name.unwrap_or(&fallback).into(),
        title: plain("title"),
        file: path.into(),
        description: plain("description"),
        references: cause::strings(node.get("references")),
        falsepositives: cause::strings(node.get("falsepositives")),
        kind,
        constraint: node.get("logsource").map(|value| logsource::read(value, flaws)).unwrap_or_default(),
        detection: node.get("detection").map_or(empty, |value| detection::read(value, flaws)),
        cause: node.get("cause").map(|value| cause::read(value, folder, node.get("level"), flaws)),
        correlation: node.get("correlation").and_then(|value| correlation::read(value, flaws)),
        cases: node.get("tests").map(|value| case::read(value, flaws)).unwrap_or_default(),
        tree: Tree::new(node, file.packed, number),
        source: file.source.clone(),
    }
}

fn kind(node: &Node, path: &str) -> Kind {
    match () {
        () if node.get("correlation").is_some() => Kind::Correlation,
        () if node.get("cause").is_some() => Kind::Cause,
        () if path.contains("signals/") => Kind::Signals,
        () => Kind::Sigma,
    }
}
