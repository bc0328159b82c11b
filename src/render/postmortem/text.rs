//! The story as a text with headings.

use super::super::clock::{self, Clock};
use super::super::document::{Block, Document, Step};
use super::super::words;
use super::{Impact, Moment, Postmortem};
use crate::evtx::Span;
use crate::report::{Host, Report, Status};

/// The stories of all hosts that did not work throughout.
pub(in super::super) fn document(report: &Report, clock: Clock) -> Document {
    let mut text = Document::new("Postmortem: Remote Desktop".to_owned());
    let failed: Vec<_> = report.hosts.iter().filter(|host| host.status != Status::Healthy).collect();
    if failed.is_empty() {
        text.paragraph("Remote Desktop worked on every host of these logs.");
    }
    if report.hosts.len() > 1 {
        let associations = report.fleet.associations.iter().map(|association| association.text.clone());
        text.listed(2, "What separates broken from working hosts", associations.collect());
    }
    for host in failed {
        one(&mut text, host, clock);
    }
    text
}

fn one(text: &mut Document, host: &Host, clock: Clock) {
    let story = Postmortem::new(host, clock);
    text.heading(2, host.name.clone());
    text.paragraph(story.summary.join(" "));
    if !story.timeline.is_empty() {
        text.heading(3, format!("Timeline ({})", clock.zone()));
        text.blocks.push(timeline(&story.timeline, clock));
    }
    if story.timeline_left_out > 0 {
        text.paragraph(format!("… and {} more", story.timeline_left_out));
    }
    causes(text, host, clock);
    text.listed(3, "Impact", impact(&story.impact));
    let ruled_out = host.ruled_out.iter().map(|cause| format!("{}: {}", cause.title, cause.reason)).collect();
    text.listed(3, "Ruled out", ruled_out);
    if let Some(cause) = host.causes.first().filter(|cause| !cause.fixes.is_empty()) {
        text.heading(3, "Fix and verification");
        text.blocks.push(Block::Steps(cause.fixes.iter().map(Step::new).collect()));
    }
    text.listed(3, "What to watch", story.watch);
    text.listed(3, "Open questions", story.open_questions);
}

fn timeline(moments: &[Moment], clock: Clock) -> Block {
    let rows = moments
        .iter()
        .map(|moment| vec![clock.second(moment.time), moment.text.clone(), moment.source.clone()]);
    Block::Table { head: vec!["Time", "What", "Where it shows"], rows: rows.collect() }
}

fn causes(text: &mut Document, host: &Host, clock: Clock) {
    text.heading(3, "Cause and evidence");
    let Some(cause) = host.causes.first() else {
        text.paragraph("These logs show no cause.");
        return;
    };
    text.paragraph(format!("{} ({} confidence)", cause.title, words::confidence(cause.confidence)));
    text.paragraph(cause.summary.clone());
    if !cause.evidence.is_empty() {
        text.blocks.push(Block::evidence(&cause.evidence, clock));
    }
    if !cause.because.is_empty() {
        text.blocks.push(Block::List(cause.because.clone()));
    }
    let others = host.causes.iter().skip(1).map(|other| {
        let role = if other.explained_by.is_some() { "an effect" } else { "another cause" };
        format!("{} ({role}, {} confidence)", other.title, words::confidence(other.confidence))
    });
    text.listed(4, "Also found", others.collect());
}

fn impact(impact: &Impact<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(seconds) = impact.duration_seconds {
        let end = if impact.is_over { "" } else { ", until the logs end" };
        lines.push(format!("Duration: {}{end}", clock::span(Span::seconds(seconds))));
    }
    if impact.failed_attempts > 0 {
        lines.push(format!("Failed connection attempts: {}", words::number(impact.failed_attempts)));
    }
    for (what, names) in [("Users", impact.users), ("Addresses", impact.addresses)] {
        if !names.is_empty() {
            lines.push(format!("{what} affected ({}): {}", names.len(), names.join(", ")));
        }
    }
    lines
}
