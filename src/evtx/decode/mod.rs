//! Decodes one record in place: its head from the plan of its template, its data by following the template's
//! steps with the record's values.
//!
//! Whatever is not understood to the last byte is [`Unknown`], and the record goes to the `evtx` crate. So does a
//! record that costs more than real ones do: the limits here keep crafted templates from multiplying.

mod follow;
mod layout;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::layout::{DataPlace, Found};
use super::binxml::{self, Content, Slot, Step};
use super::builder::{self, Builder};
use super::strings::Strings;
use super::system::{Item, Plan, System};
use super::walk::{RECORD_HEADER, Window};
use super::{Head, Record, Unknown};

/// Deepest nesting of instances and fragments in values; real records have two levels.
const MAX_NESTING: usize = 8;

/// Most steps and most bytes of values that one record may take; a record has at most 64 KiB.
const MAX_STEPS: usize = 1 << 16;
const MAX_TEXT: usize = 1 << 20;

/// The same for all records of a chunk; real chunks take up to 20,000 steps and 200 KB.
const MAX_CHUNK_STEPS: usize = 1 << 20;
const MAX_CHUNK_TEXT: usize = 1 << 22;

/// Most bytes of streams that are compiled for a chunk: templates may overlap, and then hold more than it does.
const MAX_COMPILED: usize = 1 << 20;

/// Most names that a chunk may have, and most templates: a chunk has no room for more that differ.
const MAX_CACHED: usize = 8192;

struct Template {
    steps: Vec<Step>,
    plan: Option<Plan>,
    data: OnceCell<DataPlace>,
    /// The strings of its records' heads, when they are all literals.
    strings: Cell<Option<HeadStrings>>,
}

impl Template {
    fn new(steps: Vec<Step>, plan: Option<Plan>) -> Rc<Self> {
        Rc::new(Self { steps, plan, data: OnceCell::new(), strings: Cell::new(None) })
    }
}

/// What [`Decoder::head`] found out about the record.
enum Current {
    /// Nothing, or the record is taken.
    None,
    /// The fields of `System` can be read; the values are the first ones of `slots`.
    Planned { template: Rc<Template>, strings: HeadStrings, record_id: u64, number: u64 },
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
    found: Found<'c>,
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
            found: Found::default(),
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
        let strings = match template.strings.get() {
            Some(strings) => strings,
            None => {
                let strings = HeadStrings {
                    provider: self.attributes.place(system.raw(Item::Provider)?, true)?,
                    event_source: self.attributes.place(system.raw(Item::EventSource)?, true)?,
                    channel: self.elements.place(system.raw(Item::Channel)?, false)?,
                    computer: self.elements.place(system.raw(Item::Computer)?, false)?,
                };
                let named = [Item::Provider, Item::EventSource, Item::Channel, Item::Computer];
                if named.iter().all(|item| plan.is_constant(*item)) {
                    template.strings.set(Some(strings));
                }
                strings
            }
        };
        let record_id = match system.element(Item::RecordId)? {
            0 => window.id,
            id => id,
        };
        let event_id = system.element(Item::EventId)?;
        let qualifiers = system.attribute(Item::Qualifiers)?;
        let level = system.element(Item::Level)?;
        let time = system.time()?;
        self.current = Current::Planned { template, strings, record_id, number: window.id };
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
            Current::Planned { template, strings, record_id, number } => {
                let plan = template.plan.as_ref().ok_or(Unknown)?;
                let mut record = self.system(plan, strings)?;
                (record.record_id, record.number) = (record_id, number);
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
        let steps = self.compile(at, end, false).filter(|steps| has_one_root(steps)).ok_or(Unknown)?;
        let plan = Plan::new(self.chunk, &steps);
        Ok(Template::new(steps, plan))
    }

    fn template(&mut self, offset: usize) -> Result<Rc<Template>, Unknown> {
        if let Some(known) = self.templates.get(&offset) {
            return known.clone().ok_or(Unknown);
        }
        let compiled = binxml::template_stream(self.chunk, offset)
            .and_then(|(start, end)| self.compile(start, end, true))
            .filter(|steps| has_one_root(steps))
            .map(|steps| {
                let plan = Plan::new(self.chunk, &steps);
                Template::new(steps, plan)
            });
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
        record.number = window.id;
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
}

/// A template has one element at its top, and nothing else.
fn has_one_root(steps: &[Step]) -> bool {
    matches!(steps.first(), Some(Step::Open { next, .. }) if *next == steps.len())
}
