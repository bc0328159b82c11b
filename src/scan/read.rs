//! One source, read block by block on all cores or in order, as its form allows.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::tally::Tally;
use super::visit::{Collector, Task};
use super::{Options, Progress};
use crate::evtx::{self, CHUNK_SIZE, FILE_HEADER_SIZE, Fault, Place};
use crate::input::{Content, Format, Source};

/// Bytes that are read at once: a few chunks, so that one large log keeps all cores busy.
pub(super) const BLOCK: usize = 4 * CHUNK_SIZE;

/// Reads a source to its end.
pub(super) fn read(source: &Source, task: &Task<'_>, options: &Options<'_>) -> io::Result<Tally> {
    let name = source.name();
    let content = source.open()?;
    match (source.format(), content) {
        (Format::Evtx, _) if options.carve => carve(source, task, options),
        (Format::Evtx, Content::File(file, length)) => Ok(read_file(&file, length, name, task, options)),
        (Format::Evtx, Content::Stream(stream)) => Ok(read_stream(stream, name, task, options)),
        (format, content) => read_export(format, reader(content), name, task, options),
    }
}

pub(super) fn reader(content: Content) -> Box<dyn Read + Send> {
    match content {
        Content::File(file, _) => Box::new(file),
        Content::Stream(stream) => stream,
    }
}

/// A file on disk: blocks are read and decided in parallel.
fn read_file(file: &File, length: u64, name: &Arc<str>, task: &Task<'_>, options: &Options<'_>) -> Tally {
    let blocks = Blocks { file, length, name, options, next: AtomicU64::new(0) };
    // As many collectors as threads, each with the next block that nobody has: what one keeps, it decodes once.
    let count = usize::try_from(blocks.count()).unwrap_or(usize::MAX).min(rayon::current_num_threads());
    let mut tally = (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| blocks.read_all(Collector::new(task, name)).finish(0))
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
    /// The block that nobody has taken yet.
    next: AtomicU64,
}

impl Blocks<'_> {
    fn count(&self) -> u64 {
        self.length.saturating_sub(HEADER).div_ceil(BLOCK as u64)
    }

    /// Reads the blocks that are left.
    fn read_all<'t>(&self, mut collector: Collector<'t>) -> Collector<'t> {
        let mut buffer = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.count() {
                return collector;
            }
            if self.options.stop.load(Ordering::Relaxed) {
                collector.stop();
                return collector;
            }
            self.read(index, &mut collector, &mut buffer);
        }
    }

    fn read(&self, index: u64, collector: &mut Collector<'_>, buffer: &mut Vec<u8>) {
        let offset = HEADER + index * BLOCK as u64;
        // What is written behind the end while the log is read is not yet whole.
        let expected = (self.length - offset).min(BLOCK as u64);
        buffer.resize(usize::try_from(expected).unwrap_or(BLOCK), 0);
        match read_at(self.file, offset, buffer) {
            Ok(count) => {
                read_chunks(buffer.get(..count).unwrap_or_default(), offset, self.name, collector);
                let count = count as u64;
                if count < expected {
                    let place = Place { log: Arc::clone(self.name), offset: offset + count };
                    let missing = expected - count;
                    let found =
                        format!("the end of the file: it shrank by {missing} bytes while it was read");
                    evtx::Visitor::fault(collector, fault(&place, &found));
                    collector.stop();
                }
                self.options.progress.bytes(count);
                collector.add_bytes(count);
            }
            Err(error) => {
                let place = Place { log: Arc::clone(self.name), offset };
                evtx::Visitor::fault(collector, fault(&place, &error.to_string()));
                collector.stop();
            }
        }
    }
}

fn joined(mut left: Tally, right: Tally) -> Tally {
    left.join(right);
    left
}

/// What should stand where a log cannot be read.
pub(super) const READABLE: &str = "readable bytes";

pub(super) fn fault(place: &Place, found: &str) -> Fault {
    Fault {
        log: Arc::clone(&place.log),
        offset: place.offset,
        expected: READABLE.into(),
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
pub(super) fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
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

/// Counts the bytes that pass through, and keeps in mind why there are no more.
pub(super) struct Counted<'a> {
    inner: Box<dyn Read + Send>,
    count: u64,
    progress: &'a (dyn Progress + Sync),
    stop: &'a AtomicBool,
    /// The error that ended the stream.
    pub(super) failure: Option<String>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(
        inner: Box<dyn Read + Send>,
        progress: &'a (dyn Progress + Sync),
        stop: &'a AtomicBool,
    ) -> Self {
        Self { inner, count: 0, progress, stop, failure: None }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let read = self.inner.read(buffer);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failure = Some(error.to_string());
        }
        let count = read?;
        let wide = u64::try_from(count).unwrap_or(0);
        self.count += wide;
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
    let mut counted = Counted::new(stream, options.progress, options.stop);
    let mut collector = Collector::new(task, name);
    match format {
        Format::Xml => evtx::read_xml(&mut counted, name, &mut collector),
        _ => evtx::read_json_lines(&mut counted, name, &mut collector),
    }
    if counted.failure.is_some() {
        // The reader of the export told it as a fault.
        collector.stop();
    }
    Ok(collector.finish(counted.count))
}

fn carve(source: &Source, task: &Task<'_>, options: &Options<'_>) -> io::Result<Tally> {
    let inner = reader(source.open()?);
    let mut counted = Counted::new(inner, options.progress, options.stop);
    let mut collector = Collector::new(task, source.name());
    let place = Place { log: Arc::clone(source.name()), offset: 0 };
    if let Err(error) = evtx::carve(&mut counted, &place, &mut collector) {
        let place = Place { offset: counted.count, ..place };
        evtx::Visitor::fault(&mut collector, fault(&place, &error.to_string()));
        collector.stop();
    }
    Ok(collector.finish(counted.count))
}
