//! One rule file becomes a [`Rule`]: Sigma's keys, our `cause` and `tests` sections.

use super::case::{self, Case};
use super::cause::{self, CauseSpec};
use super::detection::{self, Detection};
use super::error::Flaws;
use super::logsource::{self, Constraint};
use super::yaml::Node;

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
    pub(crate) cases: Vec<Case>,
    pub(crate) node: Node,
}

impl Rule {
    /// The family of the cause; `sigma` for rules without one.
    #[must_use]
    pub fn family(&self) -> &str {
        self.cause.as_ref().map_or("sigma", |cause| &cause.family)
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

/// Sigma's own keys, and ours.
pub(crate) const KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "taxonomy",
    "related",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "cause",
    "tests",
    "correlation",
    "action",
    "simulation",
    "regression_tests_path",
];

/// Reads one document of a file at `path` (with `/`).
pub(super) fn read(node: &Node, path: &str, flaws: &mut Flaws) -> Option<Rule> {
    if node.entries().is_empty() {
        flaws.error(
            node.mark,
            "this is no rule",
            "a rule is a map with `title`, `logsource` and `detection`",
        );
        return None;
    }
    flaws.unknown_keys(node, KEYS, "a rule");
    let kind = kind(node, path);
    if kind != Kind::Correlation && node.get("detection").is_none() {
        flaws.error(
            node.mark,
            "`detection` is missing",
            "add `detection:` with a selection and a `condition`",
        );
        return None;
    }
    let mut parts = path.rsplit('/');
    let stem = parts.next().unwrap_or(path).trim_end_matches(".yml").trim_end_matches(".yaml");
    let folder = parts.next().unwrap_or_default();
    let plain =
        |key: &str| -> Box<str> { node.get(key).and_then(Node::text).unwrap_or_default().trim().into() };
    if plain("title").is_empty() {
        flaws.error(node.mark, "`title` is missing", "name the cause, not the event");
    }
    let empty = Detection { selections: Vec::new(), conditions: Vec::new() };
    let name = if kind == Kind::Cause {
        stem.into()
    } else {
        node.get("name").and_then(Node::text).unwrap_or(stem).into()
    };
    Some(Rule {
        name,
        title: plain("title"),
        file: path.into(),
        description: plain("description"),
        references: cause::strings(node.get("references")),
        falsepositives: cause::strings(node.get("falsepositives")),
        kind,
        constraint: node.get("logsource").map(|value| logsource::read(value, flaws)).unwrap_or_default(),
        detection: node.get("detection").map_or(empty, |value| detection::read(value, flaws)),
        cause: node.get("cause").map(|value| cause::read(value, folder, node.get("level"), flaws)),
        cases: node.get("tests").map(|value| case::read(value, flaws)).unwrap_or_default(),
        node: node.clone(),
    })
}

fn kind(node: &Node, path: &str) -> Kind {
    match () {
        () if node.get("correlation").is_some() => Kind::Correlation,
        () if node.get("cause").is_some() => Kind::Cause,
        () if path.contains("signals/") => Kind::Signals,
        () => Kind::Sigma,
    }
}
