//! Reads sources in parallel and keeps, per computer, the records that rules and diagnosis look at.
//!
//! Does not judge what a record means. The outcome is joinable: two scans of different logs make one, so that a
//! fleet's logs can be read on many machines ([`Scan::write`], [`Scan::read`], [`Scan::join`]).

mod builds;
mod cache;
mod flow;
mod host;
mod interest;
mod partial;
mod query;
mod tally;
mod visit;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

pub use builds::Builds;
pub(crate) use builds::stated;
pub use flow::{Flow, Flowed, flow};
pub(crate) use host::{Coverage, Covered, HostLog, HostScan, Item, hosts};
pub use partial::PartialError;
pub use query::{Pattern, Query, grep};
pub(crate) use tally::Tally;
use visit::{Collector, Task};

use crate::evtx::{self, CHUNK_SIZE, FILE_HEADER_SIZE, Fault, Place, Time};
use crate::input::{Content, ContentKey, Format, Source, content_key};
use crate::rule::RuleSet;
use crate::text::Texts;

/// Bytes that are read at once: a few chunks, so that one large log keeps all cores busy.
const BLOCK: usize = 16 * CHUNK_SIZE;

/// What to scan for.
pub struct Options<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// The sources of text.
    pub texts: &'a Texts,
    /// Records before this moment are passed over.
    pub since: Option<Time>,
    /// Records after this moment are passed over.
    pub until: Option<Time>,
    /// Also look for records outside of chunks.
    pub carve: bool,
    /// Told what is being read.
    pub progress: &'a (dyn Progress + Sync),
    /// Set from outside to stop early; what was read is kept.
    pub stop: &'a AtomicBool,
    /// Keeps logs apart by content, so that scans that share logs can be joined.
    pub is_joinable: bool,
    /// A folder that keeps what was read of each log, by content.
    pub cache: Option<&'a Path>,
}

/// Watches a scan.
pub trait Progress {
    /// A log is being opened.
    fn log(&self, name: &str);
    /// Bytes were read.
    fn bytes(&self, count: u64);
}

/// What a scan kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// Logs that need not be told apart any more.
    pub(crate) tally: Tally,
    /// Logs by content: what several scans have in common counts once.
    parts: BTreeMap<ContentKey, Part>,
    /// Fingerprint of the rules that it was made with.
    pub(crate) rules: String,
    /// Logs that had the same content as another.
    pub(crate) duplicates: u64,
    /// Inputs that could not be read: what was told about each.
    pub problems: Vec<String>,
    /// Whether it was stopped early.
    pub is_partial: bool,
}

/// One log of a joinable scan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Part {
    name: Arc<str>,
    tally: Tally,
}

/// Reads all sources. A source that cannot be read becomes a problem; the others are still read.
#[must_use]
pub fn scan(sources: &[Source], options: &Options<'_>) -> Scan {
    let task =
        Task { rules: options.rules, texts: options.texts, since: options.since, until: options.until };
    let read = |source: &Source| -> Scan {
        if options.stop.load(Ordering::Relaxed) {
            return Scan { is_partial: true, ..Scan::default() };
        }
        options.progress.log(source.name());
        let mut scan = Scan::default();
        match read_one(source, &task, options) {
            Ok((Some(key), tally)) => {
                scan.parts.insert(key, Part { name: Arc::clone(source.name()), tally });
            }
            Ok((None, tally)) => scan.tally = tally,
            Err(error) => scan.problems.push(format!("{}: {error}", source.name())),
        }
        scan
    };
    let mut scan = sources.par_iter().map(read).reduce(Scan::default, |mut left, right| {
        left.join(right);
        left
    });
    scan.rules.clone_from(&options.rules.fingerprint);
    scan.is_partial |= options.stop.load(Ordering::Relaxed);
    scan.problems.sort();
    scan
}

impl Scan {
    /// Notes that some logs had the same content as others.
    pub fn add_duplicates(&mut self, count: usize) {
        self.duplicates += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// Adds the counts of all logs.
    pub(crate) fn summarize(&self, summary: &mut crate::report::Summary) {
        summary.logs = self.tally.logs.len();
        summary.duplicate_logs = usize::try_from(self.duplicates).unwrap_or(usize::MAX);
        for log in self.tally.logs.values() {
            summary.bytes += log.bytes;
            summary.records += log.records;
            summary.lost_records += log.lost;
            summary.recovered_records += log.recovered;
            for (from, to) in log.covers.values().filter_map(tally::Cover::times) {
                summary.first_record = Some(summary.first_record.map_or(from, |first| first.min(from)));
                summary.last_record = Some(summary.last_record.map_or(to, |last| last.max(to)));
            }
        }
    }

    /// Damage in logs that belong to none of the hosts.
    pub(crate) fn loose_faults(&self, hosts: &[crate::report::Host]) -> Vec<Fault> {
        let is_owned = |name: &str| hosts.iter().any(|host| host.logs.iter().any(|log| log.name == name));
        let loose = self.tally.logs.iter().filter(|(name, log)| !log.faults.is_empty() && !is_owned(name));
        loose.flat_map(|(_, log)| log.faults.iter().cloned()).collect()
    }

    /// Puts another scan's content into this one; the outcome does not depend on order or grouping.
    pub fn join(&mut self, other: Self) {
        self.tally.join(other.tally);
        for (key, part) in other.parts {
            match self.parts.get_mut(&key) {
                None => {
                    self.parts.insert(key, part);
                }
                Some(own) => {
                    self.duplicates += 1;
                    if part.name < own.name {
                        *own = part;
                    }
                }
            }
        }
        self.duplicates += other.duplicates;
        self.is_partial |= other.is_partial;
        self.problems.extend(other.problems);
        self.problems.sort();
        self.problems.dedup();
        if self.rules.is_empty() {
            self.rules = other.rules;
        }
    }

    /// Forgets which log is which: the last step before a diagnosis.
    pub fn settle(&mut self) {
        for (_, part) in std::mem::take(&mut self.parts) {
            self.tally.join(part.tally);
        }
    }
}

/// One source, from the cache when it is there; with its content's key when that is asked for.
fn read_one(
    source: &Source,
    task: &Task<'_>,
    options: &Options<'_>,
) -> io::Result<(Option<ContentKey>, Tally)> {
    if !options.is_joinable && options.cache.is_none() {
        return Ok((None, read_source(source, task, options)?));
    }
    let key = content_key(source)?;
    let entry = options.cache.map(|folder| cache::Entry::new(folder, &key, source.name(), options));
    if let Some(tally) = entry.as_ref().and_then(cache::Entry::read) {
        options.progress.bytes(source.size());
        return Ok((Some(key), tally));
    }
    let tally = read_source(source, task, options)?;
    if let Some(entry) = entry
        && !options.stop.load(Ordering::Relaxed)
    {
        entry.write(&tally)?;
    }
    Ok((Some(key), tally))
}

fn read_source(source: &Source, task: &Task<'_>, options: &Options<'_>) -> io::Result<Tally> {
    let name = source.name();
    let content = source.open()?;
    match (source.format(), content) {
        (Format::Evtx, _) if options.carve => carve(source, task, options),
        (Format::Evtx, Content::File(file, length)) => Ok(read_file(&file, length, name, task, options)),
        (Format::Evtx, Content::Stream(stream)) => Ok(read_stream(stream, name, task, options)),
        (format, content) => read_export(format, reader(content), name, task, options),
    }
}

fn reader(content: Content) -> Box<dyn Read + Send> {
    match content {
        Content::File(file, _) => Box::new(file),
        Content::Stream(stream) => stream,
    }
}

/// A file on disk: blocks are read and decided in parallel.
fn read_file(file: &File, length: u64, name: &Arc<str>, task: &Task<'_>, options: &Options<'_>) -> Tally {
    let blocks = Blocks { file, length, name, options };
    // A collector goes from block to block, so that what it has learned of names and events is learned once.
    let fresh = || (Collector::new(task, name), Vec::new());
    let mut tally = (0..blocks.count())
        .into_par_iter()
        .fold(fresh, |(collector, buffer), index| blocks.read(index, collector, buffer))
        .map(|(collector, _)| collector.finish(0))
        .reduce(Tally::default, joined);
    let log = tally.logs.entry(Arc::clone(name)).or_default();
    log.bytes += HEADER.min(length);
    tally
}

/// Bytes of the file header.
const HEADER: u64 = FILE_HEADER_SIZE as u64;

/// A file in blocks of whole chunks.
struct Blocks<'a> {
    file: &'a File,
    length: u64,
    name: &'a Arc<str>,
    options: &'a Options<'a>,
}

impl Blocks<'_> {
    fn count(&self) -> u64 {
        self.length.saturating_sub(HEADER).div_ceil(BLOCK as u64)
    }

    fn read<'t>(
        &self,
        index: u64,
        mut collector: Collector<'t>,
        mut buffer: Vec<u8>,
    ) -> (Collector<'t>, Vec<u8>) {
        if self.options.stop.load(Ordering::Relaxed) {
            collector.stop();
            return (collector, buffer);
        }
        let offset = HEADER + index * BLOCK as u64;
        buffer.resize(BLOCK, 0);
        match read_at(self.file, offset, &mut buffer) {
            Ok(count) => {
                read_chunks(buffer.get(..count).unwrap_or_default(), offset, self.name, &mut collector);
                let expected = (self.length - offset).min(BLOCK as u64);
                let count = count as u64;
                if count < expected {
                    let place = Place { log: Arc::clone(self.name), offset: offset + count };
                    let missing = expected - count;
                    let found =
                        format!("the end of the file: it shrank by {missing} bytes while it was read");
                    evtx::Visitor::fault(&mut collector, fault(&place, &found));
                }
                self.options.progress.bytes(count);
                collector.add_bytes(count);
            }
            Err(error) => {
                let place = Place { log: Arc::clone(self.name), offset };
                evtx::Visitor::fault(&mut collector, fault(&place, &error.to_string()));
                collector.stop();
            }
        }
        (collector, buffer)
    }
}

fn joined(mut left: Tally, right: Tally) -> Tally {
    left.join(right);
    left
}

fn fault(place: &Place, found: &str) -> Fault {
    Fault {
        log: Arc::clone(&place.log),
        offset: place.offset,
        expected: "readable bytes".into(),
        found: found.into(),
        lost: 0,
    }
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read_some(file, rest, offset + u64::try_from(done).unwrap_or(0)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn read_chunks(bytes: &[u8], offset: u64, name: &Arc<str>, collector: &mut Collector<'_>) {
    for (index, chunk) in bytes.chunks(CHUNK_SIZE).enumerate() {
        let at = offset + u64::try_from(index * CHUNK_SIZE).unwrap_or(0);
        evtx::read_chunk(chunk, &Place { log: Arc::clone(name), offset: at }, collector);
    }
}

/// An entry of an archive: read in order, a few blocks ahead of deciding.
fn read_stream(
    mut stream: Box<dyn Read + Send>,
    name: &Arc<str>,
    task: &Task<'_>,
    options: &Options<'_>,
) -> Tally {
    let mut tally = Tally::default();
    let mut header = vec![0; FILE_HEADER_SIZE];
    let mut offset = u64::try_from(fill(&mut stream, &mut header).0).unwrap_or(0);
    let width = rayon::current_num_threads().max(1);
    let mut failure = None;
    while failure.is_none() && !options.stop.load(Ordering::Relaxed) {
        let mut blocks = Vec::new();
        for _ in 0..width {
            let mut buffer = vec![0; BLOCK];
            let (count, error) = fill(&mut stream, &mut buffer);
            buffer.truncate(count);
            let at = offset;
            offset += u64::try_from(count).unwrap_or(0);
            if count > 0 {
                blocks.push((at, buffer));
            }
            if count < BLOCK || error.is_some() {
                failure = Some(error);
                break;
            }
        }
        let read = |(at, bytes): (u64, Vec<u8>)| {
            let mut collector = Collector::new(task, name);
            read_chunks(&bytes, at, name, &mut collector);
            let count = u64::try_from(bytes.len()).unwrap_or(0);
            options.progress.bytes(count);
            collector.finish(count)
        };
        tally.join(blocks.into_par_iter().map(read).reduce(Tally::default, joined));
    }
    let log = tally.logs.entry(Arc::clone(name)).or_default();
    match failure {
        None => log.is_partial = true,
        Some(Some(error)) => {
            log.is_partial = true;
            log.fault(fault(&Place { log: Arc::clone(name), offset }, &error.to_string()));
        }
        Some(None) => {}
    }
    tally
}

/// Fills a buffer as far as the stream goes; an error ends it.
fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Some(error)),
        }
    }
    (done, None)
}

/// Counts the bytes that pass through.
struct Counted<'a> {
    inner: Box<dyn Read + Send>,
    count: AtomicU64,
    progress: &'a (dyn Progress + Sync),
    stop: &'a AtomicBool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        let wide = u64::try_from(count).unwrap_or(0);
        self.count.fetch_add(wide, Ordering::Relaxed);
        self.progress.bytes(wide);
        Ok(count)
    }
}

/// An export of records as XML or JSON lines.
fn read_export(
    format: Format,
    stream: Box<dyn Read + Send>,
    name: &Arc<str>,
    task: &Task<'_>,
    options: &Options<'_>,
) -> io::Result<Tally> {
    let mut counted =
        Counted { inner: stream, count: AtomicU64::new(0), progress: options.progress, stop: options.stop };
    let mut collector = Collector::new(task, name);
    match format {
        Format::Xml => evtx::read_xml(&mut counted, name, &mut collector),
        _ => evtx::read_json_lines(&mut counted, name, &mut collector),
    }
    let bytes = counted.count.load(Ordering::Relaxed);
    Ok(collector.finish(bytes))
}

fn carve(source: &Source, task: &Task<'_>, options: &Options<'_>) -> io::Result<Tally> {
    let inner = reader(source.open()?);
    let mut counted =
        Counted { inner, count: AtomicU64::new(0), progress: options.progress, stop: options.stop };
    let mut collector = Collector::new(task, source.name());
    let place = Place { log: Arc::clone(source.name()), offset: 0 };
    evtx::carve(&mut counted, &place, &mut collector)?;
    let bytes = counted.count.load(Ordering::Relaxed);
    Ok(collector.finish(bytes))
}
