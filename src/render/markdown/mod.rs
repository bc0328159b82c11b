//! Markdown for tickets. Every sign that Markdown or HTML could obey is escaped; what is to be pasted stands in code blocks.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::document::{Block, Document, Step};
use super::escape;

/// Writes a text as Markdown.
pub(super) fn document(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}", inline(&document.title))?;
    for part in &document.blocks {
        writeln!(out)?;
        block(part, out)?;
    }
    Ok(())
}

fn block(block: &Block, out: &mut dyn Write) -> io::Result<()> {
    match block {
        Block::Heading(level, text) => writeln!(out, "{} {}", "#".repeat(*level), inline(text)),
        Block::Paragraph(text) => writeln!(out, "{}", inline(text)),
        Block::List(items) => items.iter().try_for_each(|item| writeln!(out, "- {}", inline(item))),
        Block::Steps(steps) => {
            steps.iter().enumerate().try_for_each(|(number, one)| step(number + 1, one, out))
        }
        Block::Code(text) => code("", text, out),
        Block::Table { head, rows } => {
            writeln!(out, "| {} |", head.join(" | "))?;
            writeln!(out, "|{}", " --- |".repeat(head.len()))?;
            for row in rows {
                let cells: Vec<_> = row.iter().map(|cell| inline(cell)).collect();
                writeln!(out, "| {} |", cells.join(" | "))?;
            }
            Ok(())
        }
    }
}

fn step(number: usize, step: &Step, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{number}. {}", inline(&step.order))?;
    if !step.code.is_empty() {
        writeln!(out)?;
        code("   ", &step.code, out)?;
    }
    if !step.remarks.is_empty() {
        writeln!(out)?;
    }
    step.remarks.iter().try_for_each(|remark| writeln!(out, "   - {}", inline(remark)))
}

/// A fenced block, whose fence is longer than any run of backticks inside.
fn code(indent: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let text = escape::lines(text, escape::SENTENCE);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(out, "{indent}{fence}")?;
    for line in text.lines() {
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "{indent}{fence}")
}

/// Text on one line that Markdown shows as it is.
fn inline(text: &str) -> String {
    let mut safe = String::new();
    let shown = escape::line(text, escape::SENTENCE);
    let has_address = shown.contains("://");
    for character in shown.chars() {
        let is_start = safe.is_empty();
        let is_special = match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '^' | '#' | '&' | '@' | '$'
            | '!' | '{' | '}' => true,
            '-' | '+' | '=' => is_start,
            // A number with a dot starts a list, a colon before a slash and "www." start a link.
            '.' | ')' => safe.bytes().all(|byte| byte.is_ascii_digit()) && !is_start || is_www(&safe),
            ':' => is_start || has_address,
            _ => false,
        };
        if is_special {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

fn is_www(text: &str) -> bool {
    text.get(text.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}
