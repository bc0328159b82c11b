//! Lines in a terminal: wrapping, the margin with its labels, colour.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use textwrap::{Options, WordSplitter};

use super::super::clock::Clock;
use super::super::{Style, escape};
use crate::evtx::Time;

/// Columns of the margin that holds the labels.
const MARGIN: usize = 15;

/// Terminals narrower than this get lines that are too long for them.
const MIN_WIDTH: usize = 60;

/// Longer lines of prose are hard to read.
const MAX_PROSE: usize = 120;

/// How a line is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Strong,
    Bad,
    Warn,
    Good,
    Dim,
    Command,
}

impl Tone {
    /// The parameters of "select graphic rendition" (ECMA-48 8.3.117).
    const fn parameters(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Bad => "1;31",
            Self::Warn => "1;33",
            Self::Good => "1;32",
            Self::Dim => "2",
            Self::Command => "36",
        }
    }
}

/// Where lines go. Texts that are handed in are harmless already.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    pub(super) style: &'a Style,
    pub(super) clock: Clock,
    pub(super) width: usize,
    label: &'static str,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, style: &'a Style, reference: Option<Time>) -> Self {
        let clock = Clock::new(style.tz, reference);
        Self { out, style, clock, width: style.width.max(MIN_WIDTH), label: "" }
    }

    /// Whether tables have room for long columns.
    pub(super) fn is_wide(&self) -> bool {
        self.width >= 110
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) -> io::Result<()> {
        let line = "─".repeat(self.prose_width());
        self.write("", &line, Tone::Dim)
    }

    /// A wrapped paragraph without margin.
    pub(super) fn prose(&mut self, text: &str, tone: Tone) -> io::Result<()> {
        self.hanging("", text, tone)
    }

    /// A wrapped paragraph without margin, whose later lines stand under the end of `lead`.
    pub(super) fn hanging(&mut self, lead: &str, text: &str, tone: Tone) -> io::Result<()> {
        for line in wrapped(lead, text, self.prose_width()) {
            self.write("", &line, tone)?;
        }
        Ok(())
    }

    /// Two texts on one line, the second at the right edge, or below where both do not fit.
    pub(super) fn pair(&mut self, lead: &str, left: (&str, Tone), right: (&str, Tone)) -> io::Result<()> {
        let lines = wrapped(lead, left.0, self.prose_width());
        let last = lines.len().saturating_sub(1);
        for (number, line) in lines.iter().enumerate() {
            let used = escape::width(line) + escape::width(right.0);
            if number < last {
                self.write("", line, left.1)?;
            } else if used + 3 <= self.prose_width() {
                let (line, right) = (self.painted(line, left.1), self.painted(right.0, right.1));
                writeln!(self.out, "{line}{}{right}", " ".repeat(self.prose_width() - used))?;
            } else {
                self.write("", line, left.1)?;
                self.hanging(&" ".repeat(escape::width(lead)), right.0, right.1)?;
            }
        }
        Ok(())
    }

    /// The next line in the margin is labelled so.
    pub(super) const fn open(&mut self, label: &'static str) {
        self.label = label;
    }

    /// A wrapped paragraph beside the margin, whose later lines stand under the end of `lead`.
    pub(super) fn put(&mut self, lead: &str, text: &str, tone: Tone) -> io::Result<()> {
        for line in wrapped(lead, text, self.prose_width() - MARGIN) {
            self.beside(&line, tone)?;
        }
        Ok(())
    }

    /// Lines beside the margin as they are, so that a command can be copied.
    pub(super) fn verbatim(&mut self, lead: &str, text: &str, tone: Tone) -> io::Result<()> {
        for line in text.lines() {
            self.beside(&format!("{lead}{line}"), tone)?;
        }
        Ok(())
    }

    /// Lines without margin as they are, so that a command can be copied.
    pub(super) fn command(&mut self, indent: &str, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.write(indent, line, Tone::Command))
    }

    /// A table beside the margin.
    pub(super) fn table_beside(&mut self, table: &mut Table) -> io::Result<()> {
        fit(table, self.width - MARGIN, self.style.color);
        for line in table.lines() {
            self.beside(line.trim_end(), Tone::Plain)?;
        }
        Ok(())
    }

    /// A table over the whole width.
    pub(super) fn table(&mut self, table: &mut Table) -> io::Result<()> {
        fit(table, self.width, self.style.color);
        for line in table.lines() {
            self.write("", line.trim_end(), Tone::Plain)?;
        }
        Ok(())
    }

    /// Columns of prose.
    pub(super) fn prose_width(&self) -> usize {
        self.width.min(MAX_PROSE)
    }

    fn beside(&mut self, line: &str, tone: Tone) -> io::Result<()> {
        let label = std::mem::take(&mut self.label);
        let gap = " ".repeat(MARGIN.saturating_sub(escape::width(label) + 3));
        let margin = format!("   {}{gap}", self.painted(label, Tone::Dim));
        self.write(if line.is_empty() { margin.trim_end() } else { &margin }, line, tone)
    }

    fn write(&mut self, indent: &str, line: &str, tone: Tone) -> io::Result<()> {
        let line = self.painted(line, tone);
        writeln!(self.out, "{indent}{line}")
    }

    fn painted(&self, text: &str, tone: Tone) -> String {
        if !self.style.color || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", tone.parameters())
    }
}

/// A table without lines, for lists.
pub(super) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn wrapped(lead: &str, text: &str, width: usize) -> Vec<String> {
    let hang = " ".repeat(escape::width(lead));
    let options = Options::new(width)
        .initial_indent(lead)
        .subsequent_indent(&hang)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| line.into_owned()).collect()
}

fn fit(table: &mut Table, width: usize, color: bool) {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    if color {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
}
