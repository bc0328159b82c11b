//! Where the data of records stands: found once per template, so that values can be looked at without decoding the
//! record.
//!
//! Knows `EventData` with `Data` and `Binary`, and `UserData` with one element of plain elements, in the record's own
//! template or in that of the one instance that a value of the record holds. Anything else has no layout, and its
//! records are decoded.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::binxml::{self, Content, NO_DEPENDENCY, Slot, Step};
use super::super::raw::{Fields, RawField, RawValue};
use super::super::value;
use super::{Current, Decoder, Template, Unread};

/// Tells layouts apart, those of other chunks too.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The data elements of a template, in order.
#[derive(Debug)]
pub(super) struct Layout {
    id: u64,
    names: Vec<Option<Arc<str>>>,
    elements: Vec<Element>,
    /// The value of each element, when each is nothing but one value and goes away with it at most.
    values: Option<Vec<u16>>,
}

impl Layout {
    fn new(names: Vec<Option<Arc<str>>>, elements: Vec<Element>) -> Rc<Self> {
        let value = |element: &Element| match element {
            Element { dependency, source: Source::Slot(id), is_binary: false, .. }
                if *dependency == NO_DEPENDENCY || dependency == id =>
            {
                Some(*id)
            }
            _ => None,
        };
        let values = elements.iter().map(value).collect();
        Rc::new(Self { id: number(), names, elements, values })
    }
}

#[derive(Debug, Clone, Copy)]
struct Element {
    /// The value whose absence takes the element away.
    dependency: u16,
    source: Source,
    is_binary: bool,
    /// Whether a list repeats the element.
    is_list: bool,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Empty,
    Literal(Slot),
    Slot(u16),
}

/// Where a template has the data.
#[derive(Debug)]
pub(super) enum DataPlace {
    Here(Rc<Layout>),
    /// Here, without the `UserData` around it.
    Inside(Rc<Layout>),
    /// In the instance that the value with this number holds: `EventData` or `UserData`.
    Value(u16),
    /// In the instance that the value with this number holds: what is in `UserData`.
    UserValue(u16),
    Unknown,
}

/// What a layout and the values of one record give.
#[derive(Default)]
pub(super) struct Found<'c> {
    layout: Option<Rc<Layout>>,
    values: Vec<RawField<'c>>,
    binary: Option<&'c [u8]>,
}

impl<'c> Decoder<'c> {
    /// Looks for the values of the record whose head was read last; false where only decoding can tell them.
    pub(in super::super) fn find(&mut self) -> bool {
        self.found.layout = None;
        self.found.values.clear();
        self.found.binary = None;
        self.find_data().is_some()
    }

    /// The values that were found.
    pub(in super::super) fn fields(&self) -> Option<Fields<'_>> {
        let Current::Planned { numbers, .. } = &self.current else { return None };
        let layout = self.found.layout.as_deref()?;
        Some(Fields {
            layout: layout.id,
            version: numbers.version,
            names: &layout.names,
            values: &self.found.values,
            binary: self.found.binary,
        })
    }

    fn find_data(&mut self) -> Option<()> {
        let Current::Planned { template, .. } = &self.current else { return None };
        let template = Rc::clone(template);
        match self.place(&template) {
            DataPlace::Here(layout) => {
                self.fill();
                self.take(Rc::clone(layout), 0)
            }
            place @ (DataPlace::Value(id) | DataPlace::UserValue(id)) => {
                let is_inside = matches!(place, DataPlace::UserValue(_));
                let slot = match &self.unread {
                    Some(Unread { shape, first, open }) => shape.slot(*id, *first, *open),
                    None => self.slots.get(usize::from(*id)).copied(),
                };
                let slot = slot.filter(|slot| slot.kind == value::FRAGMENT)?;
                let end = slot.start + slot.len;
                let Content::Instance { start } = binxml::content_of(self.chunk, slot.start, end)? else {
                    return None;
                };
                let first = self.slots.len();
                let taken = self.take_from((start, end), is_inside);
                self.slots.truncate(first);
                taken
            }
            DataPlace::Inside(_) | DataPlace::Unknown => None,
        }
    }

    /// Reads the values of the instance that a value of the record holds.
    fn take_from(&mut self, (start, end): (usize, usize), is_inside: bool) -> Option<()> {
        let first = self.slots.len();
        let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots)?;
        if !binxml::ends_at(self.chunk, instance.end, end) {
            return None;
        }
        let inner = self.template(instance.template).ok()?;
        match self.place(&inner) {
            DataPlace::Here(layout) if !is_inside => self.take(Rc::clone(layout), first),
            DataPlace::Inside(layout) if is_inside => self.take(Rc::clone(layout), first),
            _ => None,
        }
    }

    /// Reads the values that a layout names from the slots behind `first`.
    fn take(&mut self, layout: Rc<Layout>, first: usize) -> Option<()> {
        let slots = self.slots.get(first..)?;
        let is_plain = |slot: &Slot| slot.kind != value::FRAGMENT && !value::is_array(slot.kind);
        if let Some(ids) = &layout.values
            && slots.iter().all(is_plain)
        {
            for ((element, id), depends) in ids.iter().enumerate().zip(&layout.elements) {
                let slot = slots.get(usize::from(*id));
                let Slot { kind, start, len } = slot.copied().unwrap_or(ABSENT);
                if kind == value::NULL && slot.is_some() && depends.dependency == *id {
                    continue;
                }
                let bytes = self.chunk.get(start..start + len)?;
                self.found.values.push(RawField { element, value: RawValue { kind, bytes } });
            }
            self.found.layout = Some(layout);
            return Some(());
        }
        for (index, element) in layout.elements.iter().enumerate() {
            let depends = slots.get(usize::from(element.dependency));
            if depends.is_some_and(|slot| slot.kind == value::NULL) {
                continue;
            }
            let slot = match element.source {
                Source::Empty => None,
                Source::Literal(slot) => Some(slot),
                Source::Slot(id) => slots.get(usize::from(id)).copied(),
            };
            let Slot { kind, start, len } = slot.unwrap_or(ABSENT);
            let bytes = self.chunk.get(start..start + len)?;
            if kind == value::FRAGMENT {
                return None;
            }
            if element.is_binary {
                self.found.binary = match kind {
                    value::BINARY => Some(bytes),
                    // Whatever its size, it shows nothing.
                    value::NULL => Some(&[]),
                    _ => return None,
                };
                continue;
            }
            if value::array_len(kind, bytes).is_some_and(|count| count > 1) {
                if !element.is_list {
                    return None;
                }
                let items = value::items(kind, bytes)?;
                let kind = items.kind;
                let fields = items.map(|bytes| RawField { element: index, value: RawValue { kind, bytes } });
                self.found.values.extend(fields);
                continue;
            }
            self.found.values.push(RawField { element: index, value: RawValue { kind, bytes } });
        }
        self.found.layout = Some(layout);
        Some(())
    }

    /// Where a template has its data; found when it is first asked for.
    fn place<'t>(&mut self, template: &'t Template) -> &'t DataPlace {
        if let Some(known) = template.data.get() {
            return known;
        }
        let found = match &template.plan {
            Some(plan) => self.place_behind(&template.steps, plan.behind),
            None => self.layout(&template.steps, 0),
        };
        template.data.get_or_init(|| found.unwrap_or(DataPlace::Unknown))
    }

    /// The data of an event, whose `System` ends at `behind`.
    fn place_behind(&mut self, steps: &[Step], behind: usize) -> Option<DataPlace> {
        let end = steps.len().checked_sub(1)?;
        match steps.get(behind..end)? {
            [] => Some(DataPlace::Here(Layout::new(Vec::new(), Vec::new()))),
            [Step::Slot { id }] => Some(DataPlace::Value(*id)),
            // The element is there as long as the value is.
            [Step::Open { name, dependency, next, only: Some(id) }, ..]
                if *next == end && (dependency == id || *dependency == NO_DEPENDENCY) =>
            {
                (&*self.name(*name).ok()? == "UserData").then_some(DataPlace::UserValue(*id))
            }
            [Step::Open { dependency: NO_DEPENDENCY, next, .. }, ..] if *next == end => {
                let (section, inside, behind) = self.element(steps, behind)?;
                self.section(steps, (&section, inside, behind)).map(DataPlace::Here)
            }
            _ => None,
        }
    }

    /// The data of a template that begins with `EventData`, `UserData` or what is in `UserData`.
    fn layout(&mut self, steps: &[Step], at: usize) -> Option<DataPlace> {
        let (name, inside, behind) = self.element(steps, at)?;
        match &*name {
            "EventData" | "UserData" => self.section(steps, (&name, inside, behind)).map(DataPlace::Here),
            // Something in it.
            _ if inside < behind => self.leaves(steps, (inside, behind), false).map(DataPlace::Inside),
            _ => None,
        }
    }

    /// The layout of the `EventData` or `UserData` whose content begins at `at` and ends at `end`.
    fn section(&mut self, steps: &[Step], (name, at, end): (&str, usize, usize)) -> Option<Rc<Layout>> {
        match name {
            "EventData" => self.leaves(steps, (at, end), true),
            "UserData" => {
                let (_, inside, behind) = self.element(steps, at)?;
                // One element, and something in it.
                let is_one = behind + 1 == end && inside < behind;
                if is_one { self.leaves(steps, (inside, behind), false) } else { None }
            }
            _ => None,
        }
    }

    fn leaves(
        &mut self,
        steps: &[Step],
        (mut at, end): (usize, usize),
        is_event_data: bool,
    ) -> Option<Rc<Layout>> {
        let (mut names, mut elements) = (Vec::new(), Vec::new());
        while at < end {
            let Step::Open { next, .. } = *steps.get(at)? else { return None };
            let (name, element) = self.leaf(steps, at, is_event_data)?;
            names.push(name);
            elements.push(element);
            at = next;
        }
        Some(Layout::new(names, elements))
    }

    /// An element's name, and where its content begins and ends.
    fn element(&mut self, steps: &[Step], at: usize) -> Option<(Arc<str>, usize, usize)> {
        let Step::Open { name, dependency, next, .. } = *steps.get(at)? else { return None };
        // The root of a template is there whatever it depends on.
        if at > 0 && dependency != NO_DEPENDENCY {
            return None;
        }
        let mut inside = at + 1;
        while let Some(Step::Attribute { values, .. }) = steps.get(inside) {
            let behind = inside + 1 + values;
            if !steps.get(inside + 1..behind)?.iter().all(is_plain_literal) {
                return None;
            }
            inside = behind;
        }
        Some((self.name(name).ok()?, inside, next.checked_sub(1)?))
    }

    /// One element without elements in it, and the name of its field.
    fn leaf(
        &mut self,
        steps: &[Step],
        at: usize,
        is_event_data: bool,
    ) -> Option<(Option<Arc<str>>, Element)> {
        let Step::Open { name, dependency, next, only } = *steps.get(at)? else { return None };
        let name = self.name(name).ok()?;
        let mut field = None;
        let mut inside = at + 1;
        while let Some(Step::Attribute { name: key, values }) = steps.get(inside) {
            let behind = inside + 1 + values;
            let value = steps.get(inside + 1..behind)?;
            if !value.iter().all(is_plain_literal) {
                return None;
            }
            if is_event_data && &*self.name(*key).ok()? == "Name" {
                let [Step::Literal { kind: value::STRING, start, len }] = *value else { return None };
                field = Some(self.field_name(start, len).ok()?).filter(|name| !name.is_empty());
            }
            inside = behind;
        }
        let source = match *steps.get(inside..next.checked_sub(1)?)? {
            [] => Source::Empty,
            [Step::Literal { kind, start, len }] if kind != value::FRAGMENT => {
                Source::Literal(Slot { kind, start, len })
            }
            [Step::Slot { id }] => Source::Slot(id),
            _ => return None,
        };
        let is_list = matches!(source, Source::Slot(id) if only == Some(id));
        let is_binary = is_event_data && &*name == "Binary";
        let is_data = is_event_data && &*name == "Data";
        let field = field.or_else(|| (!is_data).then_some(name));
        Some((field, Element { dependency, source, is_binary, is_list }))
    }
}

/// The value of a number that the instance does not have.
const ABSENT: Slot = Slot { kind: value::NULL, start: 0, len: 0 };

fn is_plain_literal(step: &Step) -> bool {
    matches!(step, Step::Literal { kind, .. } if *kind != value::FRAGMENT)
}

fn number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}
