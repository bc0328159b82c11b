//! Every record that is asked for, in the order of the logs, on several cores and with memory that does not grow.
//!
//! One thread reads blocks and hands them out; blocks are decoded side by side and taken back in their order. Only so
//! many blocks are on their way at once, so a slow taker slows the reader down.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rayon::Scope;

use super::query::Query;
use super::read::{Counted, fill, reader};
use super::{Builds, Progress};
use crate::evtx::{self, CHUNK_SIZE, FILE_HEADER_SIZE, Fault, Head, Place, Record, Time, Visitor};
use crate::input::{Content, Format, Source};
use crate::text::{Sentence, Texts};

/// Bytes that one core decodes at once.
const BLOCK: usize = 4 * CHUNK_SIZE;
/// Records of an export that one core shows at once.
const BATCH: usize = 256;
/// Most damage that is kept one by one.
const MAX_FAULTS: usize = 64;

/// What flows, and who watches.
pub struct Flow<'a> {
    /// Which records.
    pub query: &'a Query,
    /// The sources of text.
    pub texts: &'a Texts,
    /// Which wording a machine's texts have.
    pub builds: &'a Builds,
    /// Also looks for records outside of chunks.
    pub carve: bool,
    /// Told what is being read.
    pub progress: &'a (dyn Progress + Sync),
    /// Set from outside to stop early.
    pub stop: &'a AtomicBool,
    /// Writes one record behind those before it.
    pub show: &'a (dyn Fn(&Record, &Sentence, &mut Vec<u8>) + Sync),
}

/// What flowed.
#[derive(Debug, Default)]
pub struct Flowed {
    /// Records that were shown.
    pub records: u64,
    /// The first faults.
    pub faults: Vec<Fault>,
    /// Faults beyond these.
    pub hidden_faults: u64,
    /// Sources that could not be read: what was told about each.
    pub problems: Vec<String>,
}

/// What a block became.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    records: u64,
    faults: Vec<Fault>,
    problem: Option<String>,
}

/// Hands the shown records to `take`, piece by piece, until it fails.
///
/// # Errors
///
/// Those of `take`.
pub fn flow(
    sources: &[Source],
    flow: &Flow<'_>,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Flowed> {
    let depth = 2 * rayon::current_num_threads().max(1);
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        let (sender, pieces) = sync_channel::<Receiver<Piece>>(depth);
        let is_over = &is_over;
        // The reader is no thread of the pool: it waits for the taker, and decoding must go on meanwhile.
        threads.spawn(move || {
            rayon::in_place_scope(|scope| {
                let line = Line { scope, sender: &sender, flow, is_over };
                for source in sources {
                    if line.is_stopped() {
                        break;
                    }
                    flow.progress.log(source.name());
                    line.source(source);
                }
            });
        });
        let result = collect(&pieces, take);
        is_over.store(true, Ordering::Relaxed);
        drop(pieces);
        result
    })
}

fn collect(
    pieces: &Receiver<Receiver<Piece>>,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Flowed> {
    let mut flowed = Flowed::default();
    for piece in pieces {
        // A piece that does not come was lost to a bug in its decoding, which ends the run on the pool's side.
        let Ok(piece) = piece.recv() else { continue };
        take(&piece.bytes)?;
        flowed.records += piece.records;
        flowed.problems.extend(piece.problem);
        for fault in piece.faults {
            if flowed.faults.len() < MAX_FAULTS {
                flowed.faults.push(fault);
            } else {
                flowed.hidden_faults += 1;
            }
        }
    }
    Ok(flowed)
}

/// The reader's end of the line.
struct Line<'l, 's, 'a> {
    scope: &'l Scope<'s>,
    sender: &'l SyncSender<Receiver<Piece>>,
    flow: &'s Flow<'a>,
    is_over: &'s AtomicBool,
}

impl<'s> Line<'_, 's, '_> {
    fn is_stopped(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.flow.stop.load(Ordering::Relaxed)
    }

    /// Has a piece made by the pool, in this place of the order; waits while too many are on their way.
    fn hand_out(&self, work: impl FnOnce(&'s Flow<'_>) -> Piece + Send + 's) {
        let (done, piece) = sync_channel(1);
        if self.sender.send(piece).is_err() {
            return;
        }
        let flow = self.flow;
        // Nobody waits for the piece any more when the taker failed.
        self.scope.spawn(move |_| drop(done.send(work(flow))));
    }

    fn source(&self, source: &Source) {
        let name = source.name();
        let outcome = source.open().and_then(|content| match source.format() {
            Format::Evtx if self.flow.carve => {
                let place = Place { log: Arc::clone(name), offset: 0 };
                self.watched(reader(content), |stream, batch| evtx::carve(stream, &place, batch))
            }
            Format::Evtx => self.chunks(content, name),
            Format::Xml => self.watched(reader(content), |stream, batch| {
                evtx::read_xml(stream, name, batch);
                Ok(())
            }),
            Format::JsonLines => self.watched(reader(content), |stream, batch| {
                evtx::read_json_lines(stream, name, batch);
                Ok(())
            }),
        });
        if let Err(error) = outcome {
            let problem = Some(format!("{name}: {error}"));
            self.hand_out(move |_| Piece { problem, ..Piece::default() });
        }
    }

    fn chunks(&self, content: Content, name: &Arc<str>) -> io::Result<()> {
        let length = if let Content::File(_, length) = &content { *length } else { 0 };
        let mut stream = reader(content);
        let mut header = vec![0; FILE_HEADER_SIZE];
        let (mut offset, mut error) = fill(&mut stream, &mut header);
        let mut is_done = offset < FILE_HEADER_SIZE;
        while !is_done && !self.is_stopped() {
            let mut block = vec![0; BLOCK];
            let count;
            (count, error) = fill(&mut stream, &mut block);
            block.truncate(count);
            self.flow.progress.bytes(count as u64);
            is_done = count < BLOCK || error.is_some();
            let place = Place { log: Arc::clone(name), offset: offset as u64 };
            offset += count;
            self.hand_out(move |flow| {
                let mut eye = Eye::new(flow);
                for (index, chunk) in block.chunks(CHUNK_SIZE).enumerate() {
                    let offset = place.offset + (index * CHUNK_SIZE) as u64;
                    evtx::read_chunk(chunk, &Place { log: Arc::clone(&place.log), offset }, &mut eye);
                }
                eye.piece
            });
        }
        let at = |reason: &str| io::Error::other(format!("not read to its end (byte {offset}: {reason})"));
        match error {
            Some(error) => Err(at(&error.to_string())),
            None if is_done && (offset as u64) < length => Err(at("it shrank while it was read")),
            None => Ok(()),
        }
    }

    /// Reads a source that is decoded in one go; only showing its records is done side by side.
    fn watched(
        &self,
        inner: Box<dyn Read + Send>,
        read: impl FnOnce(&mut Counted<'_>, &mut dyn Visitor) -> io::Result<()>,
    ) -> io::Result<()> {
        let flow = self.flow;
        let mut stream = Counted::new(inner, flow.progress, self.is_over);
        let mut batch = Batch { line: self, records: Vec::new(), faults: Vec::new() };
        let outcome = read(&mut stream, &mut batch);
        batch.hand_out();
        outcome?;
        stream.failure.map_or(Ok(()), |failure| Err(io::Error::other(failure)))
    }
}

/// Shows the records of one block.
struct Eye<'f, 'a> {
    flow: &'f Flow<'a>,
    piece: Piece,
}

impl<'f, 'a> Eye<'f, 'a> {
    fn new(flow: &'f Flow<'a>) -> Self {
        Self { flow, piece: Piece::default() }
    }
}

impl Visitor for Eye<'_, '_> {
    fn head(&mut self, head: &Head<'_>) -> bool {
        self.flow.query.wants(head)
    }

    fn period(&self) -> (Option<Time>, Option<Time>) {
        (self.flow.query.since, self.flow.query.until)
    }

    fn record(&mut self, record: Record) {
        let sentence = self.flow.texts.sentence(&record, self.flow.builds.of(&record));
        if self.flow.query.holds(&record, &sentence.text) {
            (self.flow.show)(&record, &sentence, &mut self.piece.bytes);
            self.piece.records += 1;
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.piece.faults.push(fault);
    }
}

/// Gathers the records of an export until they are worth handing out.
struct Batch<'l, 's, 'a> {
    line: &'l Line<'l, 's, 'a>,
    records: Vec<Record>,
    faults: Vec<Fault>,
}

impl Batch<'_, '_, '_> {
    fn hand_out(&mut self) {
        let (records, faults) = (std::mem::take(&mut self.records), std::mem::take(&mut self.faults));
        self.line.hand_out(move |flow| {
            let mut eye = Eye::new(flow);
            eye.piece.faults = faults;
            records.into_iter().for_each(|record| eye.record(record));
            eye.piece
        });
    }
}

impl Visitor for Batch<'_, '_, '_> {
    fn head(&mut self, head: &Head<'_>) -> bool {
        if self.line.is_stopped() {
            self.line.is_over.store(true, Ordering::Relaxed);
            return false;
        }
        self.line.flow.query.wants(head)
    }

    fn record(&mut self, record: Record) {
        self.records.push(record);
        if self.records.len() >= BATCH {
            self.hand_out();
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
        if self.faults.len() >= BATCH {
            self.hand_out();
        }
    }
}
