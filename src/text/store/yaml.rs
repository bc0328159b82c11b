//! YAML as a tree that remembers lines and columns, with bounds against hostile files: rules and catalogues are
//! read with it.
//!
//! Aliases are refused: no file of ours needs them, and without them a small file cannot grow into a large tree.

use std::borrow::Cow;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde::{Deserialize, Deserializer, Serialize};

/// Deepest nesting.
const MAX_DEPTH: usize = 48;

/// What a file may hold.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Bytes.
    bytes: usize,
    /// Values.
    nodes: usize,
}

/// Bounds of a file that people write, such as one of rules.
pub(crate) const SMALL: Bounds = Bounds { bytes: 1 << 20, nodes: 50_000 };

/// Bounds of a catalogue: one of a whole Windows has a few million values.
pub(crate) const LARGE: Bounds = Bounds { bytes: 128 << 20, nodes: 8_000_000 };

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
#[serde(bound(deserialize = "'de: 'static"))]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) mark: Mark,
    /// What it is.
    pub(crate) value: Value,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(crate) enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Plain or quoted text; `is_plain` tells `1` from `'1'`.
    Text {
        /// The text; that of files which are compiled in stays where it is.
        #[serde(deserialize_with = "borrowed")]
        text: Cow<'static, str>,
        /// Whether it was written without quotes.
        is_plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file.
    Map(Vec<(Node, Node)>),
}

fn borrowed<'de: 'static, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    <&str>::deserialize(deserializer).map(Cow::Borrowed)
}

/// A file that is not YAML that rdpwhy reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Where.
    pub(crate) mark: Mark,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.mark.line, self.message)
    }
}

/// Reads all documents of a file.
pub(crate) fn read(text: &str, bounds: &Bounds) -> Result<Vec<Node>, YamlError> {
    if text.len() > bounds.bytes {
        let message = format!("the file is larger than {} MiB", bounds.bytes >> 20);
        return Err(YamlError { mark: Mark { line: 1, column: 1 }, message });
    }
    let mut builder = Builder { documents: Vec::new(), open: Vec::new(), nodes: 0, most: bounds.nodes };
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

struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    nodes: usize,
    most: usize,
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
                    _ => Value::Text { text: Cow::Owned(text.into_owned()), is_plain },
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
                        Kind::Map(entries) => {
                            unique(&entries)?;
                            Value::Map(entries)
                        }
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
        if self.nodes > self.most {
            return Err(node.error(format!("more than {} thousand values in one file", self.most / 1000)));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
        Ok(())
    }
}

/// An error at the first key that stands twice in a map.
fn unique(entries: &[(Node, Node)]) -> Result<(), YamlError> {
    let mut names: Vec<(&str, Mark)> =
        entries.iter().filter_map(|(key, _)| Some((key.text()?, key.mark))).collect();
    names.sort_unstable();
    let twice = names.array_windows().filter(|[(first, _), (second, _)]| first == second);
    match twice.map(|[_, (name, mark)]| (*mark, *name)).min() {
        Some((mark, name)) => Err(YamlError { mark, message: format!("`{name}` stands twice in one map") }),
        None => Ok(()),
    }
}

/// Reads a decimal or `0x` number.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Node {
    /// An error at this place.
    pub(crate) fn error(&self, message: impl Into<String>) -> YamlError {
        YamlError { mark: self.mark, message: message.into() }
    }

    /// The scalar's text, or an error that names `what` was expected.
    pub(crate) fn want_text(&self, what: &str) -> Result<String, YamlError> {
        self.text().map(str::to_owned).ok_or_else(|| self.error(format!("expected {what}")))
    }

    /// A number within the range of `T`; decimal or hexadecimal.
    pub(crate) fn want_number<T: TryFrom<u64>>(&self, what: &str) -> Result<T, YamlError> {
        let text = self.want_text(what)?;
        let read = number(&text).and_then(|number| T::try_from(number).ok());
        read.ok_or_else(|| self.error(format!("expected {what}, found {text:?}")))
    }

    /// The elements of a list; a missing value is an empty one.
    pub(crate) fn want_list(&self, what: &str) -> Result<&[Node], YamlError> {
        match &self.value {
            Value::List(nodes) => Ok(nodes),
            Value::Null => Ok(&[]),
            _ => Err(self.error(format!("expected {what}"))),
        }
    }

    /// The texts of a list of scalars.
    pub(crate) fn want_texts(&self, what: &str) -> Result<Vec<String>, YamlError> {
        self.want_list(what)?.iter().map(|node| node.want_text(what)).collect()
    }

    /// The entries of a map with their keys as texts; a missing value is an empty one.
    pub(crate) fn want_map(&self, what: &str) -> Result<Vec<(&str, &Node)>, YamlError> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|(key, value)| Ok((key.want_key()?, value))).collect(),
            Value::Null => Ok(Vec::new()),
            _ => Err(self.error(format!("expected {what}"))),
        }
    }

    fn want_key(&self) -> Result<&str, YamlError> {
        match &self.value {
            Value::Text { text, .. } => Ok(text),
            Value::Null => Ok(""),
            _ => Err(self.error("a key must be plain text")),
        }
    }

    /// The text of a scalar.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a map.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The entries of a map; none for other values.
    #[must_use]
    pub(crate) fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; a scalar or map counts as a list of one, null as none.
    #[must_use]
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether it is null.
    #[must_use]
    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

#[cfg(test)]
mod tests {
    use super::{SMALL, read};

    #[test]
    fn places_count_from_one() {
        let documents = read("a: 1\nb:\n  - x\n", &SMALL).unwrap();
        let item = &documents[0].get("b").unwrap().items()[0];
        assert_eq!((item.mark.line, item.mark.column), (3, 5));
    }

    #[test]
    fn aliases_and_deep_nesting_are_refused() {
        assert!(read("a: &x 1\nb: *x\n", &SMALL).unwrap_err().message.contains("aliases"));
        assert!(read(&"[".repeat(100), &SMALL).is_err());
        assert!(read(&"- a\n".repeat(60_000), &SMALL).is_err());
        assert!(
            read("a: 1\nb: {c: 1}\na: 2\na: 3\n", &SMALL)
                .unwrap_err()
                .to_string()
                .starts_with("line 3: `a` stands twice")
        );
    }
}
