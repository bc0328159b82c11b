//! Timelines and stories of outages.

use serde::Serialize;

use super::super::super::postmortem::Postmortem;
use super::super::super::words;
use super::{Cause, Connections, RuledOut, SCHEMA};
use crate::report;

/// A host's timeline.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in super::super) struct Timeline<'a> {
    schema: u32,
    host: &'a str,
    entries: Vec<Entry<'a>>,
    intervals: Vec<Interval>,
}

/// A line of JSON lines: an entry with its host in front.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in super::super) struct Line<'a> {
    schema: u32,
    host: &'a str,
    #[serde(flatten)]
    entry: Entry<'a>,
}

#[derive(Serialize, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry<'a> {
    time: String,
    #[cfg_attr(test, schemars(extend("enum" = ["change", "service", "connections", "match", "outage"])))]
    kind: &'static str,
    text: &'a str,
    good: u64,
    failed: u64,
    source: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Interval {
    start: String,
    seconds: i64,
    #[serde(flatten)]
    counts: Connections,
}

impl<'a> Timeline<'a> {
    pub(in super::super) fn new(host: &'a report::Host) -> Self {
        let intervals = host.intervals.iter().map(|interval| Interval {
            start: interval.start.rfc3339(),
            seconds: interval.seconds,
            counts: Connections::new(interval.counts),
        });
        let entries = host.timeline.iter().map(Entry::new).collect();
        Self { schema: SCHEMA, host: &host.name, entries, intervals: intervals.collect() }
    }

    /// Its entries, each on its own.
    pub(in super::super) fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        self.entries.iter().map(|entry| Line { schema: SCHEMA, host: self.host, entry: entry.clone() })
    }
}

impl<'a> Entry<'a> {
    fn new(entry: &'a report::Entry) -> Self {
        Self {
            time: entry.time.rfc3339(),
            kind: words::entry_kind(entry.kind),
            text: &entry.text,
            good: entry.good,
            failed: entry.failed,
            source: &entry.source,
        }
    }
}

/// The stories of the hosts that did not work throughout.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in super::super) struct Postmortems<'a> {
    schema: u32,
    version: &'a str,
    postmortems: Vec<Story<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Story<'a> {
    #[serde(flatten)]
    story: Postmortem<'a>,
    causes: Vec<Cause<'a>>,
    ruled_out: Vec<RuledOut<'a>>,
}

impl<'a> Postmortems<'a> {
    pub(in super::super) fn new(
        report: &'a report::Report,
        stories: Vec<(&'a report::Host, Postmortem<'a>)>,
    ) -> Self {
        let stories = stories.into_iter().map(|(host, story)| Story {
            story,
            causes: host.causes.iter().map(Cause::new).collect(),
            ruled_out: host.ruled_out.iter().map(RuledOut::new).collect(),
        });
        Self { schema: SCHEMA, version: &report.version, postmortems: stories.collect() }
    }
}
