//! Many hosts: a line each, what they share, and what separates the broken from the working ones.

use std::io;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, Table, Width, presets};

use super::super::{escape, headline, words};
use super::cause;
use super::host::short;
use super::page::{Page, Tone};
use crate::report::{Group, HostLine, Report, Status, Summary};

/// Hosts of a group that are named.
const SHOWN_HOSTS: usize = 20;

pub(super) fn show(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    page.prose(&counts(&report.summary), Tone::Strong)?;
    page.blank()?;
    lines(page, report)?;
    for group in report.fleet.groups.iter().filter(|group| group.hosts.len() > 1) {
        page.blank()?;
        shared(page, group)?;
    }
    if report.fleet.associations.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.prose("What separates broken from working hosts", Tone::Strong)?;
    for association in &report.fleet.associations {
        page.hanging("- ", &escape::line(&association.text, escape::SENTENCE), Tone::Plain)?;
    }
    Ok(())
}

/// `200 hosts: 39 broken, 4 degraded, 2 unknown, 155 healthy`.
fn counts(summary: &Summary) -> String {
    let number = |value: usize| words::number(u64::try_from(value).unwrap_or(u64::MAX));
    let states = [
        (summary.broken, "broken"),
        (summary.degraded, "degraded"),
        (summary.unknown, "unknown"),
        (summary.healthy, "healthy"),
    ];
    let states: Vec<_> = states.iter().map(|(count, word)| format!("{} {word}", number(*count))).collect();
    format!("{} hosts: {}", number(summary.hosts), states.join(", "))
}

fn lines(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let limit = page.style.top.unwrap_or(usize::MAX);
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.style_mut().row_separator = comfy_table::LineStyle::none();
    let columns: &[&str] = &["status", "host", "since", "cause", "confidence", "failed", "change before"];
    let shown = if page.is_wide() { columns.len() } else { 4 };
    table.set_header(columns.iter().take(shown));
    for line in report.fleet.lines.iter().take(limit) {
        table.add_row(if page.is_wide() { wide_cells(page, line) } else { narrow_cells(page, line) });
    }
    table.set_constraints([
        ColumnConstraint::ContentWidth,
        ColumnConstraint::UpperBoundary(Width::Fixed(if page.is_wide() { 42 } else { 26 })),
        ColumnConstraint::ContentWidth,
    ]);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    page.table(&mut table)?;
    let left_out = report.fleet.lines.len().saturating_sub(limit);
    if left_out > 0 {
        page.prose(&format!("… and {left_out} more hosts"), Tone::Dim)?;
    }
    Ok(())
}

fn wide_cells(page: &Page<'_>, line: &HostLine) -> Vec<Cell> {
    vec![
        status(line.status),
        Cell::new(short(&line.host)),
        Cell::new(since(page, line)),
        Cell::new(title(line)),
        Cell::new(line.confidence.map(words::confidence).unwrap_or_default()),
        Cell::new(if line.failed_attempts > 0 { words::number(line.failed_attempts) } else { String::new() }),
        Cell::new(line.change.as_deref().map(short).unwrap_or_default()),
    ]
}

/// Puts what has no column of its own under what has.
fn narrow_cells(page: &Page<'_>, line: &HostLine) -> Vec<Cell> {
    let mut since = since(page, line);
    if line.failed_attempts > 0 {
        since = format!("{since}\n{} failed", words::number(line.failed_attempts));
    }
    let mut cause = title(line);
    if let Some(confidence) = line.confidence {
        cause = format!("{cause} ({} confidence)", words::confidence(confidence));
    }
    if let Some(change) = &line.change {
        cause = format!("{cause}\nafter: {}", short(change));
    }
    vec![status(line.status), Cell::new(short(&line.host)), Cell::new(since), Cell::new(cause)]
}

fn since(page: &Page<'_>, line: &HostLine) -> String {
    line.since.map(|time| page.clock.brief(time)).unwrap_or_default()
}

/// The leading cause, or why there is none.
fn title(line: &HostLine) -> String {
    short(headline::cause(line))
}

fn status(status: Status) -> Cell {
    let color = match status {
        Status::Broken => Color::Red,
        Status::Degraded => Color::Yellow,
        Status::Unknown => Color::Reset,
        Status::Healthy => Color::Green,
    };
    Cell::new(format!("{} {}", words::sign(status), words::status(status)))
        .fg(color)
        .add_attribute(Attribute::Bold)
}

fn shared(page: &mut Page<'_>, group: &Group) -> io::Result<()> {
    let since =
        group.first_failure.map(|time| format!("since {}", page.clock.minute(time))).unwrap_or_default();
    let lead = format!("{} hosts  ", words::number(u64::try_from(group.hosts.len()).unwrap_or(u64::MAX)));
    page.pair(&lead, (&escape::line(&group.title, escape::NAME), Tone::Strong), (&since, Tone::Dim))?;
    let mut hosts: Vec<_> = group.hosts.iter().take(SHOWN_HOSTS).map(|host| short(host)).collect();
    if group.hosts.len() > SHOWN_HOSTS {
        hosts.push(format!("… and {} more", group.hosts.len() - SHOWN_HOSTS));
    }
    page.open("hosts");
    page.put("", &hosts.join(", "), Tone::Plain)?;
    page.open("they share");
    let shared: Vec<_> = group.shared_evidence.iter().map(|kind| short(kind)).collect();
    if !shared.is_empty() {
        page.put("", &shared.join(", "), Tone::Plain)?;
    }
    cause::fixes(page, &group.fixes)?;
    page.open("");
    Ok(())
}
