//! What is wrong with a rule file, with its place and a way out.

use std::fmt;
use std::path::PathBuf;

use super::yaml::{Mark, Node};

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
    /// Whether the rule still works: unused parts and the like.
    pub is_warning: bool,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_warning { "warning" } else { "error" };
        let Mark { line, column } = self.mark;
        write!(formatter, "{}:{line}:{column}: {kind}: {}", self.file, self.message)?;
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
    pub(super) list: Vec<Flaw>,
}

impl Flaws {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    pub(super) fn error(&mut self, mark: Mark, message: impl Into<String>, help: impl Into<String>) {
        self.add(mark, message.into(), help.into());
    }

    fn add(&mut self, mark: Mark, message: String, help: String) {
        self.list.push(Flaw { file: self.file.clone(), mark, message, help, is_warning: false });
    }

    /// Says which keys of a map nobody knows, with the nearest known one.
    pub(super) fn unknown_keys(&mut self, node: &Node, known: &[&str], what: &str) {
        for (key, _) in node.entries() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let help = nearest(name, known).map_or_else(
                    || format!("known keys: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.error(key.mark, format!("unknown key `{name}` in {what}"), help);
            }
        }
    }
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
