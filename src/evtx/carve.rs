//! Finds chunks and records in any bytes: a disk image, a memory dump, unallocated space.
//!
//! A record outside of a chunk can be read when the bytes in front of it are still where they were: its names and
//! templates are found by their offset in the chunk, whose beginning a record with a template of its own betrays.
//! The same record may stand in several places; telling copies apart is left to the caller.

use std::io::{self, Read};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::bytes::{size_at, u32_at};
use super::walk::{CHUNK_HEADER, CHUNK_MAGIC, RECORD_HEADER, RECORD_MAGIC, Walk, Window};
use super::{CHUNK_SIZE, Fault, Place, Visitor, chunk, walk};

/// Bytes read at once. Beside them, one chunk in front of and one behind the place that is looked at are kept.
const BLOCK: usize = 1 << 20;

static MAGICS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new([CHUNK_MAGIC, RECORD_MAGIC.as_slice()]).expect("two short literals make an automaton")
});

/// Reads every chunk, and every record outside of chunks, that `reader` holds, in the order of their places.
///
/// # Errors
///
/// Stops where `reader` does; what was found before is with the visitor.
pub fn carve(reader: impl Read, place: &Place, visitor: &mut dyn Visitor) -> io::Result<()> {
    let mut view = View { reader, bytes: Vec::new(), start: 0, is_done: false };
    let mut at = 0;
    loop {
        at = view.prepare(at)?;
        let Some(found) = MAGICS.find(view.bytes.get(at..).unwrap_or_default()) else {
            if view.is_done {
                return Ok(());
            }
            // A magic may begin in this block's last bytes.
            at = view.bytes.len().saturating_sub(CHUNK_MAGIC.len() - 1).max(at);
            view.extend()?;
            continue;
        };
        let hit = at + found.start();
        if view.bytes.len() - hit < CHUNK_SIZE && !view.is_done {
            view.extend()?;
            continue;
        }
        let is_chunk = found.pattern().as_usize() == 0;
        let end = if is_chunk { view.chunk(hit, place, visitor) } else { view.record(hit, place, visitor) };
        at = end.max(found.end() + at);
    }
}

/// The part of the stream that is in memory.
struct View<R> {
    reader: R,
    bytes: Vec<u8>,
    /// Offset of the first byte in the stream.
    start: u64,
    is_done: bool,
}

impl<R: Read> View<R> {
    /// Forgets what lies more than a chunk behind `at`, and says where `at` is afterwards.
    fn prepare(&mut self, at: usize) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.extend()?;
        }
        let behind = at.saturating_sub(CHUNK_SIZE);
        if behind < BLOCK {
            return Ok(at);
        }
        self.bytes.drain(..behind);
        self.start += behind as u64;
        Ok(at - behind)
    }

    fn extend(&mut self) -> io::Result<()> {
        let block = BLOCK as u64;
        self.is_done = self.reader.by_ref().take(block).read_to_end(&mut self.bytes)? < BLOCK;
        Ok(())
    }

    fn place(&self, at: usize, place: &Place) -> Place {
        let offset = place.offset.saturating_add(self.start).saturating_add(at as u64);
        Place { log: place.log.clone(), offset }
    }

    /// The chunk at `at`, up to where the next one begins.
    fn chunk_bytes(&self, at: usize) -> &[u8] {
        let bytes = self.bytes.get(at..).unwrap_or_default();
        let bytes = bytes.get(..CHUNK_SIZE).unwrap_or(bytes);
        let next = (CHUNK_HEADER..bytes.len())
            .step_by(CHUNK_HEADER)
            .find(|&next| bytes.get(next..).is_some_and(|rest| rest.starts_with(CHUNK_MAGIC)));
        next.and_then(|next| bytes.get(..next)).unwrap_or(bytes)
    }

    /// Reads the chunk at `at` and says where to go on.
    fn chunk(&self, at: usize, place: &Place, visitor: &mut dyn Visitor) -> usize {
        let bytes = self.chunk_bytes(at);
        if bytes.len() < CHUNK_HEADER
            || !Walk::new(bytes).any(|place| matches!(place, walk::Place::Record(_)))
        {
            return at;
        }
        chunk::read(bytes, &self.place(at, place), visitor);
        at + bytes.len()
    }

    /// Reads the records from `at` on that belong to the same lost chunk, and says where to go on.
    fn record(&self, at: usize, place: &Place, visitor: &mut dyn Visitor) -> usize {
        let bytes = self.chunk_bytes(at);
        let records: Vec<Window> = Walk::strict(bytes, 0)
            .filter_map(|place| match place {
                walk::Place::Record(window) => Some(window),
                walk::Place::Damage { .. } => None,
            })
            .collect();
        let (Some(first), Some(last)) = (records.first().filter(|first| first.at == 0), records.last())
        else {
            return at;
        };
        let offset = records
            .iter()
            .find_map(|record| chunk_offset(bytes, record.at)?.checked_sub(record.at))
            .filter(|&offset| offset >= CHUNK_HEADER && offset + first.next <= CHUNK_SIZE);
        let Some(offset) = offset else {
            visitor.fault(Fault {
                log: place.log.clone(),
                offset: self.place(at, place).offset,
                expected: "records in their chunk".into(),
                found: "records whose templates are gone".into(),
                lost: records.len() as u64,
            });
            return at + last.next;
        };
        // What the chunk had in front of the record, as far as it is there.
        let begin = at.saturating_sub(offset);
        let mut whole = vec![0; offset - (at - begin)];
        whole.extend_from_slice(self.bytes.get(begin..at).unwrap_or_default());
        whole.extend_from_slice(bytes.get(..CHUNK_SIZE - offset).unwrap_or(bytes));
        let at_chunk = self.place(at, place).offset.saturating_sub(offset as u64);
        let end =
            chunk::read_from(&whole, offset, &Place { log: place.log.clone(), offset: at_chunk }, visitor);
        at + end.saturating_sub(offset)
    }
}

/// How far from its chunk's beginning a record stands, when it has a template or, without one, a name of its own:
/// the offset that it names for either is that of the bytes that follow.
fn chunk_offset(bytes: &[u8], at: usize) -> Option<usize> {
    // Fragment header, token of an instance, version, id, offset.
    let named = at + RECORD_HEADER + 10;
    let stream = bytes.get(at + RECORD_HEADER..)?;
    if stream.starts_with(&[0x0f, 1, 1, 0, 0x41]) {
        return name_offset(bytes, at);
    }
    if !stream.starts_with(&[0x0f, 1, 1, 0, 0x0c]) {
        return None;
    }
    let template = named + 4;
    // A definition repeats the id as the first bytes of its GUID, and its stream begins as all streams do.
    let is_own = u32_at(bytes, named - 4) == u32_at(bytes, template + 4)
        && bytes.get(template + 24..)?.starts_with(&[0x0f, 1, 1, 0]);
    let offset = size_at(bytes, named)?;
    if is_own { offset.checked_sub(template - at) } else { None }
}

/// The same for a record without template, from the name of its first element.
fn name_offset(bytes: &[u8], at: usize) -> Option<usize> {
    // Fragment header, token of an element, size, offset of the name; the name follows after a link, hash, length.
    let named = at + RECORD_HEADER + 9;
    let name = named + 4;
    let is_own = bytes.get(name + 8..)?.starts_with(b"E\0v\0e\0n\0t\0");
    let offset = size_at(bytes, named)?;
    if is_own { offset.checked_sub(name - at) } else { None }
}
