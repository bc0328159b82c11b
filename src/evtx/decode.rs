//! Decodes one record in place: its head from the plan of its template, its data by following the template's
//! steps with the record's values.
//!
//! Whatever is not understood to the last byte is [`Unknown`], and the record goes to the `evtx` crate. So does a
//! record that costs more than real ones do: the limits here keep crafted templates from multiplying.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::binxml::{self, Content, Slot, Step};
use super::builder::{self, Builder};
use super::strings::Strings;
use super::system::{Item, Plan, System, normalize};
use super::walk::{RECORD_HEADER, Window};
use super::{Head, Record, Unknown, value, xml};

/// Deepest nesting of instances and fragments in values; real records have two levels.
const MAX_NESTING: usize = 8;

/// Most steps and most bytes of values that one record may take; a record has at most 64 KiB.
const MAX_STEPS: usize = 1 << 16;
const MAX_TEXT: usize = 1 << 20;

/// The same for all records of a chunk; real chunks take up to 20,000 steps and 200 KB.
const MAX_CHUNK_STEPS: usize = 1 << 20;
const MAX_CHUNK_TEXT: usize = 1 << 24;

/// Most bytes of streams that are compiled for a chunk: templates may overlap, and then hold more than it does.
const MAX_COMPILED: usize = 1 << 20;

/// Most names that a chunk may have, and most templates: a chunk has no room for more that differ.
const MAX_CACHED: usize = 8192;

struct Template {
    steps: Vec<Step>,
    plan: Option<Plan>,
}

/// What [`Decoder::head`] found out about the record.
enum Current {
    /// Nothing, or the record is taken.
    None,
    /// The fields of `System` can be read; the values are the first ones of `slots`.
    Planned { template: Rc<Template>, strings: HeadStrings, record_id: u64 },
    /// The record had to be decoded as a whole.
    Whole(Box<Record>),
}

/// Places of a head's strings in the tables of the chunk.
#[derive(Clone, Copy)]
struct HeadStrings {
    provider: usize,
    event_source: usize,
    channel: usize,
    computer: usize,
}

/// Decodes the records of one chunk, one after the other.
pub(super) struct Decoder<'c> {
    chunk: &'c [u8],
    log: Arc<str>,
    templates: FxHashMap<usize, Option<Rc<Template>>>,
    /// Names of elements and attributes by their offset.
    names: FxHashMap<usize, Option<Arc<str>>>,
    /// Names of fields by the offset of the literal.
    fields: FxHashMap<usize, Arc<str>>,
    attributes: Strings<'c>,
    elements: Strings<'c>,
    guids: Strings<'c>,
    slots: Vec<Slot>,
    builder: Builder,
    scratch: String,
    current: Current,
    record_left: Budget,
    chunk_left: Budget,
    compile_left: usize,
}

/// What may still be spent.
#[derive(Clone, Copy)]
struct Budget {
    steps: usize,
    text: usize,
}

impl Budget {
    fn spend(&mut self, text: usize) -> Result<(), Unknown> {
        self.steps = self.steps.checked_sub(1).ok_or(Unknown)?;
        self.text = self.text.checked_sub(text).ok_or(Unknown)?;
        Ok(())
    }
}

/// An instance on the way down: its steps and its values.
#[derive(Clone, Copy)]
struct Frame<'t> {
    steps: &'t [Step],
    first_slot: usize,
    slots: usize,
    depth: usize,
}

impl<'c> Decoder<'c> {
    pub(super) fn new(chunk: &'c [u8], log: &Arc<str>) -> Self {
        Self {
            chunk,
            log: Arc::clone(log),
            templates: FxHashMap::default(),
            names: FxHashMap::default(),
            fields: FxHashMap::default(),
            attributes: Strings::default(),
            elements: Strings::default(),
            guids: Strings::default(),
            slots: Vec::new(),
            builder: Builder::new(log),
            scratch: String::new(),
            current: Current::None,
            record_left: Budget { steps: 0, text: 0 },
            chunk_left: Budget { steps: MAX_CHUNK_STEPS, text: MAX_CHUNK_TEXT },
            compile_left: MAX_COMPILED,
        }
    }

    /// Reads the head of the record in `window`.
    pub(super) fn head(&mut self, window: &Window) -> Result<Head<'_>, Unknown> {
        self.current = Current::None;
        self.slots.clear();
        self.record_left = Budget { steps: MAX_STEPS, text: MAX_TEXT };
        let template = self.root(window)?;
        let Some(plan) = &template.plan else {
            let record = self.whole(&template, window)?;
            self.current = Current::Whole(Box::new(record));
            let Current::Whole(record) = &self.current else { return Err(Unknown) };
            return Ok(record.head());
        };
        let system = System { chunk: self.chunk, plan, slots: &self.slots };
        let strings = HeadStrings {
            provider: self.attributes.place(system.raw(Item::Provider)?, true)?,
            event_source: self.attributes.place(system.raw(Item::EventSource)?, true)?,
            channel: self.elements.place(system.raw(Item::Channel)?, false)?,
            computer: self.elements.place(system.raw(Item::Computer)?, false)?,
        };
        let record_id = match system.element(Item::RecordId)? {
            0 => window.id,
            id => id,
        };
        let event_id = system.element(Item::EventId)?;
        let qualifiers = system.attribute(Item::Qualifiers)?;
        let level = system.element(Item::Level)?;
        let time = system.time()?;
        self.current = Current::Planned { template, strings, record_id };
        Ok(Head {
            provider: self.attributes.get(strings.provider),
            event_source: self.attributes.get(strings.event_source),
            channel: self.elements.get(strings.channel),
            computer: self.elements.get(strings.computer),
            event_id,
            qualifiers,
            level,
            record_id,
            time,
        })
    }

    /// Decodes the record whose head was read last.
    pub(super) fn record(&mut self) -> Result<Record, Unknown> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::None => Err(Unknown),
            Current::Whole(record) => Ok(*record),
            Current::Planned { template, strings, record_id } => {
                let plan = template.plan.as_ref().ok_or(Unknown)?;
                let mut record = self.system(plan, strings)?;
                record.record_id = record_id;
                let frame = self.frame(&template.steps, 0, 0);
                self.builder.begin(record);
                self.follow(frame, 0, plan.first)?;
                self.follow(frame, plan.behind, template.steps.len())?;
                self.builder.finish().ok_or(Unknown)
            }
        }
    }

    fn frame<'t>(&self, steps: &'t [Step], first_slot: usize, depth: usize) -> Frame<'t> {
        Frame { steps, first_slot, slots: self.slots.len() - first_slot, depth }
    }

    /// The steps of a record: those of its template, or its own.
    fn root(&mut self, window: &Window) -> Result<Rc<Template>, Unknown> {
        let (at, end) = (window.at + RECORD_HEADER, window.end);
        if let Content::Instance { start } = binxml::content_of(self.chunk, at, end).ok_or(Unknown)? {
            let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots).ok_or(Unknown)?;
            if binxml::ends_at(self.chunk, instance.end, end) {
                return self.template(instance.template);
            }
            self.slots.clear();
        }
        let steps = self.compile(at, end, false).ok_or(Unknown)?;
        let plan = Plan::new(self.chunk, &steps);
        Ok(Rc::new(Template { steps, plan }))
    }

    fn template(&mut self, offset: usize) -> Result<Rc<Template>, Unknown> {
        if let Some(known) = self.templates.get(&offset) {
            return known.clone().ok_or(Unknown);
        }
        let compiled = binxml::template_stream(self.chunk, offset)
            .and_then(|(start, end)| self.compile(start, end, true))
            .filter(|steps| has_one_root(steps))
            .map(|steps| Rc::new(Template { plan: Plan::new(self.chunk, &steps), steps }));
        if self.templates.len() < MAX_CACHED {
            self.templates.insert(offset, compiled.clone());
        }
        compiled.ok_or(Unknown)
    }

    fn compile(&mut self, start: usize, end: usize, is_template: bool) -> Option<Vec<Step>> {
        self.compile_left = self.compile_left.checked_sub(end.checked_sub(start)?)?;
        binxml::compile(self.chunk, start, end, is_template)
    }

    /// Decodes a record without a plan.
    fn whole(&mut self, template: &Rc<Template>, window: &Window) -> Result<Record, Unknown> {
        self.builder.begin(builder::empty(&self.log));
        let frame = self.frame(&template.steps, 0, 0);
        match template.steps.first() {
            // The crate shows the first element of a record and no more.
            Some(Step::Open { next, .. }) => self.follow(frame, 0, *next)?,
            Some(Step::Instance { .. }) => self.follow(frame, 0, 1)?,
            _ => return Err(Unknown),
        }
        let mut record = self.builder.finish().ok_or(Unknown)?;
        if record.record_id == 0 {
            record.record_id = window.id;
        }
        Ok(record)
    }

    fn system(&mut self, plan: &Plan, strings: HeadStrings) -> Result<Record, Unknown> {
        let system = System { chunk: self.chunk, plan, slots: &self.slots };
        let guid = system.raw(Item::ProviderGuid)?;
        let has_source = system.raw(Item::EventSource)?.is_some();
        Ok(Record {
            provider: self.attributes.share(strings.provider),
            provider_guid: match guid {
                Some(_) => {
                    let place = self.guids.place_lower(guid)?;
                    Some(self.guids.share(place))
                }
                None => None,
            },
            event_source: has_source.then(|| self.attributes.share(strings.event_source)),
            channel: self.elements.share(strings.channel),
            computer: self.elements.share(strings.computer),
            event_id: system.element(Item::EventId)?,
            qualifiers: system.attribute(Item::Qualifiers)?,
            version: system.element(Item::Version)?,
            level: system.element(Item::Level)?,
            task: system.element(Item::Task)?,
            opcode: system.element(Item::Opcode)?,
            keywords: system.keywords()?,
            time: system.time()?,
            activity_id: system.text(Item::Activity)?,
            related_activity_id: system.text(Item::RelatedActivity)?,
            process_id: system.attribute(Item::Process)?,
            thread_id: system.attribute(Item::Thread)?,
            user_sid: system.text(Item::User)?,
            ..builder::empty(&self.log)
        })
    }

    fn spend(&mut self, text: usize) -> Result<(), Unknown> {
        self.record_left.spend(text)?;
        self.chunk_left.spend(text)
    }

    fn follow(&mut self, frame: Frame<'_>, mut at: usize, end: usize) -> Result<(), Unknown> {
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

    fn name(&mut self, offset: usize) -> Result<Arc<str>, Unknown> {
        if let Some(known) = self.names.get(&offset) {
            return known.clone().ok_or(Unknown);
        }
        let bytes = binxml::name_bytes(self.chunk, offset).ok_or(Unknown)?;
        let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
        let name = text.and_then(|text| local_name(&text).map(Arc::from));
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

    fn field_name(&mut self, start: usize, len: usize) -> Result<Arc<str>, Unknown> {
        if let Some(known) = self.fields.get(&start) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.chunk.get(start..start + len).ok_or(Unknown)?;
        let mut text = String::new();
        value::push(&mut text, value::STRING, bytes).ok_or(Unknown)?;
        normalize(&mut text);
        let name: Arc<str> = Arc::from(text);
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
        let template = self.template(instance.template)?;
        let frame = self.frame(&template.steps, first_slot, depth);
        let followed = self.follow(frame, 0, template.steps.len());
        self.slots.truncate(first_slot);
        followed
    }
}

/// A template has one element at its top, and nothing else.
fn has_one_root(steps: &[Step]) -> bool {
    matches!(steps.first(), Some(Step::Open { next, .. }) if *next == steps.len())
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
