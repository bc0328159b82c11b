//! Where the records of a chunk begin and end: from one record to the next, and past damage to the next one that
//! can be trusted. Looks at record headers only.
//!
//! Records that the chunk's header does not vouch for are leftovers of the chunk's earlier use, and are passed
//! over, unless the header itself is damaged.

use super::bytes::{size_at, u32_at, u64_at};
use super::{CHUNK_SIZE, Time};

/// First bytes of a chunk.
pub(super) const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// First bytes of a record.
pub(super) const RECORD_MAGIC: [u8; 4] = [0x2a, 0x2a, 0, 0];

/// Bytes of a chunk's header with its tables of strings and templates.
pub(super) const CHUNK_HEADER: usize = 512;

/// Bytes in front of a record's BinXML.
pub(super) const RECORD_HEADER: usize = 24;

/// Bytes of the smallest record: its header and the copy of its size.
const MIN_RECORD: usize = RECORD_HEADER + 4;

/// FILETIME of the year 10000: a record's header that is younger is no header.
const MAX_FILETIME: u64 = 2_650_467_744_000_000_000;

/// One record's place in its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Where the record begins.
    pub(super) at: usize,
    /// Where its BinXML ends.
    pub(super) end: usize,
    /// Where the next record begins.
    pub(super) next: usize,
    /// The number in the record's header.
    pub(super) id: u64,
    /// True when the chunk's header does not vouch for the record, or the chunk's end is missing.
    pub(super) is_recovered: bool,
}

impl Window {
    /// When the record was written, as its header says.
    pub(super) fn written(&self, chunk: &[u8]) -> Option<Time> {
        u64_at(chunk, self.at.checked_add(16)?).filter(|ticks| *ticks < MAX_FILETIME).map(Time::from_filetime)
    }
}

/// What stands at the next place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Record(Window),
    /// No record where one should begin; `lost` are known to be missing.
    Damage {
        at: usize,
        lost: u64,
    },
}

/// Walks over a chunk's records in log order.
pub(super) struct Walk<'c> {
    bytes: &'c [u8],
    at: Option<usize>,
    first_id: u64,
    last_id: u64,
    last_at: usize,
    free: usize,
    /// True when only records that check out are taken.
    is_strict: bool,
    /// True when the record before has a time that no record has: the next one must check out.
    is_doubtful: bool,
    previous: Option<u64>,
}

impl<'c> Walk<'c> {
    /// Begins behind the chunk's header. A chunk without magic is searched for records that check out.
    pub(super) fn new(bytes: &'c [u8]) -> Self {
        let has_header = bytes.starts_with(CHUNK_MAGIC) && bytes.len() >= CHUNK_HEADER;
        let number = |at| if has_header { u64_at(bytes, at) } else { None };
        let size = |at| if has_header { size_at(bytes, at) } else { None };
        Self {
            bytes,
            at: Some(CHUNK_HEADER),
            first_id: number(24).unwrap_or(0),
            last_id: number(32).unwrap_or(u64::MAX),
            last_at: size(44).unwrap_or(CHUNK_SIZE),
            free: size(48).unwrap_or(CHUNK_SIZE).min(CHUNK_SIZE),
            is_strict: !has_header,
            is_doubtful: false,
            previous: None,
        }
    }

    /// Begins at `at` and takes only records that check out.
    pub(super) fn strict(bytes: &'c [u8], at: usize) -> Self {
        Self { at: Some(at), is_strict: true, ..Self::new(&[]) }.over(bytes)
    }

    fn over(self, bytes: &'c [u8]) -> Self {
        Self { bytes, ..self }
    }

    /// True when the bytes end in front of the end that the header names.
    pub(super) fn is_cut(&self) -> bool {
        self.bytes.len() < self.free && !self.is_strict
    }

    fn record_at(&self, at: usize, is_strict: bool) -> Option<Window> {
        let header = self.bytes.get(at..)?.get(..RECORD_HEADER)?;
        if !header.starts_with(&RECORD_MAGIC) {
            return None;
        }
        let size = size_at(header, 4)?;
        let id = u64_at(header, 8)?;
        let next = at.checked_add(size)?;
        if size < MIN_RECORD || next > self.bytes.len() {
            return None;
        }
        if (is_strict || !self.is_dated(at)) && size_at(self.bytes, next - 4)? != size {
            return None;
        }
        Some(Window { at, end: next - 4, next, id, is_recovered: self.is_strict || self.is_cut() })
    }

    /// False for a record whose header has a time that no record has.
    fn is_dated(&self, at: usize) -> bool {
        u64_at(self.bytes, at.saturating_add(16)).is_some_and(|time| time < MAX_FILETIME)
    }

    /// The next record at or behind `from` that checks out and that the header vouches for.
    fn seek(&self, mut from: usize) -> Option<Window> {
        let end =
            if self.is_strict { self.bytes.len() } else { self.free.min(self.last_at.saturating_add(4)) };
        let end = end.min(self.bytes.len());
        loop {
            let offset =
                self.bytes.get(from..end)?.array_windows().position(|bytes| *bytes == RECORD_MAGIC)?;
            let at = from + offset;
            if let Some(window) = self.record_at(at, true)
                && (self.is_strict || (window.next <= self.free && self.is_dated(at)))
                && (self.first_id..=self.last_id).contains(&window.id)
            {
                return Some(window);
            }
            from = at + 1;
        }
    }

    /// The record at `at`, when it carries on where the header's free space is said to begin: the header is older
    /// than the records.
    fn behind_free(&self, at: usize) -> Option<Window> {
        let window = self.record_at(at, true)?;
        let follows = self.previous.map_or(self.first_id, |id| id.wrapping_add(1));
        (window.id == follows && window.id <= self.last_id).then_some(Window { is_recovered: true, ..window })
    }

    fn pass(&mut self, window: Window) -> Place {
        self.previous = Some(window.id);
        self.is_doubtful = !self.is_dated(window.at);
        let is_last = window.id == self.last_id && !self.is_strict;
        self.at = (!is_last).then_some(window.next);
        Place::Record(window)
    }

    /// Damage at `at`, in front of `next`.
    fn damage(&mut self, at: usize, next: Option<Window>) -> Option<Place> {
        self.at = next.map(|window| window.at);
        let is_blank = u32_at(self.bytes, at).is_none_or(|magic| magic == 0);
        if next.is_none() && (is_blank || self.is_strict) && !self.is_cut() {
            return None;
        }
        let gap = match (self.previous, next) {
            (previous, Some(next)) => previous.map_or(1, |id| next.id.wrapping_sub(id).wrapping_sub(1)),
            (Some(previous), None) => self.last_id.wrapping_sub(previous),
            (None, None) => self.last_id.wrapping_sub(self.first_id).wrapping_add(1),
        };
        // More than fit into a chunk is no count but damage.
        let most = CHUNK_SIZE / MIN_RECORD;
        let lost = if usize::try_from(gap).is_ok_and(|gap| gap <= most) { gap.max(1) } else { 1 };
        Some(Place::Damage { at, lost })
    }
}

impl Iterator for Walk<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let at = self.at?;
        if self.is_strict {
            let window = self.seek(at)?;
            return Some(self.pass(window));
        }
        if at >= self.free {
            let Some(window) = self.behind_free(at) else {
                self.at = None;
                return None;
            };
            return Some(self.pass(window));
        }
        match self.record_at(at, self.is_doubtful) {
            Some(window) => Some(self.pass(window)),
            None => {
                let next = self.seek(at + 1);
                self.damage(at, next)
            }
        }
    }
}
