//! A BinXML stream becomes a list of steps that can be followed once per record (MS-EVEN6 2.2.12).
//!
//! A template's stream is compiled once per chunk. Streams outside of templates (forwarded events, elements in a
//! value) have the same tokens, but no dependency ids. `None` means a token that this lane does not know.

use super::builder::MAX_DEPTH;
use super::bytes::{Cursor, size_at, u16_at};
use super::value;
use super::walk::{RECORD_HEADER, Window};

/// A dependency id that names no value.
pub(super) const NO_DEPENDENCY: u16 = 0xffff;

/// Most steps of one stream; a chunk has room for 9,000 elements, real templates have up to 300 steps.
const MAX_STEPS: usize = 16_384;

/// Most values of one instance; the schema of events allows 100 and a few more.
const MAX_SLOTS: usize = 1024;

/// Bytes in front of a template's stream: offset of the next, GUID, size.
const TEMPLATE_HEADER: usize = 24;

/// One step on the way through a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Opens the element whose name is at offset `name`; `next` is the step behind its end. `only` is the place
    /// that is its whole content, when its attributes are all literal.
    Open { name: usize, dependency: u16, next: usize, only: Option<u16> },
    /// An attribute, whose value is the `values` steps that follow.
    Attribute { name: usize, values: usize },
    /// A literal.
    Literal { kind: u8, start: usize, len: usize },
    /// A place for a value of the instance; what is optional about it shows nothing either way.
    Slot { id: u16 },
    /// A character given by its number.
    Character(u16),
    /// A named entity such as `gt`.
    Entity { name: usize },
    /// A template instance, behind its token.
    Instance { start: usize },
    /// Closes an element.
    Close,
}

/// One value of an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: u8,
    pub(super) start: usize,
    pub(super) len: usize,
}

/// A template instance: its definition, and where its bytes end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance {
    pub(super) template: usize,
    pub(super) end: usize,
}

/// The values of an instance before they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    pub(super) template: usize,
    /// Where their sizes and types stand.
    pub(super) table: usize,
    count: usize,
}

impl Values {
    /// Where the first value begins.
    pub(super) fn first(&self) -> Option<usize> {
        self.table.checked_add(self.count.checked_mul(4)?)
    }
}

/// Reads the instance at `start` (behind its token) as far as its values.
pub(super) fn values_at(chunk: &[u8], start: usize, end: usize) -> Option<Values> {
    let mut cursor = Cursor::new(chunk, start, end)?;
    cursor.skip(5)?;
    let template = cursor.size()?;
    if template == cursor.at() {
        let size = size_at(chunk, cursor.at().checked_add(20)?)?;
        cursor.skip(size.checked_add(TEMPLATE_HEADER)?)?;
    }
    let count = cursor.size()?;
    if count > MAX_SLOTS {
        return None;
    }
    let table = cursor.skip(count * 4)?;
    Some(Values { template, table, count })
}

/// Reads the instance at `start` (behind its token) and appends its values to `slots`.
pub(super) fn read_instance(
    chunk: &[u8],
    start: usize,
    end: usize,
    slots: &mut Vec<Slot>,
) -> Option<Instance> {
    let values = values_at(chunk, start, end)?;
    let mut start = values.first()?;
    let descriptors = chunk.get(values.table..start)?.as_chunks::<4>().0;
    let mut is_right = true;
    slots.extend(descriptors.iter().map(|&[low, high, kind, _]| {
        let slot = Slot { kind, start, len: usize::from(u16::from_le_bytes([low, high])) };
        start += slot.len;
        // Most values are of a type with one width; strings and binary data are of any.
        is_right &= value::fits(kind, slot.len)
            && (!value::has_own_size(kind)
                || value::is_whole(kind, chunk.get(slot.start..start).unwrap_or_default()));
        slot
    }));
    // Places only grow: when the last one is inside, all are.
    if !is_right || start > end {
        return None;
    }
    Some(Instance { template: values.template, end: start })
}

/// Where the stream of the template at `offset` begins and ends.
pub(super) fn template_stream(chunk: &[u8], offset: usize) -> Option<(usize, usize)> {
    let start = offset.checked_add(TEMPLATE_HEADER)?;
    let end = start.checked_add(size_at(chunk, offset.checked_add(20)?)?)?;
    (end <= chunk.len()).then_some((start, end))
}

/// What a stream holds in front of anything else.
pub(super) enum Content {
    /// One template instance and nothing else; `start` is behind its token.
    Instance { start: usize },
    /// Anything else.
    Elements,
}

/// Looks at the first tokens of a stream.
pub(super) fn content_of(chunk: &[u8], start: usize, end: usize) -> Option<Content> {
    let mut cursor = Cursor::new(chunk, start, end)?;
    if cursor.peek() == Some(0x0f) {
        cursor.skip(4)?;
    }
    Some(match cursor.peek()? {
        0x0c => Content::Instance { start: cursor.at() + 1 },
        _ => Content::Elements,
    })
}

/// True when a record's stream ends before it holds anything: the crate shows such a record as an event that says
/// nothing.
pub(super) fn is_empty(chunk: &[u8], window: &Window) -> bool {
    let cursor = Cursor::new(chunk, window.at + RECORD_HEADER, window.end);
    let Some(mut cursor) = cursor else { return false };
    while cursor.peek() == Some(0x0f) && cursor.skip(4).is_some() {}
    cursor.is_done() || cursor.peek() == Some(0)
}

/// True when nothing follows an instance that ends at `at`.
pub(super) fn ends_at(chunk: &[u8], at: usize, end: usize) -> bool {
    at == end || chunk.get(at) == Some(&0)
}

/// The UTF-16 bytes of the name at `offset`.
pub(super) fn name_bytes(chunk: &[u8], offset: usize) -> Option<&[u8]> {
    let count = usize::from(u16_at(chunk, offset.checked_add(6)?)?);
    let start = offset.checked_add(8)?;
    chunk.get(start..start.checked_add(count * 2)?).map(value::until_nul)
}

/// True when the name at `offset` is `name`, which is ASCII. A name ends at its first NUL.
pub(super) fn is_named(chunk: &[u8], offset: usize, name: &str) -> bool {
    let is_it = || {
        let count = usize::from(u16_at(chunk, offset.checked_add(6)?)?);
        if count < name.len() {
            return None;
        }
        let start = offset.checked_add(8)?;
        let units = chunk.get(start..start.checked_add(count * 2)?)?.as_chunks::<2>().0;
        let (own, behind) = units.split_at_checked(name.len())?;
        let is_same = own.iter().zip(name.bytes()).all(|(unit, byte)| *unit == [byte, 0]);
        Some(is_same && behind.first().is_none_or(|unit| *unit == [0, 0]))
    };
    is_it().unwrap_or(false)
}

/// True when the name at `offset` is one that XML knows and has no prefix; only ASCII counts as known.
pub(super) fn is_plain_name(chunk: &[u8], offset: usize) -> bool {
    let units = name_bytes(chunk, offset).unwrap_or_default().as_chunks::<2>().0;
    let is_plain = |unit: &[u8; 2]| unit[1] == 0 && (unit[0].is_ascii_alphanumeric() || unit[0] == b'_');
    units.first().is_some_and(|first| !first[0].is_ascii_digit()) && units.iter().all(is_plain)
}

/// Compiles the stream from `start` to `end`.
pub(super) fn compile(chunk: &[u8], start: usize, end: usize, is_template: bool) -> Option<Vec<Step>> {
    let cursor = Cursor::new(chunk, start, end)?;
    let mut compiler = Compiler {
        chunk,
        cursor,
        is_template,
        steps: Vec::with_capacity(64),
        open: Vec::new(),
        start: None,
        attribute: None,
        end,
    };
    while !compiler.cursor.is_done() && compiler.token()? {}
    (compiler.open.is_empty() && compiler.start.is_none()).then_some(compiler.steps)
}

struct Compiler<'c> {
    chunk: &'c [u8],
    cursor: Cursor<'c>,
    is_template: bool,
    steps: Vec<Step>,
    /// Steps that opened the elements on the way down.
    open: Vec<usize>,
    /// The step that opened the element whose attributes are being read.
    start: Option<usize>,
    /// The step of the attribute whose value is being read.
    attribute: Option<usize>,
    end: usize,
}

impl Compiler<'_> {
    /// Reads a token; false at the end of the stream.
    fn token(&mut self) -> Option<bool> {
        let token = self.cursor.u8()?;
        match token {
            0x00 => return Some(false),
            0x01 | 0x41 => self.open(token == 0x41)?,
            0x02 => {
                self.open.push(self.start.take()?);
                self.attribute = None;
            }
            0x03 => {
                let open = self.start.take()?;
                self.attribute = None;
                self.close(open)?;
            }
            0x04 => {
                let open = if self.start.is_none() { self.open.pop()? } else { return None };
                self.close(open)?;
            }
            0x05 | 0x45 => self.literal()?,
            0x06 | 0x46 => {
                self.start?;
                let name = self.name()?;
                self.attribute = Some(self.steps.len());
                self.push(Step::Attribute { name, values: 0 })?;
            }
            0x08 | 0x48 if self.start.is_none() => {
                let number = self.cursor.u16()?;
                self.value(Step::Character(number))?;
            }
            0x09 | 0x49 => {
                let name = self.name()?;
                self.value(Step::Entity { name })?;
            }
            0x0c if !self.is_template && self.start.is_none() => {
                let start = self.cursor.at();
                let instance = read_instance(self.chunk, start, self.end, &mut Vec::new())?;
                self.cursor.skip(instance.end.checked_sub(start)?)?;
                self.push(Step::Instance { start })?;
            }
            0x0d | 0x0e if self.is_template => {
                let id = self.cursor.u16()?;
                self.cursor.u8()?;
                self.value(Step::Slot { id })?;
            }
            0x0f => {
                self.cursor.skip(3)?;
            }
            _ => return None,
        }
        Some(true)
    }

    fn push(&mut self, step: Step) -> Option<()> {
        self.steps.push(step);
        (self.steps.len() <= MAX_STEPS).then_some(())
    }

    /// Adds a step that is part of an attribute's value or of an element's content.
    fn value(&mut self, step: Step) -> Option<()> {
        if self.start.is_some() {
            let attribute = self.attribute?;
            if let Some(Step::Attribute { values, .. }) = self.steps.get_mut(attribute) {
                *values += 1;
            }
        } else if self.open.is_empty() {
            return None;
        }
        self.push(step)
    }

    fn open(&mut self, has_attributes: bool) -> Option<()> {
        if self.start.is_some() || self.open.len() >= MAX_DEPTH {
            return None;
        }
        let dependency = if self.is_template { self.cursor.u16()? } else { NO_DEPENDENCY };
        self.cursor.skip(4)?;
        let name = self.name()?;
        if has_attributes {
            self.cursor.skip(4)?;
        }
        self.start = Some(self.steps.len());
        self.attribute = None;
        self.push(Step::Open { name, dependency, next: 0, only: None })
    }

    fn close(&mut self, open: usize) -> Option<()> {
        self.push(Step::Close)?;
        let behind = self.steps.len();
        let sole = self.only_slot(open);
        if let Step::Open { next, only, .. } = self.steps.get_mut(open)? {
            *next = behind;
            *only = sole;
        }
        Some(())
    }

    /// The place that is the whole content of the element that ends here.
    fn only_slot(&self, open: usize) -> Option<u16> {
        let (_, mut inside) = self.steps.get(open..)?.split_first()?;
        while let Some((Step::Attribute { values, .. }, rest)) = inside.split_first() {
            let (value, behind) = rest.split_at_checked(*values)?;
            if value.iter().any(|step| matches!(step, Step::Slot { .. })) {
                return None;
            }
            inside = behind;
        }
        match inside {
            [Step::Slot { id }, Step::Close] => Some(*id),
            _ => None,
        }
    }

    fn name(&mut self) -> Option<usize> {
        let offset = self.cursor.size()?;
        if offset == self.cursor.at() {
            let count = usize::from(u16_at(self.chunk, offset.checked_add(6)?)?);
            self.cursor.skip(10 + count * 2)?;
        }
        Some(offset)
    }

    fn literal(&mut self) -> Option<()> {
        let kind = self.cursor.u8()?;
        let len = match kind {
            value::NULL => 0,
            value::STRING => usize::from(self.cursor.u16()?) * 2,
            value::FRAGMENT if self.start.is_none() => usize::from(self.cursor.u16()?),
            _ => value::width(kind)?,
        };
        let start = self.cursor.skip(len)?;
        self.value(Step::Literal { kind, start, len })
    }
}
