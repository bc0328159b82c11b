//! Follows the steps of a template or of elements, and shows the builder what they say.

use std::sync::Arc;

use super::super::binxml::{self, Content, Slot, Step};
use super::super::strings::{self, Use};
use super::super::system::normalize;
use super::super::{Unknown, value, xml};
use super::{Decoder, Frame, MAX_CACHED, MAX_NESTING};

/// Bytes of text that a value of an instance costs.
const VALUE: usize = 8;

impl<'c> Decoder<'c> {
    fn spend(&mut self, text: usize) -> Result<(), Unknown> {
        self.record_left.spend(text)?;
        self.chunk_left.spend(text)
    }

    /// Follows the steps from `at` to `end`.
    pub(super) fn follow(&mut self, frame: Frame<'_>, mut at: usize, end: usize) -> Result<(), Unknown> {
        while at < end {
            at = self.step(frame, at)?;
        }
        Ok(())
    }

    /// Follows one step and says which one is next.
    fn step(&mut self, frame: Frame<'_>, at: usize) -> Result<usize, Unknown> {
        self.spend(0)?;
        match *frame.steps.get(at).ok_or(Unknown)? {
            Step::Open { name, dependency, next, only } => {
                // A root is there whatever it depends on.
                let depends = self.slot(frame, dependency);
                if at > 0 && depends.is_some_and(|slot| slot.kind == value::NULL) {
                    return Ok(next);
                }
                if let Some(slot) = only.and_then(|id| self.slot(frame, id))
                    && value::array_len(slot.kind, self.bytes(slot)?).is_some_and(|len| len > 1)
                {
                    self.repeat(frame, at, slot)?;
                    return Ok(next);
                }
                self.open(name)?;
            }
            Step::Attribute { name, values } => {
                let value = frame.steps.get(at + 1..at + 1 + values).ok_or(Unknown)?;
                self.attribute(frame, name, value)?;
                return Ok(at + 1 + values);
            }
            Step::Instance { start } => self.instance(start, self.chunk.len(), frame.depth + 1)?,
            Step::Literal { kind: value::FRAGMENT, start, len } => {
                self.fragment(start, len, frame.depth + 1)?
            }
            Step::Slot { id } => match self.slot(frame, id) {
                Some(Slot { kind: value::FRAGMENT, start, len }) => {
                    self.fragment(start, len, frame.depth + 1)?;
                }
                _ => self.content(frame, at)?,
            },
            Step::Close => self.builder.close(),
            _ => self.content(frame, at)?,
        }
        Ok(at + 1)
    }

    fn slot(&self, frame: Frame<'_>, id: u16) -> Option<Slot> {
        let id = usize::from(id);
        if id < frame.slots { self.slots.get(frame.first_slot + id).copied() } else { None }
    }

    fn bytes(&self, slot: Slot) -> Result<&'c [u8], Unknown> {
        self.chunk.get(slot.start..slot.start + slot.len).ok_or(Unknown)
    }

    pub(super) fn name(&mut self, offset: usize) -> Result<Arc<str>, Unknown> {
        if let Some(known) = self.names.get(&offset) {
            return known.clone().ok_or(Unknown);
        }
        let bytes = binxml::name_bytes(self.chunk, offset).ok_or(Unknown)?;
        self.spend(bytes.len())?;
        let name = strings::named(Use::Name, bytes, || {
            let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
            let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
            text.and_then(|text| local_name(&text).map(Arc::from))
        });
        if self.names.len() < MAX_CACHED {
            self.names.insert(offset, name.clone());
        }
        name.ok_or(Unknown)
    }

    fn open(&mut self, name: usize) -> Result<(), Unknown> {
        let name = self.name(name)?;
        if self.builder.open(name) { Ok(()) } else { Err(Unknown) }
    }

    /// Repeats an element for each item of a list, which is its whole content.
    fn repeat(&mut self, frame: Frame<'_>, open: usize, slot: Slot) -> Result<(), Unknown> {
        let items = value::items(slot.kind, self.bytes(slot)?).ok_or(Unknown)?;
        let kind = items.kind;
        let Some(Step::Open { name, next, .. }) = frame.steps.get(open) else { return Err(Unknown) };
        for item in items {
            self.open(*name)?;
            let mut at = open + 1;
            while at + 1 < *next {
                at = match frame.steps.get(at) {
                    Some(Step::Attribute { .. }) => self.step(frame, at)?,
                    _ => at + 1,
                };
            }
            self.spend(item.len())?;
            value::push(self.builder.text(), kind, item).ok_or(Unknown)?;
            self.builder.close();
        }
        Ok(())
    }

    fn attribute(&mut self, frame: Frame<'_>, name: usize, value: &[Step]) -> Result<(), Unknown> {
        let key = self.name(name)?;
        if &*key == "Name"
            && let [Step::Literal { kind: value::STRING, start, len }] = *value
        {
            let field = self.field_name(start, len)?;
            if !field.is_empty() {
                self.builder.field_name(field);
            }
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        for step in value {
            if let Step::Slot { id } = step
                && let Some(slot) = self.slot(frame, *id)
                && slot.kind == value::FRAGMENT
                && slot.len > 0
            {
                return Err(Unknown);
            }
            self.append(frame, step, &mut text)?;
        }
        normalize(&mut text);
        if !text.is_empty() {
            self.builder.attribute(&key, &text);
        }
        self.scratch = text;
        Ok(())
    }

    pub(super) fn field_name(&mut self, start: usize, len: usize) -> Result<Arc<str>, Unknown> {
        if let Some(known) = self.fields.get(&start) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.chunk.get(start..start + len).ok_or(Unknown)?;
        let name = strings::named(Use::Field, bytes, || {
            let mut text = String::new();
            value::push(&mut text, value::STRING, bytes)?;
            normalize(&mut text);
            Some(Arc::from(text))
        });
        let name = name.ok_or(Unknown)?;
        if self.fields.len() < MAX_CACHED {
            self.fields.insert(start, Arc::clone(&name));
        }
        Ok(name)
    }

    /// Adds a step's text to the element that is open.
    fn content(&mut self, frame: Frame<'_>, at: usize) -> Result<(), Unknown> {
        let step = frame.steps.get(at).ok_or(Unknown)?;
        let mut text = std::mem::take(self.builder.text());
        let appended = self.append(frame, step, &mut text);
        *self.builder.text() = text;
        appended
    }

    /// Appends the text of a literal, a place, a character or an entity.
    fn append(&mut self, frame: Frame<'_>, step: &Step, text: &mut String) -> Result<(), Unknown> {
        let slot = match *step {
            Step::Literal { kind, start, len } => Slot { kind, start, len },
            Step::Slot { id } => match self.slot(frame, id) {
                Some(slot) => slot,
                None => return Ok(()),
            },
            Step::Character(number) => {
                let character = char::from_u32(u32::from(number)).filter(|&character| character >= ' ');
                text.push(character.ok_or(Unknown)?);
                return Ok(());
            }
            Step::Entity { name } => {
                let name = self.name(name)?;
                text.push(xml::predefined(&name).ok_or(Unknown)?);
                return Ok(());
            }
            _ => return Err(Unknown),
        };
        let bytes = self.bytes(slot)?;
        if value::array_len(slot.kind, bytes).is_some_and(|len| len > 1) {
            return Err(Unknown);
        }
        if slot.kind == value::FRAGMENT {
            return if slot.len == 0 { Ok(()) } else { Err(Unknown) };
        }
        self.spend(slot.len)?;
        value::push(text, slot.kind, bytes).ok_or(Unknown)
    }

    /// Follows the BinXML in a value.
    fn fragment(&mut self, start: usize, len: usize, depth: usize) -> Result<(), Unknown> {
        if len == 0 {
            return Ok(());
        }
        if depth > MAX_NESTING {
            return Err(Unknown);
        }
        let end = start + len;
        if let Content::Instance { start } = binxml::content_of(self.chunk, start, end).ok_or(Unknown)? {
            let first_slot = self.slots.len();
            let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots).ok_or(Unknown)?;
            self.slots.truncate(first_slot);
            if binxml::ends_at(self.chunk, instance.end, end) {
                return self.instance(start, end, depth);
            }
        }
        let steps = self.compile(start, end, false).ok_or(Unknown)?;
        let first_slot = self.slots.len();
        let frame = self.frame(&steps, first_slot, depth);
        self.follow(frame, 0, steps.len())
    }

    /// Follows the template instance at `start`.
    fn instance(&mut self, start: usize, end: usize, depth: usize) -> Result<(), Unknown> {
        if depth > MAX_NESTING {
            return Err(Unknown);
        }
        let first_slot = self.slots.len();
        let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots).ok_or(Unknown)?;
        // Values cost although nothing may show them: an instance can stand in thousands of places.
        self.spend((self.slots.len() - first_slot) * VALUE)?;
        let template = self.template(instance.template)?;
        let frame = self.frame(&template.steps, first_slot, depth);
        let followed = self.follow(frame, 0, template.steps.len());
        self.slots.truncate(first_slot);
        followed
    }
}

/// The part of an element's or attribute's name behind its prefix; `None` when XML has no such name.
fn local_name(name: &str) -> Option<&str> {
    let is_plain =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':');
    let is_name =
        name.starts_with(|first: char| first.is_alphabetic() || first == '_') && name.chars().all(is_plain);
    let local = name.split_once(':').map_or(name, |(_, local)| local);
    (is_name && !local.is_empty()).then_some(local)
}
