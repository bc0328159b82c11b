//! A host's life around the outage, with a bar per interval of connections.

use std::io::{self, Write};

use comfy_table::{Cell, Color, ColumnConstraint, Width};

use super::super::{Style, escape, words};
use super::host::short;
use super::page::{Page, Tone, bare_table};
use crate::report::{Entry, EntryKind, Host};

/// Cells of the longest bar.
const BAR: u64 = 24;

pub(in super::super) fn show(host: &Host, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, style, host.last_record);
    let zone = format!("times in {}", page.clock.zone());
    page.pair("", (&short(&host.name), Tone::Strong), (&zone, Tone::Dim))?;
    page.blank()?;
    if host.timeline.is_empty() {
        return page.prose("Nothing happened in these logs that has to do with Remote Desktop.", Tone::Plain);
    }
    let most = host.timeline.iter().map(|entry| entry.good.saturating_add(entry.failed)).max().unwrap_or(0);
    let mut table = bare_table();
    for entry in &host.timeline {
        table.add_row(cells(&page, entry, most));
    }
    table.set_constraints([
        ColumnConstraint::ContentWidth,
        ColumnConstraint::ContentWidth,
        ColumnConstraint::LowerBoundary(Width::Fixed(30)),
    ]);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    page.table(&mut table)?;
    page.blank()?;
    page.prose("█ good connections   ░ failed connections", Tone::Dim)
}

fn cells(page: &Page<'_>, entry: &Entry, most: u64) -> Vec<Cell> {
    let text = escape::line(&entry.text, escape::SENTENCE);
    let source = escape::line(&entry.source, escape::NAME);
    let (time, text) = match entry.kind {
        EntryKind::Connections => {
            (page.clock.minute(entry.time), format!("{} {}", bar(entry, most), counts(entry)))
        }
        _ => (page.clock.second(entry.time), text),
    };
    let kind = Cell::new(label(entry.kind)).fg(color(entry));
    let time = Cell::new(time);
    if page.is_wide() {
        return vec![time, kind, Cell::new(text), Cell::new(source)];
    }
    let text = if source.is_empty() { text } else { format!("{text}\n{source}") };
    vec![time, kind, Cell::new(text)]
}

/// Good and failed connections side by side, as long as their share of the busiest interval.
fn bar(entry: &Entry, most: u64) -> String {
    let cells = |count: u64| {
        let exact = u128::from(count) * u128::from(BAR) / u128::from(most.max(1));
        usize::try_from(exact).unwrap_or(0).max(usize::from(count > 0))
    };
    format!("{}{}", "█".repeat(cells(entry.good)), "░".repeat(cells(entry.failed)))
}

fn counts(entry: &Entry) -> String {
    match (entry.good, entry.failed) {
        (good, 0) => format!("{} good", words::number(good)),
        (0, failed) => format!("{} failed", words::number(failed)),
        (good, failed) => format!("{} good, {} failed", words::number(good), words::number(failed)),
    }
}

const fn label(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Change => "● change",
        EntryKind::Service => "■ service",
        EntryKind::Connections => "",
        EntryKind::Match => "▲ found",
        EntryKind::Outage => "✖ outage",
    }
}

const fn color(entry: &Entry) -> Color {
    match entry.kind {
        EntryKind::Change => Color::Cyan,
        EntryKind::Service | EntryKind::Match => Color::Yellow,
        EntryKind::Outage => Color::Red,
        EntryKind::Connections => Color::Reset,
    }
}
