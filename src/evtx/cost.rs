//! What a record would cost the `evtx` crate, counted before the crate sees it: a few crafted bytes can keep it busy
//! for seconds, and it bounds some of what that takes, but not all of it.
//!
//! The stream is walked as the crate walks it, past the end of values where it does so, and nothing is built. What
//! counts is tokens, values, characters of names, and all of that once more for each instance of a template and for
//! each place that a value has. Where the crate would stop at an error, counting stops.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::bytes::{Cursor, size_at, u16_at};
use super::value;
use super::walk::{RECORD_HEADER, Window};

/// What all records of a chunk may cost together; those of real chunks cost up to 120,000 when the crate reads them
/// all, at which it takes some 100 ns each.
const MAX_COST: usize = 1 << 20;

/// What building and showing one record costs at most: the crate's own limit of nodes.
const MAX_NODES: usize = 1 << 18;

/// How deep streams nest in values before the crate stops.
const MAX_NESTING: usize = 64;

/// Characters of a name that cost as much as a token.
pub(super) const NAME: usize = 4;

/// Bytes of a value that cost as much as a token.
const VALUE: usize = 8;

/// Bytes in front of a template's stream: offset of the next, GUID, size.
const TEMPLATE_HEADER: usize = 24;

/// Why counting ends early.
enum End {
    /// The crate stops here.
    Error,
    /// It is too much.
    Spent,
}

/// A template, counted once for a chunk.
struct Template {
    cost: usize,
    /// The values that it places, once for each place.
    places: Vec<u16>,
    /// Whether the crate stops in it.
    is_broken: bool,
}

/// Counts for the records of one chunk.
pub(super) struct Meter {
    left: usize,
    /// `None` while it is being counted.
    templates: FxHashMap<usize, Option<Rc<Template>>>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { left: MAX_COST, templates: FxHashMap::default() }
    }

    /// Counts the record in `window` of a chunk with so many names in its table, which the crate reads for each
    /// record; false when the crate must not see it.
    pub(super) fn can_afford(&mut self, chunk: &[u8], window: &Window, names: usize) -> bool {
        self.left = self.left.saturating_sub(names);
        let mut walk = Walk { chunk, meter: self, spent: 0, built: 0, depth: 0 };
        let counted = walk.stream(window.at + RECORD_HEADER, window.end, None);
        let built = walk.built.min(MAX_NODES);
        if matches!(counted, Err(End::Spent)) {
            self.left = 0;
        }
        let left = self.left.checked_sub(built);
        self.left = left.unwrap_or(0);
        left.is_some() && !matches!(counted, Err(End::Spent))
    }
}

/// The walk over one record.
struct Walk<'a> {
    chunk: &'a [u8],
    meter: &'a mut Meter,
    /// What reading the streams takes, whatever comes of it.
    spent: usize,
    /// What their repetitions take in addition.
    built: usize,
    depth: usize,
}

impl Walk<'_> {
    fn spend(&mut self, cost: usize) -> Result<(), End> {
        self.spent = self.spent.saturating_add(cost);
        self.meter.left = self.meter.left.checked_sub(cost).ok_or(End::Spent)?;
        Ok(())
    }

    fn sum(&self) -> usize {
        self.spent.saturating_add(self.built)
    }

    /// Counts a stream: a record's, a value's, or with `places` a template's.
    fn stream(&mut self, at: usize, end: usize, mut places: Option<&mut Vec<u16>>) -> Result<(), End> {
        if self.depth > MAX_NESTING {
            return Err(End::Error);
        }
        let mut cursor = Cursor::new(self.chunk, at, self.chunk.len()).ok_or(End::Error)?;
        while cursor.at() < end {
            self.spend(1)?;
            match cursor.u8().ok_or(End::Error)? {
                0x00 => break,
                0x0c if places.is_none() => self.instance(&mut cursor)?,
                token @ (0x01 | 0x41) => {
                    let head = if places.is_some() { 6 } else { 4 };
                    cursor.skip(head).ok_or(End::Error)?;
                    self.name(&mut cursor)?;
                    let attributes = if token == 0x41 { 4 } else { 0 };
                    cursor.skip(attributes).ok_or(End::Error)?;
                }
                0x02..=0x04 => {}
                0x05 | 0x45 => self.literal(&mut cursor)?,
                0x06 | 0x46 | 0x09 | 0x49 | 0x0a => self.name(&mut cursor)?,
                0x07 | 0x47 | 0x0b => {
                    let units = cursor.u16().ok_or(End::Error)?;
                    cursor.skip(usize::from(units) * 2).ok_or(End::Error)?;
                }
                0x08 | 0x48 => cursor.skip(2).map(drop).ok_or(End::Error)?,
                0x0d | 0x0e => {
                    let id = cursor.u16().ok_or(End::Error)?;
                    places.as_deref_mut().ok_or(End::Error)?.push(id);
                    cursor.skip(1).ok_or(End::Error)?;
                }
                0x0f => cursor.skip(3).map(drop).ok_or(End::Error)?,
                _ => return Err(End::Error),
            }
        }
        Ok(())
    }

    /// A name, which may stand behind its offset.
    fn name(&mut self, cursor: &mut Cursor<'_>) -> Result<(), End> {
        let offset = cursor.size().ok_or(End::Error)?;
        let units = u16_at(self.chunk, offset.saturating_add(6)).ok_or(End::Error)?;
        if offset == cursor.at() {
            cursor.skip(10 + usize::from(units) * 2).ok_or(End::Error)?;
        }
        self.spend(usize::from(units) / NAME)
    }

    fn literal(&mut self, cursor: &mut Cursor<'_>) -> Result<(), End> {
        let kind = cursor.u8().ok_or(End::Error)?;
        let len = match kind {
            value::NULL => 0,
            value::STRING => usize::from(cursor.u16().ok_or(End::Error)?) * 2,
            value::FRAGMENT => usize::from(cursor.u16().ok_or(End::Error)?),
            _ => own_size(self.chunk, cursor.at(), kind, 0),
        };
        let start = cursor.skip(len).ok_or(End::Error)?;
        if kind == value::FRAGMENT { self.nested(start, start + len) } else { Ok(()) }
    }

    fn nested(&mut self, start: usize, end: usize) -> Result<(), End> {
        self.depth += 1;
        let counted = self.stream(start, end, None);
        self.depth -= 1;
        counted
    }

    /// An instance, behind its token. Its values may lie behind the stream that it stands in.
    fn instance(&mut self, cursor: &mut Cursor<'_>) -> Result<(), End> {
        cursor.skip(5).ok_or(End::Error)?;
        let offset = cursor.size().ok_or(End::Error)?;
        if offset == cursor.at() {
            let size = size_at(self.chunk, offset.saturating_add(20)).ok_or(End::Error)?;
            cursor.skip(size.saturating_add(TEMPLATE_HEADER)).ok_or(End::Error)?;
        }
        let count = cursor.size().ok_or(End::Error)?;
        // The crate may read them twice.
        self.spend(count.min(self.chunk.len() / 4) * 2)?;
        let table = cursor.skip(count.saturating_mul(4)).ok_or(End::Error)?;
        let descriptors = self.chunk.get(table..cursor.at()).unwrap_or_default();
        let mut fragments = Vec::new();
        let mut items = 1_usize;
        for (id, descriptor) in descriptors.as_chunks::<4>().0.iter().enumerate() {
            let [low, high, kind, _] = *descriptor;
            let size = usize::from(u16::from_le_bytes([low, high]));
            let start = cursor.skip(own_size(self.chunk, cursor.at(), kind, size)).ok_or(End::Error)?;
            self.spend(size / VALUE)?;
            let bytes = self.chunk.get(start..start + size).unwrap_or_default();
            items = items.saturating_mul(value::array_len(kind, bytes).unwrap_or(1).max(1));
            if kind == value::FRAGMENT && size > 0 {
                fragments.push((id, start, start + size));
            }
        }
        let template = self.template(offset)?;
        self.built = self.built.saturating_add((items - 1).saturating_mul(template.cost));
        for (id, start, end) in fragments {
            let before = self.sum();
            self.nested(start, end)?;
            let cost = self.sum() - before;
            let places = template.places.iter().filter(|&&place| usize::from(place) == id).count();
            self.built = self.built.saturating_add(cost.saturating_mul(places.saturating_sub(1)));
        }
        Ok(())
    }

    /// Counts the template at `offset`, once more for each instance.
    fn template(&mut self, offset: usize) -> Result<Rc<Template>, End> {
        let size = size_at(self.chunk, offset.saturating_add(20)).ok_or(End::Error)?;
        let start = offset.saturating_add(TEMPLATE_HEADER);
        let end = start.saturating_add(size);
        if end > self.chunk.len() {
            return Err(End::Error);
        }
        match self.meter.templates.get(&offset) {
            Some(Some(known)) => {
                let known = Rc::clone(known);
                self.spend(known.cost)?;
                return if known.is_broken { Err(End::Error) } else { Ok(known) };
            }
            // It holds itself: the crate follows it to its limit.
            Some(None) => return self.spend(size.saturating_mul(MAX_NESTING)).and(Err(End::Error)),
            None => {}
        }
        self.meter.templates.insert(offset, None);
        let before = self.sum();
        let mut places = Vec::new();
        let counted = self.stream(start, end, Some(&mut places));
        let is_broken = match counted {
            Err(End::Spent) => return Err(End::Spent),
            other => other.is_err(),
        };
        let template = Rc::new(Template { cost: self.sum() - before, places, is_broken });
        self.meter.templates.insert(offset, Some(Rc::clone(&template)));
        if is_broken { Err(End::Error) } else { Ok(template) }
    }
}

/// Bytes that the crate passes over for a value of `size`: fixed types and those that say their own size take that,
/// even when it is more.
fn own_size(chunk: &[u8], at: usize, kind: u8, size: usize) -> usize {
    let own = match kind {
        value::SID => {
            let count = at.checked_add(1).and_then(|at| chunk.get(at)).copied().unwrap_or(0);
            8 + usize::from(count) * 4
        }
        value::STRINGS => {
            // Whole strings, the last of which may end behind the value.
            let last = size.saturating_sub(2).next_multiple_of(2);
            let behind = chunk.get(at.saturating_add(last)..).unwrap_or_default();
            let tail = behind.as_chunks::<2>().0.iter().position(|unit| *unit == [0, 0]);
            if size == 0 { 0 } else { last + 2 * tail.map_or(0, |tail| tail + 1) }
        }
        _ => value::width(kind).unwrap_or(0),
    };
    own.max(size)
}
