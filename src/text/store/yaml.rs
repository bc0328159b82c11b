//! A YAML document as a small tree with line numbers.
//!
//! Aliases are refused: no file of ours needs them, and they are how a small file becomes a large one.

use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deepest nesting that is followed; our files need eight levels.
const MAX_DEPTH: usize = 32;

/// A value and the line it starts on.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Line in the file, counted from 1.
    pub(crate) line: usize,
    /// The value.
    pub(crate) value: Value,
}

/// A YAML value; scalars stay text until a reader knows what it wants.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// An empty value, `~` or `null`.
    Null,
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Node)>),
}

/// Why a document cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Line in the file, counted from 1.
    pub(crate) line: usize,
    /// What is wrong there.
    pub(crate) what: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl YamlError {
    /// An error at a line.
    pub(crate) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

impl Node {
    /// The scalar's text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The scalar's text, or an error that names `what` was expected.
    pub(crate) fn want_text(&self, what: &str) -> Result<String, YamlError> {
        self.text().map(str::to_owned).ok_or_else(|| YamlError::new(self.line, format!("expected {what}")))
    }

    /// A number within the range of `T`; decimal or hexadecimal.
    pub(crate) fn want_number<T: TryFrom<u64>>(&self, what: &str) -> Result<T, YamlError> {
        let text = self.want_text(what)?;
        number(&text)
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| YamlError::new(self.line, format!("expected {what}, found {text:?}")))
    }

    /// The elements of a sequence; a missing value is an empty one.
    pub(crate) fn want_list(&self, what: &str) -> Result<&[Node], YamlError> {
        match &self.value {
            Value::List(nodes) => Ok(nodes),
            Value::Null => Ok(&[]),
            _ => Err(YamlError::new(self.line, format!("expected {what}"))),
        }
    }

    /// The texts of a sequence of scalars.
    pub(crate) fn want_texts(&self, what: &str) -> Result<Vec<String>, YamlError> {
        self.want_list(what)?.iter().map(|node| node.want_text(what)).collect()
    }

    /// The pairs of a mapping; a missing value is an empty one.
    pub(crate) fn want_map(&self, what: &str) -> Result<&[(String, Node)], YamlError> {
        match &self.value {
            Value::Map(pairs) => Ok(pairs),
            Value::Null => Ok(&[]),
            _ => Err(YamlError::new(self.line, format!("expected {what}"))),
        }
    }
}

/// Reads a decimal or `0x` number.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Reads the first document of `text`.
pub(crate) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree { open: Vec::new(), root: None };
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| YamlError::new(error.marker().line(), error.info().to_owned()))?;
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, ..) => tree.add(Node { line, value: scalar(&text, style) })?,
            Event::SequenceStart(..) => tree.start(Node { line, value: Value::List(Vec::new()) })?,
            Event::MappingStart(..) => tree.start(Node { line, value: Value::Map(Vec::new()) })?,
            Event::SequenceEnd | Event::MappingEnd => tree.end()?,
            Event::Alias(_) => return Err(YamlError::new(line, "aliases are not supported")),
            Event::DocumentEnd => break,
            _ => {}
        }
    }
    Ok(tree.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        _ => Value::Text(text.to_owned()),
    }
}

struct Tree {
    /// Collections that are not closed, each with the key that waits for its value.
    open: Vec<(Node, Option<String>)>,
    root: Option<Node>,
}

impl Tree {
    fn start(&mut self, node: Node) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::new(node.line, "nested too deeply"));
        }
        self.open.push((node, None));
        Ok(())
    }

    fn end(&mut self) -> Result<(), YamlError> {
        match self.open.pop() {
            Some((node, _)) => self.add(node),
            None => Ok(()),
        }
    }

    fn add(&mut self, node: Node) -> Result<(), YamlError> {
        let Some((parent, key)) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.value {
            Value::List(nodes) => nodes.push(node),
            Value::Map(pairs) => match key.take() {
                Some(name) => pairs.push((name, node)),
                None => match node.value {
                    Value::Text(name) => *key = Some(name),
                    Value::Null => *key = Some(String::new()),
                    _ => return Err(YamlError::new(node.line, "a key must be plain text")),
                },
            },
            Value::Null | Value::Text(_) => {}
        }
        Ok(())
    }
}
