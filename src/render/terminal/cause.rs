//! One cause: why it is believed, what to type, and what it explains.

use std::io;

use comfy_table::{ColumnConstraint, Width};

use super::super::{escape, words};
use super::host::{origin, short};
use super::page::{Page, Tone, bare_table};
use crate::report::{Cause, Evidence, Fix, Host};

/// Kinds of records that are shown per cause.
const SHOWN_EVIDENCE: usize = 8;
/// Length of a record's text: those of the security log explain themselves over thirty lines.
const SHOWN_TEXT: usize = 400;

pub(super) fn show(page: &mut Page<'_>, host: &Host, number: usize, cause: &Cause) -> io::Result<()> {
    let sure =
        format!("{} · {} confidence", words::severity(cause.severity), words::confidence(cause.confidence));
    let title = escape::line(&cause.title, escape::NAME);
    page.pair(&format!("{number}  "), (&title, Tone::Strong), (&sure, Tone::Dim))?;
    page.hanging("   ", &escape::line(&cause.summary, escape::SENTENCE), Tone::Plain)?;
    page.open("evidence");
    let shown = cause.evidence.get(..SHOWN_EVIDENCE).unwrap_or(&cause.evidence);
    if page.is_wide() {
        evidence_table(page, shown)?;
    } else {
        evidence_list(page, shown)?;
    }
    let left_out = cause.evidence.len() - shown.len();
    if left_out > 0 {
        page.put(
            "",
            &format!("… and {left_out} more kinds of records (all of them: --format html)"),
            Tone::Dim,
        )?;
    }
    page.open("because");
    for reason in &cause.because {
        page.put("- ", &escape::line(reason, escape::SENTENCE), Tone::Plain)?;
    }
    page.open("not decided");
    for open in &cause.open {
        page.put("- ", &escape::line(&words::open(open), escape::SENTENCE), Tone::Plain)?;
    }
    effects(page, host, cause)?;
    fixes(page, &cause.fixes)?;
    page.open("see");
    for reference in &cause.references {
        page.verbatim("", &short(reference), Tone::Dim)?;
    }
    page.open("");
    Ok(())
}

fn evidence_table(page: &mut Page<'_>, evidence: &[Evidence]) -> io::Result<()> {
    if evidence.is_empty() {
        return Ok(());
    }
    let mut table = bare_table();
    for line in evidence {
        let text = escape::line(&line.text, SHOWN_TEXT);
        table.add_row([page.clock.second(line.time), kind(line), format!("{text}{}", repeats(page, line))]);
    }
    table.set_constraints([
        ColumnConstraint::ContentWidth,
        ColumnConstraint::UpperBoundary(Width::Fixed(42)),
        ColumnConstraint::LowerBoundary(Width::Fixed(40)),
    ]);
    for (column, padding) in table.column_iter_mut().zip([(0, 2), (0, 2), (0, 0)]) {
        column.set_padding(padding);
    }
    page.table_beside(&mut table)
}

fn evidence_list(page: &mut Page<'_>, evidence: &[Evidence]) -> io::Result<()> {
    for line in evidence {
        let head = format!("{}  {}{}", page.clock.second(line.time), kind(line), repeats(page, line));
        page.put("", &head, Tone::Plain)?;
        page.put("  ", &escape::line(&line.text, SHOWN_TEXT), Tone::Plain)?;
    }
    Ok(())
}

/// `System 7034`: where to look it up.
fn kind(line: &Evidence) -> String {
    format!("{} {}", words::channel(&short(&line.channel)), line.event_id)
}

/// ` (3×, until 14 Jan 03:15:02)`, or nothing for a single record.
fn repeats(page: &Page<'_>, line: &Evidence) -> String {
    if line.count <= 1 {
        return String::new();
    }
    format!(" ({}×, until {})", words::number(line.count), page.clock.second(line.last_time))
}

/// The other causes that this one brings about, in a line each.
fn effects(page: &mut Page<'_>, host: &Host, cause: &Cause) -> io::Result<()> {
    page.open("explains");
    let is_from = |effect: &&Cause| origin(host, effect).is_some_and(|origin| origin.rule == cause.rule);
    for effect in host.causes.iter().filter(is_from) {
        let title = escape::line(&effect.title, escape::NAME);
        page.put(
            "- ",
            &format!("{title}: {}", escape::line(&effect.summary, escape::SENTENCE)),
            Tone::Plain,
        )?;
    }
    Ok(())
}

/// Steps with their commands, risks, undo and check.
pub(super) fn fixes(page: &mut Page<'_>, fixes: &[Fix]) -> io::Result<()> {
    page.open("fix");
    for (number, fix) in fixes.iter().enumerate() {
        let order = escape::line(&fix.order, escape::SENTENCE);
        page.put(&format!("{}  ", number + 1), &format!("{order} ({})", terms(fix)), Tone::Plain)?;
        for command in &fix.run {
            page.verbatim("     ", &escape::lines(command, escape::SENTENCE), Tone::Command)?;
        }
        if let Some(undo) = &fix.undo {
            if words::is_command(fix, undo) {
                page.put("   ", "undo:", Tone::Plain)?;
                page.verbatim("     ", &escape::lines(undo, escape::SENTENCE), Tone::Command)?;
            } else {
                page.put("   undo: ", &escape::line(undo, escape::SENTENCE), Tone::Plain)?;
            }
        }
        if let Some(check) = &fix.check {
            page.put("   check: ", &escape::line(check, escape::SENTENCE), Tone::Plain)?;
        }
    }
    Ok(())
}

/// Where the commands go and what they do: `PowerShell, ends sessions`.
fn terms(fix: &Fix) -> String {
    let risk = words::risk(fix.risk);
    let shell = short(&fix.shell);
    if shell.is_empty() || fix.run.is_empty() {
        risk.to_owned()
    } else {
        format!("{}, {risk}", words::shell(&shell))
    }
}
