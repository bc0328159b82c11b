//! Finds the logs that the user means: files, folders, patterns, lists and archives become named sources of bytes.
//!
//! Nothing is decoded here beyond containers, and nothing is unpacked next to the user's files. Whatever was named
//! and cannot be read is a [`Problem`] that says what it is; the other inputs are still found.

mod blob;
mod checked;
mod companion;
mod dedupe;
mod isolated;
mod list;
mod look;
mod node;
mod paths;
mod seven;
mod seven_header;
mod sniff;
mod source;
mod zip;

use std::fmt;
use std::path::PathBuf;

pub use companion::Companion;
pub use dedupe::{ContentKey, Duplicate, content_key, dedupe};
pub(crate) use isolated::{isolated, silence};
pub use look::find;
pub use source::{Content, Format, Source};

/// How inputs are found.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A file that lists one path per line; `-` is standard input.
    pub files_from: Option<PathBuf>,
    /// Takes any file as a source, so that chunks can be searched in disk images and memory dumps.
    pub carve: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Logs, by name; each file once.
    pub sources: Vec<Source>,
    /// What could not be read or is not what its name says, by path.
    pub problems: Vec<Problem>,
}

/// An input that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The path as given, or the archive's path and the entry's name.
    pub path: String,
    /// What it is.
    pub what: String,
    /// What to do.
    pub help: String,
    /// Whether it is read all the same, so that nothing is missing from the results.
    pub is_read: bool,
    /// Whether records that were asked for are missing because of it: it was named, or it stands in a named folder or
    /// archive and cannot be read.
    pub is_missed: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.what)
    }
}
