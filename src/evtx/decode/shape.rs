//! What the values of a template's instances look like, kept from record to record: as long as their types and sizes
//! are the same, each of them stands at the same distance behind the first one, and so do the fields of `System`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::super::binxml::{Slot, Values};
use super::super::bytes::{u16_at, u32_at, u64_at};
use super::super::system::{Item, Numbers, Plan};
use super::super::value;
use super::HeadStrings;

/// Most shapes that are kept for a template; real ones have some, by the lengths of the names in their records.
const MAX_SHAPES: usize = 32;

/// The names of a head.
pub(super) const NAMED: [Item; 4] = [Item::Provider, Item::EventSource, Item::Channel, Item::Computer];

/// Bytes of one value's size and type.
const ENTRY: usize = 4;

/// Where a number stands, counted from the first value.
#[derive(Debug, Clone, Copy)]
enum Number {
    Absent,
    U8(usize),
    U16(usize),
    U32(usize),
    U64(usize),
}

/// See the module.
pub(super) struct Shape {
    /// Sizes and types as the instance has them.
    table: Box<[u8]>,
    /// Bytes of the table that must be the same: the last value may have any size when it holds an instance.
    fixed: usize,
    /// The values, counted from the first one; the last one is empty when it may have any size.
    slots: Box<[Slot]>,
    /// Values that say themselves where they end.
    own: Box<[Slot]>,
    /// Values that hold names of the head.
    names: Box<[Slot]>,
    /// The names of the record before, and where its first value begins.
    known: Cell<Option<(usize, HeadStrings)>>,
    /// Bytes of all values, without those of a last one that may have any size.
    size: usize,
    event_id: Number,
    qualifiers: Number,
    level: Number,
    version: Number,
    record_id: Number,
    time: Number,
}

impl Shape {
    /// The shape of an instance whose values were read into `slots`; `None` when its head takes more than numbers of
    /// the usual types.
    pub(super) fn new(chunk: &[u8], values: &Values, slots: &[Slot], plan: &Plan) -> Option<Self> {
        let first = values.first()?;
        let table = chunk.get(values.table..first)?;
        let is_open = slots.last().is_some_and(|slot| slot.kind == value::FRAGMENT);
        let fixed = if is_open { table.len().checked_sub(ENTRY)? } else { table.len() };
        let mut relative = Vec::with_capacity(slots.len());
        for slot in slots {
            relative.push(Slot { start: slot.start.checked_sub(first)?, ..*slot });
        }
        if let Some(last) = relative.last_mut().filter(|_| is_open) {
            last.len = 0;
        }
        let number = |item| Number::new(plan.slot(item, slots)?, &relative);
        let names = NAMED.iter().filter_map(|item| plan.slot(*item, slots).flatten());
        let names = names.filter_map(|id| relative.get(usize::from(id)).copied()).collect();
        let shape = Self {
            table: table.into(),
            fixed,
            size: relative.last().map_or(0, |last| last.start + last.len),
            names,
            known: Cell::new(None),
            own: relative.iter().copied().filter(|slot| value::has_own_size(slot.kind)).collect(),
            event_id: number(Item::EventId)?,
            qualifiers: number(Item::Qualifiers)?,
            level: number(Item::Level)?,
            version: number(Item::Version)?,
            record_id: number(Item::RecordId)?,
            time: match plan.slot(Item::Time, slots)?.and_then(|id| relative.get(usize::from(id))) {
                Some(Slot { kind: value::FILETIME, start, .. }) => Number::U64(*start),
                _ => return None,
            },
            slots: relative.into(),
        };
        Some(shape)
    }

    /// Whether an instance has this shape; gives the size of a last value that may have any, and zero otherwise.
    fn fits(&self, chunk: &[u8], values: &Values, end: usize) -> Option<usize> {
        let first = values.first()?;
        let table = chunk.get(values.table..first)?;
        if table.len() != self.table.len() || table.get(..self.fixed)? != self.table.get(..self.fixed)? {
            return None;
        }
        let open = match table.get(self.fixed..)? {
            [] => 0,
            [low, high, value::FRAGMENT, _] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => return None,
        };
        if first + self.size + open > end {
            return None;
        }
        let is_whole = |slot: &Slot| {
            let start = first + slot.start;
            chunk.get(start..start + slot.len).is_some_and(|bytes| value::is_whole(slot.kind, bytes))
        };
        self.own.iter().all(is_whole).then_some(open)
    }

    /// The numbers of the head of a record whose first value is at `first`; an id of zero is `number`.
    pub(super) fn numbers(&self, chunk: &[u8], first: usize, number: u64) -> Option<Numbers> {
        let values = chunk.get(first..)?;
        let small = |number: Number| number.read(values);
        Some(Numbers {
            event_id: small(self.event_id).and_then(|id| u32::try_from(id).ok()).unwrap_or_default(),
            qualifiers: small(self.qualifiers).and_then(|value| u16::try_from(value).ok()),
            level: small(self.level).and_then(|level| u8::try_from(level).ok()).unwrap_or_default(),
            version: small(self.version).and_then(|version| u8::try_from(version).ok()).unwrap_or_default(),
            record_id: small(self.record_id).filter(|id| *id != 0).unwrap_or(number),
            time: value::time_of(self.time.read(values)?),
        })
    }

    /// The names of a record whose first value is at `first`, when they are those of the record before.
    pub(super) fn strings(&self, chunk: &[u8], first: usize) -> Option<HeadStrings> {
        let (before, strings) = self.known.get()?;
        let of = |first: usize, slot: &Slot| chunk.get(first + slot.start..first + slot.start + slot.len);
        let is_same = |slot: &Slot| of(before, slot).is_some_and(|bytes| of(first, slot) == Some(bytes));
        self.names.iter().all(is_same).then_some(strings)
    }

    /// Keeps the names of a record for the next one.
    pub(super) fn keep_strings(&self, first: usize, strings: HeadStrings) {
        self.known.set(Some((first, strings)));
    }

    /// Where the values of an instance end.
    pub(super) fn behind(&self, first: usize, open: usize) -> usize {
        first + self.size + open
    }

    /// One value of an instance, by its number.
    pub(super) fn slot(&self, id: u16, first: usize, open: usize) -> Option<Slot> {
        let id = usize::from(id);
        let slot = self.slots.get(id)?;
        let len = if self.fixed < self.table.len() && id + 1 == self.slots.len() { open } else { slot.len };
        Some(Slot { start: first + slot.start, len, ..*slot })
    }

    /// Appends the values of an instance.
    pub(super) fn fill(&self, first: usize, open: usize, slots: &mut Vec<Slot>) {
        slots.extend(self.slots.iter().map(|slot| Slot { start: first + slot.start, ..*slot }));
        if self.fixed < self.table.len()
            && let Some(last) = slots.last_mut()
        {
            last.len = open;
        }
    }
}

impl Number {
    /// The number in the value `id`; `None` when its type takes more than reading it.
    fn new(id: Option<u16>, slots: &[Slot]) -> Option<Self> {
        let Some(slot) = id.and_then(|id| slots.get(usize::from(id))) else { return Some(Self::Absent) };
        Some(match (slot.kind, slot.len) {
            (value::NULL, _) => Self::Absent,
            (0x04, 1) => Self::U8(slot.start),
            (0x06, 2) => Self::U16(slot.start),
            (0x08, 4) => Self::U32(slot.start),
            (0x0a, 8) => Self::U64(slot.start),
            _ => return None,
        })
    }

    fn read(self, values: &[u8]) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::U8(at) => values.get(at).map(|byte| u64::from(*byte)),
            Self::U16(at) => u16_at(values, at).map(u64::from),
            Self::U32(at) => u32_at(values, at).map(u64::from),
            Self::U64(at) => u64_at(values, at),
        }
    }
}

/// The shapes of one template's instances.
#[derive(Default)]
pub(super) struct Shapes {
    kept: RefCell<Vec<Rc<Shape>>>,
    /// The one that was found last.
    last: Cell<usize>,
}

impl Shapes {
    /// The shape of an instance, and the size of a last value that may have any.
    pub(super) fn find(&self, chunk: &[u8], values: &Values, end: usize) -> Option<(Rc<Shape>, usize)> {
        let kept = self.kept.borrow();
        let last = self.last.get();
        if let Some(shape) = kept.get(last)
            && let Some(open) = shape.fits(chunk, values, end)
        {
            return Some((Rc::clone(shape), open));
        }
        kept.iter().enumerate().filter(|(at, _)| *at != last).find_map(|(at, shape)| {
            let open = shape.fits(chunk, values, end)?;
            self.last.set(at);
            Some((Rc::clone(shape), open))
        })
    }

    pub(super) fn keep(&self, shape: Shape) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < MAX_SHAPES {
            self.last.set(kept.len());
            kept.push(Rc::new(shape));
        }
    }
}
