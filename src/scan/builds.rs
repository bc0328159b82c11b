//! Which build of Windows a machine ran, and when, from the records in which it states that: texts are worded by it.
//!
//! Records flow by one after the other and the statement may stand behind those that it is for, so logs of the
//! System channel are read once more before: their heads only, with nothing decoded but the statements. What a log
//! is, its first chunk tells. Exports are not read twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::read::{BLOCK, fill, reader};
use crate::evtx::{self, CHUNK_SIZE, FILE_HEADER_SIZE, Head, Place, Record, Time, Visitor};
use crate::input::{Format, Source};

/// Most statements that are kept of one run: a machine restarts a few hundred times before its log wraps.
const MAX_STATEMENTS: usize = 100_000;

/// The builds that machines stated.
#[derive(Debug, Clone, Default)]
pub struct Builds {
    /// By name in lower case.
    hosts: FxHashMap<String, BTreeMap<Time, u32>>,
    statements: usize,
}

/// The build that a record states, with the revision where it has one.
pub(crate) fn stated(record: &Record) -> Option<(u32, Option<u32>)> {
    if !is_statement(&record.head()) {
        return None;
    }
    let number = |name: &str| record.field(name).and_then(|value| value.trim().parse::<u32>().ok());
    if record.event_id == 12 {
        return Some((number("BuildVersion")?, number("QfeVersion")));
    }
    let values = record.fields.iter().filter_map(|field| field.value.trim().parse::<u32>().ok());
    values.into_iter().find(|number| (2600..100_000).contains(number)).map(|build| (build, None))
}

fn is_statement(head: &Head<'_>) -> bool {
    let is_of = |provider: &str| head.provider.eq_ignore_ascii_case(provider);
    match head.event_id {
        12 => is_of("Microsoft-Windows-Kernel-General"),
        6009 => is_of("EventLog"),
        _ => false,
    }
}

impl Builds {
    /// Reads the statements in all logs.
    #[must_use]
    pub fn read(sources: &[Source], stop: &AtomicBool) -> Self {
        let logs = sources.par_iter().filter(|source| source.format() == Format::Evtx);
        logs.map(|source| of_log(source, stop)).reduce(Self::default, |mut left, right| {
            for (host, builds) in right.hosts {
                for (time, build) in builds {
                    left.add(&host, time, build);
                }
            }
            left
        })
    }

    /// The build of a record's machine: the last one that it stated up to then, or else the first.
    #[must_use]
    pub fn of(&self, record: &Record) -> Option<u32> {
        if self.hosts.is_empty() {
            return None;
        }
        let builds = self.hosts.get(&record.computer.to_lowercase())?;
        let before = builds.range(..=record.time).next_back();
        before.or_else(|| builds.first_key_value()).map(|(_, build)| *build)
    }

    fn add(&mut self, host: &str, time: Time, build: u32) {
        if self.statements < MAX_STATEMENTS {
            self.statements += 1;
            let builds = self.hosts.entry(host.to_lowercase()).or_default();
            // Of two statements of one moment the order of the logs must not decide.
            let own = builds.entry(time).or_insert(build);
            *own = build.max(*own);
        }
    }
}

/// What one log states; one that cannot be read states nothing, and is told of when it is read for its records.
fn of_log(source: &Source, stop: &AtomicBool) -> Builds {
    let mut reading = Reading::default();
    let Ok(content) = source.open() else { return reading.builds };
    let mut stream = reader(content);
    let place = Place { log: source.name().clone(), offset: 0 };
    let mut header = vec![0; FILE_HEADER_SIZE];
    let mut is_done = fill(&mut stream, &mut header).0 < FILE_HEADER_SIZE;
    // The first chunk says which channel it is, and most logs are of another one.
    let mut block = vec![0; CHUNK_SIZE];
    while !is_done && !stop.load(Ordering::Relaxed) {
        let (count, error) = fill(&mut stream, &mut block);
        for chunk in block.get(..count).unwrap_or_default().chunks(CHUNK_SIZE) {
            evtx::read_chunk(chunk, &place, &mut reading);
        }
        is_done = count < block.len() || error.is_some() || !reading.is_system;
        block.resize(BLOCK, 0);
    }
    reading.builds
}

#[derive(Default)]
struct Reading {
    is_system: bool,
    builds: Builds,
}

impl Visitor for Reading {
    fn head(&mut self, head: &Head<'_>) -> bool {
        self.is_system |= head.channel.eq_ignore_ascii_case("System");
        is_statement(head)
    }

    fn record(&mut self, record: Record) {
        if let Some((build, _)) = stated(&record) {
            self.builds.add(&record.computer, record.time, build);
        }
    }

    fn fault(&mut self, _: evtx::Fault) {}
}
