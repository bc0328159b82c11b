//! The whole report as a text for a ticket.

use super::clock::{self, Clock};
use super::document::{Block, Document, Step};
use super::{Style, headline, words};
use crate::report::{Cause, Fleet, Host, Outage, Report, Status};

pub(super) fn document(report: &Report, style: &Style) -> Document {
    let (clock, top) = (Clock::new(style.tz, report.summary.last_record), style.top);
    let mut text = Document::new("Remote Desktop diagnosis".to_owned());
    if report.is_partial {
        text.paragraph("Not everything could be read, so hosts or records may be missing.");
    }
    for note in &report.client_errors {
        text.paragraph(note.text.clone());
    }
    if report.hosts.len() > 1 {
        fleet(&mut text, &report.fleet, clock, top);
    }
    let is_shown = |host: &&Host| report.hosts.len() == 1 || host.status != Status::Healthy;
    for host in report.hosts.iter().filter(is_shown).take(top.unwrap_or(usize::MAX)) {
        one(&mut text, host, clock);
    }
    if !report.faults.is_empty() {
        text.paragraph(format!(
            "{} in logs of no known host.",
            words::count_of(&report.faults, "damaged place")
        ));
    }
    text
}

fn fleet(text: &mut Document, fleet: &Fleet, clock: Clock, top: Option<usize>) {
    let limit = top.unwrap_or(usize::MAX);
    let rows = fleet.lines.iter().take(limit).map(|line| {
        vec![
            line.host.clone(),
            words::status(line.status).to_owned(),
            line.since.map(|time| clock.minute(time)).unwrap_or_default(),
            headline::cause(line).to_owned(),
            line.confidence.map(words::confidence).unwrap_or_default().to_owned(),
            line.failed_attempts.to_string(),
            line.change.clone().unwrap_or_default(),
        ]
    });
    let head = vec!["Host", "Status", "Since", "Cause", "Confidence", "Failed attempts", "Change before"];
    text.blocks.push(Block::Table { head, rows: rows.collect() });
    if fleet.lines.len() > limit {
        text.paragraph(format!("… and {} more hosts", fleet.lines.len() - limit));
    }
    for group in fleet.groups.iter().filter(|group| group.hosts.len() > 1) {
        text.heading(2, format!("{}: {}", words::count_of(&group.hosts, "host"), group.title));
        text.paragraph(group.hosts.join(", "));
        text.blocks.push(Block::Steps(group.fixes.iter().map(Step::new).collect()));
    }
    let associations = fleet.associations.iter().map(|association| association.text.clone()).collect();
    text.listed(2, "What separates broken from working hosts", associations);
}

fn one(text: &mut Document, host: &Host, clock: Clock) {
    text.heading(2, format!("{}: {}", host.name, words::status(host.status)));
    let mut state = words::sentence(&host.status_reason);
    if let Some(outage) = &host.outage {
        state = format!("{}. {state}", outage_words(outage, clock));
    }
    text.paragraph(state);
    if headline::is_unexplained(host) {
        text.paragraph(headline::NO_CAUSE);
    }
    let parties = host.parties.iter().map(|party| headline::party(party, clock)).collect();
    text.listed(3, "Only some failed", parties);
    let changes =
        host.changes.iter().map(|change| format!("{} {}", clock.second(change.time), change.text)).collect();
    text.listed(3, "Changes just before", changes);
    for (number, cause) in host.causes.iter().enumerate() {
        self::cause(text, number + 1, cause, clock);
    }
    let ruled_out = host.ruled_out.iter().map(|cause| format!("{}: {}", cause.title, cause.reason)).collect();
    text.listed(3, "Ruled out", ruled_out);
    for (number, open) in host.unknown.iter().enumerate() {
        if number == 0 {
            text.heading(3, "Not decided by these logs");
        }
        text.paragraph(words::question(open));
        if !open.export.is_empty() {
            text.blocks.push(Block::Code(open.export.clone()));
        }
    }
    let exposure = host.exposure.iter().map(|exposure| exposure.text.clone());
    let notes = host.notes.iter().map(|note| note.text.clone()).chain(exposure).collect();
    text.listed(3, "Notes", notes);
    if !host.faults.is_empty() {
        text.paragraph(format!("{} in this host's logs.", words::count_of(&host.faults, "damaged place")));
    }
}

fn cause(text: &mut Document, number: usize, cause: &Cause, clock: Clock) {
    text.heading(
        3,
        format!("{number}. {} ({} confidence)", cause.title, words::confidence(cause.confidence)),
    );
    text.paragraph(cause.summary.clone());
    if let Some(by) = &cause.explained_by {
        text.paragraph(format!("An effect of {by}."));
    }
    if !cause.evidence.is_empty() {
        text.blocks.push(Block::evidence(&cause.evidence, clock));
    }
    if !cause.because.is_empty() {
        text.blocks.push(Block::List(cause.because.clone()));
    }
    text.listed(4, "Not decided", cause.open.iter().map(words::open).collect());
    if !cause.fixes.is_empty() {
        text.heading(4, "Fix");
        text.blocks.push(Block::Steps(cause.fixes.iter().map(Step::new).collect()));
    }
    if !cause.references.is_empty() {
        text.paragraph(format!("See {}", cause.references.join(", ")));
    }
}

/// `Down since 14 Jan 03:12, last good logon 13 Jan 22:41, 23 attempts failed`.
fn outage_words(outage: &Outage, clock: Clock) -> String {
    let mut parts = Vec::new();
    match (outage.first_failure, outage.end) {
        (Some(first), Some(end)) => {
            let (from, to) = (clock.minute(first), clock.minute(end));
            parts.push(format!("Down from {from} to {to} ({})", clock::span(end.since(first))));
        }
        (Some(first), None) => parts.push(format!("Down since {}", clock.minute(first))),
        (None, _) => parts.push("Down".to_owned()),
    }
    if let Some(good) = outage.last_good {
        parts.push(format!("last good logon {}", clock.minute(good)));
    }
    if outage.failed_attempts > 0 {
        parts.push(format!("{} failed", words::count(outage.failed_attempts, "attempt")));
    }
    parts.join(", ")
}
