//! One host: its state, its causes, and what the logs leave open.

use std::io;

use super::super::{clock, escape, headline, words};
use super::page::{Page, Tone};
use super::{cause, faults};
use crate::report::{Cause, Confidence, Host, Status};

/// Changes before the outage that are shown.
const SHOWN_CHANGES: usize = 5;
/// Clients and users of whom it is shown that only they failed.
const SHOWN_PARTIES: usize = 3;

pub(super) fn show(page: &mut Page<'_>, host: &Host) -> io::Result<()> {
    page.clock = clock::Clock::new(page.style.tz, host.last_record);
    name(page, host)?;
    status(page, host)?;
    let leading = host.causes.iter().filter(|cause| !is_effect(host, cause) && !is_weak(host, cause));
    for (number, found) in leading.enumerate() {
        page.blank()?;
        cause::show(page, host, number + 1, found)?;
    }
    remarks(page, host)
}

/// Whether another cause of the host explains this one, so that it is shown under that one.
fn is_effect(host: &Host, cause: &Cause) -> bool {
    origin(host, cause).is_some()
}

/// Whether a cause is only possible, where the server works or something better is known: a line is enough.
fn is_weak(host: &Host, cause: &Cause) -> bool {
    let has_better = host.causes.iter().any(|other| other.confidence > Confidence::Low);
    cause.confidence == Confidence::Low && (host.status == Status::Healthy || has_better)
}

/// The cause that explains this one and is explained by none; `None` for a cause of its own, and where causes explain
/// each other in a circle.
pub(super) fn origin<'a>(host: &'a Host, cause: &'a Cause) -> Option<&'a Cause> {
    let above = |cause: &Cause| {
        let rule = cause.explained_by.as_deref()?;
        host.causes.iter().find(|other| other.rule == rule)
    };
    let mut found = above(cause)?;
    for _ in &host.causes {
        let Some(next) = above(found) else { return Some(found) };
        found = next;
    }
    None
}

fn name(page: &mut Page<'_>, host: &Host) -> io::Result<()> {
    let mut facts = Vec::new();
    match (&host.os, &host.build) {
        (Some(os), Some(build)) => facts.push(format!("{} ({})", short(os), short(build))),
        (Some(os), None) => facts.push(short(os)),
        (None, Some(build)) => facts.push(format!("build {}", short(build))),
        (None, None) => {}
    }
    let logs = words::count_of(&host.logs, "log");
    let mut period = format!("{logs}, {}", words::count(host.records, "record"));
    if let (Some(first), Some(last)) = (host.first_record, host.last_record) {
        period = format!("{period}, {}", page.clock.period(first, last));
    }
    facts.push(period);
    page.pair("", (&short(&host.name), Tone::Strong), (&facts.join("   "), Tone::Dim))?;
    if !host.other_names.is_empty() {
        let names: Vec<_> = host.other_names.iter().map(|name| short(name)).collect();
        page.prose(&format!("also named {}", names.join(", ")), Tone::Dim)?;
    }
    page.blank()
}

fn status(page: &mut Page<'_>, host: &Host) -> io::Result<()> {
    let tone = tone(host.status);
    page.hanging(&format!("{} ", words::sign(host.status)), &headline::words(host, page.clock), tone)?;
    if !host.status_reason.is_empty() {
        page.hanging(
            "  ",
            &words::sentence(&escape::line(&host.status_reason, escape::SENTENCE)),
            Tone::Plain,
        )?;
    }
    if headline::is_unexplained(host) {
        page.hanging("  ", headline::NO_CAUSE, Tone::Plain)?;
    }
    for party in host.parties.iter().take(SHOWN_PARTIES) {
        let sentence = escape::line(&headline::party(party, page.clock), escape::SENTENCE);
        page.hanging("  ", &sentence, Tone::Plain)?;
    }
    if host.changes.is_empty() || host.outage.is_none() {
        return Ok(());
    }
    changes(page, host)
}

/// The changes before the outage, oldest first, on one line if they fit.
fn changes(page: &mut Page<'_>, host: &Host) -> io::Result<()> {
    let mut changes: Vec<_> = host.changes.iter().take(SHOWN_CHANGES).collect();
    changes.reverse();
    let mut shown: Vec<_> = changes
        .iter()
        .map(|change| {
            format!("{} {}", page.clock.minute(change.time), escape::line(&change.text, escape::NAME))
        })
        .collect();
    if host.changes.len() > SHOWN_CHANGES {
        shown.insert(0, format!("… {} earlier", host.changes.len() - SHOWN_CHANGES));
    }
    let lead = "  just before: ";
    let joined = shown.join(" · ");
    if escape::width(lead) + escape::width(&joined) <= page.prose_width() {
        return page.hanging(lead, &joined, Tone::Plain);
    }
    let indent = " ".repeat(escape::width(lead));
    let leads = std::iter::once(lead).chain(std::iter::repeat(indent.as_str()));
    shown.iter().zip(leads).try_for_each(|(change, lead)| page.hanging(lead, change, Tone::Plain))
}

/// The colour of a status.
pub(super) const fn tone(status: Status) -> Tone {
    match status {
        Status::Broken => Tone::Bad,
        Status::Degraded => Tone::Warn,
        Status::Unknown => Tone::Strong,
        Status::Healthy => Tone::Good,
    }
}

/// What is not a cause: what was ruled out, what is open, and what else the logs show.
fn remarks(page: &mut Page<'_>, host: &Host) -> io::Result<()> {
    let weak: Vec<&Cause> =
        host.causes.iter().filter(|cause| !is_effect(host, cause) && is_weak(host, cause)).collect();
    let is_empty = host.ruled_out.is_empty() && host.unknown.is_empty() && host.notes.is_empty();
    if is_empty && weak.is_empty() && host.exposure.is_none() && host.faults.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.open("weak signs");
    for cause in weak {
        let summary = escape::line(&cause.summary, escape::SENTENCE);
        page.put("- ", &format!("{}: {summary}", short(&cause.title)), Tone::Plain)?;
    }
    page.open("ruled out");
    for cause in &host.ruled_out {
        let reason = escape::line(&cause.reason, escape::SENTENCE);
        page.put("- ", &format!("{}: {reason}", short(&cause.title)), Tone::Plain)?;
    }
    page.open("not decided");
    for open in &host.unknown {
        page.put("- ", &words::sentence(&escape::line(&open.question, escape::SENTENCE)), Tone::Plain)?;
        if !open.needs.is_empty() {
            page.put("  → ", &escape::line(&open.needs, escape::SENTENCE), Tone::Plain)?;
        }
        page.verbatim("    ", &escape::lines(&open.export, escape::SENTENCE), Tone::Command)?;
    }
    page.open("notes");
    for note in &host.notes {
        page.put("- ", &escape::line(&note.text, escape::SENTENCE), Tone::Plain)?;
    }
    page.open("exposure");
    if let Some(exposure) = &host.exposure {
        page.put("", &escape::line(&exposure.text, escape::SENTENCE), Tone::Plain)?;
        let examples: Vec<_> = exposure.examples.iter().map(|address| short(address)).collect();
        page.put("such as ", &examples.join(", "), Tone::Dim)?;
    }
    page.open("damage");
    if !host.faults.is_empty() {
        faults(page, &host.faults)?;
    }
    page.open("");
    Ok(())
}

/// A name, harmless and not too long.
pub(super) fn short(text: &str) -> String {
    escape::line(text, escape::NAME)
}
