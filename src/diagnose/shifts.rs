//! Errors and warnings that came with a change: kinds that were absent or rare before it.
//!
//! Each kind is held against its own days before the change; few records are never enough, and the more kinds a host
//! has, the stronger one must stand out (Bonferroni).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::timeline::Timeline;
use crate::evtx::{Span, Time};
use crate::rule::logsource::channels_of;
use crate::scan::HostScan;

/// Fewest records after the change.
const MIN_COUNT: u64 = 3;
/// Fewest days before the change.
const MIN_DAYS: i64 = 3;
/// Days that are looked at before and after.
const MAX_BEFORE: i64 = 60;
const MAX_AFTER: i64 = 7;
/// Chance below which it is no accident, over all kinds of a host.
const RARE: f64 = 0.01;
/// A start so early in the day (UTC) that nearly all of the day's records came after it.
const EARLY: Span = Span::hours(6);

/// Parts of providers' names that have to do with Remote Desktop.
const NEAR: [&str; 8] = [
    "terminalservices",
    "remotedesktop",
    "termdd",
    "rdp",
    "schannel",
    "lsasrv",
    "service control manager",
    "termservice",
];

/// A kind of error or warning that came with a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shift {
    pub(crate) provider: Arc<str>,
    pub(crate) event_id: u32,
    pub(crate) before: u64,
    pub(crate) before_days: i64,
    pub(crate) after: u64,
    is_near: bool,
    chance: f64,
}

impl Shift {
    /// In words.
    pub(crate) fn text(&self) -> String {
        let Self { provider, event_id, before, before_days, after, .. } = self;
        let was = match before {
            0 => format!("none in the {before_days} days before"),
            _ => format!("{before} in the {before_days} days before"),
        };
        format!("{provider} {event_id} came {after} times since that start, {was}")
    }
}

/// The kinds that stand out, those of Remote Desktop first.
pub(crate) fn shifts(scan: &HostScan, timeline: &Timeline, change: Time) -> Vec<Shift> {
    let Some(last) = scan.coverage.last.filter(|last| *last >= change) else { return Vec::new() };
    let mut all: Vec<Shift> = scan
        .signatures
        .iter()
        .filter_map(|((provider, event_id), days)| {
            let first = beginning(scan, timeline, provider)?;
            one(((provider, *event_id), days), (first, change, last), timeline)
        })
        .collect();
    let kinds = f64::from(u32::try_from(scan.signatures.len()).unwrap_or(u32::MAX)).max(1.0);
    all.retain(|shift| shift.chance * kinds < RARE);
    all.sort_by(|left, right| {
        let order = |shift: &Shift| (!shift.is_near, shift.before > 0);
        order(left)
            .cmp(&order(right))
            .then(left.chance.total_cmp(&right.chance))
            .then_with(|| (&left.provider, left.event_id).cmp(&(&right.provider, right.event_id)))
    });
    all
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

fn one(
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
    let number = |value: i64| u32::try_from(value).map_or(1.0, f64::from);
    let share = number(after_days) / number(after_days + before_days);
    // Kinds that come in bursts are worth less than their count: a burst counts once.
    let burst = highest_before.max(1);
    let chance = tail(after / burst, (after + before) / burst, share);
    let lower = provider.to_lowercase();
    let is_near = NEAR.iter().any(|part| lower.contains(part));
    Some(Shift { provider: Arc::clone(provider), event_id, before, before_days, after, is_near, chance })
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
