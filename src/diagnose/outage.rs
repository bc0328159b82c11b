//! When Remote Desktop worked last, when it failed first, when it worked again.
//!
//! No attempts at all is not "working". Failures of one client while others get in are no outage of the host.

use std::collections::{BTreeMap, BTreeSet};

use super::connections::{Attempt, Fate};
use super::services::{LISTENER, State, Step};
use crate::evtx::{Span, Time};
use crate::report::{ConnectionCounts, Interval, Outage};

/// Failed attempts in a row that make an outage without any other sign.
const MIN_FAILURES: u64 = 2;

/// What the connections and states alone say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) outage: Option<Outage>,
    pub(crate) last_good: Option<Time>,
    pub(crate) goods: Vec<Time>,
    pub(crate) counts: ConnectionCounts,
}

/// Follows good and failed attempts, and times when service or listener were down.
pub(crate) fn course(attempts: &[Attempt], at_end: &BTreeMap<String, Step>) -> Course {
    let mut course = Course { counts: counts(attempts), ..Course::default() };
    course.goods =
        attempts.iter().filter(|attempt| attempt.fate == Fate::Good).map(|attempt| attempt.start).collect();
    course.last_good = course.goods.last().copied();
    let down = down_since(at_end);
    let streak = worst_streak(attempts);
    course.outage = match (down, streak) {
        (Some(time), streak) => {
            let begin = streak.filter(|streak| streak.is_open).map_or(time, |streak| streak.first.min(time));
            Some(describe(attempts, begin, None, &course.goods))
        }
        (None, Some(streak)) => Some(describe(attempts, streak.first, streak.end, &course.goods)),
        (None, None) => None,
    };
    course
}

/// Since when the service or the listener is down at the end of the logs.
fn down_since(at_end: &BTreeMap<String, Step>) -> Option<Time> {
    ["TermService", LISTENER]
        .iter()
        .filter_map(|name| at_end.get(*name))
        .filter(|step| step.state != State::Running)
        .map(|step| step.time)
        .min()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Streak {
    first: Time,
    end: Option<Time>,
    failures: u64,
    is_open: bool,
}

/// The failures without a success in between: those at the end of the logs, else the longest.
fn worst_streak(attempts: &[Attempt]) -> Option<Streak> {
    let mut best: Option<Streak> = None;
    let mut now: Option<Streak> = None;
    for attempt in attempts {
        match attempt.fate {
            Fate::Failed => {
                let streak =
                    now.get_or_insert(Streak { first: attempt.start, end: None, failures: 0, is_open: true });
                streak.failures += attempt.weight;
            }
            Fate::Good => {
                if let Some(streak) = now.take().filter(|streak| is_outage(streak, attempt.start)) {
                    let closed = Streak { end: Some(attempt.start), is_open: false, ..streak };
                    if best.is_none_or(|best| best.failures < closed.failures) {
                        best = Some(closed);
                    }
                }
            }
            Fate::Noise | Fate::Unknown => {}
        }
    }
    now.filter(|streak| streak.failures >= MIN_FAILURES).or(best)
}

/// Two slips of the same user within minutes are a password typed wrong, not an outage.
fn is_outage(streak: &Streak, good: Time) -> bool {
    streak.failures > MIN_FAILURES && good.since(streak.first) >= Span::minutes(10)
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
