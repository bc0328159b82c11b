//! Decodes one record in place: its head from the plan of its template, its data by following the template's
//! steps with the record's values.
//!
//! Whatever is not understood to the last byte is [`Unknown`], and the record goes to the `evtx` crate. So does a
//! record that costs more than real ones do: the limits here keep crafted templates from multiplying.

mod follow;
mod layout;
mod shape;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use self::layout::{DataPlace, Found};
use self::shape::{Shape, Shapes};
use super::binxml::{self, Content, Slot, Step, Values};
use super::builder::{self, Builder};
use super::strings::Strings;
use super::system::{Item, Numbers, Plan, System, Words};
use super::walk::{RECORD_HEADER, Window};
use super::{Head, Names, Record, Unknown};

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

/// Tells chunks apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

struct Template {
    steps: Vec<Step>,
    plan: Option<Plan>,
    data: OnceCell<DataPlace>,
    /// The strings of its records' heads, when they are all literals.
    strings: Cell<Option<HeadStrings>>,
    shapes: Shapes,
}

impl Template {
    fn new(steps: Vec<Step>, plan: Option<Plan>) -> Rc<Self> {
        Rc::new(Self {
            steps,
            plan,
            data: OnceCell::new(),
            strings: Cell::new(None),
            shapes: Shapes::default(),
        })
    }
}

/// What [`Decoder::head`] found out about the record.
enum Current {
    /// Nothing, or the record is taken.
    None,
    /// The fields of `System` can be read; the values are the first ones of `slots`, or `unread`.
    Planned { template: Rc<Template>, strings: HeadStrings, numbers: Numbers, number: u64 },
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
    /// Tells the combination of the four apart from others in the chunk.
    number: u16,
}

/// Decodes the records of one chunk, one after the other.
pub(super) struct Decoder<'c> {
    chunk: &'c [u8],
    log: Arc<str>,
    templates: FxHashMap<usize, Option<Rc<Template>>>,
    /// Names of elements and attributes by their offset.
    names: FxHashMap<usize, Option<Arc<str>>>,
    words: Words,
    /// Names of fields by the offset of the literal.
    fields: FxHashMap<usize, Arc<str>>,
    /// Tells the chunk apart from others.
    id: u64,
    combinations: Vec<HeadStrings>,
    attributes: Strings<'c>,
    elements: Strings<'c>,
    guids: Strings<'c>,
    slots: Vec<Slot>,
    /// The values of the record at hand, when they are not in `slots` yet.
    unread: Option<Unread>,
    builder: Builder,
    scratch: String,
    found: Found<'c>,
    current: Current,
    record_left: Budget,
    chunk_left: Budget,
    compile_left: usize,
}

/// Values of a known shape.
struct Unread {
    shape: Rc<Shape>,
    /// Where the first one begins.
    first: usize,
    /// The size of a last one that may have any.
    open: usize,
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
            words: Words::default(),
            fields: FxHashMap::default(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            combinations: Vec::new(),
            attributes: Strings::default(),
            elements: Strings::default(),
            guids: Strings::default(),
            slots: Vec::new(),
            unread: None,
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
        self.unread = None;
        self.record_left = Budget { steps: MAX_STEPS, text: MAX_TEXT };
        let (template, numbers) = match self.known(window) {
            Some(known) => known,
            None => {
                let (template, values) = self.root(window)?;
                let Some(plan) = &template.plan else {
                    let record = self.whole(&template, window)?;
                    self.current = Current::Whole(Box::new(record));
                    let Current::Whole(record) = &self.current else { return Err(Unknown) };
                    return Ok(record.head());
                };
                let numbers = System { chunk: self.chunk, plan, slots: &self.slots }.numbers(window.id)?;
                if let Some(shape) =
                    values.and_then(|values| Shape::new(self.chunk, &values, &self.slots, plan))
                {
                    template.shapes.keep(shape);
                }
                (template, numbers)
            }
        };
        let strings = match template.strings.get() {
            Some(strings) => strings,
            None => self.strings(&template)?,
        };
        self.current = Current::Planned { template, strings, numbers, number: window.id };
        Ok(Head {
            names: Some(Names { chunk: self.id, number: strings.number }),
            provider: self.attributes.get(strings.provider),
            event_source: self.attributes.get(strings.event_source),
            channel: self.elements.get(strings.channel),
            computer: self.elements.get(strings.computer),
            event_id: numbers.event_id,
            qualifiers: numbers.qualifiers,
            level: numbers.level,
            record_id: numbers.record_id,
            time: numbers.time,
        })
    }

    /// The template and the numbers of a record whose values have a shape that is known.
    fn known(&mut self, window: &Window) -> Option<(Rc<Template>, Numbers)> {
        let (at, end) = (window.at + RECORD_HEADER, window.end);
        let Content::Instance { start } = binxml::content_of(self.chunk, at, end)? else { return None };
        let values = binxml::values_at(self.chunk, start, end)?;
        let template = self.templates.get(&values.template)?.as_ref()?;
        let (shape, open) = template.shapes.find(self.chunk, &values, end)?;
        let first = values.first()?;
        if !binxml::ends_at(self.chunk, shape.behind(first, open), end) {
            return None;
        }
        let numbers = shape.numbers(self.chunk, first, window.id)?;
        self.unread = Some(Unread { shape, first, open });
        Some((Rc::clone(template), numbers))
    }

    /// Reads the values of the record at hand into `slots`.
    fn fill(&mut self) {
        if let Some(Unread { shape, first, open }) = self.unread.take() {
            shape.fill(first, open, &mut self.slots);
        }
    }

    /// The strings of the head of the record at hand.
    fn strings(&mut self, template: &Template) -> Result<HeadStrings, Unknown> {
        let known = self.unread.as_ref().map(|Unread { shape, first, .. }| (Rc::clone(shape), *first));
        if let Some((shape, first)) = &known
            && let Some(strings) = shape.strings(self.chunk, *first)
        {
            return Ok(strings);
        }
        self.fill();
        let strings = self.read_strings(template)?;
        if let Some((shape, first)) = known {
            shape.keep_strings(first, strings);
        }
        Ok(strings)
    }

    fn read_strings(&mut self, template: &Template) -> Result<HeadStrings, Unknown> {
        let plan = template.plan.as_ref().ok_or(Unknown)?;
        let system = System { chunk: self.chunk, plan, slots: &self.slots };
        let mut strings = HeadStrings {
            provider: self.attributes.place(system.raw(Item::Provider)?, true)?,
            event_source: self.attributes.place(system.raw(Item::EventSource)?, true)?,
            channel: self.elements.place(system.raw(Item::Channel)?, false)?,
            computer: self.elements.place(system.raw(Item::Computer)?, false)?,
            number: 0,
        };
        let known = self.combinations.iter().position(|known| {
            (known.provider, known.event_source, known.channel, known.computer)
                == (strings.provider, strings.event_source, strings.channel, strings.computer)
        });
        let number = known.unwrap_or(self.combinations.len());
        strings.number = u16::try_from(number).map_err(|_| Unknown)?;
        if known.is_none() {
            self.combinations.push(strings);
        }
        if shape::NAMED.iter().all(|item| plan.is_constant(*item)) {
            template.strings.set(Some(strings));
        }
        Ok(strings)
    }

    /// Decodes the record whose head was read last.
    pub(super) fn record(&mut self) -> Result<Record, Unknown> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::None => Err(Unknown),
            Current::Whole(record) => Ok(*record),
            Current::Planned { template, strings, numbers, number } => {
                self.fill();
                let plan = template.plan.as_ref().ok_or(Unknown)?;
                let mut record = self.system(plan, strings)?;
                (record.record_id, record.number) = (numbers.record_id, number);
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

    /// The steps of a record: those of its template, with where its values are, or its own.
    fn root(&mut self, window: &Window) -> Result<(Rc<Template>, Option<Values>), Unknown> {
        let (at, end) = (window.at + RECORD_HEADER, window.end);
        if let Content::Instance { start } = binxml::content_of(self.chunk, at, end).ok_or(Unknown)? {
            let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots).ok_or(Unknown)?;
            if binxml::ends_at(self.chunk, instance.end, end) {
                let values = binxml::values_at(self.chunk, start, end);
                return Ok((self.template(instance.template)?, values));
            }
            self.slots.clear();
        }
        let steps = self.compile(at, end, false).filter(|steps| has_one_root(steps)).ok_or(Unknown)?;
        let plan = Plan::new(self.chunk, &steps, &mut self.words);
        Ok((Template::new(steps, plan), None))
    }

    fn template(&mut self, offset: usize) -> Result<Rc<Template>, Unknown> {
        if let Some(known) = self.templates.get(&offset) {
            return known.clone().ok_or(Unknown);
        }
        let stream = binxml::template_stream(self.chunk, offset);
        let steps = stream
            .and_then(|(start, end)| self.compile(start, end, true))
            .filter(|steps| has_one_root(steps));
        let compiled = steps.map(|steps| {
            let plan = Plan::new(self.chunk, &steps, &mut self.words);
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
