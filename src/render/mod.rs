//! A report becomes bytes: for a terminal, a machine, a spreadsheet, a ticket or a browser.
//!
//! Renderers show what the report holds in the order in which it holds it; they judge and search nothing. Text from logs
//! passes through `escape` in every one of them.

mod causes;
mod clock;
mod connections;
mod csv;
mod document;
mod escape;
mod events;
mod explain;
mod headline;
mod html;
mod json;
mod markdown;
mod postmortem;
mod rules;
mod terminal;
#[cfg(test)]
mod test_report;
mod ticket;
mod timeline;
mod words;

use std::io::{self, Write};

use chrono::{FixedOffset, Offset as _, Utc};

pub use self::rules::{rule, rule_list};

pub use self::causes::causes;
use self::clock::Clock;
pub use self::connections::{connections, sessions};
pub use self::events::{EVENT_KEYS, EventForm, EventLines};
pub use self::explain::explain;
use crate::report::{Host, Report};

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// One versioned JSON document.
    Json,
    /// One JSON document per host and line.
    JsonLines,
    /// For a spreadsheet.
    Csv,
    /// For a ticket.
    Markdown,
    /// One file for a browser, a phone or a printer.
    Html,
}

/// How a person wants it shown; machine-readable formats ignore all of it.
#[derive(Debug, Clone)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
    /// The zone of shown times.
    pub tz: FixedOffset,
    /// How many hosts are shown; `None` shows all.
    pub top: Option<usize>,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, color: false, tz: Utc.fix(), top: None }
    }
}

/// Writes a whole report.
///
/// # Errors
///
/// Those of `out`.
pub fn diagnose(report: &Report, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => terminal::diagnose(report, style, out),
        Format::Json => json::diagnose(report, out),
        Format::JsonLines => json::host_lines(report, out),
        Format::Csv => csv::diagnose(report, out),
        Format::Markdown => markdown::document(&ticket::document(report, style), out),
        Format::Html => html::diagnose(report, style, out),
    }
}

/// Writes one host's life around its outage.
///
/// # Errors
///
/// Those of `out`.
pub fn timeline(host: &Host, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => terminal::timeline(host, style, out),
        Format::Json => json::timeline(host, out),
        Format::JsonLines => json::timeline_lines(host, out),
        Format::Csv => csv::timeline(host, out),
        Format::Markdown => markdown::document(&timeline::document(host, style), out),
        Format::Html => html::timeline(host, &timeline::document(host, style), style, out),
    }
}

/// Writes the story of every host that did not work throughout. A spreadsheet gets the same lines as from [`diagnose`].
///
/// # Errors
///
/// Those of `out`.
pub fn postmortem(report: &Report, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let clock = Clock::new(style.tz, report.summary.last_record);
    match format {
        Format::Table => terminal::document(&postmortem::document(report, clock), style, out),
        Format::Json => json::postmortem(report, clock, out),
        Format::JsonLines => json::postmortem_lines(report, clock, out),
        Format::Csv => csv::diagnose(report, out),
        Format::Markdown => markdown::document(&postmortem::document(report, clock), out),
        Format::Html => html::document(&postmortem::document(report, clock), style, out),
    }
}
