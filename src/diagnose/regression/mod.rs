//! Known updates on a host: which of them explain what its logs show, and which are only there.
//!
//! A known update is a cause when the host is affected (its build lies in the window, or the update was installed),
//! signs of the case came after the start that put it in force and none before, and the machine at fault is this
//! one. The update or the build alone is a remark.

mod affected;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(super) use self::affected::Affected;
use self::affected::affected;
use super::advice;
use super::beside;
use super::evidence;
use super::finding::{Found, Scene, moment};
use super::shifts::tail;
use super::suspect::apart;
use crate::evtx::{Span, Time};
use crate::report::{Cause, Confidence, Note, Severity, WindowsUpdate};
use crate::rule::update::{FixedAt, How, KnownUpdate, Sign};
use crate::scan::Covered;

/// Family of causes that updates brought.
pub(crate) const FAMILY: &str = "windows-update-regression";
/// Most remarks on updates of one host.
const MAX_NOTES: usize = 3;
/// How far a log must reach back before the update for "none before" to mean something.
const LOOK_BACK: Span = Span::hours(24);
/// A fault that shows later than this after the update is less likely its work.
const SOON: Span = Span::days(30);
/// Chance below which more records than before are no accident.
const RARE: f64 = 0.001;

/// What known updates explain, and remarks on those that are only there.
pub(crate) fn judge(
    scene: &Scene<'_>,
    history: &[WindowsUpdate],
    others: &mut [Found],
) -> (Vec<Found>, Vec<Note>) {
    let mut all = Vec::new();
    let mut notes = Vec::new();
    let mut by_release: Vec<&KnownUpdate> = scene.rules.updates.all.iter().collect();
    by_release.sort_by(|left, right| (&right.released, &right.id).cmp(&(&left.released, &left.id)));
    for case in by_release {
        let Some(affected) =
            affected(case, scene, history).filter(|_| case.confidence > Some(Confidence::Low))
        else {
            continue;
        };
        let signs = signs(case, &affected, scene);
        let is_own = case.sides.iter().any(|side| own_sides(scene).contains(&side.as_str()));
        if signs.is_empty() || !is_own {
            notes.extend(remark(case, &affected, !signs.is_empty(), is_own));
            continue;
        }
        all.push(found(case, &affected, &signs, scene, others));
        if case.kind.starts_with("third-party") {
            // The other program is the cause, the update only its occasion.
            let is_root = |other: &&mut Found| case.root_causes.contains(&other.cause.rule);
            others.iter_mut().filter(is_root).for_each(|other| other.explains.push(case.id.clone()));
        }
    }
    notes.truncate(MAX_NOTES);
    (all, notes)
}

/// The machines of a case that this host is.
fn own_sides(scene: &Scene<'_>) -> Vec<&'static str> {
    let roles = ["domain-controller", "gateway"];
    std::iter::once("target")
        .chain(roles.into_iter().filter(|role| scene.identity.roles.contains(role)))
        .collect()
}

/// Signs of a case that came with the update.
#[derive(Default)]
struct Signs {
    hits: BTreeSet<usize>,
    /// Records that go with it and prove nothing.
    context: BTreeSet<usize>,
    count: u64,
    is_low: bool,
    /// Whether the logs show that there were none before.
    is_covered: bool,
}

impl Signs {
    fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

fn signs(case: &KnownUpdate, affected: &Affected, scene: &Scene<'_>) -> Signs {
    let mut all = Signs { is_low: true, ..Signs::default() };
    let sides = own_sides(scene);
    for sign in case.signs.iter().filter(|sign| sides.contains(&sign.on.as_str())) {
        let hits = hits(sign, scene);
        let time = |at: &usize| scene.timeline.time(*at);
        let since = affected.since.unwrap_or(Time(i64::MIN));
        let (before, after): (Vec<usize>, Vec<usize>) = hits.into_iter().partition(|at| time(at) < since);
        let after: Vec<usize> =
            after.into_iter().filter(|at| affected.until.is_none_or(|until| time(at) < until)).collect();
        let holds = match sign.how {
            How::New => before.is_empty() && !after.is_empty(),
            How::More => is_more(&before, &after, affected, scene),
            How::Context => {
                all.context.extend(after);
                continue;
            }
        };
        if !holds {
            continue;
        }
        all.is_low &= sign.is_low;
        all.count += after.iter().map(|at| scene.timeline.weight(*at)).sum::<u64>();
        all.is_covered |= is_covered(&after, affected, scene);
        all.hits.extend(after);
    }
    if all.hits.is_empty() {
        all.context.clear();
    }
    all
}

fn hits(sign: &Sign, scene: &Scene<'_>) -> Vec<usize> {
    let items = scene.timeline.items.iter().enumerate();
    let hits: Vec<usize> = items.filter(|(_, item)| sign.is(&item.record)).map(|(at, _)| at).collect();
    if sign.together < 2 {
        return hits;
    }
    let time = |at: usize| scene.timeline.time(at);
    let near = |at: usize| {
        let is_near = |other: &&usize| {
            time(**other).since(time(at)) <= Span::seconds(2)
                && time(at).since(time(**other)) <= Span::seconds(2)
        };
        hits.iter().filter(is_near).count()
    };
    hits.iter().copied().filter(|at| near(*at) >= sign.together).collect()
}

/// Whether a log reaches back far enough before the update to show that there were none.
fn is_covered(after: &[usize], affected: &Affected, scene: &Scene<'_>) -> bool {
    let Some(since) = affected.since else { return false };
    let channel = after.first().and_then(|at| scene.timeline.item(*at)).map(|item| &item.record.channel);
    let far = since.minus(LOOK_BACK);
    channel.is_some_and(|channel| scene.timeline.coverage.reaches(channel, far) == Covered::Yes)
}

/// Ordinary records that come much more often than before.
fn is_more(before: &[usize], after: &[usize], affected: &Affected, scene: &Scene<'_>) -> bool {
    let coverage = &scene.timeline.coverage;
    let (Some(since), true) = (affected.since, is_covered(after, affected, scene)) else { return false };
    let (Some(first), Some(last)) = (coverage.first, coverage.last) else { return false };
    let weight = |hits: &[usize]| hits.iter().map(|at| scene.timeline.weight(*at)).sum::<u64>();
    let (before, after) = (weight(before), weight(after));
    let seconds_after = affected.until.unwrap_or(last).since(since).as_seconds();
    let seconds_before = since.since(first).as_seconds();
    if seconds_before < 3 * 86_400 || seconds_after < 3600 {
        return false;
    }
    let share = f64_of(seconds_after) / f64_of(seconds_after + seconds_before);
    tail(after, before + after, share) < RARE && tail(after, before + after, (3.0 * share).min(0.9)) < 0.05
}

fn f64_of(seconds: i64) -> f64 {
    u32::try_from(seconds.max(1)).map_or(f64::from(u32::MAX), f64::from)
}

fn found(
    case: &KnownUpdate,
    affected: &Affected,
    signs: &Signs,
    scene: &Scene<'_>,
    others: &[Found],
) -> Found {
    let timeline = scene.timeline;
    let first = signs.hits.first().map(|at| timeline.time(*at));
    let last = signs.hits.last().map(|at| timeline.time(*at));
    let (confidence, because) = weigh(case, affected, signs, scene, others);
    let mut shown = signs.hits.clone();
    shown.extend(signs.context.iter().take(3));
    shown.extend(installation(affected, scene));
    let name = advice::name(affected);
    let since = affected.since.map(|since| format!(" since {}", moment(since))).unwrap_or_default();
    let is_third_party = case.kind.starts_with("third-party");
    let cause = Cause {
        rule: case.id.clone(),
        title: case.title.clone(),
        family: FAMILY.to_owned(),
        severity: Severity::High,
        confidence,
        summary: format!(
            "{name} is in force{since} and known for this: {}. {} came after it.",
            case.symptom.trim_end_matches('.'),
            if signs.count == 1 {
                "One record of it".to_owned()
            } else {
                format!("{} records of it", signs.count)
            }
        ),
        description: format!("{} {}", case.symptom, case.cause),
        because,
        open: Vec::new(),
        evidence: evidence::lines(scene, &shown),
        fixes: advice::fixes(case, affected),
        explains: Vec::new(),
        explained_by: None,
        references: case.sources.clone(),
        since: first,
        until: last,
    };
    let explains = if is_third_party { Vec::new() } else { case.root_causes.clone() };
    Found { cause, hits: signs.hits.clone(), explains }
}

/// Says that the build lies in the window of the case.
fn inside(affected: &Affected) -> Option<String> {
    let ((build, revision), window) = affected.build.zip(affected.window.as_ref())?;
    let end = match window.fixed_at {
        FixedAt::Revision(end) => format!("from {build}.{} to below {build}.{end}", window.from),
        _ => format!("from {build}.{} on", window.from),
    };
    Some(format!("the build {build}.{revision} lies in the window of this case: {end}"))
}

fn weigh(
    case: &KnownUpdate,
    affected: &Affected,
    signs: &Signs,
    scene: &Scene<'_>,
    others: &[Found],
) -> (Confidence, Vec<String>) {
    let first = signs.hits.first().map(|at| scene.timeline.time(*at));
    let mut because = Vec::new();
    let mut steps = 0;
    because.extend(inside(affected));
    let Some((since, first)) = affected.since.zip(first) else {
        because.push(
            "the update was in force before these logs begin, so that they cannot show that it began with it"
                .to_owned(),
        );
        let stays = !case.kind.starts_with("regression") && case.kind != "product defect";
        return (if stays { Confidence::Low } else { lowered(case, 1) }, because);
    };
    because.push(format!(
        "the first record came {} after the start that put it in force",
        apart(first.since(since))
    ));
    if signs.is_covered {
        because.push("no such record came before it".to_owned());
    } else {
        steps += 1;
        because.push(
            "the logs do not reach back a day before the update, so that it may have begun earlier"
                .to_owned(),
        );
    }
    if first.since(since) > SOON {
        steps += 1;
        because.push("more than a month passed without a sign of it".to_owned());
    }
    if let Some(beside) = beside::sentence(scene, since, first) {
        steps += 1;
        because.push(beside);
    }
    let rival = others.iter().map(|other| &other.cause).find(|other| {
        other.confidence == Confidence::High
            && other.severity <= Severity::High
            && other.family != "expected-or-benign"
            && !case.root_causes.contains(&other.rule)
    });
    if let Some(rival) = rival.filter(|_| !case.kind.starts_with("third-party")) {
        steps += 1;
        because.push(format!("another cause also fits: {}", rival.title));
    }
    if signs.is_low {
        because.push("these records are only thought to go with it".to_owned());
        return (Confidence::Low, because);
    }
    (lowered(case, steps), because)
}

fn lowered(case: &KnownUpdate, steps: u32) -> Confidence {
    match (case.confidence, steps) {
        (Some(Confidence::High), 0) => Confidence::High,
        (Some(Confidence::High), 1) | (Some(Confidence::Medium), 0) => Confidence::Medium,
        _ => Confidence::Low,
    }
}

/// The records of the installation and of the start that put it in force.
fn installation(affected: &Affected, scene: &Scene<'_>) -> Vec<usize> {
    let is_one = |record: &crate::evtx::Record| {
        let is_start = record.event_id == 12
            && record.provider.ends_with("Kernel-General")
            && affected.since.is_some_and(|since| record.time == since);
        let is_told = record.event_id == 19 && record.provider.ends_with("WindowsUpdateClient");
        let names = |kb: &String| record.fields.iter().any(|field| field.value.contains(kb.as_str()));
        is_start || (is_told && affected.kb.as_ref().is_some_and(names))
    };
    let items = scene.timeline.items.iter().enumerate();
    items.filter(|(_, item)| is_one(&item.record)).map(|(at, _)| at).take(4).collect()
}

/// A remark on an update that is there without its signs, or whose fault another machine shows.
fn remark(case: &KnownUpdate, affected: &Affected, has_signs: bool, is_own: bool) -> Option<Note> {
    let name = advice::name(affected);
    let title = case.title.trim_end_matches('.');
    let text = if has_signs {
        affected.since?;
        let machine = case.sides.join(" or ");
        format!(
            "{name} is in force, and records that go with a known fault came after it: {title}. The logs of the {machine} would decide it."
        )
    } else {
        let is_open =
            affected.window.as_ref().is_some_and(|window| matches!(window.fixed_at, FixedAt::Revision(_)));
        let is_sure = case.confidence == Some(Confidence::High);
        if affected.until.is_some()
            || !is_open
            || !is_sure
            || !is_own
            || !case.sides.iter().any(|side| side == "target")
        {
            return None;
        }
        let fix = case
            .fixed_by
            .first()
            .map(|(_, kb)| format!(" {kb} or a later update repairs it."))
            .unwrap_or_default();
        format!("{name} is in force and has a known fault: {title}. These logs show no sign of it.{fix}")
    };
    Some(Note { kind: "update".to_owned(), text })
}
