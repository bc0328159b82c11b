//! What is wrong with a rule file, with its place and a way out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::keys::{Place, Shape};
use super::place;
use crate::text::yaml::{Mark, Node, Value};

/// One thing that is wrong in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// Path of the file.
    pub file: String,
    /// Line and column.
    pub mark: Mark,
    /// What is wrong, with the offending text.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// What it means for the run.
    pub kind: FlawKind,
    /// The line of the file, when the file is at hand.
    pub excerpt: Option<String>,
}

/// What a flaw means for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlawKind {
    /// The rule cannot be used; no run with it.
    Error,
    /// A plain Sigma rule that cannot run on Windows logs; the run goes on without it.
    LeftOut,
    /// The rule works all the same: unused parts and the like.
    Warning,
}

/// Widest line of a file that is shown.
const WIDEST: usize = 160;

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FlawKind::Error => "error",
            FlawKind::LeftOut => "left out",
            FlawKind::Warning => "warning",
        };
        let Mark { line, column } = self.mark;
        write!(formatter, "{}:{line}:{column}: {kind}: {}", self.file, self.message)?;
        if let Some(excerpt) = &self.excerpt {
            let column = usize::try_from(column).unwrap_or(1).max(1);
            write!(formatter, "\n  | {excerpt}\n  | {:>column$}", '^')?;
        }
        if self.help.is_empty() { Ok(()) } else { write!(formatter, "\n  help: {}", self.help) }
    }
}

/// Rules that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A rule file or folder could not be read.
    #[error("cannot read rules from {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Rule files that are wrong, all of them.
    #[error("{}", list(.0))]
    Flaws(Vec<Flaw>),
}

fn list(flaws: &[Flaw]) -> String {
    flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Flaws {
    file: String,
    source: Option<Arc<str>>,
    pub(super) list: Vec<Flaw>,
}

impl Flaws {
    /// For a file whose text may be at hand, to point into it.
    pub(super) fn new(file: &str, source: Option<Arc<str>>) -> Self {
        Self { file: file.to_owned(), source, list: Vec::new() }
    }

    /// Whether the file is not one of those in the program, which tests have checked.
    pub(super) fn is_foreign(&self) -> bool {
        self.source.is_some()
    }

    pub(super) fn error(&mut self, mark: Mark, message: impl Into<String>, help: impl Into<String>) {
        self.add(FlawKind::Error, mark, message.into(), help.into());
    }

    pub(super) fn warn(&mut self, mark: Mark, message: impl Into<String>, help: impl Into<String>) {
        self.add(FlawKind::Warning, mark, message.into(), help.into());
    }

    pub(super) fn add(&mut self, kind: FlawKind, mark: Mark, message: String, help: String) {
        let excerpt = self.source.as_deref().and_then(|source| line_of(source, mark));
        self.list.push(Flaw { file: self.file.clone(), mark, message, help, kind, excerpt });
    }

    /// The place of a word of a condition, counted from 0; where the condition begins when the file is not at hand.
    pub(super) fn word(&self, node: &Node, index: usize) -> Mark {
        self.source.as_deref().and_then(|source| place::word(source, node.mark, index)).unwrap_or(node.mark)
    }

    /// The place of a text inside of a value; where the value begins when the file is not at hand.
    pub(super) fn inside(&self, node: &Node, text: &str) -> Mark {
        self.source.as_deref().and_then(|source| place::text(source, node.mark, text)).unwrap_or(node.mark)
    }

    /// Says which keys of a map nobody knows, with the nearest known one, and which values have the wrong shape.
    pub(super) fn unknown_keys(&mut self, node: &Node, place: &Place) {
        self.unknown_keys_as(FlawKind::Error, node, place);
    }

    /// The same, where unknown keys may be no error: Sigma lets people add keys of their own.
    pub(super) fn unknown_keys_as(&mut self, kind: FlawKind, node: &Node, place: &Place) {
        if !node.is_null() && !matches!(node.value, Value::Map(_)) {
            let names = place.names().join(", ");
            self.error(node.mark, format!("{} must be a map", place.name), format!("keys: {names}"));
        }
        for (key, value) in node.entries() {
            let name = key.text().unwrap_or_default();
            match place.keys.iter().find(|known| known.name == name) {
                Some(known) => self.shape(name, value, known.shape),
                None => {
                    let known = place.names();
                    let help = nearest(name, &known).map_or_else(
                        || format!("known keys: {}", known.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.add(kind, key.mark, format!("unknown key `{name}` in {}", place.name), help);
                }
            }
        }
    }

    fn shape(&mut self, name: &str, value: &Node, shape: Shape) {
        let (fits, wanted) = match shape {
            Shape::Text | Shape::Number | Shape::Flag | Shape::Word(_) | Shape::Expression => {
                (value.is_null() || value.text().is_some(), "one value")
            }
            Shape::Texts | Shape::Words(_) => {
                (value.items().iter().all(|item| item.text().is_some()), "a value or a list of values")
            }
            _ => return,
        };
        if !fits {
            self.error(value.mark, format!("`{name}` has the wrong form"), format!("write {wanted}"));
        }
    }
}

/// The line of a place, cut where it is too wide to show; none when the place is behind the cut.
fn line_of(source: &str, mark: Mark) -> Option<String> {
    let index = usize::try_from(mark.line).ok()?.checked_sub(1)?;
    let text: String = source.lines().nth(index)?.chars().take(WIDEST).collect();
    let is_shown = usize::try_from(mark.column).ok()? <= WIDEST && !text.chars().any(char::is_control);
    is_shown.then_some(text)
}

/// The known word that is nearest to `word`, when one is near at all.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance of two short words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let cost = (diagonal + usize::from(a != *b)).min(before + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            before = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_finds_a_slip_and_nothing_else() {
        assert_eq!(nearest("confidense", &["confidence", "severity"]), Some("confidence"));
        assert_eq!(nearest("banana", &["confidence", "severity"]), None);
    }
}
