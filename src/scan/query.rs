//! Which records are asked for: by time, channel, provider, id, level, host and words.

use std::ops::RangeInclusive;

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use crate::evtx::{Head, Record, Time};

/// Largest compiled pattern, in bytes; a larger one is refused.
const MAX_PATTERN: usize = 1 << 20;

/// What records must fit. Of each list one must fit; an empty list fits everything.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Records before this moment do not fit.
    pub since: Option<Time>,
    /// Records after this moment do not fit.
    pub until: Option<Time>,
    /// Patterns of channels.
    pub channels: Vec<Pattern>,
    /// Patterns of providers.
    pub providers: Vec<Pattern>,
    /// Patterns of hosts.
    pub hosts: Vec<Pattern>,
    /// Event ids.
    pub event_ids: Vec<RangeInclusive<u32>>,
    /// Levels.
    pub levels: Vec<u8>,
    /// What text or a value must hold.
    pub grep: Option<Regex>,
}

/// A name with `*` and `?`, compared without case. A name without these fits itself and a longer name of which it is
/// the last part: `LocalSessionManager`, or `SRV-RDS01` of `SRV-RDS01.corp.example`.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// Lower case.
    Plain(String),
    /// With `*` or `?`.
    Wild(GlobMatcher),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Plain(text.to_lowercase()));
        }
        let glob = GlobBuilder::new(text).case_insensitive(true).backslash_escape(false).build();
        glob.map(|glob| Self::Wild(glob.compile_matcher())).map_err(|error| error.kind().to_string())
    }

    /// Whether a name fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let plain = match self {
            Self::Wild(glob) => return glob.is_match(name),
            Self::Plain(plain) => plain,
        };
        let name = name.to_lowercase();
        name.match_indices(plain.as_str()).any(|(start, part)| {
            let before = name.get(..start).unwrap_or_default();
            let after = name.get(start + part.len()..).unwrap_or_default();
            (before.is_empty() || before.ends_with('-'))
                && (after.is_empty() || after.starts_with(['/', '.']))
        })
    }
}

/// A regular expression that ignores case.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn grep(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).case_insensitive(true).size_limit(MAX_PATTERN).build();
    built.map_err(|error| error.to_string())
}

impl Query {
    /// Whether a record fits, as far as its head says.
    #[must_use]
    pub fn wants(&self, head: &Head<'_>) -> bool {
        let one = |patterns: &[Pattern], names: &[&str]| {
            patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| pattern.fits(name)))
        };
        self.since.is_none_or(|since| head.time >= since)
            && self.until.is_none_or(|until| head.time <= until)
            && (self.event_ids.is_empty() || self.event_ids.iter().any(|ids| ids.contains(&head.event_id)))
            && (self.levels.is_empty() || self.levels.contains(&head.level))
            && one(&self.channels, &[head.channel])
            && one(&self.providers, &[head.provider, head.event_source])
            && one(&self.hosts, &[head.computer])
    }

    /// Whether the text or a value holds what is looked for.
    #[must_use]
    pub fn holds(&self, record: &Record, text: &str) -> bool {
        self.grep.as_ref().is_none_or(|grep| {
            grep.is_match(text) || record.fields.iter().any(|field| grep.is_match(&field.value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, grep};

    #[test]
    fn plain_name_fits_itself_and_its_longer_form() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).expect("a pattern").fits(name);
        assert!(fits("rdpcorets", "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"));
        assert!(fits("srv-rds01", "SRV-RDS01.corp.example"));
        assert!(fits("SRV-*", "srv-rds01.corp.example"));
        assert!(!fits("SRV-?", "srv-rds01"));
        assert!(!fits("SRV1", "SRV10"));
        assert!(!fits("Security", "Microsoft-Windows-Security-Mitigations/KernelMode"));
        assert!(!fits("System", "FileSystem"));
    }

    #[test]
    fn patterns_that_cannot_be_read_say_why() {
        assert!(Pattern::new("[a").is_err());
        assert!(grep("(").is_err());
        assert!(grep(r"(\w{200}){200}").is_err());
    }
}
