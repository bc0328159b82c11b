//! Errors, warnings and telling codes that came with a change: kinds that were absent or rare before it.
//!
//! Each kind is held against its own days before the change; few records are never enough, and the more kinds a host
//! has, the stronger one must stand out (Bonferroni). Kinds of kept records are told apart by service and code and
//! counted to the minute; of the others only the days are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::signatures::{self, Course, Signature, is_near};
use super::timeline::Timeline;
use crate::evtx::{Span, Time};
use crate::rule::logsource::channels_of;
use crate::scan::HostScan;

/// Fewest records after the change.
const MIN_COUNT: u64 = 3;
/// Fewest days before the change.
const MIN_DAYS: i64 = 3;
/// Minutes of a day.
const DAY: i64 = 1440;
/// Days that are looked at before and after.
const MAX_BEFORE: i64 = 60;
const MAX_AFTER: i64 = 7;
/// Chance below which it is no accident, over all kinds of a host.
const RARE: f64 = 0.01;
/// A start so early in the day (UTC) that nearly all of the day's records came after it.
const EARLY: Span = Span::hours(6);

/// A kind of error or warning that came with a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shift {
    provider: Arc<str>,
    event_id: u32,
    /// The service and the code.
    detail: String,
    before: u64,
    before_days: i64,
    after: u64,
    is_near: bool,
    chance: f64,
}

impl Shift {
    /// In words.
    pub(crate) fn text(&self) -> String {
        let Self { provider, event_id, detail, before, before_days, after, .. } = self;
        let was = match before {
            0 => format!("none in the {before_days} days before"),
            _ => format!("{before} in the {before_days} days before"),
        };
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        format!("{provider} {event_id}{detail} came {after} times since that start, {was}")
    }
}

/// The kinds that stand out, those of Remote Desktop first.
pub(crate) fn shifts(scan: &HostScan, timeline: &Timeline, boots: &[Time], change: Time) -> Vec<Shift> {
    let Some(last) = scan.coverage.last.filter(|last| *last >= change) else { return Vec::new() };
    let exact = signatures::signatures(timeline, boots, change);
    let mut all: Vec<Shift> =
        exact.iter().filter_map(|(kind, course)| one(kind, course, (change, last), timeline)).collect();
    let is_exact = |provider: &str, event_id: u32| {
        exact.keys().any(|kind| kind.provider == provider && kind.event_id == event_id)
    };
    let by_day = scan.signatures.iter().filter(|((provider, event_id), _)| !is_exact(provider, *event_id));
    let mut kinds = exact.len();
    for ((provider, event_id), days) in by_day {
        kinds += 1;
        let Some(first) = beginning(scan, timeline, provider) else { continue };
        all.extend(one_by_day(((provider, *event_id), days), (first, change, last), timeline));
    }
    let kinds = f64::from(u32::try_from(kinds).unwrap_or(u32::MAX)).max(1.0);
    all.retain(|shift| shift.chance * kinds < RARE);
    all.sort_by(|left, right| {
        let order = |shift: &Shift| (!shift.is_near, shift.before > 0);
        order(left).cmp(&order(right)).then(left.chance.total_cmp(&right.chance)).then_with(|| {
            (&left.provider, left.event_id, &left.detail).cmp(&(
                &right.provider,
                right.event_id,
                &right.detail,
            ))
        })
    });
    all
}

/// A kind whose records are kept, counted in days from the change on.
fn one(
    kind: &Signature,
    course: &Course,
    (change, last): (Time, Time),
    timeline: &Timeline,
) -> Option<Shift> {
    let first = timeline.coverage.channel(&course.channel).map(|cover| cover.first)?;
    let minute = |time: Time| time.since(change).0.div_euclid(Span::minutes(1).0);
    let (start, end) = (minute(first).max(-MAX_BEFORE * DAY), minute(last).min(MAX_AFTER * DAY));
    let before_days = -start / DAY;
    if before_days < MIN_DAYS {
        return None;
    }
    let (from, to) = (0, end + 1);
    let range = |from: i64, to: i64| course.minutes.range(from..to.max(from));
    let highest = |from: i64, to: i64| {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        range(from, to).for_each(|(minute, _)| *days.entry(minute.div_euclid(DAY)).or_default() += 1);
        days.into_values().max().unwrap_or(0)
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (slots_before, slots_after) = (number(range(start, from).count()), number(range(from, to).count()));
    let (highest_before, highest_after) = (highest(start, from), highest(from, to));
    if slots_after < MIN_COUNT || highest_after <= highest_before.saturating_mul(2) {
        return None;
    }
    // People work half a day: less than that after the change is worth as much.
    let after_halves = end / (DAY / 2) + 1;
    let chance = chance((slots_before, slots_after), highest_before, (2 * before_days, after_halves));
    let sum = |from: i64, to: i64| range(from, to).map(|(_, count)| count).sum();
    Some(Shift {
        provider: kind.provider.as_str().into(),
        event_id: kind.event_id,
        detail: kind.detail.clone(),
        before: sum(start, from),
        before_days,
        after: sum(from, to),
        is_near: course.is_near,
        chance,
    })
}

/// The chance that so many of all records come in the time after a change.
///
/// Kinds that come in bursts are worth less than their count: a burst counts once.
fn chance((before, after): (u64, u64), burst: u64, (time_before, time_after): (i64, i64)) -> f64 {
    let number = |value: i64| u32::try_from(value).map_or(1.0, f64::from);
    let share = number(time_after) / number(time_after + time_before);
    let burst = burst.max(1);
    tail(after / burst, (after + before) / burst, share)
}

/// Since when a provider's log says anything.
fn beginning(scan: &HostScan, timeline: &Timeline, provider: &str) -> Option<Time> {
    let known = channels_of(provider).iter().filter_map(|name| scan.coverage.channel(name));
    if let Some(first) = known.filter_map(|cover| cover.times()).map(|(first, _)| first).max() {
        return Some(first);
    }
    let item = timeline.items.iter().find(|item| item.record.provider.eq_ignore_ascii_case(provider));
    if let Some(cover) = item.and_then(|item| scan.coverage.channel(&item.record.channel)) {
        return Some(cover.first);
    }
    // Any of the logs may hold it, so the latest beginning counts.
    let covers = scan.logs.iter().flat_map(|log| log.channels.values());
    covers.filter_map(|cover| cover.times()).map(|(first, _)| first).max()
}

fn one_by_day(
    ((provider, event_id), days): ((&Arc<str>, u32), &BTreeMap<i64, u64>),
    (first, change, last): (Time, Time, Time),
    timeline: &Timeline,
) -> Option<Shift> {
    let day = |time: Time| time.0.div_euclid(Span::days(1).0);
    let today = day(change);
    let is_early = change.since(Time(today.saturating_mul(Span::days(1).0))) <= EARLY
        && !came_before_that_day(timeline, (provider, event_id), change);
    let begin = if is_early { today } else { today + 1 };
    let end = day(last).min(begin + MAX_AFTER - 1);
    let start = day(first).max(today - MAX_BEFORE);
    let (before_days, after_days) = (today - start, end - begin + 1);
    if before_days < MIN_DAYS || after_days < 1 {
        return None;
    }
    let before: u64 = days.range(start..today).map(|(_, count)| count).sum();
    let after: u64 = days.range(begin..=end).map(|(_, count)| count).sum();
    let highest_before = days.range(start..today).map(|(_, count)| *count).max().unwrap_or(0);
    let highest_after = days.range(begin..=end).map(|(_, count)| *count).max().unwrap_or(0);
    if after < MIN_COUNT || highest_after <= highest_before.saturating_mul(2) {
        return None;
    }
    let chance = chance((before, after), highest_before, (before_days, after_days));
    Some(Shift {
        provider: Arc::clone(provider),
        event_id,
        detail: String::new(),
        before,
        before_days,
        after,
        is_near: is_near(provider),
        chance,
    })
}

/// Whether a kept record of the kind came on the day of the change, before it.
fn came_before_that_day(timeline: &Timeline, (provider, event_id): (&str, u32), change: Time) -> bool {
    let day = Time(change.0.div_euclid(Span::days(1).0).saturating_mul(Span::days(1).0));
    timeline.items.iter().any(|item| {
        let record = &item.record;
        record.event_id == event_id && *record.provider == *provider && (day..change).contains(&record.time)
    })
}

/// The chance that at least `after` of `all` records fall into a `share` of the time.
pub(super) fn tail(after: u64, all: u64, share: f64) -> f64 {
    // Larger numbers are scaled down, which only makes the chance larger.
    let scale = all.div_ceil(1000).max(1);
    let (after, all) = (after / scale, all / scale);
    let number = |value: u64| u32::try_from(value).map_or(1.0, f64::from);
    let (n, odds) = (number(all), (share / (1.0 - share)).ln());
    let mut logarithm = n * (1.0 - share).ln();
    let mut sum = 0.0;
    for hits in 0..=all {
        if hits >= after {
            sum += logarithm.exp();
        }
        logarithm += ((n - number(hits)) / (number(hits) + 1.0)).ln() + odds;
    }
    sum.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn chance_of_records_on_one_day() {
        assert!((tail(1, 1, 0.25) - 0.25).abs() < 1e-9);
        assert!((tail(3, 3, 0.1) - 0.001).abs() < 1e-9);
        assert!((tail(0, 5, 0.1) - 1.0).abs() < 1e-9);
        assert!((tail(2, 4, 0.5) - 11.0 / 16.0).abs() < 1e-9);
        assert!(tail(5000, 6000, 0.1) < 1e-12);
        assert!(tail(500, 6000, 0.1) > 0.5);
    }
}
