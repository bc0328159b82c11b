//! The view for a person: the answer first, then what shows it and what to type.

mod cause;
mod document;
mod fleet;
mod host;
mod page;
#[cfg(test)]
mod tests;
mod timeline;

use std::io::{self, Write};

pub(super) use self::document::document;
use self::page::{Page, Tone};
pub(super) use self::timeline::show as timeline;
use super::{Style, escape, words};
use crate::evtx::Fault;
use crate::report::{Host, Report, Status, Summary};

/// Up to this many hosts, those without causes are shown one by one too.
const FEW_HOSTS: usize = 3;

/// Up to this many hosts, all are shown one by one when none of them fails.
const SOME_HOSTS: usize = 10;

/// Damaged places that are shown one by one.
const SHOWN_FAULTS: usize = 3;

pub(super) fn diagnose(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, style, report.summary.last_record);
    if report.is_partial {
        page.prose("▲ Not everything could be read, so hosts or records may be missing.", Tone::Warn)?;
        page.blank()?;
    }
    for note in &report.client_errors {
        page.prose(&escape::line(&note.text, escape::SENTENCE), Tone::Plain)?;
        page.blank()?;
    }
    if report.hosts.is_empty() {
        page.prose("No records of any host were found.", Tone::Warn)?;
    }
    if report.hosts.len() > 1 {
        fleet::show(&mut page, report)?;
    }
    hosts(&mut page, report)?;
    if !report.faults.is_empty() {
        page.open("damage");
        faults(&mut page, &report.faults)?;
    }
    closing(&mut page, &report.summary)
}

fn hosts(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let is_fleet = report.hosts.len() > 1;
    let is_few = report.hosts.len() <= FEW_HOSTS;
    let is_clear =
        |host: &Host| matches!(host.status, Status::Broken | Status::Degraded) || !host.causes.is_empty();
    let is_all = is_few || report.hosts.len() <= SOME_HOSTS && !report.hosts.iter().any(is_clear);
    let limit = page.style.top.unwrap_or(usize::MAX);
    for host in report.hosts.iter().filter(|host| is_all || is_clear(host)).take(limit) {
        if is_fleet {
            page.blank()?;
            page.rule()?;
        }
        host::show(page, host)?;
    }
    page.blank()?;
    if !is_fleet {
        return Ok(());
    }
    page.rule()?;
    if is_all {
        return Ok(());
    }
    page.prose(
        "Hosts that work or cannot be judged are not shown one by one; --host NAME shows one.",
        Tone::Dim,
    )
}

/// Shows the first few damaged places and counts the rest.
fn faults(page: &mut Page<'_>, faults: &[Fault]) -> io::Result<()> {
    let lost = faults.iter().fold(0_u64, |sum, fault| sum.saturating_add(fault.lost));
    let (places, records) = (words::count_of(faults, "damaged place"), words::count(lost, "record"));
    page.put("", &format!("{places}, {records} known to be lost; everything else was read"), Tone::Plain)?;
    for fault in faults.iter().take(SHOWN_FAULTS) {
        let (log, found) = (escape::line(&fault.log, escape::NAME), escape::line(&fault.found, escape::NAME));
        let expected = escape::line(&fault.expected, escape::NAME);
        page.put(
            "- ",
            &format!("{log} at byte {}: expected {expected}, found {found}", fault.offset),
            Tone::Dim,
        )?;
    }
    if faults.len() > SHOWN_FAULTS {
        page.put("- ", &format!("… and {} more", faults.len() - SHOWN_FAULTS), Tone::Dim)?;
    }
    Ok(())
}

/// What was read, in a line.
fn closing(page: &mut Page<'_>, summary: &Summary) -> io::Result<()> {
    let number = |value: usize, noun| words::count(u64::try_from(value).unwrap_or(u64::MAX), noun);
    let mut parts = vec![number(summary.logs, "log"), words::count(summary.records, "record")];
    if let (Some(first), Some(last)) = (summary.first_record, summary.last_record) {
        parts.push(page.clock.period(first, last));
    }
    if summary.duplicate_logs > 0 {
        parts.push(format!("{} read once only", number(summary.duplicate_logs, "duplicate log")));
    }
    if summary.recovered_records > 0 {
        parts.push(format!("{} recovered", words::count(summary.recovered_records, "record")));
    }
    if summary.lost_records > 0 {
        parts.push(format!("{} lost to damage", words::count(summary.lost_records, "record")));
    }
    page.prose(&format!("read: {}", parts.join(", ")), Tone::Dim)
}
