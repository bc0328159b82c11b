//! Makes facts of connections, service states and changes: what rules need and no single record states.

use std::collections::BTreeMap;

use super::attempt::Attempt;
use super::changes;
use super::facts::{Fact, Facts};
use super::outage::Course;
use super::services::{LISTENER, State, Step};
use super::{sessions, silence};
use crate::evtx::{Span, Time};
use crate::scan::{Covered, HostScan};

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
pub(crate) fn derive(sources: &Sources<'_>) -> Vec<Fact> {
    let mut facts = Facts::new(&sources.host.name);
    attempts(sources, &mut facts);
    for step in sources.services {
        let code = step.code.clone().unwrap_or_default();
        let fields =
            [("Service", step.service.clone()), ("State", step.state.as_str().to_owned()), ("Code", code)];
        facts.add("service", step.time, &fields, [step.item]);
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
        facts.add(kind, step.time, &fields, [step.item]);
    }
    for step in sources.changes {
        let fields = [("Kind", step.kind.to_owned()), ("Text", step.text.clone()), ("Kb", step.kb.join(" "))];
        facts.add("change", step.time, &fields, [step.item]);
    }
    for boot in sources.boots {
        facts.add("boot", *boot, &[], boot_records(sources, *boot));
    }
    if let Some(outage) = &sources.course.outage
        && let Some(first) = outage.first_failure
    {
        let state = if outage.end.is_some() { "over" } else { "open" };
        let fields = [("State", state.to_owned()), ("Failed", outage.failed_attempts.to_string())];
        facts.add("outage", first, &fields, outage_records(sources, first));
    }
    not_started(sources, end, &mut facts);
    silence::silence(sources, end, &mut facts);
    sessions::facts(sources.host, end, &mut facts);
    facts.all
}

/// The records of a start of the machine.
fn boot_records(sources: &Sources<'_>, boot: Time) -> Vec<usize> {
    let items = &sources.host.items;
    let from = items.partition_point(|item| item.record.time < boot);
    let same = items.iter().enumerate().skip(from).take_while(|(_, item)| item.record.time == boot);
    same.filter(|(_, item)| matches!(item.record.event_id, 12 | 6005 | 6009)).map(|(at, _)| at).collect()
}

/// The records that begin an outage: those of the first failed attempt, or of the state of a service.
fn outage_records(sources: &Sources<'_>, first: Time) -> Vec<usize> {
    let attempt = sources.attempts.iter().find(|attempt| attempt.start == first);
    let steps = sources.services.iter().filter(|step| step.time == first).map(|step| step.item);
    attempt.map_or_else(|| steps.collect(), |attempt| attempt.records().into_iter().collect())
}

/// How long after a start of the machine the service may take.
const START: Span = Span::minutes(15);

/// Since the last start of the machine nothing shows that the service or the listener came up, as it did after an
/// earlier one.
fn not_started(sources: &Sources<'_>, end: Time, facts: &mut Facts<'_>) {
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
        facts.add("not_started", boot, &fields, boot_records(sources, boot));
    }
}

fn attempts(sources: &Sources<'_>, facts: &mut Facts<'_>) {
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
        facts.add("attempt", attempt.start, &fields, attempt.records());
    }
}
