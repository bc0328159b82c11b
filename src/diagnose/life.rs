//! A host's life around its outage: changes, states of services, connections, what was found, beginning and end.

use super::services::{LISTENER, State, Step};
use crate::evtx::{Span, Time};
use crate::report::{Cause, Change, Entry, EntryKind, Evidence, Host, Interval};

/// Most lines of one host.
const MAX_ENTRIES: usize = 1000;
/// How much is told before and after a moment that the user names.
const AROUND: Span = Span::hours(12);
/// How much is told before a failure of which nobody knows when it worked last, and of one that lasts.
const LONG: Span = Span::days(7);

/// Services whose ordinary starts and stops are told; of others only failures.
const NEAR: [&str; 8] = [
    "TermService",
    "SessionEnv",
    "UmRdpService",
    LISTENER,
    "TSGateway",
    "Tssdis",
    "TermServLicensing",
    "mpssvc",
];

/// Which part of the hosts' lives is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Story {
    /// The moment that the user asks about.
    pub around: Option<Time>,
    /// Nothing before it is told.
    pub since: Option<Time>,
    /// Nothing after it is told.
    pub until: Option<Time>,
}

/// The lines of a host whose outage and causes are known.
pub(super) fn entries(
    host: &Host,
    changes: &[Change],
    services: &[Step],
    sources: &[String],
    story: Story,
) -> Vec<Entry> {
    let (from, to) = period(host, story);
    let mut all: Vec<Entry> = changes.iter().map(change).collect();
    all.extend(
        services
            .iter()
            .zip(sources)
            .filter(|(step, _)| is_told(step))
            .map(|(step, source)| service(step, source)),
    );
    all.extend(host.intervals.iter().filter_map(connections));
    all.extend(host.causes.iter().filter_map(found));
    if let Some(outage) = &host.outage {
        all.extend(outage.first_failure.map(|time| mark(time, "first failure")));
        all.extend(outage.end.map(|time| mark(time, "first good connection again")));
    }
    // A bar belongs to the period when a part of its interval does.
    all.retain(|entry| {
        let length = host.intervals.first().map_or(Span(0), |interval| Span::seconds(interval.seconds));
        let end = if entry.kind == EntryKind::Connections { entry.time.plus(length) } else { entry.time };
        end >= from && entry.time <= to
    });
    all.sort_by(|left, right| {
        (left.time, left.kind, &left.text, &left.source).cmp(&(
            right.time,
            right.kind,
            &right.text,
            &right.source,
        ))
    });
    all.dedup();
    if all.len() > MAX_ENTRIES {
        let middle =
            story.around.or(host.outage.as_ref().and_then(|outage| outage.first_failure)).unwrap_or(to);
        let at = all.partition_point(|entry| entry.time < middle);
        let start = at.saturating_sub(MAX_ENTRIES / 2).min(all.len() - MAX_ENTRIES);
        all = all.into_iter().skip(start).take(MAX_ENTRIES).collect();
    }
    all
}

/// What the user asks for, else the outage with what led to it, else everything.
fn period(host: &Host, story: Story) -> (Time, Time) {
    let (mut from, mut to) = (Time(i64::MIN), Time(i64::MAX));
    let first = host.outage.as_ref().and_then(|outage| outage.first_failure);
    if let Some(moment) = story.around {
        (from, to) = (moment.minus(AROUND), moment.plus(AROUND));
    } else if let (Some(first), None, None) = (first, story.since, story.until) {
        let outage = host.outage.as_ref();
        let good = outage.and_then(|outage| outage.last_good);
        let begin = good.map_or(first.minus(LONG), |good| good.max(first.minus(LONG)));
        let change = host.changes.iter().map(|change| change.time).min();
        from = change.map_or(begin, |change| change.min(begin)).minus(AROUND);
        to = outage.and_then(|outage| outage.end).map_or(first.plus(LONG), |end| end.plus(AROUND));
    }
    (story.since.unwrap_or(from), story.until.unwrap_or(to))
}

fn entry(time: Time, kind: EntryKind, text: String, source: String) -> Entry {
    Entry { time, kind, text, good: 0, failed: 0, source }
}

fn mark(time: Time, text: &str) -> Entry {
    entry(time, EntryKind::Outage, text.to_owned(), String::new())
}

fn change(change: &Change) -> Entry {
    entry(change.time, EntryKind::Change, change.text.clone(), source(&change.evidence))
}

fn is_told(step: &Step) -> bool {
    NEAR.contains(&step.service.as_str()) || !matches!(step.state, State::Running | State::Stopped)
}

fn service(step: &Step, source: &str) -> Entry {
    let name = if step.service == LISTENER { format!("listener {LISTENER}") } else { step.service.clone() };
    let what = match step.state {
        State::Running => "is running",
        State::Stopped => "stopped",
        State::Crashed => "ended unexpectedly",
        State::StartFailed => "did not start",
        State::Disabled => "was disabled",
    };
    let code = step.code.as_deref().filter(|code| !code.is_empty()).map(|code| format!(" ({code})"));
    entry(
        step.time,
        EntryKind::Service,
        format!("{name} {what}{}", code.unwrap_or_default()),
        source.to_owned(),
    )
}

fn connections(interval: &Interval) -> Option<Entry> {
    let counts = interval.counts;
    let (good, failed) = (counts.good, counts.failed);
    let text = format!("{good} good, {failed} failed");
    let entry = entry(interval.start, EntryKind::Connections, text, String::new());
    (good + failed > 0).then_some(Entry { good, failed, ..entry })
}

fn found(cause: &Cause) -> Option<Entry> {
    let shown = cause.evidence.iter().find(|line| Some(line.time) == cause.since).or(cause.evidence.first());
    let source = shown.map(source).unwrap_or_default();
    Some(entry(cause.since?, EntryKind::Match, cause.title.clone(), source))
}

/// `System · Service Control Manager 7034 · record 812`.
pub(super) fn source(line: &Evidence) -> String {
    let short = |name: &str| {
        let name = name.strip_prefix("Microsoft-Windows-").unwrap_or(name);
        name.strip_suffix("/Operational").unwrap_or(name).to_owned()
    };
    let (channel, provider) = (short(&line.channel), short(&line.provider));
    let event = if provider == channel {
        line.event_id.to_string()
    } else {
        format!("· {provider} {}", line.event_id)
    };
    format!("{channel} {event} · record {}", line.record_id)
}
