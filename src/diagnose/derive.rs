//! Makes facts of connections, service states and changes: what rules need and no single record states.

use std::collections::BTreeMap;

use super::changes;
use super::connections::Attempt;
use super::facts::fact;
use super::outage::Course;
use super::services::{LISTENER, State, Step};
use super::sessions;
use crate::evtx::{Record, Span, Time};
use crate::scan::{Covered, HostScan};

/// How long nothing must arrive, where connections came before, to be silence.
const SILENCE: Span = Span::hours(1);

const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

/// What facts are made of.
pub(crate) struct Sources<'a> {
    pub(crate) host: &'a HostScan,
    pub(crate) attempts: &'a [Attempt],
    pub(crate) services: &'a [Step],
    pub(crate) at_end: &'a BTreeMap<String, Step>,
    pub(crate) changes: &'a [changes::Step],
    pub(crate) course: &'a Course,
    pub(crate) boots: &'a [Time],
}

/// All derived facts of a host.
pub(crate) fn derive(sources: &Sources<'_>) -> Vec<Record> {
    let mut facts = Vec::new();
    let name = sources.host.name.as_str();
    attempts(sources, name, &mut facts);
    for step in sources.services {
        let code = step.code.clone().unwrap_or_default();
        let fields =
            [("Service", step.service.clone()), ("State", step.state.as_str().to_owned()), ("Code", code)];
        facts.push(fact("service", step.time, name, &fields));
    }
    let end = sources.host.coverage.last.unwrap_or_default();
    for step in sources.at_end.values() {
        let fields = [
            ("Service", step.service.clone()),
            ("State", step.state.as_str().to_owned()),
            ("Code", step.code.clone().unwrap_or_default()),
            ("Seconds", end.since(step.time).as_seconds().to_string()),
        ];
        let kind = if step.service == LISTENER { "listener_at_end" } else { "service_at_end" };
        facts.push(fact(kind, step.time, name, &fields));
    }
    for step in sources.changes {
        let fields = [("Kind", step.kind.to_owned()), ("Text", step.text.clone()), ("Kb", step.kb.join(" "))];
        facts.push(fact("change", step.time, name, &fields));
    }
    for boot in sources.boots {
        facts.push(fact("boot", *boot, name, &[]));
    }
    if let Some(outage) = &sources.course.outage
        && let Some(first) = outage.first_failure
    {
        let state = if outage.end.is_some() { "over" } else { "open" };
        let fields = [("State", state.to_owned()), ("Failed", outage.failed_attempts.to_string())];
        facts.push(fact("outage", first, name, &fields));
    }
    not_started(sources, name, end, &mut facts);
    silence(sources, name, end, &mut facts);
    sessions::facts(sources.host, name, end, &mut facts);
    facts
}

/// How long after a start of the machine the service may take.
const START: Span = Span::minutes(15);

/// Since the last start of the machine nothing shows that the service or the listener came up, as it did after an
/// earlier one.
fn not_started(sources: &Sources<'_>, name: &str, end: Time, facts: &mut Vec<Record>) {
    let Some(boot) = sources.boots.last().copied() else { return };
    let is_up = |step: &&Step| {
        (step.service == LISTENER || step.service == "TermService") && step.state == State::Running
    };
    let ups = || sources.services.iter().filter(is_up).map(|step| step.time);
    let used = || sources.course.goods.iter().copied();
    let came_up = ups()
        .chain(used())
        .chain(sources.attempts.iter().map(|attempt| attempt.start))
        .any(|time| time >= boot);
    let worked_before = ups().any(|time| time < boot) && used().any(|time| time < boot);
    let rcm = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
    let is_covered = sources.host.coverage.reaches(rcm, boot) == Covered::Yes;
    if !came_up && worked_before && is_covered && end.since(boot) >= START {
        let fields = [("Seconds", end.since(boot).as_seconds().to_string())];
        facts.push(fact("not_started", boot, name, &fields));
    }
}

fn attempts(sources: &Sources<'_>, name: &str, facts: &mut Vec<Record>) {
    for attempt in sources.attempts {
        let text = |value: Option<String>| value.unwrap_or_default();
        let fields = [
            ("Stage", attempt.stage.as_str().to_owned()),
            ("Outcome", attempt.fate.as_str().to_owned()),
            ("Address", text(attempt.address.map(|address| address.to_string()))),
            ("User", text(attempt.user.clone())),
            ("Session", text(attempt.session.map(|session| session.to_string()))),
            ("Seconds", attempt.end.since(attempt.start).as_seconds().to_string()),
            ("Code", text(attempt.code.map(|(_, code)| code.to_string()))),
        ];
        facts.push(fact("attempt", attempt.start, name, &fields));
    }
}

/// Nothing arrives any more although the listener is up, where people connected before.
fn silence(sources: &Sources<'_>, name: &str, end: Time, facts: &mut Vec<Record>) {
    let Some(last_good) = sources.course.last_good else { return };
    let last = sources.attempts.iter().map(|attempt| attempt.start).max().unwrap_or(last_good);
    let is_covered = sources.host.coverage.reaches(CORE, last_good) == Covered::Yes;
    let is_up = [LISTENER, "TermService"]
        .iter()
        .all(|name| sources.at_end.get(*name).is_none_or(|step| step.state == State::Running));
    let seconds = end.since(last).as_seconds();
    if is_covered && is_up && end.since(last) >= SILENCE && longest_gap(sources.attempts) * 3 < seconds {
        facts.push(fact("silence", last, name, &[("Seconds", seconds.to_string())]));
    }
}

/// The longest time without an attempt while connections worked, in seconds.
fn longest_gap(attempts: &[Attempt]) -> i64 {
    let gaps = attempts.windows(2).map(|pair| match pair {
        [left, right] => right.start.since(left.start).as_seconds(),
        _ => 0,
    });
    gaps.max().unwrap_or(i64::MAX / 4)
}
