//! YAML as a tree that remembers lines and columns, with bounds against hostile files.
//!
//! Aliases are refused: no rule needs them, and without them a small file cannot grow into a large tree. Also
//! used by the build script, so it depends on nothing of this crate.

#![allow(unreachable_pub)] // also a module of the build script, which has no crate to be public in

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde::{Deserialize, Serialize};

/// Most nodes of one file.
const MAX_NODES: usize = 50_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 48;
/// Largest file in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A place in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mark {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub value: Value,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Plain or quoted text; `is_plain` tells `1` from `'1'`.
    Text {
        /// The text.
        text: String,
        /// Whether it was written without quotes.
        is_plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file.
    Map(Vec<(Node, Node)>),
}

/// A file that is not YAML that rdpwhy reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub mark: Mark,
    /// What is wrong.
    pub message: String,
}

/// Reads all documents of a file.
pub fn read(text: &str) -> Result<Vec<Node>, YamlError> {
    if text.len() > MAX_BYTES {
        let mark = Mark { line: 1, column: 1 };
        return Err(YamlError { mark, message: "the file is larger than 1 MiB".to_owned() });
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| YamlError { mark: mark(error.marker()), message: error.info().to_owned() })?;
        builder.take(event, mark(&span.start))?;
    }
    Ok(builder.documents)
}

fn mark(marker: &Marker) -> Mark {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Mark { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    nodes: usize,
}

struct Open {
    mark: Mark,
    key: Option<Node>,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, mark: Mark) -> Result<(), YamlError> {
        let fail = |message: &str| Err(YamlError { mark, message: message.to_owned() });
        match event {
            Event::Alias(_) => return fail("aliases are not supported; write the value out"),
            Event::Scalar(text, style, _, _) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if is_plain => Value::Null,
                    _ => Value::Text { text: text.into_owned(), is_plain },
                };
                return self.push(Node { mark, value });
            }
            Event::SequenceStart(..) => {
                self.open.push(Open { mark, key: None, kind: Kind::List(Vec::new()) });
            }
            Event::MappingStart(..) => {
                self.open.push(Open { mark, key: None, kind: Kind::Map(Vec::new()) });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let value = match open.kind {
                        Kind::List(items) => Value::List(items),
                        Kind::Map(entries) => Value::Map(entries),
                    };
                    return self.push(Node { mark: open.mark, value });
                }
            }
            _ => {}
        }
        if self.open.len() > MAX_DEPTH { fail("nested too deeply") } else { Ok(()) }
    }

    fn push(&mut self, node: Node) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = "more than 50,000 values in one file".to_owned();
            return Err(YamlError { mark: node.mark, message });
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => {
                    if let Some(name) = key.text()
                        && entries.iter().any(|(other, _)| other.text() == Some(name))
                    {
                        let message = format!("`{name}` stands twice in one map");
                        return Err(YamlError { mark: key.mark, message });
                    }
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }
}

impl Node {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The entries of a map; none for other values.
    #[must_use]
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; a scalar or map counts as a list of one, null as none.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn places_count_from_one() {
        let documents = read("a: 1\nb:\n  - x\n").unwrap();
        let item = &documents[0].get("b").unwrap().items()[0];
        assert_eq!((item.mark.line, item.mark.column), (3, 5));
    }

    #[test]
    fn aliases_and_deep_nesting_are_refused() {
        assert!(read("a: &x 1\nb: *x\n").unwrap_err().message.contains("aliases"));
        assert!(read(&"[".repeat(100)).is_err());
        assert!(read("a: 1\na: 2\n").unwrap_err().message.contains("twice"));
    }
}
