//! The whole diagnosis of one host, step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::{Attempt, Fate};
use super::finding::{self, Finding, Found, Scene};
use super::identity::Identity;
use super::outage::{self, Course};
use super::reading::{self, Reading};
use super::services::{self, LISTENER, State};
use super::timeline::Timeline;
use super::{Options, changes, clock, evidence, life, rank, regression, shifts, suspect, updates};
use crate::evtx::Span;
use crate::report::{
    Cause, Change, Confidence, Exposure, Host, LogSummary, Note, Outage, Party, Severity, Status, Undecided,
};
use crate::rule::{Kind, Rule};
use crate::scan::HostScan;

/// Changes that are shown, at most.
const MAX_CHANGES: usize = 8;
/// How long before the first failure a change is worth showing when nothing is known of the last good connection.
const NEAR: Span = Span::days(7);
/// Attempts that nobody who uses the server made, from which on a host is called exposed.
const EXPOSED: u64 = 50;

/// Logs without which little can be said, with the channel's name.
const CHANNELS: [&str; 3] = [
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
];

/// Diagnoses one host.
pub(crate) fn diagnose(mut scan: HostScan, options: &Options<'_>) -> Host {
    let clock_notes = clock::mend(&mut scan.items);
    let Reading { identity, attempts, steps, at_end, course, parties, changes: change_steps, facts } =
        reading::read(&scan, options.story.and_then(|story| story.around));
    let all_changes = shown(&change_steps, &scan, options, &identity);
    let history = updates::history(&scan.items, &identity);
    let sources = step_sources(&scan, &steps, options);
    let items = std::mem::take(&mut scan.items);
    let timeline = Timeline::new(items, facts, scan.coverage.clone(), options.rules, options.texts);
    let scene = Scene {
        timeline: &timeline,
        rules: options.rules,
        texts: options.texts,
        identity: &identity,
        goods: &course.goods,
        changes: &change_steps,
        client_errors: options.client_errors,
        host: &scan.name,
    };
    let mut host = empty(&scan, &identity);
    host.connections = course.counts;
    host.updates = history;
    host.intervals = outage::intervals(&attempts);
    host.parties = parties;
    host.notes.extend(clock_notes);
    find(&mut host, &scene, options);
    host.outage = outage(&host.causes, &course, &attempts);
    blame(&mut host, &scan, &scene);
    let is_down = |name: &str| at_end.get(name).is_some_and(|step| step.state != State::Running);
    judge(&mut host, &course, is_down("TermService") || is_down(LISTENER));
    host.changes = near_changes(&all_changes, &host);
    if let Some(story) = options.story {
        host.timeline = life::entries(&host, &all_changes, &steps, &sources, story);
    }
    host.exposure = exposure(&attempts);
    settle(&mut host, &timeline);
    host
}

/// Decides all rules and known updates, and orders what was found.
fn find(host: &mut Host, scene: &Scene<'_>, options: &Options<'_>) {
    let mut found = decide_all(scene, host);
    let (known, remarks) = regression::judge(scene, &host.updates, &mut found);
    found.extend(known);
    rank::humble(&mut found, scene.timeline);
    host.notes.extend(remarks);
    host.causes = rank::rank(found, &|rule| fits_client(options, rule));
    if !options.keeps_harmless {
        note_harmless(host);
    }
}

/// Says what stays open. Where it works, or the cause is stated, what else could be is no question.
fn settle(host: &mut Host, timeline: &Timeline) {
    let is_stated = host.causes.first().is_some_and(|cause| cause.confidence == Confidence::High);
    if host.status == Status::Healthy || is_stated {
        host.unknown.clear();
    }
    let missing = missing_logs(host, timeline);
    host.unknown.extend(missing);
}

/// Changes with the records that show them.
fn shown(
    steps: &[changes::Step],
    scan: &HostScan,
    options: &Options<'_>,
    identity: &Identity,
) -> Vec<Change> {
    let change = |step: &changes::Step| {
        let item = scan.items.get(step.item)?;
        Some(Change {
            time: step.time,
            kind: step.kind.to_owned(),
            text: step.text.clone(),
            kb: step.kb.clone(),
            evidence: evidence::line(&item.record, item.weight, options.texts, identity.build),
        })
    };
    steps.iter().filter_map(change).collect()
}

/// Where each state of a service shows, when it will be told.
fn step_sources(scan: &HostScan, steps: &[services::Step], options: &Options<'_>) -> Vec<String> {
    let told = steps.iter().filter(|_| options.story.is_some()).map(|step| {
        let item = scan.items.get(step.item);
        item.map(|item| life::source(&evidence::line(&item.record, item.weight, options.texts, None)))
    });
    told.map(Option::unwrap_or_default).collect()
}

/// Blames the update before the outage when the time fits, and none that came later.
fn blame(host: &mut Host, scan: &HostScan, scene: &Scene<'_>) {
    if let Some(found) = suspect::suspect(host) {
        let shifts = shifts::shifts(scan, scene.timeline, &scene.identity.boots, found.since);
        suspect::accuse(host, &found, &shifts, scene);
    } else {
        suspect::acquit(host);
    }
}

/// What is no fault is a note, not a cause: noise has a name, and nobody is sent to repair it.
fn note_harmless(host: &mut Host) {
    let is_harmless = |cause: &Cause| cause.family == "expected-or-benign";
    let (harmless, causes) = std::mem::take(&mut host.causes).into_iter().partition(is_harmless);
    host.causes = causes;
    let notes: Vec<Cause> = harmless;
    host.notes.extend(
        notes.into_iter().map(|cause| Note {
            kind: "noise".to_owned(),
            text: format!("{}: {}", cause.title, cause.summary),
        }),
    );
}

fn fits_client(options: &Options<'_>, rule: &str) -> bool {
    options
        .rules
        .rules()
        .find(|own| &*own.name == rule)
        .and_then(|own| own.cause.as_ref())
        .is_some_and(|cause| cause.client_errors.iter().any(|code| options.client_errors.contains(code)))
}

fn is_harmless(rule: &Rule) -> bool {
    rule.cause.as_ref().is_some_and(|cause| &*cause.family == "expected-or-benign")
}

fn decide_all(scene: &Scene<'_>, host: &mut Host) -> Vec<Found> {
    let mut all = Vec::new();
    for (number, rule) in scene.rules.rules.iter().enumerate() {
        if rule.kind == Kind::Signals {
            continue;
        }
        match finding::decide(number, rule, scene) {
            Finding::Found(found) => all.push(*found),
            // "Nothing is wrong" is no suspect that could be ruled out.
            Finding::RuledOut(_) if is_harmless(rule) => {}
            Finding::RuledOut(out) => host.ruled_out.push(out),
            Finding::Undecided(open) => host.unknown.push(open),
            Finding::Noise(note) => host.notes.push(note),
            Finding::Nothing => {}
        }
    }
    all
}

fn empty(scan: &HostScan, identity: &Identity) -> Host {
    let build = identity.build.map(|build| match identity.revision {
        Some(revision) => format!("{build}.{revision}"),
        None => build.to_string(),
    });
    Host {
        name: scan.name.clone(),
        other_names: scan.other_names.clone(),
        os: identity.os.clone(),
        build,
        first_record: scan.coverage.first,
        last_record: scan.coverage.last,
        records: scan.records,
        logs: scan.logs.iter().map(log_summary).collect(),
        status: Status::Unknown,
        status_reason: String::new(),
        outage: None,
        parties: Vec::new(),
        changes: Vec::new(),
        causes: Vec::new(),
        ruled_out: Vec::new(),
        unknown: Vec::new(),
        notes: Vec::new(),
        exposure: None,
        updates: Vec::new(),
        connections: crate::report::ConnectionCounts::default(),
        intervals: Vec::new(),
        timeline: Vec::new(),
        faults: scan.faults.clone(),
    }
}

fn log_summary(log: &crate::scan::HostLog) -> LogSummary {
    LogSummary {
        name: log.name.to_string(),
        channels: log.channels.keys().map(ToString::to_string).filter(|name| !name.is_empty()).collect(),
        records: log.channels.values().map(|cover| cover.records).sum(),
        first_record: log.channels.values().filter_map(|cover| cover.times()).map(|(first, _)| first).min(),
        last_record: log.channels.values().filter_map(|cover| cover.times()).map(|(_, last)| last).max(),
    }
}

/// Families of causes that keep out one user or client: no outage of a host where others get in.
const OF_PERSONS: [&str; 3] = ["logon-or-credentials", "account-lockout-or-bruteforce", "client-side"];

/// The outage that connections show, else the one that the leading cause's records begin.
fn outage(causes: &[Cause], course: &Course, attempts: &[Attempt]) -> Option<Outage> {
    if course.outage.is_some() {
        return course.outage.clone();
    }
    let leading = causes.first().filter(|cause| is_fault(cause))?;
    let since = leading.since?;
    let until = leading.until?;
    if OF_PERSONS.contains(&leading.family.as_str()) && course.last_good.is_some_and(|good| good > since) {
        return None;
    }
    // Who got in between two of the records ends what came before.
    let between = course.goods.iter().copied().filter(|good| *good > since && *good < until);
    let first = between.max().unwrap_or(since);
    let end = course.goods.iter().copied().find(|good| *good > until);
    Some(outage::describe(attempts, first, end, &course.goods))
}

/// A cause that means that something is broken.
fn is_fault(cause: &Cause) -> bool {
    cause.family != "expected-or-benign"
        && cause.confidence >= Confidence::Medium
        && cause.severity <= Severity::Medium
        && cause.explained_by.is_none()
}

fn judge(host: &mut Host, course: &Course, is_down: bool) {
    let has_rdp_log =
        host.logs.iter().any(|log| log.channels.iter().any(|channel| CHANNELS.contains(&channel.as_str())));
    let leading = host.causes.first().filter(|cause| is_fault(cause));
    let is_open = host.outage.as_ref().is_some_and(|outage| outage.end.is_none());
    let severe = leading.is_some_and(|cause| cause.severity <= Severity::High);
    let (status, reason) = match () {
        () if is_down => {
            (Status::Broken, "the service or its listener is down at the end of the logs".to_owned())
        }
        () if course.outage.is_some() && is_open => {
            let failed = course.outage.as_ref().map_or(0, |outage| outage.failed_attempts);
            (Status::Broken, format!("the last {failed} attempts of users failed"))
        }
        () if severe && is_open => {
            let failed = host.outage.as_ref().map_or(0, |outage| outage.failed_attempts);
            let words =
                if failed == 0 { "nobody is seen to connect since" } else { "no connection worked since" };
            (Status::Broken, format!("{words}: {}", title(leading)))
        }
        () if leading.is_some() => (Status::Degraded, format!("something is wrong: {}", title(leading))),
        () if course.outage.is_some() => {
            (Status::Degraded, "connections failed for a while and work again".to_owned())
        }
        () if course.last_good.is_some() => (Status::Healthy, works(&host.parties)),
        () if !has_rdp_log => (Status::Unknown, "no log of Remote Desktop is among these".to_owned()),
        () if course.counts.attempts > course.counts.noise => {
            (Status::Unknown, "the logs that would tell how connections ended are missing".to_owned())
        }
        () => (Status::Unknown, "nobody connected within these logs".to_owned()),
    };
    host.status = status;
    host.status_reason = reason;
}

/// That it works, and for whom not.
fn works(parties: &[Party]) -> String {
    let fails = parties.iter().find(|party| party.outage.end.is_none());
    let but = fails.map(|party| format!(", but not for {}", party.name));
    format!("connections work{}", but.unwrap_or_default())
}

fn title(cause: Option<&Cause>) -> &str {
    cause.map_or("", |cause| &cause.title)
}

/// Changes between the last good connection and the first failure, nearest first.
///
/// The update that a leading cause names belongs to them, even if connections worked for some hours after it.
fn near_changes(all: &[Change], host: &Host) -> Vec<Change> {
    let outage = host.outage.as_ref();
    let Some(first) = outage.and_then(|outage| outage.first_failure) else { return Vec::new() };
    let blamed = host.causes.first().filter(|cause| cause.family == regression::FAMILY);
    let is_blamed = |change: &Change| {
        blamed.is_some_and(|cause| change.kb.iter().any(|kb| cause.summary.contains(kb.as_str())))
    };
    let last_good = outage.and_then(|outage| outage.last_good);
    let from = last_good.map_or(first.minus(NEAR), |good| good.max(first.minus(NEAR)));
    let mut near: Vec<Change> = all
        .iter()
        .filter(|change| change.time <= first && (change.time >= from || is_blamed(change)))
        .cloned()
        .collect();
    near.sort_by(|left, right| {
        (right.time, &left.kind, &left.text).cmp(&(left.time, &right.kind, &right.text))
    });
    near.truncate(MAX_CHANGES);
    near
}

fn exposure(attempts: &[Attempt]) -> Option<Exposure> {
    let noise = || attempts.iter().filter(|attempt| attempt.fate == Fate::Noise);
    let count: u64 = noise().map(|attempt| attempt.weight).sum();
    if count < EXPOSED {
        return None;
    }
    let mut addresses: BTreeMap<String, u64> = BTreeMap::new();
    for attempt in noise() {
        if let Some(address) = attempt.address {
            *addresses.entry(address.to_string()).or_default() += attempt.weight;
        }
    }
    let is_thinned = noise().any(|attempt| attempt.weight > 1);
    let mut busiest: Vec<(&String, &u64)> = addresses.iter().collect();
    busiest.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
    let examples: BTreeSet<String> = busiest.iter().take(10).map(|(name, _)| (*name).clone()).collect();
    let more = if is_thinned { "at least " } else { "" };
    let text = match addresses.len() {
        0 => format!(
            "{count} attempts came from nobody who uses this server; the logs hold no addresses of them"
        ),
        number => {
            format!("exposed to scans or password guessing: {count} attempts from {more}{number} addresses")
        }
    };
    Some(Exposure {
        attempts: count,
        addresses: addresses.len(),
        is_lower_bound: is_thinned,
        examples: examples.into_iter().collect(),
        text,
    })
}

/// What the logs cannot tell because some are missing or begin too late.
fn missing_logs(host: &Host, timeline: &Timeline) -> Vec<Undecided> {
    let mut open = Vec::new();
    let from = host.outage.as_ref().and_then(|outage| outage.first_failure);
    if host.status == Status::Healthy {
        return open;
    }
    for channel in CHANNELS.into_iter().chain(["System"]) {
        let question = match timeline.coverage.channel(channel) {
            None => format!("What {} says: it is not among these logs.", short_channel(channel)),
            Some(cover) if from.is_some_and(|from| cover.first > from) => {
                let begin = finding::moment(cover.first);
                format!(
                    "What {} says of the first failure: it begins only at {begin}.",
                    short_channel(channel)
                )
            }
            Some(_) => continue,
        };
        let export = finding::export_command(channel, &host.name);
        open.push(Undecided { rules: Vec::new(), question, needs: channel.to_owned(), export });
    }
    open
}

/// A channel's name without its vendor: `RdpCoreTS/Operational`.
fn short_channel(channel: &str) -> &str {
    channel.rsplit_once('-').map_or(channel, |(_, name)| name)
}
