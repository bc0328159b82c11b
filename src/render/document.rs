//! A text with headings, lists and tables, in a form of its own, so that postmortems, timelines and tickets are written once
//! and shown as Markdown, in a terminal or in a browser.
//!
//! Its strings are raw: whoever shows them makes them harmless.

use super::clock::Clock;
use super::words;
use crate::report::{Evidence, Fix};

/// A whole text.
pub(super) struct Document {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// A part of a text.
pub(super) enum Block {
    /// A heading; 2 is below the title.
    Heading(usize, String),
    Paragraph(String),
    List(Vec<String>),
    /// Numbered steps with what to paste.
    Steps(Vec<Step>),
    /// Something to paste.
    Code(String),
    Table {
        head: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
}

/// An order, with what to paste and remarks.
pub(super) struct Step {
    pub(super) order: String,
    pub(super) code: String,
    pub(super) remarks: Vec<String>,
}

impl Document {
    pub(super) fn new(title: String) -> Self {
        Self { title, blocks: Vec::new() }
    }

    pub(super) fn heading(&mut self, level: usize, text: impl Into<String>) {
        self.blocks.push(Block::Heading(level, text.into()));
    }

    pub(super) fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a heading and a list, or nothing when the list is empty.
    pub(super) fn listed(&mut self, level: usize, heading: &str, items: Vec<String>) {
        if !items.is_empty() {
            self.heading(level, heading);
            self.blocks.push(Block::List(items));
        }
    }
}

impl Block {
    /// A table of evidence.
    pub(super) fn evidence(evidence: &[Evidence], clock: Clock) -> Self {
        let rows = evidence.iter().map(|line| {
            let place = format!("{} {}", words::channel(&line.channel), line.event_id);
            vec![clock.second(line.time), place, line.text.clone(), words::number(line.count)]
        });
        Self::Table { head: vec!["Time", "Log and event", "Text", "Count"], rows: rows.collect() }
    }
}

impl Step {
    /// A step of a fix, with its risk, undo and check.
    pub(super) fn new(fix: &Fix) -> Self {
        let mut remarks = vec![format!("Risk: {}", words::risk(fix.risk))];
        remarks.extend(fix.undo.iter().map(|undo| format!("Undo: {undo}")));
        remarks.extend(fix.check.iter().map(|check| format!("Check: {check}")));
        Self { order: fix.order.clone(), code: fix.run.join("\n"), remarks }
    }
}
