//! One log as bytes, wherever it stands.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::companion::{self, Companion};
use super::node::Node;

/// How records are written in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Windows' own log files, or anything that chunks are searched in.
    Evtx,
    /// Exports of Event Viewer and `wevtutil`.
    Xml,
    /// One record per line, as `evtx_dump` and `rdpwhy events` write them.
    JsonLines,
}

/// A log that can be opened, any number of times and from several threads.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    size: u64,
    format: Format,
    node: Arc<Node>,
    /// Those in the same archive.
    companions: Vec<Companion>,
}

/// An opened log.
pub enum Content {
    /// A file on disk with its length, for reads at any position.
    File(File, u64),
    /// Bytes in order; an error in the middle says what broke them off.
    Stream(Box<dyn Read + Send>),
}

impl Source {
    pub(super) fn new(name: Arc<str>, node: Arc<Node>, size: u64, format: Format) -> Self {
        Self { name, size, format, node, companions: Vec::new() }
    }

    /// The name to show: the path as given, `bundle.zip!inner/System.evtx` for an entry.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The plain file on disk; `None` for entries of archives.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.node.path()
    }

    /// The display information that was saved with the log.
    #[must_use]
    pub fn companions(&self) -> Vec<Companion> {
        match self.node.path() {
            Some(path) => companion::beside(path, &self.node),
            None => self.companions.clone(),
        }
    }

    pub(super) fn set_companions(&mut self, companions: Vec<Companion>) {
        self.companions = companions;
    }

    /// Bytes of content, as far as known without decoding it; for progress only.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How its records are written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Opens the log.
    ///
    /// # Errors
    ///
    /// When the file or the archive around it cannot be read; the message says which and why.
    pub fn open(&self) -> io::Result<Content> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.name));
        match self.node.path() {
            Some(path) => {
                let file = File::open(path).map_err(named)?;
                let len = file.metadata().map_err(named)?.len();
                Ok(Content::File(file, len))
            }
            None => self.node.stream().map(Content::Stream).map_err(named),
        }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }
}
