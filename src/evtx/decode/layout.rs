//! Where the data of records stands: found once per template, so that values can be looked at without decoding the
//! record.
//!
//! Knows `EventData` with `Data` and `Binary`, and `UserData` with one element of plain elements, in the record's own
//! template or in that of the one instance that a value of the record holds. Anything else has no layout, and its
//! records are decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::binxml::{self, Content, NO_DEPENDENCY, Slot, Step};
use super::super::raw::{Data, Fields, RawField, RawValue};
use super::super::system::{Item, System};
use super::super::value;
use super::super::walk::Window;
use super::{Current, Decoder, Template};

/// Tells layouts apart, those of other chunks too.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The data elements of a template, in order.
#[derive(Debug)]
pub(super) struct Layout {
    id: u64,
    names: Vec<Option<Arc<str>>>,
    elements: Vec<Element>,
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
    Here(Arc<Layout>),
    /// In the instance that the value with this number holds.
    Value(u16),
    Unknown,
}

/// What a layout and the values of one record give.
#[derive(Default)]
pub(super) struct Found<'c> {
    layout: Option<Arc<Layout>>,
    values: Vec<RawField<'c>>,
    binary: Option<&'c [u8]>,
}

impl<'c> Decoder<'c> {
    /// The data of the record whose head was read last, as far as it can be told without decoding it.
    pub(in super::super) fn data(&mut self, window: &Window) -> Data<'_> {
        let bytes = self.chunk.get(window.at..window.next).unwrap_or_default();
        self.found.layout = None;
        self.found.values.clear();
        self.found.binary = None;
        let slots = self.slots.len();
        let version = self.version();
        let is_known = self.find_data().is_some();
        self.slots.truncate(slots);
        let found = &self.found;
        let fields =
            found.layout.as_deref().filter(|_| is_known).zip(version).map(|(layout, version)| Fields {
                layout: layout.id,
                version,
                names: &layout.names,
                values: &found.values,
                binary: found.binary,
            });
        Data { bytes, fields }
    }

    fn version(&self) -> Option<u8> {
        let Current::Planned { template, .. } = &self.current else { return None };
        let plan = template.plan.as_ref()?;
        System { chunk: self.chunk, plan, slots: &self.slots }.element(Item::Version).ok()
    }

    fn find_data(&mut self) -> Option<()> {
        let Current::Planned { template, .. } = &self.current else { return None };
        let template = std::rc::Rc::clone(template);
        match self.place(&template) {
            DataPlace::Here(layout) => self.take(Arc::clone(layout), 0),
            DataPlace::Value(id) => {
                let slot = *self.slots.get(usize::from(*id)).filter(|slot| slot.kind == value::FRAGMENT)?;
                let end = slot.start + slot.len;
                let Content::Instance { start } = binxml::content_of(self.chunk, slot.start, end)? else {
                    return None;
                };
                let first = self.slots.len();
                let instance = binxml::read_instance(self.chunk, start, end, &mut self.slots)?;
                if !binxml::ends_at(self.chunk, instance.end, end) {
                    return None;
                }
                let inner = self.template(instance.template).ok()?;
                let DataPlace::Here(layout) = self.place(&inner) else { return None };
                self.take(Arc::clone(layout), first)
            }
            DataPlace::Unknown => None,
        }
    }

    /// Reads the values that a layout names from the slots behind `first`.
    fn take(&mut self, layout: Arc<Layout>, first: usize) -> Option<()> {
        let slots = self.slots.get(first..)?;
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
            let Slot { kind, start, len } = slot.unwrap_or(Slot { kind: value::NULL, start: 0, len: 0 });
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
            None => self.layout(&template.steps, 0).map(DataPlace::Here),
        };
        template.data.get_or_init(|| found.unwrap_or(DataPlace::Unknown))
    }

    /// The data of an event, whose `System` ends at `behind`.
    fn place_behind(&mut self, steps: &[Step], behind: usize) -> Option<DataPlace> {
        let end = steps.len().checked_sub(1)?;
        match steps.get(behind..end)? {
            [] => Some(DataPlace::Here(Arc::new(Layout {
                id: number(),
                names: Vec::new(),
                elements: Vec::new(),
            }))),
            [Step::Slot { id }] => Some(DataPlace::Value(*id)),
            [Step::Open { dependency: NO_DEPENDENCY, next, .. }, ..] if *next == end => {
                self.layout(steps, behind).map(DataPlace::Here)
            }
            _ => None,
        }
    }

    /// The layout of the `EventData` or `UserData` that begins at `at`.
    fn layout(&mut self, steps: &[Step], at: usize) -> Option<Arc<Layout>> {
        let (section, mut at, mut end) = self.element(steps, at)?;
        let is_event_data = match &*section {
            "EventData" => true,
            "UserData" => {
                let (_, inside, behind) = self.element(steps, at)?;
                // One element, and something in it.
                if behind + 1 != end || inside == behind {
                    return None;
                }
                (at, end) = (inside, behind);
                false
            }
            _ => return None,
        };
        let mut layout = Layout { id: number(), names: Vec::new(), elements: Vec::new() };
        while at < end {
            let Step::Open { next, .. } = *steps.get(at)? else { return None };
            let (name, element) = self.leaf(steps, at, is_event_data)?;
            layout.names.push(name);
            layout.elements.push(element);
            at = next;
        }
        Some(Arc::new(layout))
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

fn is_plain_literal(step: &Step) -> bool {
    matches!(step, Step::Literal { kind, .. } if *kind != value::FRAGMENT)
}

fn number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}
