//! When Remote Desktop worked last, when it failed first, when it worked again.
//!
//! No attempts at all is not "working". Failures of one client while others get in are no outage of the host.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::{Attempt, Fate};
use super::services::{LISTENER, State, Step};
use crate::evtx::{Span, Time};
use crate::report::{ConnectionCounts, Interval, Outage};

/// Failed attempts in a row that make an outage without any other sign.
const MIN_FAILURES: u64 = 2;
/// How far from a moment that the user names an outage may be.
const AROUND: Span = Span::hours(12);

/// How long a restart takes from the stop of the service to the start of the machine.
const RESTART: Span = Span::minutes(15);

/// States of services, and starts of the machine.
pub(crate) struct States<'a> {
    pub(crate) steps: &'a [Step],
    pub(crate) at_end: &'a BTreeMap<String, Step>,
    pub(crate) boots: &'a [Time],
}

/// What the connections and states alone say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) outage: Option<Outage>,
    pub(crate) last_good: Option<Time>,
    pub(crate) goods: Vec<Time>,
    pub(crate) counts: ConnectionCounts,
}

/// Follows good and failed attempts, and times when service or listener were down.
///
/// Of several outages the one nearest to `around` is told, when the user names a moment. Failed attempts with the
/// numbers `apart` are those of a client or user alone, and make none.
pub(crate) fn course(
    attempts: &[Attempt],
    apart: &BTreeSet<usize>,
    states: &States<'_>,
    around: Option<Time>,
) -> Course {
    let mut course = Course { counts: counts(attempts), ..Course::default() };
    course.goods =
        attempts.iter().filter(|attempt| attempt.fate == Fate::Good).map(|attempt| attempt.start).collect();
    course.last_good = course.goods.last().copied();
    // A fault that begins later than the moment is not what the user asks about.
    let down = down_since(states).filter(|down| around.is_none_or(|moment| *down <= moment.plus(AROUND)));
    let of_host = attempts.iter().enumerate().filter(|(at, _)| !apart.contains(at));
    let of_host: Vec<Attempt> = of_host.map(|(_, attempt)| attempt.clone()).collect();
    let streak = worst_streak(&of_host, around);
    course.outage = match (down, streak) {
        (Some(time), streak) => {
            let begin = streak.filter(|streak| streak.is_open).map_or(time, |streak| streak.first.min(time));
            Some(describe(&of_host, begin, None, &course.goods))
        }
        (None, Some(streak)) => Some(describe(&of_host, streak.first, streak.end, &course.goods)),
        (None, None) => None,
    };
    course
}

/// Since when the service or the listener is down at the end of the logs: the first of the states in a row that are
/// not running, without the stop that belongs to a restart.
fn down_since(states: &States<'_>) -> Option<Time> {
    let down = ["TermService", LISTENER].into_iter().filter_map(|name| states.at_end.get(name));
    let first = |last: &Step| {
        let is_restart = |step: &Step| {
            let is_near = |boot: &Time| *boot >= step.time && boot.since(step.time) <= RESTART;
            step.state == State::Stopped && states.boots.iter().any(is_near)
        };
        let own =
            states.steps.iter().rev().filter(|step| step.service == last.service && step.time <= last.time);
        let row = own.take_while(|step| step.state != State::Running);
        row.filter(|step| !is_restart(step)).map(|step| step.time).min().unwrap_or(last.time)
    };
    down.filter(|step| step.state != State::Running).map(first).min()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Streak {
    first: Time,
    end: Option<Time>,
    failures: u64,
    is_open: bool,
}

/// The failures without a success in between: those that were over within the logs, and those at their end.
fn streaks(attempts: &[Attempt]) -> (Vec<Streak>, Option<Streak>) {
    let mut closed = Vec::new();
    let mut now: Option<Streak> = None;
    for attempt in attempts {
        match attempt.fate {
            Fate::Failed => {
                let streak =
                    now.get_or_insert(Streak { first: attempt.start, end: None, failures: 0, is_open: true });
                streak.failures += attempt.weight;
            }
            Fate::Good => {
                let over = now.take().filter(|streak| is_outage(streak, attempt.start));
                closed.extend(over.map(|streak| Streak {
                    end: Some(attempt.start),
                    is_open: false,
                    ..streak
                }));
            }
            Fate::Noise | Fate::Unknown => {}
        }
    }
    (closed, now.filter(|streak| streak.failures >= MIN_FAILURES))
}

/// The failures at the end of the logs, else the longest; of those near a moment that the user names the nearest.
fn worst_streak(attempts: &[Attempt], around: Option<Time>) -> Option<Streak> {
    let (closed, open) = streaks(attempts);
    if let Some(moment) = around {
        let far = |streak: &Streak| {
            let end = streak.end.unwrap_or(Time(i64::MAX));
            moment.since(end).max(streak.first.since(moment)).max(Span(0))
        };
        let near = closed.iter().copied().chain(open).filter(|streak| far(streak) <= AROUND);
        if let Some(nearest) = near.min_by_key(far) {
            return Some(nearest);
        }
    }
    let mut worst: Option<Streak> = None;
    for streak in closed {
        if worst.is_none_or(|worst| worst.failures < streak.failures) {
            worst = Some(streak);
        }
    }
    open.or(worst)
}

/// Two slips of the same user within minutes are a password typed wrong, not an outage.
fn is_outage(streak: &Streak, good: Time) -> bool {
    streak.failures > MIN_FAILURES && good.since(streak.first) >= Span::minutes(10)
}

/// The outage that some attempts show by themselves: failures at their end, else the longest ones.
pub(super) fn of_attempts(attempts: &[Attempt]) -> Option<Outage> {
    let streak = worst_streak(attempts, None)?;
    let goods: Vec<Time> =
        attempts.iter().filter(|attempt| attempt.fate == Fate::Good).map(|attempt| attempt.start).collect();
    Some(describe(attempts, streak.first, streak.end, &goods))
}

/// The outage that begins at `first`, with its failed attempts.
pub(crate) fn describe(attempts: &[Attempt], first: Time, end: Option<Time>, goods: &[Time]) -> Outage {
    let failed = attempts.iter().filter(|attempt| {
        attempt.fate == Fate::Failed && attempt.start >= first && end.is_none_or(|end| attempt.start < end)
    });
    let mut outage = Outage {
        last_good: goods.iter().copied().take_while(|good| *good < first).last(),
        first_failure: Some(first),
        end,
        ..Outage::default()
    };
    let (mut addresses, mut users) = (BTreeSet::new(), BTreeSet::new());
    for attempt in failed {
        outage.failed_attempts += attempt.weight;
        addresses.extend(attempt.address.map(|address| address.to_string()));
        users.extend(attempt.user.clone());
    }
    outage.addresses = addresses.into_iter().take(50).collect();
    outage.users = users.into_iter().take(50).collect();
    outage
}

fn counts(attempts: &[Attempt]) -> ConnectionCounts {
    let mut counts = ConnectionCounts::default();
    for attempt in attempts {
        counts.attempts += attempt.weight;
        match attempt.fate {
            Fate::Good => counts.good += attempt.weight,
            Fate::Failed => counts.failed += attempt.weight,
            Fate::Noise => counts.noise += attempt.weight,
            Fate::Unknown => {}
        }
    }
    counts
}

/// At most this many bars in a picture.
const MAX_INTERVALS: i64 = 240;

/// Attempts per interval; the interval's length follows from the period. Empty ones are left out.
pub(crate) fn intervals(attempts: &[Attempt]) -> Vec<Interval> {
    let (Some(first), Some(last)) = (attempts.first(), attempts.last()) else { return Vec::new() };
    let period = last.start.since(first.start).as_seconds().max(1);
    let lengths = [900, 3600, 4 * 3600, 86_400, 7 * 86_400, 30 * 86_400];
    let seconds = lengths.into_iter().find(|length| period / length <= MAX_INTERVALS).unwrap_or(365 * 86_400);
    let mut bars: BTreeMap<i64, ConnectionCounts> = BTreeMap::new();
    for attempt in attempts {
        let one = counts(std::slice::from_ref(attempt));
        let bar = bars.entry(attempt.start.0.div_euclid(Span::seconds(seconds).0)).or_default();
        bar.attempts += one.attempts;
        bar.good += one.good;
        bar.failed += one.failed;
        bar.noise += one.noise;
    }
    bars.into_iter()
        .map(|(number, counts)| Interval {
            start: Time(number.saturating_mul(Span::seconds(seconds).0)),
            seconds,
            counts,
        })
        .collect()
}
