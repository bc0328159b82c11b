//! A text with headings in a terminal.

use std::io::{self, Write};

use comfy_table::Cell;

use super::super::document::{Block, Document, Step};
use super::super::{Style, escape};
use super::page::{Page, Tone, bare_table};

/// Shows a text.
pub(in super::super) fn document(document: &Document, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, style, None);
    page.prose(&text(&document.title), Tone::Strong)?;
    for part in &document.blocks {
        if !matches!(part, Block::Code(_)) {
            page.blank()?;
        }
        block(&mut page, part)?;
    }
    Ok(())
}

fn block(page: &mut Page<'_>, block: &Block) -> io::Result<()> {
    match block {
        Block::Heading(2, heading) => {
            page.rule()?;
            page.prose(&text(heading), Tone::Strong)
        }
        Block::Heading(_, heading) => page.prose(&text(heading), Tone::Strong),
        Block::Paragraph(paragraph) => page.prose(&text(paragraph), Tone::Plain),
        Block::List(items) => items.iter().try_for_each(|item| page.hanging("- ", &text(item), Tone::Plain)),
        Block::Steps(steps) => {
            steps.iter().enumerate().try_for_each(|(number, one)| step(page, number + 1, one))
        }
        Block::Code(code) => page.command("    ", &escape::lines(code, escape::SENTENCE)),
        Block::Table { head, rows } => {
            let mut table = bare_table();
            table.set_header(head.iter().map(|name| Cell::new(name.to_lowercase())));
            for row in rows {
                table.add_row(row.iter().map(|cell| text(cell)));
            }
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            if let Some(column) = table.column_mut(0) {
                column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
            }
            page.table(&mut table)
        }
    }
}

fn step(page: &mut Page<'_>, number: usize, step: &Step) -> io::Result<()> {
    page.hanging(&format!("{number}. "), &text(&step.order), Tone::Plain)?;
    page.command("     ", &escape::lines(&step.code, escape::SENTENCE))?;
    step.remarks.iter().try_for_each(|remark| page.hanging("   - ", &text(remark), Tone::Plain))
}

fn text(text: &str) -> String {
    escape::line(text, escape::SENTENCE)
}
