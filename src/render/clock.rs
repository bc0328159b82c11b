//! Times as people read them, in the zone that was asked for.
//!
//! Machine-readable formats do not come here: they write [`Time::rfc3339`].

use chrono::{DateTime, Datelike, FixedOffset};

use crate::evtx::{Span, Time};

/// Writes times of one host or one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    tz: FixedOffset,
    /// The year that need not be said.
    year: Option<i32>,
}

impl Clock {
    /// A clock for records around `reference`, whose year goes without saying.
    pub(crate) fn new(tz: FixedOffset, reference: Option<Time>) -> Self {
        let mut clock = Self { tz, year: None };
        clock.year = reference.and_then(|time| clock.local(time)).map(|time| time.year());
        clock
    }

    fn local(self, time: Time) -> Option<DateTime<FixedOffset>> {
        Some(time.to_chrono()?.with_timezone(&self.tz))
    }

    /// `14 Jan 03:12`.
    pub(crate) fn minute(self, time: Time) -> String {
        self.show(time, "%-d %b %H:%M", "%-d %b %Y %H:%M")
    }

    /// `14 Jan 03:12`, or `14 Jan 2025` in another year, for narrow columns.
    pub(crate) fn brief(self, time: Time) -> String {
        self.show(time, "%-d %b %H:%M", "%-d %b %Y")
    }

    /// `14 Jan 03:12:41`.
    pub(crate) fn second(self, time: Time) -> String {
        self.show(time, "%-d %b %H:%M:%S", "%-d %b %Y %H:%M:%S")
    }

    /// `10 Jan to 14 Jan 2026 (UTC)`; one day only once.
    pub(crate) fn period(self, first: Time, last: Time) -> String {
        let (Some(from), Some(to)) = (self.local(first), self.local(last)) else {
            return format!("{} to {}", first.rfc3339(), last.rfc3339());
        };
        let start = match (from.year() == to.year(), from.date_naive() == to.date_naive()) {
            (_, true) => String::new(),
            (true, _) => format!("{} to ", from.format("%-d %b")),
            (false, _) => format!("{} to ", from.format("%-d %b %Y")),
        };
        format!("{start}{} ({})", to.format("%-d %b %Y"), self.zone())
    }

    /// `UTC` or `UTC+02:00`.
    pub(crate) fn zone(self) -> String {
        if self.tz.local_minus_utc() == 0 { "UTC".to_owned() } else { format!("UTC{}", self.tz) }
    }

    fn show(self, time: Time, short: &str, long: &str) -> String {
        self.local(time).map_or_else(
            || time.rfc3339(),
            |local| local.format(if self.year == Some(local.year()) { short } else { long }).to_string(),
        )
    }
}

/// A length of time in its two largest units: `3 days 2 h`, `4 h 31 min`, `50 s`.
pub(crate) fn span(span: Span) -> String {
    let seconds = span.as_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let day_word = if days == 1 { "day" } else { "days" };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} {day_word}"),
        _ => format!("{days} {day_word} {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Offset as _, Utc};

    use super::{Clock, span};
    use crate::evtx::{Span, Time};

    fn at(text: &str) -> Time {
        Time::parse(text).expect("a valid time")
    }

    #[test]
    fn the_year_is_said_only_when_it_differs() {
        let clock = Clock::new(Utc.fix(), Some(at("2026-01-14T00:00:00Z")));
        assert_eq!(clock.minute(at("2026-01-04T03:12:41Z")), "4 Jan 03:12");
        assert_eq!(clock.second(at("2025-12-31T03:12:41Z")), "31 Dec 2025 03:12:41");
    }

    #[test]
    fn a_zone_moves_what_is_shown() {
        let clock = Clock::new(FixedOffset::east_opt(7200).expect("a valid zone"), None);
        let (first, last) = (at("2025-12-31T22:30:00Z"), at("2026-01-02T00:00:00Z"));
        assert_eq!(clock.period(first, last), "1 Jan to 2 Jan 2026 (UTC+02:00)");
    }

    #[test]
    fn absurd_times_are_shown_and_do_not_panic() {
        let clock = Clock::new(FixedOffset::east_opt(86_399).expect("a valid zone"), Some(Time(i64::MIN)));
        assert!(!clock.minute(Time(i64::MAX)).is_empty());
        assert!(!clock.period(Time(i64::MIN), Time(i64::MAX)).is_empty());
    }

    #[test]
    fn spans_use_two_units() {
        assert_eq!(span(Span::seconds(50)), "50 s");
        assert_eq!(span(Span::minutes(271)), "4 h 31 min");
        assert_eq!(span(Span::hours(25)), "1 day 1 h");
        assert_eq!(span(Span::days(3)), "3 days");
    }
}
