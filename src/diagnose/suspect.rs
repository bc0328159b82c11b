//! An update that nobody has written about, suspected by its time: the failure began after its restart.
//!
//! It is never blamed for what began before it, and a cause that the logs state is better than a suspicion: then the
//! update is only what may have brought that cause.

use super::advice;
use super::beside;
use super::evidence;
use super::finding::{Scene, moment};
use super::regression::FAMILY;
use super::shifts::Shift;
use crate::evtx::{Record, Span, Time};
use crate::report::{Cause, Confidence, Fix, Host, Risk, Severity, UpdateState, WindowsUpdate};

/// Name of the cause.
const RULE: &str = "update-suspected";
/// How long after the restart the first failure may come: a weekend.
const NEAR: Span = Span::days(3);
/// Most kinds of records that are told.
const MAX_SHIFTS: usize = 5;

/// Updates that came into force with one start.
pub(crate) struct Suspect {
    /// The start.
    pub(crate) since: Time,
    kbs: Vec<String>,
    /// Titles of those without a number.
    titles: Vec<String>,
    build: Option<(u32, u32)>,
}

impl Suspect {
    fn name(&self) -> String {
        let build = self.build.map(|(build, revision)| format!("build {build}.{revision}"));
        let names = self.kbs.iter().chain(&self.titles).map(String::as_str).collect::<Vec<_>>().join(", ");
        match (names.is_empty(), build) {
            (false, Some(build)) => format!("{names} ({build})"),
            (false, None) => names,
            (true, build) => build.unwrap_or_else(|| "an update".to_owned()),
        }
    }
}

/// The updates whose start was the last one before the first failure, when it was near and nothing worked after it.
pub(crate) fn suspect(host: &Host) -> Option<Suspect> {
    let first = host.outage.as_ref()?.first_failure?;
    let start = |update: &WindowsUpdate| update.restart.unwrap_or(update.time);
    let is_before = |update: &&WindowsUpdate| {
        let is_in_force = match update.state {
            UpdateState::Installed => true,
            UpdateState::FromBuild => {
                host.first_record.is_some_and(|begin| start(update) > begin.plus(Span::days(1)))
            }
            _ => false,
        };
        is_in_force && start(update) <= first && first.since(start(update)) <= NEAR
    };
    let since = host.updates.iter().filter(is_before).map(start).max()?;
    let worked_after = host.outage.as_ref()?.last_good.is_some_and(|good| good > since);
    let began_before = host.causes.first().and_then(|cause| cause.since).is_some_and(|begin| begin < since);
    // Without a connection that worked before, only logs that reach back show that it was not broken all along.
    let is_seen = host.outage.as_ref()?.last_good.is_some()
        || host.first_record.is_some_and(|begin| begin < since.minus(Span::days(1)));
    if worked_after || began_before || !is_seen {
        return None;
    }
    let mut found = Suspect { since, kbs: Vec::new(), titles: Vec::new(), build: None };
    for update in host.updates.iter().filter(is_before).filter(|update| start(update) == since) {
        if !update.kb.is_empty() && !found.kbs.contains(&update.kb) {
            found.kbs.push(update.kb.clone());
        }
        let is_recent = since.since(update.time) <= NEAR;
        if update.kb.is_empty() && is_recent && !found.titles.contains(&update.title) {
            found.titles.push(update.title.clone());
        }
        let numbers = update.build.as_ref().and_then(|build| build.split_once('.'));
        found.build = found.build.or_else(|| {
            numbers.and_then(|(build, revision)| Some((build.parse().ok()?, revision.parse().ok()?)))
        });
    }
    Some(found)
}

/// Adds the suspicion to a host's causes.
pub(crate) fn accuse(host: &mut Host, found: &Suspect, shifts: &[Shift], scene: &Scene<'_>) {
    let is_known =
        host.causes.iter().any(|cause| cause.family == FAMILY && cause.confidence >= Confidence::Medium);
    if is_known {
        return;
    }
    let name = found.name();
    let outage = host.outage.clone().unwrap_or_default();
    let first = outage.first_failure.unwrap_or(found.since);
    let mut because =
        vec![format!("the first failure came {} after the restart", apart(first.since(found.since)))];
    match outage.last_good {
        Some(good) => because.push(format!("connections worked until {}, before that restart", moment(good))),
        None => because.push("these logs show no connection that worked before it".to_owned()),
    }
    because.extend(shifts.iter().take(MAX_SHIFTS).map(Shift::text));
    let beside = beside::sentence(scene, found.since, first);
    let leading = host.causes.iter_mut().find(|cause| {
        cause.family != "expected-or-benign"
            && cause.confidence >= Confidence::Medium
            && cause.explained_by.is_none()
    });
    let is_alone = outage.last_good.is_some() && beside.is_none();
    let mut confidence = if is_alone { Confidence::Medium } else { Confidence::Low };
    because.extend(beside);
    if let Some(leading) = leading {
        if outage.last_good.is_none() {
            return;
        }
        confidence = Confidence::Low;
        because.push(format!(
            "the logs state a cause of their own, which the update may have brought: {}",
            leading.title
        ));
        leading.because.push(format!(
            "it began at the first start after {name} ({}); nothing shows it before: the update is the suspect",
            moment(found.since)
        ));
    }
    let cause = cause(found, (name, because, confidence), first, scene);
    let place = host.causes.iter().position(|other| {
        other.confidence < confidence || other.family == "expected-or-benign" || other.explained_by.is_some()
    });
    host.causes.insert(place.unwrap_or(host.causes.len()), cause);
}

/// A time in words, in whole units.
pub(super) fn apart(span: Span) -> String {
    let seconds = span.as_seconds();
    match seconds {
        ..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn cause(
    found: &Suspect,
    (name, because, confidence): (String, Vec<String>, Confidence),
    first: Time,
    scene: &Scene<'_>,
) -> Cause {
    let is_shown = |record: &Record| {
        let is_start = record.time == found.since && record.event_id == 12;
        let is_told = record.event_id == 19 && record.provider.ends_with("WindowsUpdateClient");
        let names =
            || record.fields.iter().any(|field| found.kbs.iter().any(|kb| field.value.contains(kb.as_str())));
        is_start || (is_told && names())
    };
    let items = scene.timeline.items.iter().enumerate();
    let hits = items.filter(|(_, item)| is_shown(&item.record)).map(|(at, _)| at).take(4).collect();
    let mut fixes = vec![Fix {
        order: "Look whether others report it, and whether a later update repairs it.".to_owned(),
        run: vec!["Start-Process https://learn.microsoft.com/windows/release-health/".to_owned()],
        shell: "powershell".to_owned(),
        risk: Risk::Safe,
        undo: None,
        check: None,
    }];
    fixes.extend(advice::removal(found.kbs.first().map(String::as_str), found.build));
    Cause {
        rule: RULE.to_owned(),
        title: "The failure began with a Windows update".to_owned(),
        family: FAMILY.to_owned(),
        severity: Severity::Medium,
        confidence,
        summary: format!(
            "{name} came into force at {}, and Remote Desktop failed from then on.",
            moment(found.since)
        ),
        description:
            "No known case fits. The time alone makes the update a suspect: the restart that put it in force \
                      may as well have activated an older change."
                .to_owned(),
        because,
        open: Vec::new(),
        evidence: evidence::lines(scene, &hits),
        fixes,
        explains: Vec::new(),
        explained_by: None,
        references: vec!["https://learn.microsoft.com/windows/release-health/".to_owned()],
        since: Some(first),
        until: Some(first),
    }
}

/// Says of an update that came while it was broken already that it is innocent.
pub(crate) fn acquit(host: &mut Host) {
    let outage = host.outage.as_ref();
    let Some(leading) = host.causes.first_mut().filter(|cause| cause.family != FAMILY) else { return };
    let begin = [leading.since, outage.and_then(|outage| outage.first_failure)].into_iter().flatten().min();
    let Some(begin) = begin else { return };
    let is_later = |update: &&WindowsUpdate| {
        let start = update.restart.unwrap_or(update.time);
        update.state == UpdateState::Installed
            && !update.kb.is_empty()
            && start > begin
            && start.since(begin) < NEAR
    };
    let mut later: Vec<&str> =
        host.updates.iter().filter(is_later).map(|update| update.kb.as_str()).collect();
    later.dedup();
    if !later.is_empty() {
        leading
            .because
            .push(format!("it began before {} came into force, which is not to blame", later.join(", ")));
    }
}
