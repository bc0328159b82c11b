//! The time of a record: 100-nanosecond ticks since 1970-01-01 UTC, the resolution that logs have.
//!
//! Times are UTC inside; only renderers know other zones.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Ticks per second: a FILETIME counts 100 ns steps (MS-DTYP 2.3.3).
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// Ticks between 1601-01-01, where FILETIME starts, and 1970-01-01.
const EPOCH_OFFSET: u64 = 116_444_736_000_000_000;

/// A moment in UTC, in ticks of 100 ns since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub i64);

/// A length of time in ticks of 100 ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span(pub i64);

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(TICKS_PER_SECOND))
    }

    /// A span of whole minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// A span of whole hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// A span of whole days.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    /// The whole seconds in this span, towards zero.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0 / TICKS_PER_SECOND
    }
}

impl Time {
    /// The moment that a Windows FILETIME names; values past the year 30000 saturate.
    #[must_use]
    pub fn from_filetime(filetime: u64) -> Self {
        if filetime >= EPOCH_OFFSET {
            Self(i64::try_from(filetime - EPOCH_OFFSET).unwrap_or(i64::MAX))
        } else {
            Self(i64::try_from(EPOCH_OFFSET - filetime).map_or(i64::MIN, |ticks| -ticks))
        }
    }

    /// Reads an RFC 3339 time such as `2026-01-14T03:12:41.5Z`; a missing zone means UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_rfc3339(&format!("{}Z", text.replacen(' ', "T", 1))))
            .ok()?;
        let ticks = parsed.timestamp().checked_mul(TICKS_PER_SECOND)?;
        Some(Self(ticks.checked_add(i64::from(parsed.timestamp_subsec_nanos() / 100))?))
    }

    /// This moment as a `chrono` value; `None` outside of the years that chrono knows.
    #[must_use]
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        let nanos = u32::try_from(self.0.rem_euclid(TICKS_PER_SECOND)).ok()?.checked_mul(100)?;
        DateTime::from_timestamp(self.0.div_euclid(TICKS_PER_SECOND), nanos)
    }

    /// RFC 3339 with milliseconds, in UTC: `2026-01-14T03:12:41.500Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.to_chrono().map_or_else(
            || format!("{} ticks since 1970", self.0),
            |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
        )
    }

    /// This moment moved by `span`, saturating at the ends.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This moment moved back by `span`, saturating at the ends.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, Time};

    #[test]
    fn filetime_and_rfc3339_name_the_same_moment() {
        let time = Time::from_filetime(132_576_067_630_000_000);
        assert_eq!(time.rfc3339(), "2021-02-12T12:32:43.000Z");
        assert_eq!(Time::parse("2021-02-12T12:32:43Z"), Some(time));
        assert_eq!(Time::parse("2021-02-12 12:32:43.0000000"), Some(time));
    }

    #[test]
    fn absurd_filetimes_saturate() {
        assert_eq!(Time::from_filetime(u64::MAX).plus(Span::days(1)), Time(i64::MAX));
        assert!(Time::from_filetime(0).rfc3339().starts_with("1601-01-01"));
    }
}
