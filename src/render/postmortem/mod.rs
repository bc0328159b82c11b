//! The story of an outage, to be pasted into a ticket: what happened, why, whom it hit, what to do and what stays open.
//!
//! It is put together from what the report states; nothing is judged here.

#[cfg(test)]
mod tests;
mod text;

use serde::Serialize;

pub(super) use self::text::document;
use super::clock::{self, Clock};
use super::words;
use crate::evtx::{Span, Time};
use crate::report::{EntryKind, Host, Status, Undecided};

/// Lines of the timeline that are told.
const TIMELINE: usize = 40;

/// The story of one host.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Postmortem<'a> {
    pub(super) host: &'a str,
    /// What happened, why, and whom it hit.
    pub(super) summary: [String; 3],
    pub(super) timeline: Vec<Moment>,
    /// Lines of the timeline that are left out.
    pub(super) timeline_left_out: usize,
    pub(super) impact: Impact<'a>,
    pub(super) watch: Vec<String>,
    pub(super) open_questions: Vec<String>,
}

/// Something that happened.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Moment {
    #[serde(serialize_with = "as_rfc3339")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) time: Time,
    pub(super) text: String,
    pub(super) source: String,
}

/// Whom the outage hit.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Impact<'a> {
    pub(super) failed_attempts: u64,
    pub(super) users: &'a [String],
    pub(super) addresses: &'a [String],
    /// From the first failure to the first success, or to the last record while it lasts.
    pub(super) duration_seconds: Option<i64>,
    pub(super) is_over: bool,
}

impl<'a> Postmortem<'a> {
    pub(super) fn new(host: &'a Host, clock: Clock) -> Self {
        let (timeline, timeline_left_out) = timeline(host);
        let impact = Impact::new(host);
        Self {
            host: &host.name,
            summary: [what(host, &impact, clock), why(host), whom(host, &impact)],
            timeline,
            timeline_left_out,
            impact,
            watch: watch(host),
            open_questions: open_questions(host),
        }
    }
}

impl<'a> Impact<'a> {
    fn new(host: &'a Host) -> Self {
        let outage = host.outage.as_ref();
        let first = outage.and_then(|outage| outage.first_failure);
        let end = outage.and_then(|outage| outage.end);
        let length =
            first.zip(end.or(host.last_record)).map(|(first, last)| last.since(first).as_seconds().max(0));
        Self {
            failed_attempts: outage.map_or(0, |outage| outage.failed_attempts),
            users: outage.map(|outage| outage.users.as_slice()).unwrap_or_default(),
            addresses: outage.map(|outage| outage.addresses.as_slice()).unwrap_or_default(),
            duration_seconds: length,
            is_over: end.is_some(),
        }
    }
}

fn what(host: &Host, impact: &Impact<'_>, clock: Clock) -> String {
    let name = &host.name;
    let length =
        impact.duration_seconds.map(|seconds| clock::span(Span::seconds(seconds))).unwrap_or_default();
    let outage = host.outage.clone().unwrap_or_default();
    match (host.status, outage.first_failure, outage.end) {
        (_, Some(first), Some(end)) => {
            let (from, to) = (clock.minute(first), clock.minute(end));
            format!("Remote Desktop on {name} was down from {from} to {to} {} ({length}).", clock.zone())
        }
        (_, Some(first), None) => format!(
            "Remote Desktop on {name} has been down since {} {}, {length} until the logs end.",
            clock.minute(first),
            clock.zone()
        ),
        (Status::Healthy, ..) => format!("Remote Desktop on {name} worked throughout these logs."),
        (Status::Unknown, ..) => format!("These logs cannot tell whether Remote Desktop on {name} worked."),
        _ => format!("Remote Desktop on {name} failed; these logs do not show since when."),
    }
}

fn why(host: &Host) -> String {
    let Some(cause) = host.causes.first() else {
        return "These logs show no cause.".to_owned();
    };
    let title = cause.title.trim_end_matches('.');
    format!("The leading cause, with {} confidence: {title}.", words::confidence(cause.confidence))
}

fn whom(host: &Host, impact: &Impact<'_>) -> String {
    if impact.failed_attempts == 0 {
        return format!("{}.", words::sentence(host.status_reason.trim_end_matches('.')));
    }
    let mut of = Vec::new();
    if !impact.users.is_empty() {
        of.push(format!("of {}", words::count_of(impact.users, "user")));
    }
    if !impact.addresses.is_empty() {
        of.push(format!(
            "from {}",
            words::count_of(impact.addresses, "address").replace("addresss", "addresses")
        ));
    }
    let failed = words::count(impact.failed_attempts, "connection attempt");
    format!("{failed} {} failed.", of.join(" ")).replace("  ", " ")
}

/// What happened, in order of time, and how many lines are left out.
fn timeline(host: &Host) -> (Vec<Moment>, usize) {
    let told = host.timeline.iter().filter(|entry| entry.kind != EntryKind::Connections);
    let mut moments: Vec<_> = told
        .map(|entry| Moment { time: entry.time, text: entry.text.clone(), source: entry.source.clone() })
        .collect();
    let has = |kind| host.timeline.iter().any(|entry| entry.kind == kind);
    if !has(EntryKind::Change) {
        moments.extend(host.changes.iter().map(|change| moment(change.time, &change.text)));
    }
    if let Some(outage) = &host.outage {
        let is_marked = has(EntryKind::Outage);
        moments.extend(outage.last_good.map(|time| moment(time, "Last good connection")));
        moments.extend(outage.first_failure.filter(|_| !is_marked).map(|time| moment(time, "First failure")));
        moments.extend(
            outage.end.filter(|_| !is_marked).map(|time| moment(time, "First good connection again")),
        );
    }
    moments.sort_by_key(|moment| moment.time);
    let left_out = moments.len().saturating_sub(TIMELINE);
    moments.truncate(TIMELINE);
    (moments, left_out)
}

fn moment(time: Time, text: &str) -> Moment {
    Moment { time, text: text.to_owned(), source: String::new() }
}

/// What must not come back once the fix is in.
fn watch(host: &Host) -> Vec<String> {
    let Some(cause) = host.causes.first() else { return Vec::new() };
    let mut watch: Vec<String> = Vec::new();
    for line in &cause.evidence {
        let text = format!(
            "{} {} ({}) must not appear again.",
            words::channel(&line.channel),
            line.event_id,
            line.provider
        );
        if !watch.contains(&text) {
            watch.push(text);
        }
    }
    for kb in host.changes.iter().flat_map(|change| &change.kb) {
        let text = format!("Connect to one host after {kb} before it goes to more hosts.");
        if !watch.contains(&text) {
            watch.push(text);
        }
    }
    watch
}

fn open_questions(host: &Host) -> Vec<String> {
    let question = |open: &Undecided| {
        let export =
            if open.export.is_empty() { String::new() } else { format!(" (export: {})", open.export) };
        format!("{}{export}", words::question(open))
    };
    let mut open: Vec<_> = host.unknown.iter().map(question).collect();
    let doubtful = host.causes.first().filter(|cause| cause.confidence != crate::report::Confidence::High);
    open.extend(doubtful.map(|cause| format!("The cause \"{}\" is not confirmed.", cause.title)));
    open
}

fn as_rfc3339<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.rfc3339())
}
