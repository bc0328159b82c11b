//! Whether nothing arrives any more although the listener is up, where people connected before.
//!
//! A server that nobody uses at night is silent every night. So the time without an attempt is compared with the same
//! hours of earlier weeks or days; only where the logs hold none, with the longest pause between attempts.

use super::derive::Sources;
use super::facts::Facts;
use super::services::{LISTENER, State};
use super::suspect::apart;
use crate::evtx::{Span, Time};
use crate::scan::Covered;

/// How long nothing must arrive to be silence.
const SHORTEST: Span = Span::hours(1);
/// Days of the silence that are compared; what comes later says nothing more.
const MAX_DAYS: i64 = 14;
/// How far back it is compared.
const LOOK_BACK: i64 = 70;
/// How likely silence may be, in percent, to be worth a word.
const LIKELY: f64 = 10.0;
/// Attempts in the same hours of each other day that make it a server where somebody always comes.
const LIVELY: usize = 5;
/// How much longer than the longest pause silence must be, where no earlier day is there to compare with.
const PAUSES: i64 = 3;

const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

/// The fact that it is silent, with how long, how many earlier days were compared, on how many of them somebody
/// connected in the same hours, and how likely silence is after these, in percent.
pub(super) fn silence(sources: &Sources<'_>, end: Time, facts: &mut Facts<'_>) {
    let Some(last_good) = sources.course.last_good else { return };
    let Some(last) = sources.attempts.iter().max_by_key(|attempt| attempt.start) else { return };
    let coverage = &sources.host.coverage;
    let is_covered = coverage.reaches(CORE, last_good) == Covered::Yes;
    let is_up = [LISTENER, "TermService"]
        .iter()
        .all(|name| sources.at_end.get(*name).is_none_or(|step| step.state == State::Running));
    // Nothing can arrive while the machine is down.
    let begin = sources.boots.last().map_or(last.start, |boot| last.start.max(*boot));
    if !is_covered || !is_up || end.since(begin) < SHORTEST {
        return;
    }
    let mut times: Vec<Time> = sources.attempts.iter().map(|attempt| attempt.start).collect();
    times.sort_unstable();
    let first = coverage.channel(CORE).map_or(last.start, |cover| cover.first);
    // Nobody comes every day at the same minute.
    let usual = compare(&times, first, (begin.plus(SHORTEST), end));
    let is_silent = match usual.days {
        0 => longest_pause(&times) * PAUSES < end.since(begin).as_seconds(),
        _ => usual.percent <= LIKELY,
    };
    if is_silent {
        let is_known = usual.days > 0;
        let number = |number: usize| if is_known { number.to_string() } else { String::new() };
        let percent = if is_known { format!("{:.0}", usual.percent) } else { String::new() };
        let fields = [
            ("Seconds", end.since(last.start).as_seconds().to_string()),
            ("Lasted", apart(end.since(last.start))),
            ("Days", number(usual.days)),
            ("Busy", number(usual.busy)),
            ("Percent", percent),
        ];
        facts.add("silence", last.start, &fields, last.records());
    }
}

/// What is usual in the hours of a silence.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usual {
    /// Earlier days that were compared.
    days: usize,
    /// Those on which something arrived in these hours.
    busy: usize,
    /// How likely it is that nothing arrives in these hours.
    percent: f64,
}

/// Compares each day of a silence with the same hours of earlier days that the log covers: of the same day of the
/// week, where there are two, else of other working days, or other days of the weekend.
fn compare(times: &[Time], covered_from: Time, (begin, end): (Time, Time)) -> Usual {
    let mut usual = Usual { days: 0, busy: 0, percent: 100.0 };
    let last = times.last().copied().unwrap_or(begin);
    let day = |time: Time| time.0.div_euclid(Span::days(1).0);
    for number in (day(begin)..=day(end)).take(usize::try_from(MAX_DAYS).unwrap_or_default()) {
        let midnight = Time(number.saturating_mul(Span::days(1).0));
        let (from, to) = (begin.max(midnight), end.min(midnight.plus(Span::days(1))));
        if to.since(from) < SHORTEST {
            continue;
        }
        // How many came in the same hours so many days earlier, where the log covers them. Hours that reach into the
        // silence itself count only when somebody came before it.
        let count = |back: i64| {
            let (from, to) = (from.minus(Span::days(back)), to.minus(Span::days(back)));
            let place = |end: Time| times.partition_point(|time| *time < end);
            let count = place(to).saturating_sub(place(from));
            (from >= covered_from && (to <= last || count > 0)).then_some(count)
        };
        let weekly: Vec<usize> = (1..=LOOK_BACK).filter(|back| back % 7 == 0).filter_map(count).collect();
        let is_alike = |back: &i64| is_weekend(number) == is_weekend(number - back);
        let days = match weekly.len() {
            0 | 1 => (1..=LOOK_BACK).filter(is_alike).filter_map(count).collect(),
            _ => weekly,
        };
        let busy = days.iter().filter(|count| **count > 0).count();
        usual.percent *= chance(&days, busy);
        usual.days = usual.days.max(days.len());
        usual.busy = usual.busy.max(busy);
    }
    usual
}

/// How likely a day is silent when `busy` of other days were not: Laplace's rule of succession, with half the doubt
/// where many came each day. Hours that are silent as often as not say nothing.
fn chance(days: &[usize], busy: usize) -> f64 {
    let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if busy * 2 <= days.len() {
        return 1.0;
    }
    let doubt = if days.iter().all(|count| *count >= LIVELY) { 0.5 } else { 1.0 };
    (number(days.len() - busy) + doubt) / 2.0_f64.mul_add(doubt, number(days.len()))
}

/// Whether a day since 1970, which began on a Thursday, is a Saturday or Sunday.
const fn is_weekend(day: i64) -> bool {
    matches!((day + 4).rem_euclid(7), 0 | 6)
}

/// The longest time between two attempts, in seconds.
fn longest_pause(times: &[Time]) -> i64 {
    let pauses = times.windows(2).map(|pair| match pair {
        [left, right] => right.since(*left).as_seconds(),
        _ => 0,
    });
    pauses.max().unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::evtx::{Span, Time};

    /// Monday, 5 January 2026.
    const MONDAY: i64 = 20_458;

    fn at(day: i64, hour: i64) -> Time {
        Time(0).plus(Span::days(MONDAY + day)).plus(Span::hours(hour))
    }

    /// Connections at nine and at four on working days of `weeks`.
    fn office(weeks: i64) -> Vec<Time> {
        let days = (0..weeks * 7).filter(|day| day % 7 < 5);
        days.flat_map(|day| [at(day, 9), at(day, 16)]).collect()
    }

    #[test]
    fn night_and_weekend_are_as_silent_as_ever() {
        let times = office(3);
        assert_eq!(compare(&times, at(0, 0), (at(18, 17), at(21, 6))).percent, 100.0);
    }

    #[test]
    fn working_day_without_anybody_is_not_usual() {
        let times = office(3);
        let found = compare(&times, at(0, 0), (at(18, 17), at(21, 18)));
        assert_eq!((found.days, found.busy), (3, 3));
        assert_eq!(found.percent.round(), 20.0);
        let found = compare(&times, at(0, 0), (at(18, 17), at(22, 18)));
        assert_eq!(found.percent.round(), 4.0);
    }

    #[test]
    fn other_days_stand_in_for_a_single_week() {
        let times: Vec<Time> = (0..3).map(|day| at(day, 9)).collect();
        let found = compare(&times, at(0, 0), (at(2, 10), at(3, 18)));
        assert_eq!((found.days, found.busy), (3, 3));
    }

    #[test]
    fn one_quiet_morning_is_telling_where_many_always_come() {
        let times = |each: i64| -> Vec<Time> {
            let days = (0..5).flat_map(|day| (0..each).map(move |hour| at(day, 8 + hour)));
            days.collect()
        };
        let quiet = |times: &[Time]| compare(times, at(0, 0), (at(7, 0), at(7, 20))).percent.round();
        assert_eq!((quiet(&times(1)), quiet(&times(6))), (14.0, 8.0));
    }

    #[test]
    fn nothing_earlier_means_nothing_known() {
        let found = compare(&[at(0, 9)], at(0, 8), (at(0, 9), at(0, 18)));
        assert_eq!((found.days, found.percent), (0, 100.0));
    }
}
